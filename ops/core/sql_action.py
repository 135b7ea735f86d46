"""Statements as an action of a plan."""

from typing import Literal, TypeAlias

from pydantic import JsonValue, SerializerFunctionWrapHandler, model_serializer

from ops.core.frozen_model import FrozenModel

JsonObject: TypeAlias = dict[str, JsonValue]


class Sql(FrozenModel):
    """Statements on the stack's database; the rows of the last are what is seen.

    `identifier` is a replica's, if it is not the primary; with `other_instance` it is that of an
    instance beside them, as a restore makes it, and `via` (`HOST:PORT`) leads to it if its own
    address does not. `timeout` is in seconds, 0 for none. With `unreachable_is_answer` it is an
    answer, not an error, that nobody answers or that the password is refused. `lock_timeout` is how
    many seconds it waits for one lock, if not ops's own 10. `progress` is a statement whose first
    value says, on another connection, how far it is. With `executes_rows` its rows are statements,
    each of which is then executed.
    """

    kind: Literal["sql"] = "sql"
    statement: str
    params: JsonObject = {}
    identifier: str | None = None
    other_instance: bool = False
    via: str | None = None
    unreachable_is_answer: bool = False
    timeout: float = 30
    repeatable: bool = True
    lock_timeout: float | None = None
    progress: str | None = None
    executes_rows: bool = False

    @model_serializer(mode="wrap")
    def _omit_unset(self, serialize: SerializerFunctionWrapHandler) -> JsonObject:
        """Leaves out what is not set, so that plans from before these fields keep their digest."""
        body: JsonObject = serialize(self)
        unset = [n for n in ("lock_timeout", "progress", "executes_rows") if not body.get(n)]
        return {name: value for name, value in body.items() if name not in unset}

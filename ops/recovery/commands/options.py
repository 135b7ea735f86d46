"""Options that the restoring commands share."""

from typing import Annotated, TypeAlias

import typer

from ops.core.errors import UsageError
from ops.outputs import Outputs


def _parse_via(address: str | None) -> str | None:
    """An address as --via takes it."""
    from ops.database.sql.connection import parse_database_address

    if address is not None:
        parse_database_address("--via", address)
    return address


RestoredNameOption: TypeAlias = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="of the restored one; else the run's")
]
InstanceClassOption: TypeAlias = Annotated[
    str | None, typer.Option("--class", metavar="CLASS", help="instead of the source's")
]
SqlAccessOption: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--sql/--no-sql", help="ask the restored one; else where the primary answers from here"
    ),
]
RestoredViaOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", help="the way to the restored one: a tunnel", callback=_parse_via
    ),
]


def resolve_sql_access(outputs: Outputs, sql: bool | None, via: str | None) -> bool:
    """Whether the restored one is to be asked. Raises UsageError where the options disagree."""
    from ops.database.sql.connection import is_database_reachable

    if via is not None and sql is False:
        raise UsageError("--via is set, and --no-sql as well: must be one of them")
    return sql if sql is not None else via is not None or is_database_reachable(outputs)

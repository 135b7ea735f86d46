"""Options of the restore commands."""

from typing import Annotated, TypeAlias

import typer

from ops.core.errors import UsageError
from ops.outputs import Outputs


def _parse_via(address: str | None) -> str | None:
    """Checks --via. Raises UsageError."""
    from ops.database.sql.connection import parse_database_address

    if address is not None:
        parse_database_address("--via", address)
    return address


RestoredNameOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="NAME", help="name of the restored instance; default: the run's"
    ),
]
InstanceClassOption: TypeAlias = Annotated[
    str | None, typer.Option("--class", metavar="CLASS", help="default: the source's class")
]
SqlAccessOption: TypeAlias = Annotated[
    bool | None,
    typer.Option("--sql/--no-sql", help="query it; default: if the primary can be reached"),
]
RestoredViaOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="local end of a tunnel to the restored instance",
        callback=_parse_via,
    ),
]


def resolve_sql_access(outputs: Outputs, sql: bool | None, via: str | None) -> bool:
    """Returns whether the restored instance is queried. Raises UsageError if options conflict."""
    from ops.database.sql.connection import is_database_reachable

    if via is not None and sql is False:
        raise UsageError("--via and --no-sql cannot both be set")
    return sql if sql is not None else via is not None or is_database_reachable(outputs)

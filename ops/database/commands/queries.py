"""`ops db activity|slow|locks|bloat|indexes|size`: statistics of PostgreSQL. Reads only."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeAlias

import typer

from ops.cli.context import load_stack
from ops.cli.durations import build_duration_option
from ops.cli.render import Output
from ops.cli.watch import looking_command
from ops.core.aws import Aws
from ops.core.counts import format_bytes
from ops.core.errors import UsageError
from ops.database.sql import queries
from ops.database.sql.bloat import (
    BLOAT_COLUMNS,
    BLOAT_KIND,
    find_extension,
    list_bloat,
    measure_bloat,
)
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.index_problems import INDEX_PROBLEMS_QUERY, MIN_STATISTICS_DAYS
from ops.database.sql.locked_tables import LockedTable, fetch_around_locks
from ops.database.sql.locks import (
    LOCK_TREE_COLUMNS,
    build_row,
    build_table_row,
    fetch_lock_tree,
    select_nodes,
)
from ops.database.sql.queries import SqlQuery
from ops.outputs import Outputs

app = typer.Typer(add_completion=False)
MAX_LISTED_QUERY_CHARACTERS = 120  # characters of a query without --full
MAX_NAMED_SESSIONS: Final = 20  # sessions that are named when they are not shown
ReplicaOption: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="a replica instead of the primary")
]
ViaOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="local end of a tunnel (see `ops db connect`)"),
]
RowLimitOption: TypeAlias = Annotated[
    int, typer.Option(min=1, max=10_000, help="maximum number of rows")
]
FullQueryOption: TypeAlias = Annotated[bool, typer.Option("--full", help="do not shorten queries")]


def resolve_replica(outputs: Outputs, name: str | None) -> str | None:
    """Returns the replica that --replica names, None for the primary. Raises UsageError."""
    identifiers = (outputs.database.identifier, *outputs.database.replicas)
    # Replicas of `ops db replica add` are not in the outputs but start with the primary's name.
    if name is not None and name not in identifiers and not name.startswith(f"{identifiers[0]}-"):
        raise UsageError(f"--replica must be {' or '.join(map(repr, identifiers))}, not {name!r}")
    return None if name == outputs.database.identifier else name


def _load_client(
    context: typer.Context, replica: str | None, via: str | None
) -> tuple[DatabaseClient, str | None, Output]:
    outputs: Outputs
    aws: Aws
    outputs, aws, output = load_stack(context)
    return (
        DatabaseClient(outputs, aws, via, read_only=True),
        resolve_replica(outputs, replica),
        output,
    )


def _fetch_rows(
    client: DatabaseClient, name: str | None, query: SqlQuery, *, full: bool = False, **params: Any
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.fetch_rows(query.statement, params, name)
    for row in rows if not full else ():
        if row.get("query"):
            row["query"] = shorten_query(str(row["query"]))
    return rows


def shorten_query(query: str) -> str:
    """Returns a query on one line, cut after MAX_LISTED_QUERY_CHARACTERS."""
    text = " ".join(query.split())
    return (
        text
        if len(text) <= MAX_LISTED_QUERY_CHARACTERS
        else f"{text[:MAX_LISTED_QUERY_CHARACTERS]}..."
    )


@app.command("activity")
@looking_command
def show_activity(
    context: typer.Context,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    limit: RowLimitOption = 50,
    full: FullQueryOption = False,
) -> None:
    """Shows what every session does, the oldest transaction first, and the connection count."""
    client, name, output = _load_client(context, replica, via)
    rows = _fetch_rows(client, name, queries.ACTIVITY_QUERY, full=full, limit=limit)
    states: list[dict[str, Any]] = client.fetch_rows(queries.CONNECTIONS_QUERY.statement, {}, name)
    max_connections = states[0]["allowed"] if states else None
    if output.output_format == "json":
        sessions_by_state = {row["state"]: row["sessions"] for row in states}
        output.print_json(
            queries.ACTIVITY_QUERY.kind,
            {"items": rows, "states": sessions_by_state, "allowed": max_connections},
        )
        return
    output.print_rows(queries.ACTIVITY_QUERY.kind, queries.ACTIVITY_QUERY.columns, rows)
    states_text = ", ".join(f"{row['sessions']} {row['state']}" for row in states)
    count = sum(row["sessions"] for row in states)
    limit_text = "an unknown limit" if max_connections is None else str(max_connections)
    output.print_line(
        f"connections: {count} of {limit_text}" + (f" ({states_text})" if states_text else "")
    )


@app.command("slow")
@looking_command
def show_slow_queries(
    context: typer.Context,
    longer_than: Annotated[
        float,
        build_duration_option(
            minimum=0,
            default=5,
            text="without statistics: the shortest run time to show",
            unit="s",
        ),
    ] = 5,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    limit: RowLimitOption = 20,
    full: FullQueryOption = False,
) -> None:
    """Shows the statements with the most total time; without statistics, the long-running ones."""
    client, name, output = _load_client(context, replica, via)
    extension = find_extension(client, name, "pg_stat_statements")
    missing = _find_missing_requirements(client, name, extension)
    query = (
        queries.LONG_RUNNING_QUERY
        if missing or extension is None
        else queries.build_statement_statistics_query(extension["schema"])
    )
    params = {"longer": longer_than} if missing else {}
    rows = _fetch_rows(client, name, query, full=full, limit=limit, **params)
    if output.output_format == "json":
        output.print_json(
            query.kind, {"items": rows, "statistics": not missing, "missing": missing}
        )
        return
    output.print_rows(query.kind, query.columns, rows)
    if missing:
        output.print_line(
            f"running for more than {longer_than:g} s; for statistics of past queries: {missing}"
        )


def _find_missing_requirements(
    client: DatabaseClient, name: str | None, extension: dict[str, str] | None
) -> str | None:
    """Returns what is missing for statement statistics; None if they are available."""
    params = {"name": "pg_stat_statements"}
    library_rows = client.fetch_rows(queries.PRELOADED_LIBRARY_STATEMENT, params, name)
    steps = []
    if not (library_rows and library_rows[0]["there"]):
        steps.append("add pg_stat_statements to shared_preload_libraries and reboot")
    if extension is None:
        steps.append("ops db extension create pg_stat_statements")
    elif queries.is_older_version(extension["version"], queries.STATEMENT_STATISTICS_VERSION):
        steps.append("an update, by: ops db extension update pg_stat_statements")
    return "; ".join(steps) or None


@app.command("locks")
@looking_command
def show_locks(
    context: typer.Context,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    limit: RowLimitOption = 50,
    full: FullQueryOption = False,
) -> None:
    """Shows which session waits for which, as a tree with the root blockers on top."""
    client, name, output = _load_client(context, replica, via)
    roots = fetch_lock_tree(client, name)
    shown_nodes, cut_nodes = select_nodes(roots, limit)
    # A process id means another session on another server.
    options = (f" --replica {name}" if name else "") + (f" --via {via}" if via else "")
    rows = [build_row(node, options) for node in shown_nodes]
    for row in rows if not full else ():
        row["query"] = shorten_query(row["query"]) if row["query"] else row["query"]
    if output.output_format == "json":
        output.print_json(
            "db-locks",
            {
                "items": rows,
                "roots": [root.id for root in roots],
                "not_shown": [node.id for node in cut_nodes],
            },
        )
        return
    output.print_rows("db-locks", LOCK_TREE_COLUMNS, map(build_table_row, rows))
    if cut_nodes:
        names = ", ".join(str(node.id) for node in cut_nodes[:MAX_NAMED_SESSIONS])
        others = "" if len(cut_nodes) <= MAX_NAMED_SESSIONS else ", and others"
        output.print_line(
            f"not shown: {len(cut_nodes)} of {len(rows) + len(cut_nodes)} ({names}{others}); "
            f"--limit {len(rows) + len(cut_nodes)} shows all"
        )
    if any(row["prepared"] for row in rows):
        output.print_line(
            "a prepared transaction belongs to its coordinator: ask it first; else roll it back "
            "(psql) as its owner, in its database"
        )


@app.command("bloat")
@looking_command
def show_bloat(
    context: typer.Context,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    limit: RowLimitOption = 20,
) -> None:
    """Shows tables with their TOAST by wasted space, and when each was last vacuumed.

    Estimated from statistics; also measured if pgstattuple is installed.
    """
    client, name, output = _load_client(context, replica, via)
    tables, locked_tables = fetch_around_locks(
        client, name, lambda locked: list_bloat(client, name, locked)
    )
    tables = tables[:limit]
    extension = find_extension(client, name, "pgstattuple")
    unmeasured: list[str] = []
    if extension is not None:
        for table in tables:
            table["measured_percent"], reason = measure_bloat(
                client, name, extension["schema"], table
            )
            if reason is not None:
                unmeasured.append(f"{table['table']}: {reason}")
    if output.output_format == "json":
        output.print_json(
            BLOAT_KIND,
            {
                "items": tables,
                "measured": extension is not None,
                "unmeasured": unmeasured,
                "locked": _list_json(locked_tables),
            },
        )
        return
    output.print_rows(
        BLOAT_KIND, BLOAT_COLUMNS, _format_sizes(output, tables, "size", "toast", "wasted")
    )
    _print_locked_tables(output, locked_tables)
    for line in unmeasured:
        output.print_line(f"not measured: {line}")
    if any(table["wasted"] is None for table in tables):
        output.print_line(
            "without an estimate: no statistics, or none that you may read; "
            "ops db vacuum TABLE --analyze"
        )
    if extension is None:
        output.print_line("estimated; to measure it: ops db extension create pgstattuple")


@app.command("indexes")
@looking_command
def show_index_problems(
    context: typer.Context,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    limit: RowLimitOption = 50,
) -> None:
    """Shows invalid, duplicate and unused indexes, and tables that may need one."""
    client, name, output = _load_client(context, replica, via)
    rows, locked_tables = fetch_around_locks(
        client,
        name,
        lambda locked: _fetch_rows(
            client,
            name,
            INDEX_PROBLEMS_QUERY,
            limit=limit,
            locked=locked,
            days=MIN_STATISTICS_DAYS,
        ),
    )
    if output.output_format == "json":
        output.print_json(
            INDEX_PROBLEMS_QUERY.kind, {"items": rows, "locked": _list_json(locked_tables)}
        )
        return
    output.print_rows(
        INDEX_PROBLEMS_QUERY.kind,
        INDEX_PROBLEMS_QUERY.columns,
        _format_sizes(output, rows, "size"),
    )
    _print_locked_tables(output, locked_tables)


def _list_json(locked_tables: Sequence[LockedTable]) -> list[dict[str, Any]]:
    return [locked.as_json() for locked in locked_tables]


def _print_locked_tables(output: Output, locked_tables: Sequence[LockedTable]) -> None:
    """Prints a line for each table that was left out."""
    for locked in locked_tables:
        output.print_line(f"left out: {locked.describe()}")


@app.command("size")
@looking_command
def show_database_size(
    context: typer.Context,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    limit: RowLimitOption = 20,
) -> None:
    """Shows what fills the disk: the database, its WAL and its tables, the largest first."""
    client, name, output = _load_client(context, replica, via)
    database_rows: list[dict[str, Any]] = client.fetch_rows(
        queries.DATABASE_SIZE_QUERY.statement, {}, name
    )
    rows, locked_tables = fetch_around_locks(
        client,
        name,
        lambda locked: _fetch_rows(
            client, name, queries.TABLE_SIZES_QUERY, limit=limit, locked=locked
        ),
    )
    if output.output_format == "json":
        output.print_json(
            queries.TABLE_SIZES_QUERY.kind,
            {
                **database_rows[0],
                "has_tables": bool(rows or locked_tables),
                "items": rows,
                "locked": _list_json(locked_tables),
            },
        )
        return
    display_rows = _format_sizes(output, rows, "total", "rows_only", "toast", "indexes")
    output.print_rows(
        queries.TABLE_SIZES_QUERY.kind, queries.TABLE_SIZES_QUERY.columns, display_rows
    )
    database_row = database_rows[0]
    output.print_line(
        f"{database_row['database']}: {format_bytes(database_row['size'])}, WAL "
        f"{format_bytes(database_row['wal'])}"
    )
    _print_locked_tables(output, locked_tables)


def _format_sizes(output: Output, rows: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    """Formats bytes for a table; JSON keeps the numbers."""
    if output.output_format == "json":
        return rows
    return [
        {
            key: format_bytes(value) if key in keys and value is not None else value
            for key, value in row.items()
        }
        for row in rows
    ]

"""`ops db activity|slow|locks|bloat|indexes|size`: what PostgreSQL says of itself. Reads only."""

from typing import Annotated, Any, TypeAlias

import typer

from ops.cli.context import load_stack
from ops.cli.render import Output
from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.database.sql import locks as locking
from ops.database.sql import queries
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.queries import SqlQuery
from ops.outputs import Outputs

app = typer.Typer(add_completion=False)
MAX_QUERY_CHARACTERS = 120  # characters of a query, unless all is asked for
ReplicaOption: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="a replica instead of the primary")
]
ViaOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="the local end of a tunnel (see `ops db connect`)"),
]
RowLimitOption: TypeAlias = Annotated[int, typer.Option(min=1, max=10_000, help="how many at most")]
FullQueryOption: TypeAlias = Annotated[bool, typer.Option("--full", help="queries whole")]


def resolve_replica(outputs: Outputs, name: str | None) -> str | None:
    """The replica that --replica names, None for the primary. Raises UsageError."""
    identifiers = (outputs.database.identifier, *outputs.database.replicas)
    # Those that `ops db replica add` made are not in the outputs, but bear the primary's name.
    if name is not None and name not in identifiers and not name.startswith(f"{identifiers[0]}-"):
        raise UsageError(f"--replica is {name!r}, must be {' or '.join(map(repr, identifiers))}")
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
        for key in ("query", "blocking_query"):
            if row.get(key):
                row[key] = shorten_query(str(row[key]))
    return rows


def shorten_query(query: str) -> str:
    """A query on one line, as much of it as tells it from others."""
    text = " ".join(query.split())
    return text if len(text) <= MAX_QUERY_CHARACTERS else f"{text[:MAX_QUERY_CHARACTERS]}..."


@app.command("activity")
def show_activity(
    context: typer.Context,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    limit: RowLimitOption = 50,
    full: FullQueryOption = False,
) -> None:
    """What every session does, the oldest transaction first, and how many connections there are."""
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
    output.print_line(
        f"connections: {sum(row['sessions'] for row in states)} of {max_connections} "
        f"({states_text})"
    )


@app.command("slow")
def show_slow_queries(
    context: typer.Context,
    longer_than: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="of what runs now, without statistics")
    ] = 5,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    limit: RowLimitOption = 20,
    full: FullQueryOption = False,
) -> None:
    """The statements that took most time in all; without statistics, those that run for long."""
    client, name, output = _load_client(context, replica, via)
    missing = _find_missing_requirements(client, name)
    query = queries.LONG_RUNNING_QUERY if missing else queries.STATEMENT_STATISTICS_QUERY
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
            f"what runs for longer than {longer_than:g} s now; for what has run: {missing}"
        )


def _find_missing_requirements(client: DatabaseClient, name: str | None) -> str | None:
    """What statistics of statements want for; None where there are some."""
    params = {"name": "pg_stat_statements"}
    library_rows = client.fetch_rows(queries.PRELOADED_LIBRARY_STATEMENT, params, name)
    steps = []
    if not (library_rows and library_rows[0]["there"]):
        steps.append("pg_stat_statements in shared_preload_libraries, and a reboot")
    if not client.fetch_rows(queries.INSTALLED_EXTENSION_STATEMENT, params, name):
        steps.append("CREATE EXTENSION pg_stat_statements")
    return "; ".join(steps) or None


@app.command("locks")
def show_locks(
    context: typer.Context,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    limit: RowLimitOption = 50,
    full: FullQueryOption = False,
) -> None:
    """Who waits for whom, as a tree; on top of it, what is in the way of all others."""
    client, name, output = _load_client(context, replica, via)
    rows = _fetch_rows(client, name, queries.LOCKS_QUERY, full=full, limit=limit)
    if output.output_format == "json":
        output.print_json(
            queries.LOCKS_QUERY.kind, {"items": rows, "roots": locking.list_root_blockers(rows)}
        )
        return
    output.print_rows(
        queries.LOCKS_QUERY.kind, locking.LOCK_TREE_COLUMNS, locking.build_lock_tree(rows)
    )


@app.command("bloat")
def show_bloat(
    context: typer.Context,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    limit: RowLimitOption = 20,
) -> None:
    """Tables by what they waste, and when vacuum was there last.

    Estimated from statistics; measured as well where there is pgstattuple.
    """
    client, name, output = _load_client(context, replica, via)
    rows = _fetch_rows(client, name, queries.BLOAT_QUERY, limit=limit)
    is_measured = bool(
        client.fetch_rows(queries.INSTALLED_EXTENSION_STATEMENT, {"name": "pgstattuple"}, name)
    )
    if is_measured and rows:
        oids = {"oids": [row["oid"] for row in rows]}
        # Of large tables this takes a while, and writes nothing.
        measured_rows = client.fetch_rows(queries.MEASURED_BLOAT_STATEMENT, oids, name, timeout=300)
        percent_by_oid = {row["oid"]: row["percent"] for row in measured_rows}
        rows = [{**row, "measured_percent": percent_by_oid.get(row["oid"])} for row in rows]
    if output.output_format == "json":
        output.print_json(queries.BLOAT_QUERY.kind, {"items": rows, "measured": is_measured})
        return
    output.print_rows(
        queries.BLOAT_QUERY.kind,
        queries.BLOAT_QUERY.columns,
        _format_sizes(output, rows, "size", "wasted"),
    )
    if not is_measured:
        output.print_line("estimated; to measure as well: CREATE EXTENSION pgstattuple")


@app.command("indexes")
def show_index_problems(
    context: typer.Context,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    limit: RowLimitOption = 50,
) -> None:
    """Indexes that are invalid, duplicate or never used, and tables that seem to lack one."""
    client, name, output = _load_client(context, replica, via)
    rows = _fetch_rows(client, name, queries.INDEX_PROBLEMS_QUERY, limit=limit)
    output.print_rows(
        queries.INDEX_PROBLEMS_QUERY.kind,
        queries.INDEX_PROBLEMS_QUERY.columns,
        _format_sizes(output, rows, "size"),
    )


@app.command("size")
def show_database_size(
    context: typer.Context,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    limit: RowLimitOption = 20,
) -> None:
    """What fills the disk: the database, its write-ahead log, and its tables, the largest first."""
    client, name, output = _load_client(context, replica, via)
    database_rows: list[dict[str, Any]] = client.fetch_rows(
        queries.DATABASE_SIZE_QUERY.statement, {}, name
    )
    rows = _fetch_rows(client, name, queries.TABLE_SIZES_QUERY, limit=limit)
    if output.output_format == "json":
        output.print_json(queries.TABLE_SIZES_QUERY.kind, {**database_rows[0], "items": rows})
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


def _format_sizes(output: Output, rows: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    """For a person, bytes as kB and so on; for a program as they are."""
    if output.output_format == "json":
        return rows
    return [
        {
            key: format_bytes(value) if key in keys and value is not None else value
            for key, value in row.items()
        }
        for row in rows
    ]


def format_bytes(number: float) -> str:
    """Bytes for a person: 8 KiB, 1.4 GiB."""
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"

"""`ops db activity|slow|locks|bloat|indexes|size`: what PostgreSQL says of itself. Reads only."""

from typing import Annotated, Any, TypeAlias

import typer

from ops.cli.context import opened
from ops.cli.render import Output
from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.database.sql import locks as locking
from ops.database.sql import queries
from ops.database.sql.connection import Database
from ops.database.sql.queries import Query
from ops.outputs import Outputs

app = typer.Typer(add_completion=False)
CUT = 120  # characters of a query, unless all is asked for
Replica: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="a replica instead of the primary")
]
Via: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="the local end of a tunnel (see `ops db connect`)"),
]
Limit: TypeAlias = Annotated[int, typer.Option(min=1, max=10_000, help="how many at most")]
Full: TypeAlias = Annotated[bool, typer.Option("--full", help="queries whole")]


def replica_of(outputs: Outputs, name: str | None) -> str | None:
    """The replica that --replica names, None for the primary. Raises UsageError."""
    known = (outputs.database.identifier, *outputs.database.replicas)
    # Those that `ops db replica add` made are not in the outputs, but bear the primary's name.
    if name is not None and name not in known and not name.startswith(f"{known[0]}-"):
        raise UsageError(f"--replica is {name!r}, may be {' or '.join(map(repr, known))}")
    return None if name == outputs.database.identifier else name


def _asked(
    context: typer.Context, replica: str | None, via: str | None
) -> tuple[Database, str | None, Output]:
    outputs: Outputs
    aws: Aws
    outputs, aws, output = opened(context)
    return Database(outputs, aws, via, reading=True), replica_of(outputs, replica), output


def _rows(
    on: Database, name: str | None, query: Query, *, full: bool = False, **params: Any
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = on.rows(query.statement, params, name)
    for row in found if not full else ():
        for key in ("query", "blocking_query"):
            if row.get(key):
                row[key] = cut(str(row[key]))
    return found


def cut(query: str) -> str:
    """A query on one line, as much of it as tells it from others."""
    text = " ".join(query.split())
    return text if len(text) <= CUT else f"{text[:CUT]}..."


@app.command("activity")
def activity(
    context: typer.Context,
    replica: Replica = None,
    via: Via = None,
    limit: Limit = 50,
    full: Full = False,
) -> None:
    """What every session does, the oldest transaction first, and how many connections there are."""
    on, name, output = _asked(context, replica, via)
    rows = _rows(on, name, queries.ACTIVITY, full=full, limit=limit)
    states: list[dict[str, Any]] = on.rows(queries.CONNECTIONS.statement, {}, name)
    allowed = states[0]["allowed"] if states else None
    if output.form == "json":
        counted = {row["state"]: row["sessions"] for row in states}
        output.data(queries.ACTIVITY.kind, {"items": rows, "states": counted, "allowed": allowed})
        return
    output.rows(queries.ACTIVITY.kind, queries.ACTIVITY.columns, rows)
    said = ", ".join(f"{row['sessions']} {row['state']}" for row in states)
    output.line(f"connections: {sum(row['sessions'] for row in states)} of {allowed} ({said})")


@app.command("slow")
def slow(
    context: typer.Context,
    longer_than: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="of what runs now, without statistics")
    ] = 5,
    replica: Replica = None,
    via: Via = None,
    limit: Limit = 20,
    full: Full = False,
) -> None:
    """The statements that took most time in all; without statistics, those that run for long."""
    on, name, output = _asked(context, replica, via)
    missing = _missing(on, name)
    query = queries.RUNNING if missing else queries.STATEMENTS
    given = {"longer": longer_than} if missing else {}
    rows = _rows(on, name, query, full=full, limit=limit, **given)
    if output.form == "json":
        output.data(query.kind, {"items": rows, "statistics": not missing, "missing": missing})
        return
    output.rows(query.kind, query.columns, rows)
    if missing:
        output.line(f"what runs for longer than {longer_than:g} s now; for what has run: {missing}")


def _missing(on: Database, name: str | None) -> str | None:
    """What statistics of statements want for; None where there are some."""
    asked = {"name": "pg_stat_statements"}
    loaded = on.rows(queries.PRELOADED, asked, name)
    steps = []
    if not (loaded and loaded[0]["there"]):
        steps.append("pg_stat_statements in shared_preload_libraries, and a reboot")
    if not on.rows(queries.EXTENSION, asked, name):
        steps.append("CREATE EXTENSION pg_stat_statements")
    return "; ".join(steps) or None


@app.command("locks")
def locks(
    context: typer.Context,
    replica: Replica = None,
    via: Via = None,
    limit: Limit = 50,
    full: Full = False,
) -> None:
    """Who waits for whom, as a tree; on top of it, what is in the way of all others."""
    on, name, output = _asked(context, replica, via)
    rows = _rows(on, name, queries.LOCKS, full=full, limit=limit)
    if output.form == "json":
        output.data(queries.LOCKS.kind, {"items": rows, "roots": locking.roots(rows)})
        return
    output.rows(queries.LOCKS.kind, locking.COLUMNS, locking.tree(rows))


@app.command("bloat")
def bloat(
    context: typer.Context, replica: Replica = None, via: Via = None, limit: Limit = 20
) -> None:
    """Tables by what they waste, and when vacuum was there last.

    Estimated from statistics; measured as well where there is pgstattuple.
    """
    on, name, output = _asked(context, replica, via)
    rows = _rows(on, name, queries.BLOAT, limit=limit)
    measures = bool(on.rows(queries.EXTENSION, {"name": "pgstattuple"}, name))
    if measures and rows:
        oids = {"oids": [row["oid"] for row in rows]}
        # Of large tables this takes a while, and writes nothing.
        found = on.rows(queries.MEASURED, oids, name, timeout=300)
        percent = {row["oid"]: row["percent"] for row in found}
        rows = [{**row, "measured_percent": percent.get(row["oid"])} for row in rows]
    if output.form == "json":
        output.data(queries.BLOAT.kind, {"items": rows, "measured": measures})
        return
    output.rows(queries.BLOAT.kind, queries.BLOAT.columns, _sized(output, rows, "size", "wasted"))
    if not measures:
        output.line("estimated; to measure as well: CREATE EXTENSION pgstattuple")


@app.command("indexes")
def indexes(
    context: typer.Context, replica: Replica = None, via: Via = None, limit: Limit = 50
) -> None:
    """Indexes that are invalid, duplicate or never used, and tables that seem to lack one."""
    on, name, output = _asked(context, replica, via)
    rows = _rows(on, name, queries.INDEXES, limit=limit)
    output.rows(queries.INDEXES.kind, queries.INDEXES.columns, _sized(output, rows, "size"))


@app.command("size")
def size(
    context: typer.Context, replica: Replica = None, via: Via = None, limit: Limit = 20
) -> None:
    """What fills the disk: the database, its write-ahead log, and its tables, the largest first."""
    on, name, output = _asked(context, replica, via)
    whole: list[dict[str, Any]] = on.rows(queries.WHOLE.statement, {}, name)
    rows = _rows(on, name, queries.SIZES, limit=limit)
    if output.form == "json":
        output.data(queries.SIZES.kind, {**whole[0], "items": rows})
        return
    known = _sized(output, rows, "total", "rows_only", "toast", "indexes")
    output.rows(queries.SIZES.kind, queries.SIZES.columns, known)
    all_ = whole[0]
    output.line(f"{all_['database']}: {bytes_said(all_['size'])}, WAL {bytes_said(all_['wal'])}")


def _sized(output: Output, rows: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    """For a person, bytes as kB and so on; for a program as they are."""
    if output.form == "json":
        return rows
    return [
        {k: bytes_said(v) if k in keys and v is not None else v for k, v in row.items()}
        for row in rows
    ]


def bytes_said(number: float) -> str:
    """Bytes for a person: 8 KiB, 1.4 GiB."""
    left = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if left < 1024:
            return f"{left:.0f} {unit}" if left >= 10 or unit == "B" else f"{left:.1f} {unit}"
        left /= 1024
    return f"{left:.1f} TiB"

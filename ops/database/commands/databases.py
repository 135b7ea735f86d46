"""`ops db databases`: every database of the server."""

from typing import Any

import typer

from ops.cli.context import load_stack
from ops.cli.watch import WatchOption, repeat_look
from ops.core.console_links import build_database_link
from ops.core.counts import format_bytes
from ops.database.commands.queries import (
    ReplicaOption,
    ViaOption,
    resolve_replica,
)
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.databases import DATABASES_QUERY

app = typer.Typer(add_completion=False)


@app.command("databases")
def show_databases(
    context: typer.Context,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    watch: WatchOption = None,
) -> None:
    """Shows all databases of the server: size, owner, connections, age of the oldest transaction.

    The age is in transactions: a database stops taking changes shortly before 2^31 of them.
    """
    outputs, aws, output = load_stack(context)
    name = resolve_replica(outputs, replica)
    client = DatabaseClient(outputs, aws, via, read_only=True)
    link = build_database_link(outputs)

    def show() -> None:
        rows: list[dict[str, Any]] = client.fetch_rows(DATABASES_QUERY.statement, {}, name)
        sizes = [row["size"] for row in rows if row["size"] is not None]
        if output.output_format == "json":
            fields = {"size": sum(sizes), "unmeasured": len(rows) - len(sizes), "console": link}
            output.print_json(DATABASES_QUERY.kind, {**fields, "items": rows})
            return
        output.print_rows(
            DATABASES_QUERY.kind, DATABASES_QUERY.columns, [_build_table_row(row) for row in rows]
        )
        unmeasured = [row["database"] for row in rows if row["size"] is None]
        hidden = f"; without {', '.join(unmeasured)}, which may not be measured"
        output.print_line(
            f"{len(rows)} databases, {format_bytes(sum(sizes))}{hidden if unmeasured else ''}"
        )
        output.print_line(link, link=link)

    repeat_look(output, watch, show)


def _build_table_row(row: dict[str, Any]) -> dict[str, Any]:
    limit = row["connection_limit"]
    return {
        **row,
        "size": "unknown" if row["size"] is None else format_bytes(row["size"]),
        "connections": f"{row['connections']}" + (f" of {limit}" if limit is not None else ""),
        "used": f"{row['used_percent']} %",
    }

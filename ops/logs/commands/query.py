"""`ops logs query`: queries of CloudWatch Logs Insights, from the library or your own."""

import sys
from typing import Annotated, Any

import typer

from components.facts.log_queries import LOG_QUERIES
from ops.cli.context import load_stack
from ops.cli.time_span import SinceOption, UntilOption, parse_time_span
from ops.cli.watch import WatchOption, repeat_look
from ops.core import clock
from ops.core.errors import InterruptedRunError, UsageError
from ops.logs.insights import (
    MAX_QUERY_CHARACTERS,
    get_log_query,
    list_query_parts,
    run_query,
)

QUERY_COLUMNS = ("name", "source", "title")
DEFAULT_SPAN = "1h"


def query_logs(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="a query; without one they are listed")
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            "--part", metavar="PART", help="whose logs; default: all that NAME reads; repeatable"
        ),
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", metavar="TEXT", help="a query of your own")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    watch: WatchOption = None,
) -> None:
    """Runs a query of CloudWatch Logs Insights over the last hour; says what it cost.

    Paid by what is scanned. Ctrl-C stops it in AWS, too.
    """
    if query is not None and name is not None:
        raise UsageError("--query must be without NAME")
    if query is not None and not 0 < len(query.strip()) <= MAX_QUERY_CHARACTERS:
        raise UsageError(
            f"--query must be 1 to {MAX_QUERY_CHARACTERS} characters, not {len(query.strip())}"
        )
    log_query = None if name is None else get_log_query(name)
    outputs, aws, output = load_stack(context)
    if query is None and log_query is None:
        if part or since or until or watch:
            raise UsageError("NAME or --query must be set")
        rows: list[dict[str, Any]] = [
            {"name": key, "source": entry.source, "title": entry.title, "query": entry.text}
            for key, entry in LOG_QUERIES.items()
        ]
        output.print_rows("logs-queries", QUERY_COLUMNS, rows)
        return
    parts = list_query_parts(outputs, log_query, part or ())
    text = log_query.text if log_query is not None else str(query)

    def show() -> None:
        from ops.core.run import WallClock  # the engine, which the list does without

        span = parse_time_span(since, until, clock.now(), default=DEFAULT_SPAN)
        output.print_note(f"{', '.join(part.name for part in parts)}, {span.describe()}")
        answer = run_query(aws, parts, text, span, WallClock(), output.print_note, _note_progress)
        if output.output_format == "json":
            fields = {
                "name": name,
                "query": text,
                "sources": [part.place for part in parts],
                **span.build_json(),
                "recordsMatched": answer.records_matched,
                "recordsScanned": answer.records_scanned,
                "bytesScanned": answer.bytes_scanned,
                "cost": round(answer.cost, 6),
                "cut": answer.cut,
            }
            output.print_json("logs-query", {**fields, "items": answer.rows})
        else:
            output.print_rows("logs-query", answer.columns, answer.rows)
        output.print_note(answer.describe_cost())
        if answer.cut is not None:
            output.print_note(answer.cut)

    parse_time_span(since, until, clock.now(), default=DEFAULT_SPAN)
    try:
        repeat_look(output, watch, show)
    except KeyboardInterrupt:
        raise typer.Exit(InterruptedRunError.code) from None


def _note_progress(status: str, matched: float, scanned: float) -> None:
    """Says how far it is, on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"ops: {status.lower()}, {matched:.0f} matches, {scanned:.0f} bytes\n")

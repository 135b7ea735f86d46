"""`ops db events`: what RDS reports of the database."""

from datetime import UTC, timedelta

import typer

from ops.cli.context import load_stack
from ops.cli.time_span import SinceOption, TimeSpan, UntilOption, parse_time_span
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.console_links import build_database_link
from ops.core.errors import UsageError
from ops.core.times import format_local_and_utc
from ops.database.event_list import EVENT_COLUMNS, KEPT_EVENT_DAYS, list_database_events

app = typer.Typer(add_completion=False)
DEFAULT_EVENTS_SPAN = "1d"


@app.command("events")
@looking_command
def show_database_events(
    context: typer.Context,
    since: SinceOption = None,
    until: UntilOption = None,
) -> None:
    """Shows what RDS reports of the database in the last day, the newest at the end.

    Of the instances, their parameter groups and their snapshots. RDS keeps events for 14 days.
    """
    span = _parse_span(since, until)
    outputs, aws, output = load_stack(context)
    link = build_database_link(outputs)
    header = f"RDS events, {span.describe()} (RDS keeps them for {KEPT_EVENT_DAYS} days)"
    rows = list_database_events(aws, outputs, span, clock.now())
    if output.output_format == "json":
        fields = {**span.build_json(), "keptDays": KEPT_EVENT_DAYS, "console": link}
        output.print_json("db-events", {**fields, "items": rows})
        return
    output.print_note(header)
    output.print_rows("db-events", EVENT_COLUMNS, rows)
    output.print_line(link, link=link)


def _parse_span(since: str | None, until: str | None) -> TimeSpan:
    """Parses the options. Raises UsageError if it begins before what RDS keeps."""
    now = clock.now().astimezone(UTC)
    span = parse_time_span(since, until, now, default=DEFAULT_EVENTS_SPAN)
    first = now - timedelta(days=KEPT_EVENT_DAYS)
    if span.since < first and since is not None:
        raise UsageError(
            f"--since must be at most {KEPT_EVENT_DAYS} days ago, {format_local_and_utc(first)} or "
            f"later, as RDS keeps events no longer, not {since!r}"
        )
    if span.until <= first:
        raise UsageError(
            f"--until must be later than {format_local_and_utc(first)}, as RDS keeps events for "
            f"{KEPT_EVENT_DAYS} days, not {until!r}"
        )
    return span

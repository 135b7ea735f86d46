"""`ops slo report`: a month's service levels against their objectives."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ops.cli.context import require_page_path, write_report
from ops.cli.execution import load_stack_context
from ops.core import clock
from ops.core.console_links import build_dashboard_link
from ops.core.errors import FindingsError
from ops.core.times import format_utc_minute
from ops.slo.model import ServiceLevel
from ops.slo.month import Month, parse_month
from ops.slo.report import SloReport, read_slo_report
from ops.slo.words import format_level, format_objective, format_seen, format_spent

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Service levels against their objectives."
)
LEVEL_COLUMNS = ("level", "about", "objective", "measured", "seen", "budget spent", "verdict")


@app.callback()
def _keep_group() -> None:
    """Keeps `report` a word of its own."""


@app.command("report")
def report_levels(
    context: typer.Context,
    month: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM", help="a month, UTC; default: the current one so far"),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write an HTML page to this file")
    ] = None,
) -> None:
    """Reports a month's availability, errors, latency, deployments and backups.

    Each with its objective, how much of the month was seen, how much of the error budget is spent,
    and on what. Exit code 3 if an objective is missed, or that is not known.
    """
    require_page_path("--to", to)
    judged_month = parse_month(month, clock.now())
    stack_context, output = load_stack_context(context)
    report = read_slo_report(stack_context, judged_month, clock.now())
    if to is not None:
        from ops.slo.page import render_slo_page

        write_report("--to", to, render_slo_page(report))
        output.print_note(f"wrote {to}")
    link = build_dashboard_link(report.outputs, "application")
    if output.output_format == "json":
        output.print_json("slo-report", report.build_json() | {"console": link})
    else:
        output.print_note(describe_month(judged_month))
        if link is not None:
            output.print_note(link)
        output.print_rows("slo-report", LEVEL_COLUMNS, map(_build_row, report.levels))
        for line in _list_lines(report):
            output.print_line(line)
    _require_met(report)


def describe_month(month: Month) -> str:
    """Says which time is judged, and in which steps."""
    until = "its end" if month.is_over else format_utc_minute(month.until.timestamp())
    return f"{month.name} (UTC) until {until}, values of {month.period // 60} min"


def _build_row(level: ServiceLevel) -> dict[str, object]:
    return {
        "level": level.name,
        "about": level.about,
        "objective": format_objective(level),
        "measured": format_level(level),
        "seen": format_seen(level),
        "budget spent": format_spent(level),
        "verdict": level.verdict,
    }


def _list_lines(report: SloReport) -> Iterator[str]:
    for level in report.levels:
        for gap in level.gaps:
            yield f"{level.name}: could not be read: {gap}"
        for note in level.notes:
            yield f"{level.name}: {note}"
        for spending in level.spendings:
            times = " to ".join(
                format_utc_minute(time.timestamp()) for time in (spending.since, spending.until)
            )
            yield f"{level.name}: {times}: {spending.what}"
            for text in spending.evidence:
                yield f"    {text}"
    for incident in report.incidents:
        yield incident.describe()
    yield from report.notes


def _require_met(report: SloReport) -> None:
    """Raises FindingsError unless every objective is met, or there was nothing to judge."""
    texts = [
        f"{what}: {', '.join(names)}"
        for what, names in (("missed", report.missed_levels), ("not known", report.unknown_levels))
        if names
    ]
    if texts:
        raise FindingsError("; ".join(texts))

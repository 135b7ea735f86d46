"""Prints incidents as lines and tables, or as JSON."""

from collections.abc import Sequence
from typing import Final

from ops.cli.render import Output
from ops.core.times import format_local_second
from ops.incident.report import IncidentReport, build_report_json, list_facts

TIMELINE_COLUMNS: Final = ("time", "source", "by", "what")


def print_report(output: Output, kind: str, reports: Sequence[IncidentReport]) -> None:
    """Prints each incident with its timeline; of JSON one object for all."""
    if output.output_format == "json":
        output.print_json(kind, {"incidents": [build_report_json(report) for report in reports]})
        return
    for report in reports:
        incident = report.incident
        output.print_line(f"{incident.name}: {incident.title}", "bold")
        for name, value in list_facts(report):
            output.print_line(f"{name}: {_fold(value)}")
        for number, action in enumerate(incident.closing.actions if incident.closing else (), 1):
            output.print_line(f"action {number}: {_fold(action)}")
        rows = [
            {
                "time": format_local_second(line.time),
                "source": line.source,
                "by": line.by,
                "what": _fold(line.what),
            }
            for line in report.timeline.lines
        ]
        output.print_rows("incident-timeline", TIMELINE_COLUMNS, rows)
        for gap in report.timeline.gaps:
            output.print_line(gap, "yellow")


def _fold(text: str) -> str:
    return " ".join(text.split())

"""The HTML page of a checklist: each item with all of its findings, and its earlier runs."""

from typing import Final

from ops.checks.report import ChecklistReport, describe_todo_count, format_since, list_trend_lines
from ops.core.checks import HealthState
from ops.core.page_templates import render_page
from ops.core.times import format_utc_minute
from ops.findings.model import ResourceFinding

STATE_CLASSES: Final[dict[HealthState, str]] = {"ok": "good", "failing": "bad", "unknown": "open"}
STATE_MARKS: Final[dict[HealthState, str]] = {"ok": "+", "failing": "x", "unknown": "?"}


def render_checklist_page(report: ChecklistReport) -> str:
    """Renders the result of a checklist as a self-contained page."""
    records = report.trend.history.records if report.trend is not None else ()
    return render_page(
        "checklist.html.j2",
        {
            "since": format_since,
            "minute": lambda time: format_utc_minute(time.timestamp()),
            "state_class": lambda state: STATE_CLASSES.get(state, ""),
            "state_mark": lambda state: STATE_MARKS.get(state, "-"),
            "is_resource": lambda finding: isinstance(finding, ResourceFinding),
        },
        report=report,
        records=records,
        todo=describe_todo_count(report),
        trend_lines=list(list_trend_lines(report)),
    )

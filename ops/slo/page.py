"""The HTML page of a month's service levels."""

from collections.abc import Callable
from typing import Final

from ops.core.page_templates import render_page
from ops.slo.model import ServiceLevel
from ops.slo.report import SloReport
from ops.slo.words import format_level, format_objective, format_seen, format_spent

VERDICT_CLASSES: Final = {
    "met": "good",
    "missed": "bad",
    "unknown": "open",
    "nothing to judge": "",
    "not measured": "open",
}


def render_slo_page(report: SloReport) -> str:
    """Renders a report as a self-contained page."""
    from ops.core.times import format_utc_minute

    filters: dict[str, Callable[..., object]] = {
        "measured": format_level,
        "objective": format_objective,
        "seen": format_seen,
        "spent": format_spent,
        "verdict_class": lambda level: VERDICT_CLASSES[level.verdict],
        "bar": _measure_bar,
        "minute": lambda time: format_utc_minute(time.timestamp()),
    }
    return render_page("slo.html.j2", filters, report=report, month=report.month)


def _measure_bar(level: ServiceLevel) -> tuple[float, bool]:
    """The width of the bar of the budget in percent, and whether it is all spent."""
    spent = level.spent or 0
    return min(100.0, 100 * spent), spent > 1

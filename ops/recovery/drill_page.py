"""The HTML page of the drills: the newest one, its objectives, and a chart of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from ops.core.page_templates import render_page
from ops.recovery.drill_history import DrillRecord, describe_regression

CHART_WIDTH, CHART_HEIGHT, CHART_LEFT_MARGIN, CHART_BOTTOM_MARGIN = 960, 260, 90, 28
CHART_RIGHT_MARGIN: Final = 40  # half of the last date
MIN_LABEL_DISTANCE: Final = 72  # pixels a date of 11 pixels height needs
# Phases from the bottom up, with their colors.
PHASE_COLORS: Final = (
    ("detect", "#8a8f98"),
    ("restore", "#3b7dd8"),
    ("configure", "#7a5cc4"),
    ("first_query", "#2aa775"),
    ("switch", "#d9822b"),
    ("services", "#c23030"),
)


@dataclass(frozen=True)
class PhaseBar:
    """One phase of one drill, in chart units."""

    x: float
    y: float
    width: float
    height: float
    color: str
    title: str


@dataclass(frozen=True)
class DrillChart:
    """All drills, the oldest first; `goal` is the height of the objective."""

    bars: tuple[PhaseBar, ...]
    labels: tuple[tuple[float, str], ...]
    marks: tuple[tuple[float, str], ...]
    goal: float
    width: int = CHART_WIDTH
    height: int = CHART_HEIGHT
    left: int = CHART_LEFT_MARGIN


def build_drill_chart(drills: Sequence[DrillRecord]) -> DrillChart:
    """Builds a bar per drill with its phases stacked, and the line of the objective."""
    from ops.cli.render import format_duration

    objective_seconds = drills[-1].objectives.rto_seconds
    max_seconds = max([objective_seconds, *(d.rto_seconds or 0 for d in drills)]) * 1.1
    drill_width = (CHART_WIDTH - CHART_LEFT_MARGIN - CHART_RIGHT_MARGIN) / max(len(drills), 6)
    label_step = ceil(MIN_LABEL_DISTANCE / drill_width)

    def scale_to_height(seconds: float) -> float:
        return (CHART_HEIGHT - CHART_BOTTOM_MARGIN) * seconds / max_seconds

    bars: list[PhaseBar] = []
    labels: list[tuple[float, str]] = []
    for index, drill in enumerate(drills):
        x, stacked_seconds = CHART_LEFT_MARGIN + index * drill_width, 0.0
        if (len(drills) - 1 - index) % label_step == 0:  # the newest has one
            labels.append((x + drill_width * 0.4, drill.taken[:10]))
        for phase, color in PHASE_COLORS:
            phase_seconds = getattr(drill.phases, phase)
            if phase_seconds:
                stacked_seconds += phase_seconds
                title = f"{drill.run}: {phase.replace('_', ' ')} {format_duration(phase_seconds)}"
                y = CHART_HEIGHT - CHART_BOTTOM_MARGIN - scale_to_height(stacked_seconds)
                bars.append(
                    PhaseBar(x, y, drill_width * 0.8, scale_to_height(phase_seconds), color, title)
                )
    marks = tuple(
        (
            CHART_HEIGHT - CHART_BOTTOM_MARGIN - scale_to_height(max_seconds * n / 4),
            format_duration(max_seconds * n / 4),
        )
        for n in range(5)
    )
    return DrillChart(
        tuple(bars),
        tuple(labels),
        marks,
        CHART_HEIGHT - CHART_BOTTOM_MARGIN - scale_to_height(objective_seconds),
    )


def render_drill_page(drills: Sequence[DrillRecord]) -> str:
    """Renders the drills, at least one, as a self-contained HTML page."""
    from ops.cli.render import format_duration

    newest = drills[-1]
    return render_page(
        "drills.html.j2",
        {"said": lambda seconds: "-" if seconds is None else format_duration(seconds)},
        drills=drills,
        newest=newest,
        chart=build_drill_chart(drills),
        shown=PHASE_COLORS,
        regression=describe_regression(newest, drills[:-1]),
    )

"""The page of the drills: the newest, what it has met, and a chart of all of them over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.recovery.drill_history import Drill, regression

WIDTH, HEIGHT, LEFT, FOOT = 960, 260, 60, 28
# Phases from the bottom up, and what each is drawn in.
SHOWN: Final = (
    ("detect", "#8a8f98"),
    ("restore", "#3b7dd8"),
    ("configure", "#7a5cc4"),
    ("first_query", "#2aa775"),
)


@dataclass(frozen=True)
class Bar:
    """One phase of one drill, in the chart's own units."""

    x: float
    y: float
    width: float
    height: float
    color: str
    title: str


@dataclass(frozen=True)
class Chart:
    """All drills side by side, the oldest first; `goal` is where the objective lies."""

    bars: tuple[Bar, ...]
    labels: tuple[tuple[float, str], ...]
    marks: tuple[tuple[float, str], ...]
    goal: float
    width: int = WIDTH
    height: int = HEIGHT


def chart(drills: Sequence[Drill]) -> Chart:
    """A bar a drill: its phases on top of each other, and the objective across."""
    from ops.cli.render import format_duration

    goal = drills[-1].objectives.rto_seconds
    most = max([goal, *(d.rto_seconds or 0 for d in drills)]) * 1.1
    each = (WIDTH - LEFT) / max(len(drills), 6)

    def up(seconds: float) -> float:
        return (HEIGHT - FOOT) * seconds / most

    bars: list[Bar] = []
    labels: list[tuple[float, str]] = []
    for number, drill in enumerate(drills):
        x, top = LEFT + number * each, 0.0
        labels.append((x + each * 0.4, drill.taken[:10]))
        for phase, color in SHOWN:
            took = getattr(drill.phases, phase)
            if took:
                top += took
                title = f"{drill.run}: {phase.replace('_', ' ')} {format_duration(took)}"
                y = HEIGHT - FOOT - up(top)
                bars.append(Bar(x, y, each * 0.8, up(took), color, title))
    marks = tuple(
        (HEIGHT - FOOT - up(most * n / 4), format_duration(most * n / 4)) for n in range(5)
    )
    return Chart(tuple(bars), tuple(labels), marks, HEIGHT - FOOT - up(goal))


def page(drills: Sequence[Drill]) -> str:
    """The drills as one self-contained HTML page. There is one at least."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from ops.cli.render import format_duration

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"said": lambda s: "-" if s is None else format_duration(s)}
    newest = drills[-1]
    return environment.get_template("drills.html.j2").render(
        drills=drills,
        newest=newest,
        chart=chart(drills),
        shown=SHOWN,
        regression=regression(newest, drills[:-1]),
    )

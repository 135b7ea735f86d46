"""Widgets of CloudWatch dashboards as data, and their places on the grid. Pure: no Pulumi here.

Shapes are those of "Dashboard body structure and syntax" in the CloudWatch API reference.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Json: TypeAlias = Mapping[str, Any]  # what becomes JSON; a dimension's value may be an output
COLUMNS: Final = 24
THIRD, HALF, FULL = COLUMNS // 3, COLUMNS // 2, COLUMNS
LOW, HIGH = 6, 8
MOST_ALARMS: Final = 100  # in one alarm widget
COLOURS: Final = {"P0": "#d13212", "P1": "#ff9900", "P2": "#b8860b"}


@dataclass(frozen=True)
class Widget:
    """A widget without its place."""

    type: str
    width: int
    height: int
    properties: Json


@dataclass(frozen=True)
class Line:
    """A horizontal line in a graph: the threshold of an alarm."""

    label: str
    value: float
    colour: str


def text(markdown: str, height: int = 1) -> Widget:
    """A row of text."""
    return Widget("text", FULL, height, {"markdown": markdown, "background": "transparent"})


def graph(
    title: str,
    region: str,
    series: Sequence[Sequence[Any]],
    *,
    unit: str = "",
    lines: Sequence[Line] = (),
    width: int = THIRD,
    period: int = 60,
    stacked: bool = False,
) -> Widget:
    """A graph over time of `series`, each as CloudWatch writes a metric or an expression."""
    properties: dict[str, Any] = {
        "title": title,
        "region": region,
        "view": "timeSeries",
        "stacked": stacked,
        "period": period,
        "metrics": [list(one) for one in series],
        "yAxis": {"left": {"min": 0, "label": unit, "showUnits": False}},
    }
    if lines:
        properties["annotations"] = {
            "horizontal": [
                {"label": line.label, "value": line.value, "color": line.colour} for line in lines
            ]
        }
    return Widget("metric", width, LOW, properties)


def number(
    title: str, region: str, series: Sequence[Sequence[Any]], period: int, width: int = THIRD
) -> Widget:
    """The newest value of each series."""
    properties = {
        "title": title,
        "region": region,
        "view": "singleValue",
        "period": period,
        "metrics": [list(one) for one in series],
    }
    return Widget("metric", width, LOW, properties)


def alarm_status(title: str, arns: Sequence[Any]) -> list[Widget]:
    """The state of alarms, as many to a widget as it takes."""
    chunks = [arns[i : i + MOST_ALARMS] for i in range(0, len(arns), MOST_ALARMS)]
    return [
        Widget("alarm", FULL, 2 + len(chunk) // 6, {"title": title, "alarms": list(chunk)})
        for chunk in chunks
    ]


def logs(title: str, region: str, query: Any, width: int = HALF) -> Widget:
    """A table from a Logs Insights query with its SOURCE. Each refresh reads the logs: a cost."""
    properties = {"title": title, "region": region, "view": "table", "query": query}
    return Widget("log", width, HIGH, properties)


def body(widgets: Iterable[Widget]) -> Json:
    """A dashboard's body: widgets side by side, from left to right, then below."""
    placed: list[Json] = []
    x = y = tallest = 0
    for one in widgets:
        if x + one.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        placed.append(
            {
                "type": one.type,
                "x": x,
                "y": y,
                "width": one.width,
                "height": one.height,
                "properties": one.properties,
            }
        )
        x, tallest = x + one.width, max(tallest, one.height)
    return {"periodOverride": "inherit", "widgets": placed}

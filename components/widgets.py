"""Widgets of CloudWatch dashboards as data, and their places on the grid. Pure: no Pulumi here.

Shapes are those of "Dashboard body structure and syntax" in the CloudWatch API reference.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

WidgetJson: TypeAlias = Mapping[str, Any]  # what becomes JSON; a dimension's value may be an output
GRID_COLUMNS: Final = 24
THIRD_WIDTH, HALF_WIDTH, FULL_WIDTH = GRID_COLUMNS // 3, GRID_COLUMNS // 2, GRID_COLUMNS
LOW_HEIGHT, HIGH_HEIGHT = 6, 8
MAX_ALARMS_PER_WIDGET: Final = 100  # in one alarm widget
SEVERITY_COLOURS: Final = {"P0": "#d13212", "P1": "#ff9900", "P2": "#b8860b", "P3": "#687078"}


@dataclass(frozen=True, kw_only=True)
class Widget:
    """A widget without its place."""

    type: str
    width: int
    height: int
    properties: WidgetJson


@dataclass(frozen=True, kw_only=True)
class ThresholdLine:
    """A horizontal line in a graph: the threshold of an alarm."""

    label: str
    threshold: float
    colour: str


def build_text_widget(markdown: str, height: int = 1) -> Widget:
    """A row of text."""
    return Widget(
        type="text",
        width=FULL_WIDTH,
        height=height,
        properties={"markdown": markdown, "background": "transparent"},
    )


def build_graph_widget(
    title: str,
    *,
    region: str,
    metrics: Sequence[Sequence[Any]],
    unit: str = "",
    lines: Sequence[ThresholdLine] = (),
    width: int = THIRD_WIDTH,
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
        "metrics": [list(metric) for metric in metrics],
        "yAxis": {"left": {"min": 0, "label": unit, "showUnits": False}},
    }
    if lines:
        properties["annotations"] = {
            "horizontal": [
                {"label": line.label, "value": line.threshold, "color": line.colour}
                for line in lines
            ]
        }
    return Widget(type="metric", width=width, height=LOW_HEIGHT, properties=properties)


def build_number_widget(
    title: str,
    *,
    region: str,
    metrics: Sequence[Sequence[Any]],
    period: int,
    width: int = THIRD_WIDTH,
) -> Widget:
    """The newest value of each series."""
    properties = {
        "title": title,
        "region": region,
        "view": "singleValue",
        "period": period,
        "metrics": [list(metric) for metric in metrics],
    }
    return Widget(type="metric", width=width, height=LOW_HEIGHT, properties=properties)


def build_alarm_widgets(title: str, arns: Sequence[Any]) -> list[Widget]:
    """The state of alarms, as many to a widget as it takes."""
    chunks = [
        arns[i : i + MAX_ALARMS_PER_WIDGET] for i in range(0, len(arns), MAX_ALARMS_PER_WIDGET)
    ]
    return [
        Widget(
            type="alarm",
            width=FULL_WIDTH,
            height=2 + len(chunk) // 6,
            properties={"title": title, "alarms": list(chunk)},
        )
        for chunk in chunks
    ]


def build_log_widget(title: str, *, region: str, query: Any, width: int = HALF_WIDTH) -> Widget:
    """A table from a Logs Insights query with its SOURCE. Each refresh reads the logs: a cost."""
    properties = {"title": title, "region": region, "view": "table", "query": query}
    return Widget(type="log", width=width, height=HIGH_HEIGHT, properties=properties)


def build_dashboard_body(widgets: Iterable[Widget]) -> WidgetJson:
    """A dashboard's body: widgets side by side, from left to right, then below."""
    placed_widgets: list[WidgetJson] = []
    x = y = row_height = 0
    for widget in widgets:
        if x + widget.width > GRID_COLUMNS:
            x, y, row_height = 0, y + row_height, 0
        placed_widgets.append(
            {
                "type": widget.type,
                "x": x,
                "y": y,
                "width": widget.width,
                "height": widget.height,
                "properties": widget.properties,
            }
        )
        x, row_height = x + widget.width, max(row_height, widget.height)
    return {"periodOverride": "inherit", "widgets": placed_widgets}

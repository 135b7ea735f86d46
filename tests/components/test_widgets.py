"""Widgets and their places."""

from hypothesis import given
from hypothesis import strategies as st

from components.widgets import (
    GRID_COLUMNS,
    ThresholdLine,
    Widget,
    build_alarm_widgets,
    build_dashboard_body,
    build_graph_widget,
    build_log_widget,
    build_number_widget,
    build_text_widget,
)

WIDGET_SIZES = st.lists(st.tuples(st.integers(1, GRID_COLUMNS), st.integers(1, 12)), max_size=30)


@given(WIDGET_SIZES)
def test_widgets_never_overlap_and_never_leave_the_grid(sizes: list[tuple[int, int]]) -> None:
    widgets = build_dashboard_body(
        [Widget(type="text", width=width, height=height, properties={}) for width, height in sizes]
    )["widgets"]
    assert [(w["width"], w["height"]) for w in widgets] == sizes
    taken_cells: set[tuple[int, int]] = set()
    for widget in widgets:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert max(x for x, _ in cells) < GRID_COLUMNS
        assert not cells & taken_cells
        taken_cells |= cells


def test_a_graph_draws_a_line_for_each_threshold() -> None:
    graph_widget = build_graph_widget(
        "t",
        region="eu-north-1",
        metrics=[["A", "b"]],
        unit="u",
        lines=[ThresholdLine(label="P1 x", threshold=80, colour="#fff")],
    )
    assert graph_widget.properties["annotations"] == {
        "horizontal": [{"label": "P1 x", "value": 80, "color": "#fff"}]
    }
    assert graph_widget.properties["yAxis"]["left"] == {"min": 0, "label": "u", "showUnits": False}
    assert (
        "annotations"
        not in build_graph_widget("t", region="eu-north-1", metrics=[["A", "b"]]).properties
    )


def test_more_than_100_alarms_are_split_into_two_widgets() -> None:
    status_widgets = build_alarm_widgets("Alarms", [f"arn-{n}" for n in range(130)])
    assert [len(w.properties["alarms"]) for w in status_widgets] == [100, 30]
    assert status_widgets[0].height > status_widgets[1].height


def test_text_number_and_log_widgets_keep_their_arguments() -> None:
    assert build_text_widget("**x**").properties["markdown"] == "**x**"
    assert (
        build_number_widget("n", region="us-east-1", metrics=[["A", "b"]], period=60).properties[
            "view"
        ]
        == "singleValue"
    )
    assert (
        build_log_widget("l", region="eu-north-1", query="SOURCE 'g' | x").properties["query"]
        == "SOURCE 'g' | x"
    )

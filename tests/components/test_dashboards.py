"""Dashboards: valid for CloudWatch, complete, and true to the alarms."""

import json
import re
from typing import Any

import pytest
from pydantic import JsonValue

from sandbox.program import ResourceGraph
from tests.components.monitored_stack import ALL, watched

DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
METRIC = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
Widget = dict[str, Any]


def bodies(graph: ResourceGraph) -> dict[str, list[Widget]]:
    found = {
        d.inputs["dashboardName"]: json.loads(d.inputs["dashboardBody"])["widgets"]
        for d in graph.list_resources(DASHBOARD)
    }
    assert found
    return found


def graphs(graph: ResourceGraph) -> list[Widget]:
    """The properties of every graph."""
    return [
        widget["properties"]
        for widgets in bodies(graph).values()
        for widget in widgets
        if widget["type"] == "metric"
    ]


def test_there_is_one_for_each_reader() -> None:
    assert sorted(bodies(watched(ALL))) == [
        "bulwark-test-application",
        "bulwark-test-cost",
        "bulwark-test-database",
        "bulwark-test-infrastructure",
    ]
    alone = bodies(watched({"compute": "none"}))
    assert "bulwark-test-application" not in alone
    assert len(alone) == 3


def test_the_state_of_its_alarms_stands_on_top_and_every_alarm_on_one_dashboard() -> None:
    graph = watched(ALL)
    shown: list[str] = []
    for widgets in bodies(graph).values():
        tops = [w for w in widgets if w["type"] == "alarm"]
        if tops:
            assert tops[0] is widgets[0]
            assert (tops[0]["x"], tops[0]["y"], tops[0]["width"]) == (0, 0, 24)
        for widget in tops:
            assert len(widget["properties"]["alarms"]) <= 100
            shown += widget["properties"]["alarms"]
    made = [
        a.outputs["arn"] for a in (*graph.list_resources(METRIC), *graph.list_resources(COMPOSITE))
    ]
    assert sorted(shown) == sorted(made)


def test_every_alarm_draws_its_threshold_unless_its_window_is_too_long() -> None:
    graph = watched(ALL)
    drawn = {
        (line["label"], line["value"])
        for properties in graphs(graph)
        for line in properties.get("annotations", {}).get("horizontal", [])
    }
    for alarm in graph.list_resources(METRIC):
        name, threshold = alarm.inputs["name"], alarm.inputs["threshold"]
        lines = [
            label
            for label, value in drawn
            if value == threshold
            and name.removeprefix("bulwark-test-").startswith(label.split(" ")[1])
        ]
        assert bool(lines) != (name.startswith("bulwark-test-slo-") and name.endswith("-long")), (
            name
        )


def test_every_metric_that_an_alarm_watches_is_drawn_and_labelled() -> None:
    graph = watched(ALL)
    drawn: set[tuple[str, str, frozenset[str]]] = set()
    for properties in graphs(graph):
        shown = [m for m in properties["metrics"] if isinstance(m[0], str)]
        drawn |= {(m[0], m[1], frozenset(m[2:-1])) for m in shown}
        labels = [m[-1]["label"] for m in shown if "label" in m[-1]]
        assert len(labels) == len(set(labels)), properties["title"]
    for alarm in graph.list_resources(METRIC):
        if "metricName" in alarm.inputs:
            dimensions = frozenset(
                part for pair in alarm.inputs["dimensions"].items() for part in pair
            )
            assert (alarm.inputs["namespace"], alarm.inputs["metricName"], dimensions) in drawn


def test_a_line_without_an_alarm_is_not_drawn_but_its_metric_is() -> None:
    given: dict[str, JsonValue] = {"alarms": {"severities": ["P0"]}}
    processor = next(p for p in graphs(watched(given)) if p["title"] == "Processor")
    assert [line["label"] for line in processor["annotations"]["horizontal"]] == [
        "P0 database-cpu-critical"
    ]
    memory = next(p for p in graphs(watched(given)) if p["title"] == "Memory that can be freed")
    assert memory["metrics"]
    assert "annotations" not in memory


@pytest.mark.parametrize("profile", ["dev", "prod"])
@pytest.mark.parametrize("values", [{}, {"compute": "none"}, ALL], ids=["plain", "database", "all"])
def test_a_body_is_one_that_cloudwatch_takes(values: dict[str, JsonValue], profile: str) -> None:
    if profile == "dev":
        values = {k: v for k, v in values.items() if k != "loadBalancer"}
    for name, widgets in bodies(watched(values, profile=profile)).items():
        assert len(widgets) <= 500
        for widget in widgets:
            assert set(widget) == {"type", "x", "y", "width", "height", "properties"}, name
            assert widget["x"] + widget["width"] <= 24
            _CHECKS[widget["type"]](widget["properties"])


def _metric_widget(properties: Widget) -> None:
    assert properties["region"] in ("eu-north-1", "us-east-1")
    assert properties["view"] in ("timeSeries", "singleValue")
    assert properties["title"]
    assert 0 < len(properties["metrics"]) <= 500
    ids: list[str] = []
    for metric in properties["metrics"]:
        if isinstance(metric[0], dict):
            assert len(metric) == 1
            assert set(metric[0]) <= {"expression", "id", "label", "region", "period"}
            ids.append(metric[0]["id"])
            continue
        *named, options = metric
        assert len(named) % 2 == 0
        assert all(isinstance(part, str) and part for part in named)
        assert set(options) <= {"stat", "label", "id", "visible", "period"}
        if "id" in options:
            ids.append(options["id"])
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z]\w*", id_) for id_ in ids)
    for metric in properties["metrics"]:
        if isinstance(metric[0], dict) and "SEARCH" not in metric[0]["expression"]:
            assert set(re.findall(r"\b[a-z]\w*", metric[0]["expression"])) <= set(ids)
    for line in properties.get("annotations", {}).get("horizontal", []):
        assert set(line) == {"label", "value", "color"}


def _log_widget(properties: Widget) -> None:
    assert properties["query"].startswith("SOURCE '/bulwark/test/flow-logs' | ")
    assert properties["view"] == "table"
    assert properties["region"] == "eu-north-1"


def _alarm_widget(properties: Widget) -> None:
    assert set(properties) == {"title", "alarms"}
    assert all(arn.startswith("arn:aws:cloudwatch:") for arn in properties["alarms"])


def _text_widget(properties: Widget) -> None:
    assert properties["markdown"]


_CHECKS = {
    "metric": _metric_widget,
    "log": _log_widget,
    "alarm": _alarm_widget,
    "text": _text_widget,
}


def test_flow_logs_are_shown_where_cloudwatch_has_them() -> None:
    shown = [w for w in bodies(watched(ALL))["bulwark-test-infrastructure"] if w["type"] == "log"]
    assert [w["properties"]["title"] for w in shown] == ["Flow logs: refused", "Flow logs: busiest"]
    off: dict[str, JsonValue] = {"network": {"flowLogs": []}}
    assert not [
        w for w in bodies(watched(off))["bulwark-test-infrastructure"] if w["type"] == "log"
    ]


def test_the_bill_is_read_where_aws_publishes_it() -> None:
    billed = [p for p in graphs(watched(ALL)) if "AWS/Billing" in json.dumps(p["metrics"])]
    assert len(billed) == 2
    assert {p["region"] for p in billed} == {"us-east-1"}
    others = [p for p in graphs(watched(ALL)) if p not in billed]
    assert {p["region"] for p in others} == {"eu-north-1"}


def test_a_web_firewall_is_shown_where_there_is_one() -> None:
    titles = {p["title"] for p in graphs(watched(ALL))}
    assert "Web firewall" in titles
    assert "Web firewall" not in {p["title"] for p in graphs(watched(profile="dev"))}

"""Dashboards: valid for CloudWatch, complete, and true to the alarms."""

import json
import re
from typing import Any

import pytest
from pydantic import JsonValue

from components.facts.log_queries import LOG_QUERIES
from sandbox.program import ResourceGraph
from tests.components.monitored_stack import ALL_WATCHED_CONFIG, build_monitoring_graph

DASHBOARD_TYPE = "aws:cloudwatch/dashboard:Dashboard"
METRIC_ALARM_TYPE = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE_ALARM_TYPE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
WidgetContent = dict[str, Any]


def load_dashboard_widgets(graph: ResourceGraph) -> dict[str, list[WidgetContent]]:
    widgets_by_dashboard = {
        d.inputs["dashboardName"]: json.loads(d.inputs["dashboardBody"])["widgets"]
        for d in graph.list_resources(DASHBOARD_TYPE)
    }
    assert widgets_by_dashboard
    return widgets_by_dashboard


def list_graph_properties(graph: ResourceGraph) -> list[WidgetContent]:
    """The properties of every graph."""
    return [
        widget["properties"]
        for widgets in load_dashboard_widgets(graph).values()
        for widget in widgets
        if widget["type"] == "metric"
    ]


def test_each_audience_has_its_own_dashboard() -> None:
    assert sorted(load_dashboard_widgets(build_monitoring_graph(ALL_WATCHED_CONFIG))) == [
        "bulwark-test-application",
        "bulwark-test-cost",
        "bulwark-test-database",
        "bulwark-test-infrastructure",
    ]
    alone = load_dashboard_widgets(build_monitoring_graph({"compute": "none"}))
    assert "bulwark-test-application" not in alone
    assert len(alone) == 3


def test_alarm_states_are_on_top_and_each_alarm_is_on_one_dashboard() -> None:
    graph = build_monitoring_graph(ALL_WATCHED_CONFIG)
    shown_alarms: list[str] = []
    for widgets in load_dashboard_widgets(graph).values():
        tops = [w for w in widgets if w["type"] == "alarm"]
        if tops:
            assert tops[0] is widgets[0]
            assert (tops[0]["x"], tops[0]["y"], tops[0]["width"]) == (0, 0, 24)
        for widget in tops:
            assert len(widget["properties"]["alarms"]) <= 100
            shown_alarms += widget["properties"]["alarms"]
    alarm_arns = [
        a.outputs["arn"]
        for a in (
            *graph.list_resources(METRIC_ALARM_TYPE),
            *graph.list_resources(COMPOSITE_ALARM_TYPE),
        )
    ]
    assert sorted(shown_alarms) == sorted(alarm_arns)


def test_every_alarm_draws_its_threshold_unless_its_window_is_too_long() -> None:
    graph = build_monitoring_graph(ALL_WATCHED_CONFIG)
    drawn_metrics = {
        (line["label"], line["value"])
        for properties in list_graph_properties(graph)
        for line in properties.get("annotations", {}).get("horizontal", [])
    }
    for alarm in graph.list_resources(METRIC_ALARM_TYPE):
        name, threshold = alarm.inputs["name"], alarm.inputs["threshold"]
        lines = [
            label
            for label, value in drawn_metrics
            if value == threshold
            and name.removeprefix("bulwark-test-").startswith(label.split(" ")[1])
        ]
        is_too_long = name.startswith("bulwark-test-slo-") and name.endswith("-long")
        # It is raised by no data at all, which no line across a graph can show.
        assert bool(lines) != (is_too_long or name == "bulwark-test-database-silent-primary"), name


def test_a_line_and_a_graph_follow_the_numbers_of_the_settings() -> None:
    overrides: JsonValue = {
        "database-cpu-high": {"threshold": 65, "severity": "P3"},
        "target-5xx-rate": {"periodMinutes": 10, "periods": 1},
    }
    values = {**ALL_WATCHED_CONFIG, "alarms": {"overrides": overrides}}
    properties = list_graph_properties(build_monitoring_graph(values))
    lines = [
        line for graph in properties for line in graph.get("annotations", {}).get("horizontal", [])
    ]
    assert [line["value"] for line in lines if line["label"] == "P3 database-cpu-high"] == [65]
    hidden_periods = {
        metric[-1]["period"]
        for graph in properties
        for metric in graph["metrics"]
        if metric[-1].get("visible") is False and metric[1] == "RequestCount"
    }
    assert 600 in hidden_periods


def test_every_metric_that_an_alarm_watches_is_drawn_and_labelled() -> None:
    graph = build_monitoring_graph(ALL_WATCHED_CONFIG)
    drawn_metrics: set[tuple[str, str, frozenset[str]]] = set()
    for properties in list_graph_properties(graph):
        shown_metrics = [m for m in properties["metrics"] if isinstance(m[0], str)]
        drawn_metrics |= {(m[0], m[1], frozenset(m[2:-1])) for m in shown_metrics}
        labels = [m[-1]["label"] for m in shown_metrics if "label" in m[-1]]
        assert len(labels) == len(set(labels)), properties["title"]
    for alarm in graph.list_resources(METRIC_ALARM_TYPE):
        if "metricName" in alarm.inputs:
            dimensions = frozenset(
                part for pair in alarm.inputs["dimensions"].items() for part in pair
            )
            assert (
                alarm.inputs["namespace"],
                alarm.inputs["metricName"],
                dimensions,
            ) in drawn_metrics


def test_a_line_without_an_alarm_is_not_drawn_but_its_metric_is() -> None:
    values: dict[str, JsonValue] = {"alarms": {"severities": ["P0"]}}
    processor = next(
        p
        for p in list_graph_properties(build_monitoring_graph(values))
        if p["title"] == "Processor"
    )
    assert [line["label"] for line in processor["annotations"]["horizontal"]] == [
        "P0 database-cpu-critical"
    ]
    memory = next(
        p
        for p in list_graph_properties(build_monitoring_graph(values))
        if p["title"] == "Memory that can be freed"
    )
    assert memory["metrics"]
    assert "annotations" not in memory


@pytest.mark.parametrize("profile", ["dev", "prod"])
@pytest.mark.parametrize(
    "values", [{}, {"compute": "none"}, ALL_WATCHED_CONFIG], ids=["plain", "database", "all"]
)
def test_a_body_is_one_that_cloudwatch_takes(values: dict[str, JsonValue], profile: str) -> None:
    if profile == "dev":
        values = {k: v for k, v in values.items() if k != "loadBalancer"}
        values["cluster"] = {"containerInsights": "enabled"}  # which scaling by a queue needs
    for name, widgets in load_dashboard_widgets(
        build_monitoring_graph(values, profile=profile)
    ).items():
        assert len(widgets) <= 500
        for widget in widgets:
            assert set(widget) == {"type", "x", "y", "width", "height", "properties"}, name
            assert widget["x"] + widget["width"] <= 24
            _WIDGET_CHECKS[widget["type"]](widget["properties"])


def _check_metric_widget(properties: WidgetContent) -> None:
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
        *dimensions, options = metric
        assert len(dimensions) % 2 == 0
        assert all(isinstance(part, str) and part for part in dimensions)
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


def _check_log_widget(properties: WidgetContent) -> None:
    assert properties["query"].startswith("SOURCE '/bulwark/test/")
    assert properties["view"] == "table"
    assert properties["region"] == "eu-north-1"


def _check_alarm_widget(properties: WidgetContent) -> None:
    assert set(properties) == {"title", "alarms"}
    assert all(arn.startswith("arn:aws:cloudwatch:") for arn in properties["alarms"])


def _check_text_widget(properties: WidgetContent) -> None:
    assert properties["markdown"]


_WIDGET_CHECKS = {
    "metric": _check_metric_widget,
    "log": _check_log_widget,
    "alarm": _check_alarm_widget,
    "text": _check_text_widget,
}


def test_flow_logs_are_shown_where_cloudwatch_has_them() -> None:
    shown = [
        w
        for w in load_dashboard_widgets(build_monitoring_graph(ALL_WATCHED_CONFIG))[
            "bulwark-test-infrastructure"
        ]
        if w["type"] == "log"
    ]
    assert [w["properties"]["title"] for w in shown] == ["Flow logs: refused", "Flow logs: busiest"]
    off: dict[str, JsonValue] = {"network": {"flowLogs": []}}
    assert not [
        w
        for w in load_dashboard_widgets(build_monitoring_graph(off))["bulwark-test-infrastructure"]
        if w["type"] == "log"
    ]


def test_errors_in_the_logs_of_all_programs_are_shown_to_users_of_the_application() -> None:
    widgets = load_dashboard_widgets(build_monitoring_graph(ALL_WATCHED_CONFIG))
    (errors,) = [w for w in widgets["bulwark-test-application"] if w["type"] == "log"]
    assert errors["properties"]["query"] == (
        "SOURCE '/bulwark/test/services/backend' | SOURCE '/bulwark/test/fleet' | "
        f"{LOG_QUERIES['error-lines'].text}"
    )


@pytest.mark.parametrize(
    ("title", "labels"),
    [
        ("Requests", {"backend requests", "backend 2xx"}),
        ("Load balancer: connections", {"active", "new"}),
        ("Fleet: instances", {"in service", "wanted", "least", "most"}),
        ("Fleet: network", {"in", "out"}),
    ],
)
def test_what_users_and_the_fleet_do_is_drawn(title: str, labels: set[str]) -> None:
    properties = list_graph_properties(build_monitoring_graph(ALL_WATCHED_CONFIG))
    graph = next(p for p in properties if p["title"] == title and p["period"] == 60)
    shown = {metric[-1]["label"] for metric in graph["metrics"] if "label" in metric[-1]}
    assert all(any(label.endswith(word) for label in shown) for word in labels), shown


def test_billing_metrics_are_read_from_us_east_1() -> None:
    bill_properties = [
        p
        for p in list_graph_properties(build_monitoring_graph(ALL_WATCHED_CONFIG))
        if "AWS/Billing" in json.dumps(p["metrics"])
    ]
    assert len(bill_properties) == 2
    assert {p["region"] for p in bill_properties} == {"us-east-1"}
    others = [
        p
        for p in list_graph_properties(build_monitoring_graph(ALL_WATCHED_CONFIG))
        if p not in bill_properties
    ]
    assert {p["region"] for p in others} == {"eu-north-1"}


def test_a_web_firewall_is_shown_where_there_is_one() -> None:
    titles = {p["title"] for p in list_graph_properties(build_monitoring_graph(ALL_WATCHED_CONFIG))}
    assert "Web firewall" in titles
    assert "Web firewall" not in {
        p["title"] for p in list_graph_properties(build_monitoring_graph(profile="dev"))
    }

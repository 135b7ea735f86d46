"""Alarms as registered: whom they tell, what they say, what they watch."""

import pytest
from pydantic import JsonValue

from components.alarm_registry import REGISTRY_ALARMS
from ops.outputs import AlarmsPart
from sandbox.program import RegisteredResource, ResourceGraph
from tests.components.monitored_stack import (
    ALL_WATCHED_CONFIG,
    TWO_SERVICES,
    build_monitoring_graph,
    get_alarms_part,
    list_planned_alarms,
)

METRIC_ALARM_TYPE = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE_ALARM_TYPE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
TOPIC_ARN_PREFIX = "arn:aws:sns:eu-north-1:123456789012:topic/topics-"
ENTRIES_BY_KEY = {entry.key: entry for entry in REGISTRY_ALARMS}


def get_metric_alarm(graph: ResourceGraph, name: str) -> RegisteredResource:
    return next(
        a
        for a in graph.list_resources(METRIC_ALARM_TYPE)
        if a.inputs["name"] == f"bulwark-test-{name}"
    )


def list_named_alarms() -> list[tuple[str, RegisteredResource]]:
    graph = build_monitoring_graph(ALL_WATCHED_CONFIG)
    named_alarms = _list_named(graph)
    assert len(named_alarms) > 100
    return named_alarms


def _list_named(graph: ResourceGraph) -> list[tuple[str, RegisteredResource]]:
    return [
        *((a.inputs["name"], a) for a in graph.list_resources(METRIC_ALARM_TYPE)),
        *((a.inputs["alarmName"], a) for a in graph.list_resources(COMPOSITE_ALARM_TYPE)),
    ]


@pytest.mark.parametrize("control", ["CloudWatch.15"])
def test_each_alarm_notifies_or_is_part_of_a_composite(control: str) -> None:
    rules = " ".join(
        a.inputs["alarmRule"]
        for a in build_monitoring_graph(ALL_WATCHED_CONFIG).list_resources(COMPOSITE_ALARM_TYPE)
    )
    for name, alarm in list_named_alarms():
        if "alarmActions" in alarm.inputs:
            assert alarm.inputs["okActions"] == alarm.inputs["alarmActions"], control
        else:
            assert f'ALARM("{name}")' in rules


def test_p0_and_p1_page_and_p2_warns() -> None:
    for name, alarm in list_named_alarms():
        actions = alarm.inputs.get("alarmActions")
        severity = alarm.inputs["alarmDescription"][:2]
        if "topic-failing" in name:
            assert actions == [f"{TOPIC_ARN_PREFIX}page", f"{TOPIC_ARN_PREFIX}warn"]
        elif actions is not None:
            assert severity != "P3"
            assert actions == [
                f"{TOPIC_ARN_PREFIX}warn" if severity == "P2" else f"{TOPIC_ARN_PREFIX}page"
            ], name


def test_a_description_says_severity_meaning_and_command() -> None:
    for name, alarm in list_named_alarms():
        description = alarm.inputs["alarmDescription"]
        assert description[:4] in ("P0. ", "P1. ", "P2. "), name
        assert " Run: ops " in description
        assert len(description) <= 1024
    description = get_metric_alarm(
        build_monitoring_graph(ALL_WATCHED_CONFIG), "target-none-healthy-backend"
    ).inputs["alarmDescription"]
    assert description.endswith("Run: ops service events --service backend")


def test_the_numbers_of_the_settings_are_those_of_the_alarm_and_of_its_description() -> None:
    override: JsonValue = {
        "threshold": 65,
        "periodMinutes": 5,
        "periods": 3,
        "datapoints": 2,
        "severity": "P2",
        "missingData": "notBreaching",
    }
    values: dict[str, JsonValue] = {"alarms": {"overrides": {"database-cpu-high": override}}}
    graph = build_monitoring_graph(values)
    alarm = get_metric_alarm(graph, "database-cpu-high-primary").inputs
    assert (alarm["threshold"], alarm["period"]) == (65, 300)
    assert (alarm["evaluationPeriods"], alarm["datapointsToAlarm"]) == (3, 2)
    assert alarm["treatMissingData"] == "notBreaching"
    assert alarm["alarmActions"] == alarm["okActions"] == [f"{TOPIC_ARN_PREFIX}warn"]
    assert alarm["alarmDescription"] == (
        "P2. The database is short of CPU: queries begin to queue. "
        "Raised at: > 65 % in 2 of 3 periods of 5 min. Run: ops db slow"
    )
    names = get_alarms_part(values)[0]["names"]
    assert "bulwark-test-database-cpu-high-primary" in names["P2"]


def test_p3_notifies_nobody_and_is_in_the_contract() -> None:
    overrides: JsonValue = {
        "cache-hit-rate-low": {"severity": "P3"},
        "slo-latency-slow-burn": {"severity": "P3"},
        "topic-failing": {"severity": "P3"},
    }
    values: dict[str, JsonValue] = {**ALL_WATCHED_CONFIG, "alarms": {"overrides": overrides}}
    graph = build_monitoring_graph(values)
    names = get_alarms_part(values)[0]["names"]["P3"]
    assert len(names) == 5  # two cache nodes, the composite, two topics
    silent = [a for n, a in _list_named(graph) if n in names]
    assert len(silent) == 5
    assert not any("alarmActions" in a.inputs or "okActions" in a.inputs for a in silent)
    assert all(a.inputs["alarmDescription"].startswith("P3. ") for a in silent)


def test_the_window_of_a_metric_math_alarm_comes_from_the_settings() -> None:
    overrides: JsonValue = {"target-5xx-rate": {"periodMinutes": 10, "periods": 1}}
    graph = build_monitoring_graph({**ALL_WATCHED_CONFIG, "alarms": {"overrides": overrides}})
    queries = get_metric_alarm(graph, "target-5xx-rate-backend").inputs["metricQueries"]
    assert {q["metric"]["period"] for q in queries if "metric" in q} == {600}


def test_a_plain_alarm_is_registered_as_its_entry_says() -> None:
    alarm = get_metric_alarm(
        build_monitoring_graph(ALL_WATCHED_CONFIG), "database-read-slow-replica-1"
    ).inputs
    assert alarm["extendedStatistic"] == "p90"
    assert "statistic" not in alarm
    assert alarm["dimensions"] == {"DBInstanceIdentifier": "bulwark-test-database-replica-1"}
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/RDS", "ReadLatency")
    assert (alarm["period"], alarm["evaluationPeriods"], alarm["threshold"]) == (60, 5, 0.02)
    assert alarm["comparisonOperator"] == "GreaterThanThreshold"
    assert alarm["datapointsToAlarm"] == alarm["evaluationPeriods"]


def test_metric_math_returns_its_expression_only() -> None:
    expression_count = 0
    for alarm in build_monitoring_graph(ALL_WATCHED_CONFIG).list_resources(METRIC_ALARM_TYPE):
        queries = alarm.inputs.get("metricQueries")
        assert (queries is None) == ("metricName" in alarm.inputs)
        if queries:
            expression_count += 1
            assert [q["id"] for q in queries if q["returnData"]] == ["value"]
            assert len({q["id"] for q in queries}) == len(queries)
            for query in queries[:-1]:
                assert query["id"] in queries[-1]["expression"]
                assert query["metric"]["dimensions"]
    assert expression_count > 20


def test_missing_data_are_treated_as_the_entry_says_but_never_forgotten() -> None:
    for alarm in build_monitoring_graph(ALL_WATCHED_CONFIG).list_resources(METRIC_ALARM_TYPE):
        assert alarm.inputs["treatMissingData"] in ("breaching", "notBreaching", "missing")
    idle: dict[str, JsonValue] = {"services": {"web": {"min": 0}}}
    silent = get_metric_alarm(build_monitoring_graph(idle), "service-cpu-high-web").inputs
    assert silent["treatMissingData"] == "notBreaching"
    assert get_metric_alarm(
        build_monitoring_graph(ALL_WATCHED_CONFIG), "service-cpu-high-backend"
    ).inputs["treatMissingData"] == ("breaching")


def test_composites_are_created_after_their_alarms_and_suppressors() -> None:
    graph = build_monitoring_graph(ALL_WATCHED_CONFIG)
    order = [r.inputs.get("name") or r.inputs.get("alarmName") for r in graph]
    for alarm in graph.list_resources(COMPOSITE_ALARM_TYPE):
        position = order.index(alarm.inputs["alarmName"])
        for name in alarm.inputs["alarmRule"].split('"')[1::2]:
            assert order.index(name) < position
        suppressor = alarm.inputs.get("actionsSuppressor")
        if suppressor:
            assert order.index(suppressor["alarm"]) < position
            assert (suppressor["waitPeriod"], suppressor["extensionPeriod"]) == (120, 300)


def test_dev_pages_for_the_worst_only() -> None:
    graph = build_monitoring_graph(profile="dev")
    assert {a.inputs["alarmDescription"][:2] for a in graph.list_resources(METRIC_ALARM_TYPE)} == {
        "P0"
    }
    assert graph.list_resources(COMPOSITE_ALARM_TYPE) == []


def test_prod_has_a_bounded_number_of_alarms() -> None:
    graph = build_monitoring_graph({"services": TWO_SERVICES})
    assert (
        60
        <= len(graph.list_resources(METRIC_ALARM_TYPE))
        + len(graph.list_resources(COMPOSITE_ALARM_TYPE))
        <= 80
    )
    billed_metrics = sum(
        len(a.inputs["metricQueries"]) - 1 if "metricQueries" in a.inputs else 1
        for a in graph.list_resources(METRIC_ALARM_TYPE)
    )
    assert billed_metrics <= 110, "each metric is 0.10 $ a month"


def test_deployments_roll_back_on_errors_and_latency_of_their_own_service() -> None:
    _, deployment_alarms = get_alarms_part(ALL_WATCHED_CONFIG)
    assert deployment_alarms == {
        **{
            service: (
                f"bulwark-test-target-5xx-count-{service}",
                f"bulwark-test-target-latency-high-{service}",
            )
            for service in ("backend", "frontend")
        },
        "mailer": ("bulwark-test-worker-restarting-mailer",),
    }
    alarm_names = {
        a.inputs["name"]
        for a in build_monitoring_graph(ALL_WATCHED_CONFIG).list_resources(METRIC_ALARM_TYPE)
    }
    assert {name for names in deployment_alarms.values() for name in names} <= alarm_names


def test_without_their_severities_no_deployment_watches_alarms() -> None:
    _, deployment_alarms = get_alarms_part({"alarms": {"severities": ["P0"]}})
    assert deployment_alarms == {"web": ()}


def test_the_contract_lists_notifying_alarms_by_severity() -> None:
    part, _ = get_alarms_part(ALL_WATCHED_CONFIG)
    names = AlarmsPart.model_validate(part).names
    assert list(names) == ["P0", "P1", "P2", "P3"]
    listed_names = [name for each in names.values() for name in each]
    assert len(listed_names) == len(set(listed_names))
    notifying_names = {
        name for name, alarm in list_named_alarms() if "alarmActions" in alarm.inputs
    }
    assert set(listed_names) == notifying_names
    assert "bulwark-test-database-cpu-critical-primary" in names["P0"]
    assert "bulwark-test-slo-latency-slow-burn" in names["P2"]


def test_an_override_reaches_the_alarm() -> None:
    values: dict[str, JsonValue] = {
        "alarms": {"overrides": {"nat-ports-exhausted": {"threshold": 9}}}
    }
    assert (
        get_metric_alarm(build_monitoring_graph(values), "nat-ports-exhausted-a").inputs[
            "threshold"
        ]
        == 9
    )
    assert list_planned_alarms("nat-ports-exhausted")[0].threshold == 0

"""Alarms as registered: whom they tell, what they say, what they watch."""

import pytest
from pydantic import JsonValue

from components.alarm_registry import ALARMS
from ops.outputs import AlarmsPart
from sandbox.program import RegisteredResource, ResourceGraph
from tests.components.monitored_stack import ALL, TWO, parts_of, planned, watched

METRIC = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
SNS = "arn:aws:sns:eu-north-1:123456789012:topic/topics-"
ENTRIES = {entry.key: entry for entry in ALARMS}


def metric(graph: ResourceGraph, name: str) -> RegisteredResource:
    return next(
        a for a in graph.list_resources(METRIC) if a.inputs["name"] == f"bulwark-test-{name}"
    )


def everything() -> list[tuple[str, RegisteredResource]]:
    graph = watched(ALL)
    named = [(a.inputs["name"], a) for a in graph.list_resources(METRIC)]
    named += [(a.inputs["alarmName"], a) for a in graph.list_resources(COMPOSITE)]
    assert len(named) > 100
    return named


@pytest.mark.parametrize("control", ["CloudWatch.15"])
def test_an_alarm_tells_somebody_or_a_composite_does(control: str) -> None:
    rules = " ".join(a.inputs["alarmRule"] for a in watched(ALL).list_resources(COMPOSITE))
    for name, alarm in everything():
        if "alarmActions" in alarm.inputs:
            assert alarm.inputs["okActions"] == alarm.inputs["alarmActions"], control
        else:
            assert f'ALARM("{name}")' in rules


def test_p0_and_p1_page_and_p2_warns() -> None:
    for name, alarm in everything():
        told = alarm.inputs.get("alarmActions")
        severity = alarm.inputs["alarmDescription"][:2]
        if "topic-failing" in name:
            assert told == [f"{SNS}page", f"{SNS}warn"]
        elif told is not None:
            assert told == [f"{SNS}warn" if severity == "P2" else f"{SNS}page"], name


def test_a_description_says_severity_meaning_and_command() -> None:
    for name, alarm in everything():
        said = alarm.inputs["alarmDescription"]
        assert said[:4] in ("P0. ", "P1. ", "P2. "), name
        assert " Run: ops " in said
        assert len(said) <= 1024
    said = metric(watched(ALL), "target-none-healthy-backend").inputs["alarmDescription"]
    assert said.endswith("Run: ops service events --service backend")


def test_a_plain_alarm_is_registered_as_its_entry_says() -> None:
    alarm = metric(watched(ALL), "database-read-slow-replica-1").inputs
    assert alarm["extendedStatistic"] == "p90"
    assert "statistic" not in alarm
    assert alarm["dimensions"] == {"DBInstanceIdentifier": "bulwark-test-database-replica-1"}
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/RDS", "ReadLatency")
    assert (alarm["period"], alarm["evaluationPeriods"], alarm["threshold"]) == (60, 5, 0.02)
    assert alarm["comparisonOperator"] == "GreaterThanThreshold"
    assert alarm["datapointsToAlarm"] == alarm["evaluationPeriods"]


def test_metric_math_returns_its_expression_only() -> None:
    seen = 0
    for alarm in watched(ALL).list_resources(METRIC):
        queries = alarm.inputs.get("metricQueries")
        assert (queries is None) == ("metricName" in alarm.inputs)
        if queries:
            seen += 1
            assert [q["id"] for q in queries if q["returnData"]] == ["value"]
            assert len({q["id"] for q in queries}) == len(queries)
            for query in queries[:-1]:
                assert query["id"] in queries[-1]["expression"]
                assert query["metric"]["dimensions"]
    assert seen > 20


def test_missing_data_are_treated_as_the_entry_says_but_never_forgotten() -> None:
    for alarm in watched(ALL).list_resources(METRIC):
        assert alarm.inputs["treatMissingData"] in ("breaching", "notBreaching", "missing")
    idle: dict[str, JsonValue] = {"services": {"web": {"min": 0}}}
    silent = metric(watched(idle), "service-cpu-high-web").inputs
    assert silent["treatMissingData"] == "notBreaching"
    assert metric(watched(ALL), "service-cpu-high-backend").inputs["treatMissingData"] == (
        "breaching"
    )


def test_composites_come_after_what_they_ask_about_and_know_whom_they_yield_to() -> None:
    graph = watched(ALL)
    order = [r.inputs.get("name") or r.inputs.get("alarmName") for r in graph]
    for alarm in graph.list_resources(COMPOSITE):
        here = order.index(alarm.inputs["alarmName"])
        for name in alarm.inputs["alarmRule"].split('"')[1::2]:
            assert order.index(name) < here
        suppressor = alarm.inputs.get("actionsSuppressor")
        if suppressor:
            assert order.index(suppressor["alarm"]) < here
            assert (suppressor["waitPeriod"], suppressor["extensionPeriod"]) == (120, 300)


def test_dev_pages_for_the_worst_only() -> None:
    graph = watched(profile="dev")
    assert {a.inputs["alarmDescription"][:2] for a in graph.list_resources(METRIC)} == {"P0"}
    assert graph.list_resources(COMPOSITE) == []


def test_prod_stays_within_what_people_and_the_bill_can_bear() -> None:
    graph = watched({"services": TWO})
    assert 60 <= len(graph.list_resources(METRIC)) + len(graph.list_resources(COMPOSITE)) <= 80
    billed = sum(
        len(a.inputs["metricQueries"]) - 1 if "metricQueries" in a.inputs else 1
        for a in graph.list_resources(METRIC)
    )
    assert billed <= 110, "each metric is 0.10 $ a month"


def test_deployments_roll_back_on_errors_and_latency_of_their_own_service() -> None:
    _, rolled = parts_of(ALL)
    assert rolled == {
        service: (
            f"bulwark-test-target-5xx-count-{service}",
            f"bulwark-test-target-latency-high-{service}",
        )
        for service in ("backend", "frontend")
    }
    made = {a.inputs["name"] for a in watched(ALL).list_resources(METRIC)}
    assert {name for names in rolled.values() for name in names} <= made


def test_without_these_severities_no_deployment_waits_for_alarms() -> None:
    _, rolled = parts_of({"alarms": {"severities": ["P0"]}})
    assert rolled == {"web": ()}


def test_the_contract_names_each_alarm_that_tells_somebody_by_severity() -> None:
    part, _ = parts_of(ALL)
    names = AlarmsPart.model_validate(part).names
    assert list(names) == ["P0", "P1", "P2"]
    listed = [name for each in names.values() for name in each]
    assert len(listed) == len(set(listed))
    telling = {name for name, alarm in everything() if "alarmActions" in alarm.inputs}
    assert set(listed) == telling
    assert "bulwark-test-database-cpu-critical-primary" in names["P0"]
    assert "bulwark-test-slo-latency-slow-burn" in names["P2"]


def test_an_override_reaches_the_alarm() -> None:
    given: dict[str, JsonValue] = {
        "alarms": {"overrides": {"nat-ports-exhausted": {"threshold": 9}}}
    }
    assert metric(watched(given), "nat-ports-exhausted-a").inputs["threshold"] == 9
    assert planned("nat-ports-exhausted")[0].threshold == 0

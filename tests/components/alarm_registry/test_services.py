"""Alarms of the services and of the fleet."""

import pytest
from pydantic import JsonValue

from tests.components.monitored_stack import (
    ALL_WATCHED_CONFIG,
    build_stack_facts,
    get_alarm_entry,
    get_metric_math,
    list_planned_alarms,
)


@pytest.mark.parametrize(
    ("control", "severity", "threshold", "minutes"),
    [
        ("service-cpu-high", "P1", 80, 10),
        ("service-memory-high", "P2", 80, 15),
        ("service-tasks-missing", "P1", 0, 5),
    ],
)
def test_each_service_is_watched_and_silence_is_an_alarm(
    control: str, severity: str, threshold: float, minutes: int
) -> None:
    planned_alarms = list_planned_alarms(control, ALL_WATCHED_CONFIG)
    assert [alarm.subject for alarm in planned_alarms] == ["backend", "frontend", "mailer"]
    alarm = get_alarm_entry(control)
    assert (alarm.severity, alarm.duration_seconds, alarm.missing_data) == (
        severity,
        minutes * 60,
        "breaching",
    )
    assert {(p.threshold, p.entry.comparison) for p in planned_alarms} == {(threshold, ">")}


def test_running_tasks_are_compared_with_the_desired_count_and_the_minimum() -> None:
    values: dict[str, JsonValue] = {"services": {"web": {"min": 3}}}
    assert get_metric_math("service-tasks-missing", values, "web") == (
        "IF(wanted > 3, wanted, 3) - running"
    )


def test_without_container_insights_there_is_no_task_count_alarm() -> None:
    values: dict[str, JsonValue] = {"cluster": {"containerInsights": "disabled"}}
    assert list_planned_alarms("service-tasks-missing", values) == []


def test_missing_data_of_a_service_with_minimum_zero_is_no_alarm() -> None:
    facts = build_stack_facts({"services": {"web": {"min": 0}}})
    assert (
        get_alarm_entry("service-cpu-high").get_missing_data(facts.settings, "web")
        == "notBreaching"
    )


@pytest.mark.parametrize(
    ("control", "severity", "compare", "threshold", "period", "periods"),
    [
        ("fleet-short", "P1", ">", 0, 60, 10),
        ("fleet-status-check", "P1", ">=", 1, 300, 2),
        ("fleet-cpu-high", "P1", ">", 80, 300, 3),
        ("fleet-memory-high", "P2", ">", 80, 300, 3),
        ("fleet-disk-full", "P2", ">", 80, 300, 3),
    ],
)
def test_fleet_alarms_exist_only_with_a_fleet(
    control: str, severity: str, compare: str, threshold: float, period: int, periods: int
) -> None:
    assert list_planned_alarms(control, {"compute": "services"}) == []
    (alarm,) = list_planned_alarms(control, {"compute": "fleet"})
    assert (alarm.entry.severity, alarm.entry.comparison) == (severity, compare)
    assert (alarm.threshold, alarm.entry.period_seconds, alarm.entry.evaluation_periods) == (
        threshold,
        period,
        periods,
    )


def test_a_short_fleet_is_an_alarm_also_without_data() -> None:
    assert get_alarm_entry("fleet-short").missing_data == "breaching"
    assert get_metric_math("fleet-short") == "wanted - serving"

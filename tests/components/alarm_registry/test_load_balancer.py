"""Alarms of the load balancer and its targets."""

import pytest
from pydantic import JsonValue

from tests.components.monitored_stack import (
    ALL_WATCHED_CONFIG,
    get_alarm_entry,
    get_metric_math,
    list_planned_alarms,
    plan_stack_alarms,
)
from tests.world import build_settings


@pytest.mark.parametrize(
    ("control", "severity", "compare", "threshold", "minutes"),
    [
        ("target-none-healthy", "P0", "<", 1, 2),
        ("target-unhealthy", "P2", ">", 0, 10),
        ("target-5xx-count", "P1", ">", 50, 5),
        ("target-5xx-rate", "P2", ">", 5, 10),
        ("target-latency-high", "P1", ">", 1.0, 10),
        ("target-latency-raised", "P2", ">", 0.5, 15),
        ("target-connection-errors", "P2", ">=", 10, 10),
    ],
)
def test_each_target_group_is_watched(
    control: str, severity: str, compare: str, threshold: float, minutes: int
) -> None:
    planned_alarms = list_planned_alarms(control, ALL_WATCHED_CONFIG)
    assert [alarm.subject for alarm in planned_alarms] == ["backend", "frontend", "fleet"]
    assert {alarm.threshold for alarm in planned_alarms} == {threshold}
    alarm = get_alarm_entry(control)
    assert (alarm.severity, alarm.comparison, alarm.duration_seconds) == (
        severity,
        compare,
        minutes * 60,
    )


@pytest.mark.parametrize(
    ("control", "severity", "compare", "threshold"),
    [
        ("balancer-5xx", "P1", ">=", 10),
        ("balancer-rejected", "P1", ">", 0),
        ("certificate-expiring", "P2", "<=", 44),
    ],
)
def test_the_load_balancer_itself_is_watched(
    control: str, severity: str, compare: str, threshold: float
) -> None:
    (alarm,) = list_planned_alarms(control, ALL_WATCHED_CONFIG)
    assert alarm.name == f"bulwark-test-{control}"
    assert (alarm.entry.severity, alarm.entry.comparison, alarm.threshold) == (
        severity,
        compare,
        threshold,
    )


def test_latency_follows_the_objective() -> None:
    values: dict[str, JsonValue] = {**ALL_WATCHED_CONFIG, "alarms": {"latencyObjectiveMs": 200}}
    assert {alarm.threshold for alarm in list_planned_alarms("target-latency-high", values)} == {
        0.4
    }
    assert {alarm.threshold for alarm in list_planned_alarms("target-latency-raised", values)} == {
        0.2
    }


def test_an_error_rate_is_not_judged_on_few_requests() -> None:
    values: dict[str, JsonValue] = {"alarms": {"minimumRequests": 20}}
    assert get_metric_math("target-5xx-rate", values) == (
        "IF(FILL(all, 0) >= 20, 100 * FILL(bad, 0) / all, 0)"
    )


def test_missing_data_of_a_target_group_is_an_outage_unless_zero_targets_are_allowed() -> None:
    services: dict[str, JsonValue] = {
        "backend": {"min": 0, "paths": ["/api/*"]},
        "frontend": {},
    }
    values: dict[str, JsonValue] = {**ALL_WATCHED_CONFIG, "services": services}
    alarm_plan = plan_stack_alarms(values)
    missing = {
        alarm.subject: alarm.entry.get_missing_data(build_settings(values), alarm.subject)
        for alarm in alarm_plan.alarms
        if alarm.entry.key == "target-none-healthy"
    }
    assert missing == {"backend": "notBreaching", "frontend": "breaching", "fleet": "breaching"}


def test_a_stack_without_compute_has_no_traffic_alarms() -> None:
    keys = {alarm.entry.key for alarm in plan_stack_alarms({"compute": "none"}).alarms}
    assert keys
    assert not {key for key in keys if key.startswith(("target-", "balancer-", "certificate-"))}
    assert not {key for key in keys if key.startswith(("slo-", "service-", "fleet-"))}

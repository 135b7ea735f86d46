"""Alarms of the database: AWS's recommended ones and the stack's own."""

import pytest
from pydantic import JsonValue

from components.alarm_registry.database import compute_max_connections
from components.alarm_registry.model import MetricStatistic
from components.facts.instance_classes import get_rds_class
from ops.recovery.drill_identity import find_detection_seconds
from tests.components.monitored_stack import get_alarm_entry, list_planned_alarms
from tests.world import build_settings

GIB_BYTES = 1024**3
MAX_CONNECTIONS = get_rds_class("db.t4g.small").max_connections


@pytest.mark.parametrize(
    ("control", "severity", "compare", "threshold", "stat", "minutes"),
    [
        ("database-cpu-critical", "P0", ">", 90, "Average", 15),
        ("database-cpu-high", "P1", ">", 80, "Average", 10),
        ("database-connections-exhausted", "P0", ">", 0.95 * MAX_CONNECTIONS, "Maximum", 5),
        ("database-connections-high", "P1", ">", 0.8 * MAX_CONNECTIONS, "Maximum", 5),
        ("database-memory-low", "P2", "<", 0.5 * GIB_BYTES, "Average", 15),
        ("database-storage-critical", "P0", "<", 1 * GIB_BYTES, "Minimum", 5),
        ("database-storage-low", "P1", "<", 2 * GIB_BYTES, "Minimum", 5),
        ("database-disk-bytes", "P2", "<", 10, "Average", 3),
        ("database-disk-operations", "P2", "<", 10, "Average", 3),
        ("database-read-slow", "P2", ">", 0.02, "p90", 5),
        ("database-write-slow", "P2", ">", 0.02, "p90", 5),
        ("database-load-high", "P2", ">", 2, "Average", 15),
        ("database-transaction-ids", "P1", ">", 1e9, "Maximum", 1),
        ("database-silent", "P0", "<", 1, "SampleCount", 5),
    ],
)
def test_a_recommended_alarm_watches_the_primary(
    control: str, severity: str, compare: str, threshold: float, stat: str, minutes: int
) -> None:
    values: dict[str, JsonValue] = {"database": {"instanceClass": "db.t4g.small", "storageGb": 20}}
    (alarm,) = list_planned_alarms(control, values)
    assert alarm.name == f"bulwark-test-{control}-primary"
    assert (alarm.entry.severity, alarm.entry.comparison) == (severity, compare)
    assert alarm.threshold == pytest.approx(threshold)
    assert getattr(alarm.entry.metric, "stat", None) == stat
    assert (alarm.entry.period_seconds, alarm.entry.duration_seconds) == (60, minutes * 60)


@pytest.mark.parametrize("compute", ["none", "services"])
def test_a_lost_database_pages_within_five_minutes_with_and_without_services(compute: str) -> None:
    (alarm,) = list_planned_alarms("database-silent", {"compute": compute})
    assert alarm.subject == "primary"
    assert alarm.entry.get_missing_data(build_settings(), alarm.subject) == "breaching"
    metric = alarm.entry.metric
    assert isinstance(metric, MetricStatistic)
    registered = {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Period": alarm.entry.period_seconds,
        "EvaluationPeriods": alarm.entry.evaluation_periods,
        "TreatMissingData": alarm.entry.missing_data,
    }
    assert find_detection_seconds({"detection": {"MetricAlarms": [registered]}}) == 300


def test_replica_lag_is_watched_for_ten_minutes_on_replicas_only() -> None:
    assert list_planned_alarms("database-replica-lag") == []
    planned_alarms = list_planned_alarms("database-replica-lag", {"database": {"replicas": 2}})
    assert [alarm.subject for alarm in planned_alarms] == ["replica-1", "replica-2"]
    assert {(alarm.threshold, alarm.entry.duration_seconds) for alarm in planned_alarms} == {
        (60, 600)
    }


def test_thresholds_follow_the_class_of_each_instance() -> None:
    values: dict[str, JsonValue] = {
        "database": {
            "instanceClass": "db.m7g.xlarge",
            "replicas": 1,
            "replicaClass": "db.r7g.large",
            "storageGb": 100,
            "maxStorageGb": 200,
        }
    }
    memory = {
        alarm.subject: alarm.threshold
        for alarm in list_planned_alarms("database-memory-low", values)
    }
    assert memory == {"primary": 4 * GIB_BYTES, "replica-1": 4 * GIB_BYTES}
    load = {
        alarm.subject: alarm.threshold
        for alarm in list_planned_alarms("database-load-high", values)
    }
    assert load == {"primary": 4, "replica-1": 2}
    assert {alarm.threshold for alarm in list_planned_alarms("database-storage-low", values)} == {
        10 * GIB_BYTES
    }


def test_the_connections_threshold_follows_a_numeric_max_connections() -> None:
    settings_with_limit = build_settings({"database": {"parameters": {"max_connections": "300"}}})
    assert compute_max_connections(settings_with_limit, "primary") == 300
    formula = build_settings(
        {"database": {"parameters": {"max_connections": "{DBInstanceVCPU}*100"}}}
    )
    small = get_rds_class("db.t4g.small").max_connections
    assert compute_max_connections(formula, "primary") == small


def test_load_is_not_watched_without_performance_insights() -> None:
    assert (
        list_planned_alarms("database-load-high", {"database": {"performanceInsights": False}})
        == []
    )


def test_classes_that_do_not_burst_raise_no_alarm_for_their_missing_credits() -> None:
    assert get_alarm_entry("database-disk-bytes").missing_data == "notBreaching"
    assert get_alarm_entry("database-disk-operations").missing_data == "notBreaching"

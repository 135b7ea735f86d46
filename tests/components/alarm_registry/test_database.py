"""Alarms of the database: AWS's recommended ones and the stack's own."""

import pytest
from pydantic import JsonValue

from components.alarm_registry.database import max_connections
from components.instance_classes import get_rds_class
from tests.components.monitored_stack import entry, planned
from tests.world import settings

GIB = 1024**3
MOST = get_rds_class("db.t4g.small").max_connections


@pytest.mark.parametrize(
    ("control", "severity", "compare", "threshold", "stat", "minutes"),
    [
        ("database-cpu-critical", "P0", ">", 90, "Average", 15),
        ("database-cpu-high", "P1", ">", 80, "Average", 10),
        ("database-connections-exhausted", "P0", ">", 0.95 * MOST, "Maximum", 5),
        ("database-connections-high", "P1", ">", 0.8 * MOST, "Maximum", 5),
        ("database-memory-low", "P2", "<", 0.5 * GIB, "Average", 15),
        ("database-storage-critical", "P0", "<", 1 * GIB, "Minimum", 5),
        ("database-storage-low", "P1", "<", 2 * GIB, "Minimum", 5),
        ("database-disk-bytes", "P2", "<", 10, "Average", 3),
        ("database-disk-operations", "P2", "<", 10, "Average", 3),
        ("database-read-slow", "P2", ">", 0.02, "p90", 5),
        ("database-write-slow", "P2", ">", 0.02, "p90", 5),
        ("database-load-high", "P2", ">", 2, "Average", 15),
        ("database-transaction-ids", "P1", ">", 1e9, "Maximum", 1),
    ],
)
def test_a_recommended_alarm_watches_the_primary(
    control: str, severity: str, compare: str, threshold: float, stat: str, minutes: int
) -> None:
    given: dict[str, JsonValue] = {"database": {"instanceClass": "db.t4g.small", "storageGb": 20}}
    (one,) = planned(control, given)
    assert one.name == f"bulwark-test-{control}-primary"
    assert (one.entry.severity, one.entry.compare) == (severity, compare)
    assert one.threshold == pytest.approx(threshold)
    assert getattr(one.entry.watch, "stat", None) == stat
    assert (one.entry.period, one.entry.seconds) == (60, minutes * 60)


def test_replica_lag_is_watched_for_ten_minutes_on_replicas_only() -> None:
    assert planned("database-replica-lag") == []
    made = planned("database-replica-lag", {"database": {"replicas": 2}})
    assert [one.subject for one in made] == ["replica-1", "replica-2"]
    assert {(one.threshold, one.entry.seconds) for one in made} == {(60, 600)}


def test_thresholds_follow_the_class_of_each_instance() -> None:
    given: dict[str, JsonValue] = {
        "database": {
            "instanceClass": "db.m7g.xlarge",
            "replicas": 1,
            "replicaClass": "db.r7g.large",
            "storageGb": 100,
            "maxStorageGb": 200,
        }
    }
    memory = {one.subject: one.threshold for one in planned("database-memory-low", given)}
    assert memory == {"primary": 4 * GIB, "replica-1": 4 * GIB}
    load = {one.subject: one.threshold for one in planned("database-load-high", given)}
    assert load == {"primary": 4, "replica-1": 2}
    assert {one.threshold for one in planned("database-storage-low", given)} == {10 * GIB}


def test_connections_follow_the_parameter_where_it_is_a_number() -> None:
    named = settings({"database": {"parameters": {"max_connections": "300"}}})
    assert max_connections(named, "primary") == 300
    formula = settings({"database": {"parameters": {"max_connections": "{DBInstanceVCPU}*100"}}})
    small = get_rds_class("db.t4g.small").max_connections
    assert max_connections(formula, "primary") == small


def test_load_is_not_watched_without_performance_insights() -> None:
    assert planned("database-load-high", {"database": {"performanceInsights": False}}) == []


def test_classes_that_do_not_burst_raise_no_alarm_for_their_missing_credits() -> None:
    assert entry("database-disk-bytes").missing == "notBreaching"
    assert entry("database-disk-operations").missing == "notBreaching"

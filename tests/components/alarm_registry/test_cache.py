"""Alarms of the cache."""

import pytest
from pydantic import JsonValue

from components.facts.instance_classes import get_cache_node
from tests.components.monitored_stack import (
    build_stack_facts,
    get_alarm_entry,
    get_metric_math,
    list_planned_alarms,
)

CACHE_CONFIG: dict[str, JsonValue] = {"cache": {"enabled": True, "nodeType": "cache.m7g.xlarge"}}


@pytest.mark.parametrize(
    ("control", "severity", "compare", "threshold", "minutes"),
    [
        ("cache-engine-cpu-high", "P1", ">", 90, 5),
        ("cache-host-cpu-high", "P2", ">", 22.5, 5),
        ("cache-memory-high", "P2", ">", 80, 5),
        ("cache-connections-high", "P2", ">", 52_000, 5),
        ("cache-replication-lag", "P2", ">", 30, 15),
        ("cache-hit-rate-low", "P2", "<", 70, 15),
    ],
)
def test_each_node_is_watched(
    control: str, severity: str, compare: str, threshold: float, minutes: int
) -> None:
    planned_alarms = list_planned_alarms(control, CACHE_CONFIG)
    assert [alarm.subject for alarm in planned_alarms] == ["001", "002"]
    assert {alarm.threshold for alarm in planned_alarms} == {threshold}
    alarm = get_alarm_entry(control)
    assert (alarm.severity, alarm.comparison, alarm.duration_seconds) == (
        severity,
        compare,
        minutes * 60,
    )


def test_nodes_are_named_as_elasticache_names_them() -> None:
    facts = build_stack_facts(CACHE_CONFIG)
    dimensions = [
        get_alarm_entry("cache-memory-high").kind.get_dimensions(facts, alarm.subject)
        for alarm in list_planned_alarms("cache-memory-high", CACHE_CONFIG)
    ]
    assert dimensions[1] == {"CacheClusterId": "bulwark-test-cache-002", "CacheNodeId": "0001"}


def test_engine_cpu_is_one_core_of_the_nodes_cores() -> None:
    node = "cache.t4g.micro"
    values: dict[str, JsonValue] = {"cache": {"enabled": True, "nodeType": node}}
    (first, _) = list_planned_alarms("cache-host-cpu-high", values)
    assert first.threshold == 90 / get_cache_node(node).vcpu == 45


def test_a_hit_rate_of_few_reads_is_no_alarm() -> None:
    reads = "(FILL(hits, 0) + FILL(misses, 0))"
    assert get_metric_math("cache-hit-rate-low", {"alarms": {"minimumRequests": 9}}) == (
        f"IF({reads} >= 9, 100 * FILL(hits, 0) / {reads}, 100)"
    )


def test_a_single_node_has_no_lag_alarm_and_no_cache_means_no_cache_alarms() -> None:
    alone: dict[str, JsonValue] = {"cache": {"enabled": True, "replicas": 0}}
    assert list_planned_alarms("cache-replication-lag", alone) == []
    assert len(list_planned_alarms("cache-memory-high", alone)) == 1
    assert list_planned_alarms("cache-memory-high") == []

"""Alarms of the cache's nodes."""

from typing import TYPE_CHECKING, Final

from components.alarm_registry.kinds import CACHE_NODE_KIND
from components.alarm_registry.model import (
    AlarmEntry,
    MetricMath,
    MetricStatistic,
    Threshold,
    build_fixed_threshold,
)
from components.facts.instance_classes import get_cache_node
from components.facts.metrics import ELASTICACHE_NAMESPACE as ELASTICACHE_NAMESPACE

if TYPE_CHECKING:
    from components.settings.stack import Settings


def _compute_core_percent(settings: "Settings", _: str) -> float:
    """One thread serves the commands: 90 % of its core is a share of the node's processors."""
    return 90 / get_cache_node(settings.cache.node_type).vcpu


def _build_hit_rate_expression(settings: "Settings", _: str) -> str:
    min_requests = settings.alarms.minimum_requests
    reads = "(FILL(hits, 0) + FILL(misses, 0))"
    return f"IF({reads} >= {min_requests}, 100 * FILL(hits, 0) / {reads}, 100)"


CACHE_ALARMS: Final = (
    AlarmEntry(
        key="cache-engine-cpu-high",
        severity="P1",
        kind=CACHE_NODE_KIND,
        metric=MetricStatistic(ELASTICACHE_NAMESPACE, "EngineCPUUtilization"),
        comparison=">",
        threshold=build_fixed_threshold(90, "Percent"),
        unit="Percent",
        description="The cache's command thread is busy: all commands wait.",
        command="ops metrics cache",
        graph="cache-cpu",
    ),
    AlarmEntry(
        key="cache-host-cpu-high",
        severity="P2",
        kind=CACHE_NODE_KIND,
        metric=MetricStatistic(ELASTICACHE_NAMESPACE, "CPUUtilization"),
        comparison=">",
        threshold=Threshold(_compute_core_percent, "90 % of one core"),
        unit="Percent",
        description="The cache node is busy, with commands or with background work.",
        command="ops metrics cache",
        graph="cache-cpu",
    ),
    AlarmEntry(
        key="cache-memory-high",
        severity="P2",
        kind=CACHE_NODE_KIND,
        metric=MetricStatistic(ELASTICACHE_NAMESPACE, "DatabaseMemoryUsagePercentage"),
        comparison=">",
        threshold=build_fixed_threshold(80, "Percent"),
        unit="Percent",
        description="The cache is nearly full: it will evict keys or refuse writes.",
        command="ops metrics cache",
        graph="cache-memory",
    ),
    AlarmEntry(
        key="cache-connections-high",
        severity="P2",
        kind=CACHE_NODE_KIND,
        metric=MetricStatistic(ELASTICACHE_NAMESPACE, "CurrConnections", "Maximum"),
        comparison=">",
        threshold=Threshold(
            lambda s, _: get_cache_node(s.cache.node_type).max_connections * 80 / 100,
            "80 % of the node type's maximum",
        ),
        unit="Count",
        description="Connections are close to the maximum of the node type.",
        command="ops metrics cache",
        graph="cache-connections",
    ),
    AlarmEntry(
        key="cache-replication-lag",
        severity="P2",
        kind=CACHE_NODE_KIND,
        metric=MetricStatistic(ELASTICACHE_NAMESPACE, "ReplicationLag", "Maximum"),
        comparison=">",
        threshold=build_fixed_threshold(30, "Seconds"),
        unit="Seconds",
        evaluation_periods=15,
        missing_data="notBreaching",
        condition=lambda settings: settings.cache.replicas > 0,
        description="A cache replica lags behind: a failover would lose the newest writes.",
        command="ops health",
        graph="cache-lag",
    ),
    AlarmEntry(
        key="cache-hit-rate-low",
        severity="P2",
        kind=CACHE_NODE_KIND,
        metric=MetricMath(
            description="share of reads that found their key",
            metrics={
                "hits": MetricStatistic(ELASTICACHE_NAMESPACE, "CacheHits", "Sum"),
                "misses": MetricStatistic(ELASTICACHE_NAMESPACE, "CacheMisses", "Sum"),
            },
            build_expression=_build_hit_rate_expression,
        ),
        comparison="<",
        threshold=build_fixed_threshold(70, "Percent"),
        unit="Percent",
        period_seconds=300,
        evaluation_periods=3,
        missing_data="notBreaching",
        description="Many reads miss the cache: the database serves them instead.",
        command="ops metrics cache",
        graph="cache-hit-rate",
    ),
)

"""Alarms of the cache's nodes."""

from typing import TYPE_CHECKING, Final

from components.alarm_registry.kinds import CACHE_NODE
from components.alarm_registry.model import Alarm, Limit, Math, Metric, fixed
from components.instance_classes import get_cache_node

if TYPE_CHECKING:
    from components.settings.stack import Settings

NAMESPACE: Final = "AWS/ElastiCache"


def _one_core(settings: "Settings", _: str) -> float:
    """One thread serves the commands: 90 % of its core is a share of the node's processors."""
    return 90 / get_cache_node(settings.cache.node_type).vcpu


def _hit_rate(settings: "Settings", _: str) -> str:
    least = settings.alarms.minimum_requests
    asked = "(FILL(hits, 0) + FILL(misses, 0))"
    return f"IF({asked} >= {least}, 100 * FILL(hits, 0) / {asked}, 100)"


CACHE: Final = (
    Alarm(
        key="cache-engine-cpu-high",
        severity="P1",
        kind=CACHE_NODE,
        watch=Metric(NAMESPACE, "EngineCPUUtilization"),
        compare=">",
        limit=fixed(90, "Percent"),
        unit="Percent",
        says="The thread that serves the cache's commands is busy: all commands wait.",
        run="ops usage",
        graph="cache-cpu",
    ),
    Alarm(
        key="cache-host-cpu-high",
        severity="P2",
        kind=CACHE_NODE,
        watch=Metric(NAMESPACE, "CPUUtilization"),
        compare=">",
        limit=Limit(_one_core, "90 % of one core"),
        unit="Percent",
        says="The cache node is busy, with commands or with its own work beside them.",
        run="ops usage",
        graph="cache-cpu",
    ),
    Alarm(
        key="cache-memory-high",
        severity="P2",
        kind=CACHE_NODE,
        watch=Metric(NAMESPACE, "DatabaseMemoryUsagePercentage"),
        compare=">",
        limit=fixed(80, "Percent"),
        unit="Percent",
        says="The cache is nearly full: it will evict, or refuse writes.",
        run="ops usage",
        graph="cache-memory",
    ),
    Alarm(
        key="cache-connections-high",
        severity="P2",
        kind=CACHE_NODE,
        watch=Metric(NAMESPACE, "CurrConnections", "Maximum"),
        compare=">",
        limit=Limit(
            lambda s, _: get_cache_node(s.cache.node_type).max_connections * 80 / 100,
            "80 % of the node type's maximum",
        ),
        unit="Count",
        says="Connections near the most that the node type allows.",
        run="ops usage",
        graph="cache-connections",
    ),
    Alarm(
        key="cache-replication-lag",
        severity="P2",
        kind=CACHE_NODE,
        watch=Metric(NAMESPACE, "ReplicationLag", "Maximum"),
        compare=">",
        limit=fixed(30, "Seconds"),
        unit="Seconds",
        periods=15,
        missing="notBreaching",
        when=lambda settings: settings.cache.replicas > 0,
        says="A cache replica is behind: a failover would lose the newest writes.",
        run="ops health",
        graph="cache-lag",
    ),
    Alarm(
        key="cache-hit-rate-low",
        severity="P2",
        kind=CACHE_NODE,
        watch=Math(
            says="share of reads that found their key",
            metrics={
                "hits": Metric(NAMESPACE, "CacheHits", "Sum"),
                "misses": Metric(NAMESPACE, "CacheMisses", "Sum"),
            },
            expression=_hit_rate,
        ),
        compare="<",
        limit=fixed(70, "Percent"),
        unit="Percent",
        period=300,
        periods=3,
        missing="notBreaching",
        says="The cache often has not what is asked for: the database serves it instead.",
        run="ops usage",
        graph="cache-hit-rate",
    ),
)

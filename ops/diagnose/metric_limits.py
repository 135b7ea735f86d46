"""When a metric says that something is wrong: absolute limits, and ratios to what is usual. Data.

The limits are those of the alarms' defaults or looser, and assumptions beside: a metric never is a
cause, only says where and since when.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from components.facts.metrics import SubjectName

Direction = Literal["high", "surge", "low", "none"]


@dataclass(frozen=True, kw_only=True)
class MetricLimit:
    """One judgement of a metric with a statistic.

    `high`, or `surge` if it is much more: at or above `limit`, and at least `ratio` times what is
    usual if that is known. `low`: at or below `limit`, and at most `ratio` times what is usual.
    `none`: zero. If nothing usual is known, `alone` is the limit; None if there is no judgement
    then. `minutes` are how many of the last minutes must be so.
    """

    metric: str
    stat: str
    direction: Direction
    limit: float
    ratio: float | None = None
    alone: float | None = None
    minutes: int = 3


GIB: Final = 1024.0**3
_TARGET_LIMITS: Final = (
    MetricLimit(metric="5xx", stat="Sum", direction="high", limit=5, ratio=3, alone=5),
    MetricLimit(metric="4xx", stat="Sum", direction="high", limit=30, ratio=4),
    MetricLimit(metric="latency", stat="p95", direction="high", limit=0.4, ratio=2.5, alone=1),
    MetricLimit(metric="unhealthy", stat="Maximum", direction="high", limit=1),
    MetricLimit(metric="healthy", stat="Minimum", direction="none", limit=0),
    MetricLimit(metric="connection-errors", stat="Sum", direction="high", limit=5),
    MetricLimit(metric="requests", stat="Sum", direction="high", limit=60, ratio=2),
)
_DATABASE_LIMITS: Final = (
    MetricLimit(metric="cpu", stat="Average", direction="high", limit=80, minutes=4),
    MetricLimit(metric="load", stat="Average", direction="high", limit=2, ratio=3, alone=8),
    MetricLimit(metric="connections", stat="Maximum", direction="high", limit=40, ratio=2),
    MetricLimit(metric="connections", stat="Maximum", direction="low", limit=1e9, ratio=0.2),
    MetricLimit(metric="memory-free", stat="Minimum", direction="low", limit=GIB / 5, ratio=0.5),
    MetricLimit(metric="storage-free", stat="Minimum", direction="low", limit=10 * GIB, ratio=0.7),
    MetricLimit(
        metric="read-latency", stat="Average", direction="high", limit=0.01, ratio=3, alone=0.02
    ),
    MetricLimit(
        metric="write-latency", stat="Average", direction="high", limit=0.01, ratio=3, alone=0.02
    ),
    MetricLimit(metric="queue", stat="Average", direction="high", limit=5, ratio=3, alone=20),
    MetricLimit(metric="read-operations", stat="Average", direction="high", limit=500, ratio=2),
    MetricLimit(metric="write-operations", stat="Average", direction="high", limit=500, ratio=2),
    MetricLimit(metric="byte-balance", stat="Minimum", direction="low", limit=20),
    MetricLimit(metric="io-balance", stat="Minimum", direction="low", limit=20),
    MetricLimit(metric="transaction-ids", stat="Maximum", direction="high", limit=1e9),
)
METRIC_LIMITS: Final[Mapping[SubjectName, tuple[MetricLimit, ...]]] = {
    "load-balancer": (
        MetricLimit(metric="requests", stat="Sum", direction="surge", limit=120, ratio=4),
        MetricLimit(metric="requests", stat="Sum", direction="high", limit=60, ratio=2),
        MetricLimit(metric="requests", stat="Sum", direction="low", limit=1e9, ratio=0.3),
        MetricLimit(metric="5xx", stat="Sum", direction="high", limit=5, ratio=3, alone=5),
        MetricLimit(metric="4xx", stat="Sum", direction="high", limit=30, ratio=4),
        MetricLimit(metric="balancer-4xx", stat="Sum", direction="high", limit=20, ratio=3),
        MetricLimit(metric="balancer-5xx", stat="Sum", direction="high", limit=5, ratio=3, alone=5),
        MetricLimit(metric="latency", stat="p95", direction="high", limit=0.4, ratio=2.5, alone=1),
        MetricLimit(metric="rejected", stat="Sum", direction="high", limit=1, minutes=1),
        MetricLimit(metric="connection-errors", stat="Sum", direction="high", limit=5),
    ),
    "target-group": _TARGET_LIMITS,
    "service": (
        MetricLimit(metric="cpu", stat="Average", direction="high", limit=80),
        MetricLimit(metric="memory", stat="Average", direction="high", limit=88),
        MetricLimit(metric="tasks-running", stat="Minimum", direction="none", limit=0),
    ),
    "fleet": (
        MetricLimit(metric="cpu", stat="Average", direction="high", limit=80),
        MetricLimit(metric="memory", stat="Average", direction="high", limit=88),
        MetricLimit(metric="disk", stat="Maximum", direction="high", limit=90),
        MetricLimit(metric="status-checks", stat="Maximum", direction="high", limit=1, minutes=2),
        MetricLimit(metric="in-service", stat="Minimum", direction="none", limit=0),
    ),
    "db-instance": _DATABASE_LIMITS,
    "db-replica": (
        *_DATABASE_LIMITS,
        MetricLimit(metric="lag", stat="Maximum", direction="high", limit=30, ratio=3, alone=60),
    ),
    "cache-node": (
        MetricLimit(metric="cpu", stat="Average", direction="high", limit=85),
        MetricLimit(metric="engine-cpu", stat="Average", direction="high", limit=80),
        MetricLimit(metric="memory", stat="Maximum", direction="high", limit=90),
        MetricLimit(metric="connections", stat="Maximum", direction="high", limit=100, ratio=3),
        MetricLimit(metric="connections", stat="Maximum", direction="low", limit=1e9, ratio=0.2),
        MetricLimit(metric="evictions", stat="Sum", direction="high", limit=50, ratio=3, alone=50),
        MetricLimit(metric="misses", stat="Sum", direction="high", limit=100, ratio=3),
        MetricLimit(metric="hits", stat="Sum", direction="low", limit=1e9, ratio=0.3),
        MetricLimit(metric="lag", stat="Maximum", direction="high", limit=30),
    ),
    "nat-gateway": (
        MetricLimit(metric="port-errors", stat="Sum", direction="high", limit=1, minutes=1),
        MetricLimit(metric="packets-dropped", stat="Sum", direction="high", limit=100, ratio=3),
        MetricLimit(metric="connections", stat="Maximum", direction="high", limit=20_000, ratio=2),
        MetricLimit(metric="packets-back", stat="Sum", direction="low", limit=1e12, ratio=0.1),
    ),
    "nat-instance": (
        MetricLimit(metric="cpu", stat="Average", direction="high", limit=85, minutes=2),
        MetricLimit(metric="status-checks", stat="Maximum", direction="high", limit=1, minutes=2),
        MetricLimit(metric="in", stat="Sum", direction="low", limit=1e12, ratio=0.1, minutes=1),
    ),
    "queue": (),  # its alarm speaks for it
    "function": (MetricLimit(metric="errors", stat="Sum", direction="high", limit=1, minutes=1),),
}
# How keys name a kind of subject: `metric.target.5xx.high`.
KEY_NAMES: Final[Mapping[SubjectName, str]] = {
    "load-balancer": "load-balancer",
    "target-group": "target",
    "service": "service",
    "queue": "queue",
    "fleet": "fleet",
    "db-instance": "database",
    "db-replica": "replica",
    "cache-node": "cache",
    "nat-gateway": "nat",
    "nat-instance": "nat",
    "function": "function",
}


def list_metric_keys() -> tuple[str, ...]:
    """The keys of all facts that metrics can become."""
    return tuple(
        sorted(
            {
                f"metric.{KEY_NAMES[kind]}.{limit.metric}.{limit.direction}"
                for kind, limits in METRIC_LIMITS.items()
                for limit in limits
            }
        )
    )

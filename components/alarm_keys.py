"""Keys of all alarms, and the speeds of burn-rate alarms: what settings may name. Plain data.

Settings are checked against this module, and alarm_registry is made from settings; so the keys are
here, and a test compares them with the registry.
"""

from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["P0", "P1", "P2"]
Objective = Literal["availability", "latency"]
OBJECTIVES: Final[tuple[Objective, ...]] = ("availability", "latency")


@dataclass(frozen=True)
class BurnRateTier:
    """One speed at which an error budget burns, and its windows in seconds."""

    name: str
    severity: Severity
    burn_rate: float
    long_seconds: int
    short_seconds: int
    budget_description: str


HOUR_SECONDS: Final = 3600
BURN_RATE_TIERS: Final = (
    BurnRateTier("fast", "P0", 14.4, HOUR_SECONDS, 300, "2 % of a month's error budget in an hour"),
    BurnRateTier(
        "medium", "P1", 6, 6 * HOUR_SECONDS, 1800, "5 % of a month's error budget in six hours"
    ),
    BurnRateTier(
        "slow",
        "P2",
        3,
        24 * HOUR_SECONDS,
        2 * HOUR_SECONDS,
        "10 % of a month's error budget in a day",
    ),
)
FASTEST_BURN_RATE: Final = BURN_RATE_TIERS[0].burn_rate


def compute_min_objective() -> float:
    """The objective in percent at and below which the fastest tier can never be raised.

    A burn rate times the error budget is a share of requests, which is at most all of them.
    """
    return 100 - 100 / FASTEST_BURN_RATE


def format_burn_rate_key(objective: Objective, tier: BurnRateTier, part: str) -> str:
    """The key of a tier's alarm over its `long` or `short` window, or of the `burn` of both."""
    return f"slo-{objective}-{tier.name}-{part}"


KEYS_WITHOUT_THRESHOLD: Final[frozenset[str]] = frozenset(
    {
        "database-unhealthy",
        *(
            format_burn_rate_key(objective, tier, "burn")
            for objective in OBJECTIVES
            for tier in BURN_RATE_TIERS
        ),
    }
)
ALARM_KEYS: Final[tuple[str, ...]] = tuple(
    sorted(
        {
            *KEYS_WITHOUT_THRESHOLD,
            *(
                format_burn_rate_key(objective, tier, window)
                for objective in OBJECTIVES
                for tier in BURN_RATE_TIERS
                for window in ("long", "short")
            ),
            *"""
            backup-failed balancer-5xx balancer-rejected cache-connections-high
            cache-engine-cpu-high cache-hit-rate-low cache-host-cpu-high
            cache-memory-high cache-replication-lag cache-rotation-failing
            certificate-expiring database-connections-exhausted
            database-connections-high database-cpu-critical database-cpu-high
            database-disk-bytes database-disk-operations database-load-high
            database-memory-low database-read-slow database-replica-lag
            database-rotation-failing database-storage-critical database-storage-low
            database-transaction-ids database-write-slow fleet-cpu-high
            fleet-disk-full fleet-memory-high fleet-short fleet-status-check
            nat-instance-failing nat-packets-dropped nat-ports-exhausted
            service-cpu-high service-memory-high service-tasks-missing
            target-5xx-count target-5xx-rate target-connection-errors
            target-latency-high target-latency-raised target-none-healthy
            target-unhealthy topic-failing
            """.split(),
        }
    )
)

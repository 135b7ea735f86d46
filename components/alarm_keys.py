"""Keys of all alarms, and the speeds of burn-rate alarms: what settings may name. Plain data."""

from dataclasses import dataclass
from typing import Final, Literal

from components.facts.alarm_numbers import ALARM_NUMBERS, Severity
from components.facts.units import HOUR_SECONDS

Objective = Literal["availability", "latency"]
OBJECTIVES: Final[tuple[Objective, ...]] = ("availability", "latency")


@dataclass(frozen=True, kw_only=True)
class BurnRateTier:
    """One speed at which an error budget burns, and its windows in seconds."""

    name: str
    severity: Severity
    burn_rate: float
    long_seconds: int
    short_seconds: int


BURN_RATE_TIERS: Final = (
    BurnRateTier(
        name="fast",
        severity="P0",
        burn_rate=14.4,
        long_seconds=HOUR_SECONDS,
        short_seconds=300,
    ),
    BurnRateTier(
        name="medium",
        severity="P1",
        burn_rate=6,
        long_seconds=6 * HOUR_SECONDS,
        short_seconds=1800,
    ),
    BurnRateTier(
        name="slow",
        severity="P2",
        burn_rate=3,
        long_seconds=24 * HOUR_SECONDS,
        short_seconds=2 * HOUR_SECONDS,
    ),
)
FASTEST_BURN_RATE: Final = BURN_RATE_TIERS[0].burn_rate


def compute_min_objective() -> float:
    """The objective in percent at and below which the fastest tier can never be raised.

    A burn rate times the error budget is a share of requests, which is at most all of them.
    """
    return 100 - 100 / FASTEST_BURN_RATE


def format_burn_rate_key(objective: Objective, *, tier: BurnRateTier, part: str) -> str:
    """The key of a tier's alarm over its `long` or `short` window, or of the `burn` of both."""
    return f"slo-{objective}-{tier.name}-{part}"


# In the order of the alphabet; made from the registry, which is made from settings.
ALARM_KEYS: Final[tuple[str, ...]] = tuple(ALARM_NUMBERS)

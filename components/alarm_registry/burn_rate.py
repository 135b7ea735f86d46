"""Burn-rate alarms for the service level objectives, after the Google SRE workbook.

Burning at rate 1 spends exactly the error budget of the objective. A tier is two alarms, over a
long and a short window, and a composite that wants both: the long one says that it matters, the
short one that it still goes on. A slower tier is silent while the next faster one is raised.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from components.alarm_registry.kinds import BALANCER
from components.alarm_registry.load_balancer import BALANCER_5XX, NAMESPACE, REQUESTS, TARGET_5XX
from components.alarm_registry.model import Alarm, Composite, Limit, Math, Metric, Severity

if TYPE_CHECKING:
    from components.settings.stack import Settings

Objective = Literal["availability", "latency"]
LATENCY_SHARE: Final = 95  # percent of requests that the latency objective is about


@dataclass(frozen=True)
class Tier:
    """One speed of burning, and its windows in seconds."""

    name: str
    severity: Severity
    rate: float
    long: int
    short: int
    spends: str


HOUR: Final = 3600
TIERS: Final = (
    Tier("fast", "P0", 14.4, HOUR, 300, "2 % of a month's error budget in an hour"),
    Tier("medium", "P1", 6, 6 * HOUR, 1800, "5 % of a month's error budget in six hours"),
    Tier("slow", "P2", 3, 24 * HOUR, 2 * HOUR, "10 % of a month's error budget in a day"),
)
FASTEST: Final = TIERS[0].rate
SAYS: Final[dict[Objective, str]] = {
    "availability": "Users get server errors",
    "latency": "Users wait too long",
}
RUN: Final[dict[Objective, str]] = {"availability": "ops health", "latency": "ops db slow"}


def least_objective() -> float:
    """The objective, in percent, at and below which the fastest tier could never be raised.

    A rate times the budget is a share of requests, and there are no more than all of them.
    """
    return 100 - 100 / FASTEST


def _valid() -> str:
    """Requests that count: those that a target got, and those that never found one."""
    return "(FILL(all, 0) + FILL(lost, 0))"


def _unavailable(settings: "Settings", _: str) -> str:
    least, valid = settings.alarms.minimum_requests, _valid()
    return f"IF({valid} >= {least}, 100 * (FILL(bad, 0) + FILL(lost, 0)) / {valid}, 0)"


def _slow(settings: "Settings", _: str) -> str:
    return f"IF(FILL(all, 0) >= {settings.alarms.minimum_requests}, FILL(slow, 0), 0)"


def percentile(rate: float) -> str:
    """The statistic that passes the latency objective when its budget burns at `rate`.

    At rate r a share of r times (100 - LATENCY_SHARE) percent is slower than the objective, which
    is to say that the percentile at 100 less that share is. So no share has to be counted.
    """
    return f"p{100 - rate * (100 - LATENCY_SHARE):g}"


def _burning(rate: float) -> "Callable[[Settings, str], float]":
    return lambda settings, _: round(rate * (100 - settings.alarms.availability_objective), 6)


def _watched(objective: Objective, tier: Tier) -> tuple[Math, Limit]:
    if objective == "availability":
        math = Math(
            says="share of requests that ended in a 5xx",
            metrics={"bad": TARGET_5XX, "lost": BALANCER_5XX, "all": REQUESTS},
            expression=_unavailable,
        )
        return math, Limit(_burning(tier.rate), f"{tier.rate:g} times the error budget")
    math = Math(
        says=f"{percentile(tier.rate)} of the response time",
        metrics={
            "slow": Metric(NAMESPACE, "TargetResponseTime", percentile(tier.rate)),
            "all": REQUESTS,
        },
        expression=_slow,
    )
    share = tier.rate * (100 - LATENCY_SHARE)
    return math, Limit(
        lambda settings, _: settings.alarms.latency_objective_ms / 1000,
        f"the latency objective ({share:g} % of requests slower)",
    )


def _child(objective: Objective, tier: Tier, window: Literal["long", "short"]) -> Alarm:
    math, limit = _watched(objective, tier)
    return Alarm(
        key=f"slo-{objective}-{tier.name}-{window}",
        severity=tier.severity,
        kind=BALANCER,
        watch=math,
        compare=">",
        limit=limit,
        unit="Percent" if objective == "availability" else "Seconds",
        period=tier.long if window == "long" else tier.short,
        periods=1,
        missing="notBreaching",
        when=lambda settings: settings.alarms.slo,
        child=True,
        drawn=window == "short",
        says=f"{SAYS[objective]}: the {window} window of the {tier.name} burn rate.",
        run=RUN[objective],
        graph=f"slo-{objective}",
    )


def _composite(objective: Objective, tier: Tier, faster: Tier | None) -> Composite:
    key = f"slo-{objective}-{tier.name}"
    return Composite(
        key=f"{key}-burn",
        severity=tier.severity,
        all_of=((f"{key}-long",), (f"{key}-short",)),
        suppressed_by=f"slo-{objective}-{faster.name}-burn" if faster else None,
        says=f"{SAYS[objective]}: this spends {tier.spends}.",
        run=RUN[objective],
        dashboard="application",
    )


_OBJECTIVES: Final[tuple[Objective, ...]] = ("availability", "latency")
_FASTER: Final = dict(zip(TIERS[1:], TIERS, strict=False))
BURN_RATES: Final = tuple(
    _child(objective, tier, window)
    for objective in _OBJECTIVES
    for tier in TIERS
    for window in ("long", "short")
)
BURNS: Final = tuple(
    _composite(objective, tier, _FASTER.get(tier)) for objective in _OBJECTIVES for tier in TIERS
)

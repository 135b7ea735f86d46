"""Burn-rate alarms for the service level objectives, after the Google SRE workbook.

Burning at rate 1 spends exactly the error budget of the objective. A tier is two alarms, over a
long and a short window, and a composite that needs both: the long one shows that it matters, the
short one that it still goes on. A slower tier is silent while the next faster one is raised.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

from components.alarm_keys import (
    BURN_RATE_TIERS,
    OBJECTIVES,
    BurnRateTier,
    Objective,
    format_burn_rate_key,
)
from components.alarm_registry.kinds import LOAD_BALANCER_KIND
from components.alarm_registry.load_balancer import (
    ALB_NAMESPACE,
    BALANCER_5XX_COUNT,
    REQUEST_COUNT,
    TARGET_5XX_COUNT,
)
from components.alarm_registry.model import (
    AlarmEntry,
    CompositeEntry,
    MetricMath,
    MetricStatistic,
    Threshold,
    apply_override,
    format_period,
)
from components.facts.units import DAY_SECONDS

if TYPE_CHECKING:
    from components.settings.stack import Settings

LATENCY_OBJECTIVE_PERCENT: Final = 95  # percent of requests that the latency objective is about
BUDGET_SECONDS: Final = 30 * DAY_SECONDS  # an error budget is of a month


OBJECTIVE_IMPACTS: Final[dict[Objective, str]] = {
    "availability": "Users get server errors",
    "latency": "Users wait too long",
}
OBJECTIVE_COMMANDS: Final[dict[Objective, str]] = {
    "availability": "ops health",
    "latency": "ops db slow",
}


def _build_valid_requests_expression() -> str:
    """Requests that count: those that reached a target, and those that did not."""
    return "(FILL(all, 0) + FILL(lost, 0))"


def _build_unavailability_expression(settings: "Settings", _: str) -> str:
    min_requests, valid_requests = (
        settings.alarms.minimum_requests,
        _build_valid_requests_expression(),
    )
    return (
        f"IF({valid_requests} >= {min_requests}, 100 * (FILL(bad, 0) + FILL(lost, 0)) / "
        f"{valid_requests}, 0)"
    )


def _build_slow_responses_expression(settings: "Settings", _: str) -> str:
    return f"IF(FILL(all, 0) >= {settings.alarms.minimum_requests}, FILL(slow, 0), 0)"


def compute_latency_percentile(burn_rate: float) -> str:
    """The statistic that exceeds the latency objective when its budget burns at `burn_rate`.

    Then `burn_rate` times (100 - LATENCY_OBJECTIVE_PERCENT) percent of requests are slower than the
    objective, so the percentile at 100 less that share is, too.
    """
    return f"p{100 - burn_rate * (100 - LATENCY_OBJECTIVE_PERCENT):g}"


def _build_burn_threshold(burn_rate: float) -> "Callable[[Settings, str], float]":
    return lambda settings, _: round(burn_rate * (100 - settings.alarms.availability_objective), 6)


def _build_math_and_threshold(
    objective: Objective, tier: BurnRateTier
) -> tuple[MetricMath, Threshold]:
    if objective == "availability":
        math = MetricMath(
            description="share of requests that ended in a 5xx",
            metrics={"bad": TARGET_5XX_COUNT, "lost": BALANCER_5XX_COUNT, "all": REQUEST_COUNT},
            build_expression=_build_unavailability_expression,
        )
        return math, Threshold(
            _build_burn_threshold(tier.burn_rate), f"{tier.burn_rate:g} times the error budget"
        )
    math = MetricMath(
        description=f"{compute_latency_percentile(tier.burn_rate)} of the response time",
        metrics={
            "slow": MetricStatistic(
                ALB_NAMESPACE, "TargetResponseTime", compute_latency_percentile(tier.burn_rate)
            ),
            "all": REQUEST_COUNT,
        },
        build_expression=_build_slow_responses_expression,
    )
    slow_percent = tier.burn_rate * (100 - LATENCY_OBJECTIVE_PERCENT)
    return math, Threshold(
        lambda settings, _: settings.alarms.latency_objective_ms / 1000,
        f"the latency objective ({slow_percent:g} % of requests slower)",
    )


def _build_window_alarm(
    objective: Objective, *, tier: BurnRateTier, window: Literal["long", "short"]
) -> AlarmEntry:
    math, threshold = _build_math_and_threshold(objective, tier)
    return AlarmEntry(
        key=format_burn_rate_key(objective, tier=tier, part=window),
        severity=tier.severity,
        kind=LOAD_BALANCER_KIND,
        metric=math,
        comparison=">",
        threshold=threshold,
        unit="Percent" if objective == "availability" else "Seconds",
        period_seconds=tier.long_seconds if window == "long" else tier.short_seconds,
        evaluation_periods=1,
        missing_data="notBreaching",
        condition=lambda settings: settings.alarms.slo,
        composite_only=True,
        on_dashboard=window == "short",
        description=f"{OBJECTIVE_IMPACTS[objective]}: the {window} window of the "
        f"{tier.name} burn rate.",
        command=OBJECTIVE_COMMANDS[objective],
        graph=f"slo-{objective}",
    )


def format_burn(objective: Objective, *, burn_rate: float, seconds: int) -> str:
    """Formats what a burn rate for some seconds means."""
    percent = burn_rate * seconds / BUDGET_SECONDS * 100
    return (
        f"{OBJECTIVE_IMPACTS[objective]}: this spends {percent:.3g} % of a month's error budget in "
        f"{format_period(seconds)}."
    )


def _describe_burn(objective: Objective, tier: BurnRateTier) -> "Callable[[Settings], str]":
    """What the long window means, with the threshold and the period that settings give it.

    The threshold of latency is the objective: another one does not change the burn rate.
    """
    long_alarm = _build_window_alarm(objective, tier=tier, window="long")

    def describe(settings: "Settings") -> str:
        entry = apply_override(long_alarm, settings)
        burn_rate = tier.burn_rate
        if objective == "availability":
            error_budget = 100 - settings.alarms.availability_objective
            burn_rate = entry.threshold.compute_value(settings, "") / error_budget
        return format_burn(objective, burn_rate=burn_rate, seconds=entry.duration_seconds)

    return describe


def _build_burn_composite(
    objective: Objective, *, tier: BurnRateTier, faster_tier: BurnRateTier | None
) -> CompositeEntry:
    windows = tuple(
        format_burn_rate_key(objective, tier=tier, part=part) for part in ("long", "short")
    )
    return CompositeEntry(
        key=format_burn_rate_key(objective, tier=tier, part="burn"),
        severity=tier.severity,
        alarm_groups=tuple((window,) for window in windows),
        suppressed_by=(
            format_burn_rate_key(objective, tier=faster_tier, part="burn") if faster_tier else None
        ),
        description=format_burn(objective, burn_rate=tier.burn_rate, seconds=tier.long_seconds),
        describe=_describe_burn(objective, tier),
        command=OBJECTIVE_COMMANDS[objective],
        dashboard="application",
    )


_FASTER_TIERS: Final = dict(zip(BURN_RATE_TIERS[1:], BURN_RATE_TIERS, strict=False))
BURN_RATE_ALARMS: Final = tuple(
    _build_window_alarm(objective, tier=tier, window=window)
    for objective in OBJECTIVES
    for tier in BURN_RATE_TIERS
    for window in ("long", "short")
)
BURN_RATE_COMPOSITES: Final = tuple(
    _build_burn_composite(objective, tier=tier, faster_tier=_FASTER_TIERS.get(tier))
    for objective in OBJECTIVES
    for tier in BURN_RATE_TIERS
)

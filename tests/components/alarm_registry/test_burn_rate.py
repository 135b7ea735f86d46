"""Burn-rate alarms: the pairs of the SRE workbook, and when they hold their tongue."""

import pytest
from pydantic import JsonValue

from components.alarm_keys import BURN_RATE_TIERS, compute_min_objective
from components.alarm_registry.burn_rate import compute_latency_percentile
from components.alarm_registry.model import MetricMath
from tests.components.monitored_stack import (
    get_alarm_entry,
    get_metric_math,
    list_planned_alarms,
    plan_stack_alarms,
)
from tests.world import build_settings


def test_burn_rate_tiers_follow_the_sre_workbook() -> None:
    tiers = [
        (tier.burn_rate, tier.long_seconds, tier.short_seconds, tier.severity)
        for tier in BURN_RATE_TIERS
    ]
    assert tiers == [
        (14.4, 3600, 300, "P0"),
        (6, 6 * 3600, 1800, "P1"),
        (3, 24 * 3600, 2 * 3600, "P2"),
    ]


def get_composite_description(key: str, values: dict[str, JsonValue]) -> str:
    plan = plan_stack_alarms(values)
    (composite,) = [item for item in plan.composites if item.entry.key == key]
    return composite.entry.get_description(build_settings(values))


@pytest.mark.parametrize(
    ("key", "spent"),
    [
        ("slo-availability-fast-burn", "2 % of a month's error budget in 1 h"),
        ("slo-availability-medium-burn", "5 % of a month's error budget in 6 h"),
        ("slo-latency-slow-burn", "10 % of a month's error budget in 1 d"),
    ],
)
def test_a_tier_describes_its_share_of_the_monthly_budget(key: str, spent: str) -> None:
    assert get_composite_description(key, {}).endswith(f": this spends {spent}.")


def test_the_described_share_follows_threshold_and_window() -> None:
    values: dict[str, JsonValue] = {
        "alarms": {
            "overrides": {"slo-availability-fast-long": {"threshold": 0.72, "periodMinutes": 120}}
        }
    }
    text = get_composite_description("slo-availability-fast-burn", values)
    assert text.endswith("2 % of a month's error budget in 2 h.")


@pytest.mark.parametrize(("objective", "fast"), [(99.9, 1.44), (99.0, 14.4), (99.99, 0.144)])
def test_the_threshold_is_the_rate_times_the_budget(objective: float, fast: float) -> None:
    values: dict[str, JsonValue] = {"alarms": {"availabilityObjective": objective}}
    (long,) = list_planned_alarms("slo-availability-fast-long", values)
    assert long.threshold == pytest.approx(fast)
    assert (long.entry.period_seconds, long.entry.evaluation_periods) == (3600, 1)


def test_errors_without_a_target_count_both_as_bad_and_as_requests() -> None:
    valid = "(FILL(all, 0) + FILL(lost, 0))"
    assert get_metric_math("slo-availability-fast-short") == (
        f"IF({valid} >= 50, 100 * (FILL(bad, 0) + FILL(lost, 0)) / {valid}, 0)"
    )
    watch = get_alarm_entry("slo-availability-fast-short").metric
    assert isinstance(watch, MetricMath)
    assert {id_: metric.name for id_, metric in watch.metrics.items()} == {
        "bad": "HTTPCode_Target_5XX_Count",
        "lost": "HTTPCode_ELB_5XX_Count",
        "all": "RequestCount",
    }
    assert {metric.stat for metric in watch.metrics.values()} == {"Sum"}


@pytest.mark.parametrize(("tier", "stat"), [("fast", "p28"), ("medium", "p70"), ("slow", "p85")])
def test_a_latency_budget_that_burns_is_a_percentile_above_the_objective(
    tier: str, stat: str
) -> None:
    """At 14.4 times a budget of 5 %, 72 % of requests are slower: so is the 28th percentile."""
    (long,) = list_planned_alarms(
        f"slo-latency-{tier}-long", {"alarms": {"latencyObjectiveMs": 300}}
    )
    watch = long.entry.metric
    assert isinstance(watch, MetricMath)
    assert watch.metrics["slow"].stat == stat
    assert long.threshold == 0.3


def test_the_latency_percentile_is_100_minus_the_burning_budget() -> None:
    assert compute_latency_percentile(1) == "p95"
    for tier in BURN_RATE_TIERS:
        assert 0 < float(compute_latency_percentile(tier.burn_rate)[1:]) < 100


def test_few_requests_are_never_judged() -> None:
    for objective in ("availability", "latency"):
        values: dict[str, JsonValue] = {"alarms": {"minimumRequests": 7}}
        assert ">= 7, " in get_metric_math(f"slo-{objective}-slow-short", values)


def test_a_tier_needs_both_windows_and_yields_to_a_faster_tier() -> None:
    composites_by_key = {
        composite.entry.key: composite for composite in plan_stack_alarms().composites
    }
    medium = composites_by_key["slo-availability-medium-burn"]
    assert medium.rule == (
        'ALARM("bulwark-test-slo-availability-medium-long") AND '
        'ALARM("bulwark-test-slo-availability-medium-short")'
    )
    assert composites_by_key["slo-availability-fast-burn"].suppressor is None
    assert medium.suppressor == "bulwark-test-slo-availability-fast-burn"
    assert (
        composites_by_key["slo-latency-slow-burn"].suppressor
        == "bulwark-test-slo-latency-medium-burn"
    )


def test_without_objectives_there_are_no_burn_rates() -> None:
    alarm_plan = plan_stack_alarms({"alarms": {"slo": False}})
    assert not [alarm for alarm in alarm_plan.alarms if alarm.entry.key.startswith("slo-")]
    assert [alarm.entry.key for alarm in alarm_plan.composites] == ["database-unhealthy"]


def test_the_fastest_tier_can_be_reached_for_every_valid_objective() -> None:
    assert BURN_RATE_TIERS[0].burn_rate * (100 - (compute_min_objective() + 0.01)) < 100
    assert BURN_RATE_TIERS[0].burn_rate * (100 - compute_min_objective()) == pytest.approx(100)

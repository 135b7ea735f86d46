"""Keys of alarms: in order, without a repetition, and those of burn rates from their tiers."""

from components.alarm_keys import (
    ALARM_KEYS,
    BURN_RATE_TIERS,
    FASTEST_BURN_RATE,
    OBJECTIVES,
    format_burn_rate_key,
)


def test_keys_are_sorted_and_named_once() -> None:
    assert list(ALARM_KEYS) == sorted(set(ALARM_KEYS))


def test_a_tier_has_a_key_for_each_window_and_one_for_both() -> None:
    assert (
        format_burn_rate_key("latency", tier=BURN_RATE_TIERS[0], part="long")
        == "slo-latency-fast-long"
    )
    burn_keys = [key for key in ALARM_KEYS if key.startswith("slo-")]
    assert len(burn_keys) == len(OBJECTIVES) * len(BURN_RATE_TIERS) * 3


def test_the_first_tier_is_the_fastest() -> None:
    assert max(tier.burn_rate for tier in BURN_RATE_TIERS) == FASTEST_BURN_RATE

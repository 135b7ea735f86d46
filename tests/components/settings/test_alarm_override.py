"""Overrides of alarms: what CloudWatch takes, and what is refused by its key."""

import pytest
from pydantic import JsonValue

from components.alarm_keys import ALARM_KEYS
from components.settings import SettingsError
from tests.world import build_settings


def test_an_unknown_alarm_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError) as error:
        build_settings({"alarms": {"overrides": {"database-cpu": {"threshold": 50}}}})
    message = str(error.value)
    assert message.startswith("bulwark:alarms.overrides.database-cpu ")
    assert "must be an alarm of docs/alarms.md: database-cpu-high or " in message
    assert "nat-" not in message


def test_a_name_like_no_alarm_is_refused_with_all_there_are() -> None:
    with pytest.raises(SettingsError) as error:
        build_settings({"alarms": {"overrides": {"zzzz": {"threshold": 50}}}})
    assert str(error.value).endswith(f"docs/alarms.md: {', '.join(ALARM_KEYS)}")


ONE_DAY = "are more than 1 day, which CloudWatch evaluates"


@pytest.mark.parametrize(
    ("key", "override", "message"),
    [
        ("database-unhealthy", {"threshold": 1}, "threshold is 1, must not be set: "),
        ("database-unhealthy", {"missingData": "ignore"}, "missingData is 'ignore', must not be "),
        ("database-cpu-high", {"threshold": 120}, "threshold is 120, must be 0 to 100 percent"),
        ("database-cpu-high", {"threshold": 100}, "threshold is 100, must be below 100 percent: "),
        ("database-cpu-high", {"threshold": -1}, "threshold is -1, must be 0 or more"),
        ("database-cpu-high", {"threshold": "nan"}, "threshold is 'nan', must be a number"),
        ("database-memory-low", {"threshold": 0}, "threshold is 0, must be more than 0 bytes: "),
        (
            "database-transaction-ids",
            {"threshold": 3_000_000_000},
            "threshold is 3000000000, must be 0 to 2147483648 count",
        ),
        ("database-cpu-high", {"periodMinutes": 0}, "periodMinutes is 0, must be 1 to 10080"),
        (
            "database-cpu-high",
            {"periodMinutes": 0.5},
            "periodMinutes is 0.5, must be 1 to 10080",
        ),
        (
            "certificate-expiring",
            {"periodMinutes": 60},
            "periodMinutes is 60, must be 1440 or more: AWS publishes the metric no more often",
        ),
        (
            "database-cpu-high",
            {"periods": 1441},
            f"periods is 1441, must be less: 1441 periods of 1 minutes {ONE_DAY}",
        ),
        (
            "database-cpu-high",
            {"periodMinutes": 59, "periods": 25},
            f"periods is 25, must be less: 25 periods of 59 minutes {ONE_DAY}",
        ),
        (
            "database-cpu-high",
            {"periodMinutes": 1440},
            "periodMinutes is 1440, must be less: 10 periods of 1440 minutes are more than 7 days",
        ),
        (
            "database-cpu-high",
            {"datapoints": 11},
            "datapoints is 11, must be at most periods (10)",
        ),
        (
            "database-cpu-high",
            {"missingData": "ok"},
            "missingData is 'ok', must be 'breaching', 'notBreaching', 'ignore' or 'missing'",
        ),
        ("database-cpu-high", {"severity": "P4"}, "severity is 'P4', must be 'P0', 'P1', 'P2' or"),
        (
            "slo-latency-fast-long",
            {"severity": "P1"},
            "severity is 'P1', must not be set: only an alarm on alarms acts on this one",
        ),
    ],
)
def test_a_number_that_an_alarm_cannot_have_is_refused_by_its_key(
    key: str, override: dict[str, JsonValue], message: str
) -> None:
    with pytest.raises(SettingsError) as error:
        build_settings({"alarms": {"overrides": {key: override}}})
    assert str(error.value).startswith(f"bulwark:alarms.overrides.{key}.{message}")


@pytest.mark.parametrize(
    ("key", "override"),
    [
        ("database-cpu-high", {"periodMinutes": 1, "periods": 1440}),
        ("database-cpu-high", {"periodMinutes": 60, "periods": 168}),
        ("certificate-expiring", {"threshold": 30}),
        ("balancer-5xx", {"threshold": 0}),
        ("database-unhealthy", {"severity": "P1"}),
    ],
)
def test_a_number_that_cloudwatch_takes_is_accepted(
    key: str, override: dict[str, JsonValue]
) -> None:
    settings = build_settings({"alarms": {"overrides": {key: override}}})
    assert settings.alarms.overrides[key].model_fields_set


def test_a_severity_that_the_stack_makes_no_alarms_of_is_refused() -> None:
    with pytest.raises(SettingsError) as error:
        build_settings(
            {"alarms": {"overrides": {"database-cpu-critical": {"severity": "P1"}}}},
            profile="dev",
        )
    assert "severity is 'P1', must be one of alarms.severities (P0): " in str(error.value)

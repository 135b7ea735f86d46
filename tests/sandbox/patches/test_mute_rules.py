"""CloudWatch in the sandbox: alarm mute rules open and close in time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox import clock
from tests.sandbox.conftest import ClientFactory, RefusalGetter

START_TIME = datetime(2026, 11, 21, 12, 3, 20, tzinfo=UTC)


@pytest.fixture
def noon_clock() -> Any:
    """A clock that stands still shortly after noon."""
    manual_clock = clock.ManualClock(START_TIME)
    previous_clock = clock.set_sandbox_clock(manual_clock)
    yield manual_clock
    clock.set_sandbox_clock(previous_clock)


def put_mute_rule(cloudwatch: Any, name: str, start: str = "12:00", **parameters: Any) -> None:
    schedule = {"Expression": f"at(2026-11-21T{start})", "Duration": "PT1H", "Timezone": "UTC"}
    cloudwatch.put_alarm_mute_rule(
        Name=name,
        **{
            "Description": "planned",
            "Rule": {"Schedule": {**schedule, **parameters.pop("schedule", {})}},
            "MuteTargets": {"AlarmNames": ["a", "b"]},
            **parameters,
        },
    )


def get_mute_rule_status(cloudwatch: Any, name: str) -> str:
    return str(cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName=name)["Status"])


def test_a_rule_mutes_in_its_window_only(
    aws_client: ClientFactory, noon_clock: clock.ManualClock
) -> None:
    cloudwatch = aws_client("cloudwatch")
    put_mute_rule(cloudwatch, "now")
    put_mute_rule(cloudwatch, "later", "12:30")
    assert (get_mute_rule_status(cloudwatch, "now"), get_mute_rule_status(cloudwatch, "later")) == (
        "ACTIVE",
        "SCHEDULED",
    )
    noon_clock.advance(1800)
    assert (get_mute_rule_status(cloudwatch, "now"), get_mute_rule_status(cloudwatch, "later")) == (
        "ACTIVE",
        "ACTIVE",
    )
    noon_clock.advance(1800)
    assert (get_mute_rule_status(cloudwatch, "now"), get_mute_rule_status(cloudwatch, "later")) == (
        "EXPIRED",
        "ACTIVE",
    )


def test_a_rule_ends_when_it_expires(
    aws_client: ClientFactory, noon_clock: clock.ManualClock
) -> None:
    cloudwatch = aws_client("cloudwatch")
    put_mute_rule(cloudwatch, "short", ExpireDate=START_TIME + timedelta(minutes=5))
    assert get_mute_rule_status(cloudwatch, "short") == "ACTIVE"
    noon_clock.advance(300)
    assert get_mute_rule_status(cloudwatch, "short") == "EXPIRED"


def test_a_rule_is_shown_as_it_was_put_and_can_be_put_again(
    aws_client: ClientFactory, noon_clock: clock.ManualClock
) -> None:
    cloudwatch = aws_client("cloudwatch")
    put_mute_rule(cloudwatch, "one")
    put_mute_rule(cloudwatch, "one", MuteTargets={"AlarmNames": ["c"]})
    mute_rule = cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="one")
    assert mute_rule["MuteTargets"] == {"AlarmNames": ["c"]}
    assert mute_rule["Description"] == "planned"
    assert mute_rule["MuteType"] == "ONE_TIME"
    assert mute_rule["AlarmMuteRuleArn"].endswith(":alarm-mute-rule:one")


def test_a_recurring_rule_waits_for_its_time(
    aws_client: ClientFactory, noon_clock: clock.ManualClock
) -> None:
    cloudwatch = aws_client("cloudwatch")
    put_mute_rule(cloudwatch, "nightly", schedule={"Expression": "cron(0 2 * * *)"})
    assert get_mute_rule_status(cloudwatch, "nightly") == "SCHEDULED"


def test_rules_are_listed_by_alarm_and_by_status_in_pages(
    aws_client: ClientFactory, noon_clock: clock.ManualClock
) -> None:
    cloudwatch = aws_client("cloudwatch")
    for name in ("one", "two", "three"):
        put_mute_rule(cloudwatch, name)
    put_mute_rule(cloudwatch, "other", "12:30", MuteTargets={"AlarmNames": ["z"]})

    def list_rules(**parameters: Any) -> list[str]:
        pages = cloudwatch.get_paginator("list_alarm_mute_rules").paginate(**parameters)
        summaries = [rule for page in pages for rule in page["AlarmMuteRuleSummaries"]]
        return [rule["AlarmMuteRuleArn"].rsplit(":", 1)[-1] for rule in summaries]

    assert list_rules(MaxRecords=2) == ["one", "other", "three", "two"]
    assert list_rules(AlarmName="z") == ["other"]
    assert list_rules(Statuses=["ACTIVE"]) == ["one", "three", "two"]


def test_a_rule_that_is_deleted_is_gone_and_deleting_it_again_is_no_error(
    aws_client: ClientFactory, noon_clock: clock.ManualClock, get_refusal: RefusalGetter
) -> None:
    cloudwatch = aws_client("cloudwatch")
    put_mute_rule(cloudwatch, "one")
    for _ in range(2):
        cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="one")
    code, _ = get_refusal(cloudwatch.get_alarm_mute_rule, AlarmMuteRuleName="one")
    assert code == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "parameters",
    [
        {"schedule": {"Duration": "PT0M"}},
        {"schedule": {"Duration": "P16D"}},
        {"schedule": {"Duration": "1 hour"}},
        {"schedule": {"Expression": "at(noon)"}},
        {"schedule": {"Timezone": "Nowhere/Land"}},
        {"MuteTargets": {"AlarmNames": [f"alarm-{n}" for n in range(101)]}},
        {"start": "11:03"},
        {"start": "11:30", "schedule": {"Timezone": "Asia/Tokyo"}},
        {"ExpireDate": START_TIME},
    ],
)
def test_invalid_mute_rules_are_refused_as_aws_does(
    aws_client: ClientFactory,
    noon_clock: clock.ManualClock,
    get_refusal: RefusalGetter,
    parameters: dict[str, Any],
) -> None:
    cloudwatch = aws_client("cloudwatch")
    put_mute_rule(cloudwatch, "good", "11:04")
    code, _ = get_refusal(lambda: put_mute_rule(cloudwatch, "one", **parameters))
    assert code == "ValidationError"

"""CloudWatch in the sandbox: alarm mute rules open and close in time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox import clock
from tests.sandbox.conftest import Clients, Refusal

BEGAN = datetime(2026, 11, 21, 12, 3, 20, tzinfo=UTC)


@pytest.fixture
def at_noon() -> Any:
    """A clock that stands still shortly after noon."""
    now = clock.ManualClock(BEGAN)
    before = clock.set_sandbox_clock(now)
    yield now
    clock.set_sandbox_clock(before)


def put(cloudwatch: Any, name: str, at: str = "12:00", **given: Any) -> None:
    schedule = {"Expression": f"at(2026-11-21T{at})", "Duration": "PT1H", "Timezone": "UTC"}
    cloudwatch.put_alarm_mute_rule(
        Name=name,
        **{
            "Description": "planned",
            "Rule": {"Schedule": {**schedule, **given.pop("schedule", {})}},
            "MuteTargets": {"AlarmNames": ["a", "b"]},
            **given,
        },
    )


def status(cloudwatch: Any, name: str) -> str:
    return str(cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName=name)["Status"])


def test_a_rule_mutes_in_its_window_only(mended: Clients, at_noon: clock.ManualClock) -> None:
    cloudwatch = mended("cloudwatch")
    put(cloudwatch, "now")
    put(cloudwatch, "later", "12:30")
    assert (status(cloudwatch, "now"), status(cloudwatch, "later")) == ("ACTIVE", "SCHEDULED")
    at_noon.advance(1800)
    assert (status(cloudwatch, "now"), status(cloudwatch, "later")) == ("ACTIVE", "ACTIVE")
    at_noon.advance(1800)
    assert (status(cloudwatch, "now"), status(cloudwatch, "later")) == ("EXPIRED", "ACTIVE")


def test_a_rule_ends_when_it_expires(mended: Clients, at_noon: clock.ManualClock) -> None:
    cloudwatch = mended("cloudwatch")
    put(cloudwatch, "short", ExpireDate=BEGAN + timedelta(minutes=5))
    assert status(cloudwatch, "short") == "ACTIVE"
    at_noon.advance(300)
    assert status(cloudwatch, "short") == "EXPIRED"


def test_a_rule_is_shown_as_it_was_put_and_can_be_put_again(
    mended: Clients, at_noon: clock.ManualClock
) -> None:
    cloudwatch = mended("cloudwatch")
    put(cloudwatch, "one")
    put(cloudwatch, "one", MuteTargets={"AlarmNames": ["c"]})
    found = cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="one")
    assert found["MuteTargets"] == {"AlarmNames": ["c"]}
    assert found["Description"] == "planned"
    assert found["MuteType"] == "ONE_TIME"
    assert found["AlarmMuteRuleArn"].endswith(":alarm-mute-rule:one")


def test_a_recurring_rule_waits_for_its_time(mended: Clients, at_noon: clock.ManualClock) -> None:
    cloudwatch = mended("cloudwatch")
    put(cloudwatch, "nightly", schedule={"Expression": "cron(0 2 * * *)"})
    assert status(cloudwatch, "nightly") == "SCHEDULED"


def test_rules_are_listed_by_alarm_and_by_status_in_pages(
    mended: Clients, at_noon: clock.ManualClock
) -> None:
    cloudwatch = mended("cloudwatch")
    for name in ("one", "two", "three"):
        put(cloudwatch, name)
    put(cloudwatch, "other", "12:30", MuteTargets={"AlarmNames": ["z"]})

    def listed(**given: Any) -> list[str]:
        pages = cloudwatch.get_paginator("list_alarm_mute_rules").paginate(**given)
        found = [rule for page in pages for rule in page["AlarmMuteRuleSummaries"]]
        return [rule["AlarmMuteRuleArn"].rsplit(":", 1)[-1] for rule in found]

    assert listed(MaxRecords=2) == ["one", "other", "three", "two"]
    assert listed(AlarmName="z") == ["other"]
    assert listed(Statuses=["ACTIVE"]) == ["one", "three", "two"]


def test_a_rule_that_is_deleted_is_gone_and_deleting_it_again_is_no_error(
    mended: Clients, at_noon: clock.ManualClock, refused: Refusal
) -> None:
    cloudwatch = mended("cloudwatch")
    put(cloudwatch, "one")
    for _ in range(2):
        cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="one")
    code, _ = refused(cloudwatch.get_alarm_mute_rule, AlarmMuteRuleName="one")
    assert code == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "given",
    [
        {"schedule": {"Duration": "PT0M"}},
        {"schedule": {"Duration": "P16D"}},
        {"schedule": {"Duration": "1 hour"}},
        {"schedule": {"Expression": "at(noon)"}},
        {"schedule": {"Timezone": "Nowhere/Land"}},
        {"MuteTargets": {"AlarmNames": [f"alarm-{n}" for n in range(101)]}},
    ],
)
def test_what_aws_refuses_is_refused(
    mended: Clients, refused: Refusal, given: dict[str, Any]
) -> None:
    cloudwatch = mended("cloudwatch")
    code, _ = refused(lambda: put(cloudwatch, "one", **given))
    assert code == "ValidationError"

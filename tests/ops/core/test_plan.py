"""The data of a plan: its kind, its times, and what its hash covers."""

from datetime import UTC, datetime, timedelta

import pytest

from ops.core.plan import Call, Plan, Step, Wait
from ops.core.start_time import SPAN, StartTime

NOW = datetime(2026, 11, 21, 12, 3, 20, tzinfo=UTC)


def build_plan(*, until: str = "${UNTIL}", run: str = "run-1") -> Plan:
    call = Call(api="cloudwatch.put_alarm_mute_rule", params={"ExpireDate": until, "Name": run})
    goal = Wait(read=Call(api="cloudwatch.get_alarm_mute_rule"), met={"Status": "ACTIVE"})
    step = Step(name="mute", description=f"mute until {until}", action=call, goal=goal)
    return Plan(
        run=run,
        kind="alarms mute",
        arguments=f"--until {until}",
        stack="s",
        account="1",
        region="r",
        steps=(step,),
    )


def lasting(minutes: int, start: datetime = NOW) -> Plan:
    return build_plan().with_times(start, UNTIL=StartTime(offset=minutes * 60))


def test_a_placeholder_is_filled_wherever_it_is() -> None:
    plan = lasting(60).fill()
    assert plan.command == "ops alarms mute --until 2026-11-21T13:03:20Z"
    assert plan.steps[0].description == "mute until 2026-11-21T13:03:20Z"
    assert isinstance(plan.steps[0].action, Call)
    assert plan.steps[0].action.params["ExpireDate"] == "2026-11-21T13:03:20Z"
    assert plan.fill() == plan


def test_the_hash_does_not_depend_on_start_time_or_run_id() -> None:
    assert lasting(60).digest == lasting(60, NOW + timedelta(hours=3)).digest
    assert build_plan(run="run-2").digest == build_plan().digest


def test_the_hash_covers_durations_and_typed_times() -> None:
    assert lasting(60).digest != lasting(30).digest
    typed = [build_plan(until=f"2026-11-21T1{hour}:00:00Z").digest for hour in (3, 4)]
    assert typed[0] != typed[1]


def test_text_in_braces_that_is_no_placeholder_stays() -> None:
    assert (
        build_plan(until="${aws:username} ${OTHER}")
        .fill()
        .steps[0]
        .description.endswith("${OTHER}")
    )


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (StartTime(), "2026-11-21T12:03:20Z"),
        (StartTime(offset=-300), "2026-11-21T11:58:20Z"),
        (StartTime(offset=3600, rounding="up"), "2026-11-21T13:04:00Z"),
        (StartTime(rounding="down", form="%Y-%m-%dT%H:%M"), "2026-11-21T12:03"),
        (StartTime(offset=3600, rounding="up", form=SPAN), "PT61M"),
        (StartTime(until="2026-11-21T13:03:00+00:00", form=SPAN), "PT60M"),
    ],
)
def test_planned_times_are_computed_from_the_start(time: StartTime, text: str) -> None:
    assert time.fill(NOW) == text

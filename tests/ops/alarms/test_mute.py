"""Alarms muted with an end: what is chosen, what never is, and what comes back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.alarms import mute as muting
from ops.alarms.mute import StackAlarm, select_alarms
from ops.cli.selection import Selection
from ops.core.errors import UsageError
from ops.core.plan import Call
from ops.core.run import WallClock
from sandbox.patches.cloudwatch.mute_rules import is_alarm_muted as muted_now
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations
from tests.ops.procedures.alarms import (
    ALARM_NAMES,
    ALARM_PREFIX,
    SCALING_ALARM,
    collect_alarm_facts,
    plan_mute,
    put_alarms,
)
from tests.ops.stage import REGION, Stage, build_stack_outputs, open_stage, run_kill_matrix

MUTE_TIME = datetime(2026, 11, 21, 12, 3, 20, tzinfo=UTC)
P2_ALARMS = [f"{ALARM_PREFIX}-{name}" for name in ALARM_NAMES["P2"]]
P2_MUTE_LINE = "alarms mute --severity P2 --for 60 --reason planned"


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[OpsConsole]:
    """The stack's alarms, and the command line in front of them."""
    with open_stage() as stage:
        put_alarms(stage)
        stage.client("s3").create_bucket(
            Bucket=stage.outputs.backups.operations_bucket,
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
        file = tmp_path / "outputs.json"
        file.write_text(stage.outputs.model_dump_json(by_alias=True))
        with (
            patch.object(WallClock, "now", lambda _: stage.clock.now()),
            patch.object(WallClock, "sleep", lambda _, seconds: stage.clock.sleep(seconds)),
            patch.object(Selection, "build_aws", lambda *_: stage.aws),
            patch("ops.core.clock.now", stage.clock.held_clock.now),
        ):
            yield OpsConsole(stage, file, capsys)


def list_silent_alarms(stage: Stage) -> list[str]:
    """The alarms of the contract that tell nobody now, as AWS has it."""
    from moto.cloudwatch.models import cloudwatch_backends

    backend = cloudwatch_backends["123456789012"][REGION]
    response = stage.client("cloudwatch").describe_alarms(
        AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    alarms = [*response["MetricAlarms"], *response["CompositeAlarms"]]
    disabled_names = {alarm["AlarmName"] for alarm in alarms if not alarm["ActionsEnabled"]}
    names = [
        f"{ALARM_PREFIX}-{alarm_name}"
        for severity_names in ALARM_NAMES.values()
        for alarm_name in severity_names
    ]
    return sorted(
        alarm_name
        for alarm_name in names
        if alarm_name in disabled_names or muted_now(backend, alarm_name)
    )


def test_alarms_are_muted_until_the_end_and_then_notify_again(typed: OpsConsole) -> None:
    said = typed.run_for_json(f"{P2_MUTE_LINE} --yes")
    assert (said["kind"], said["alarms"]) == ("alarms-mute", P2_ALARMS)
    assert list_silent_alarms(typed.stage) == P2_ALARMS
    rows = {row["name"]: row for row in typed.run_for_json("alarms list")["items"]}
    assert {name for name, row in rows.items() if row["muted"]} == set(P2_ALARMS)
    assert rows[P2_ALARMS[0]]["mute"] == {
        "until": said["until"],
        "why": "planned",
        "run": said["run"],
    }
    assert f"until {said['until']} (planned)" in typed("alarms list")[0]
    typed.stage.clock.sleep(65 * 60)
    assert list_silent_alarms(typed.stage) == []
    assert not any(row["muted"] for row in typed.run_for_json("alarms list")["items"])


@pytest.mark.parametrize("by", ["rules", "actions"])
def test_unmute_ends_a_mute_early_and_touches_only_mutes_of_ops(typed: OpsConsole, by: str) -> None:
    other = f"{ALARM_PREFIX}-{ALARM_NAMES['P0'][0]}"
    cloudwatch = typed.stage.client("cloudwatch")
    cloudwatch.disable_alarm_actions(AlarmNames=[other])
    typed(f"{P2_MUTE_LINE} --by {by} --yes")
    assert list_silent_alarms(typed.stage) == sorted([other, *P2_ALARMS])
    assert "muted, not by ops" in typed("alarms list --severity P0")[0]
    said = typed.run_for_json("alarms unmute --yes")
    assert said["alarms"] == P2_ALARMS
    assert list_silent_alarms(typed.stage) == [other]
    assert typed.run_for_json("alarms unmute --yes") == {
        "schema": 1,
        "kind": "alarms-unmute",
        "alarms": [],
        "run": None,
    }


def test_somebody_elses_rule_is_shown_and_left_alone(typed: OpsConsole) -> None:
    begin = typed.stage.clock.held_clock.now() - timedelta(minutes=5)
    typed.stage.client("cloudwatch").put_alarm_mute_rule(
        Name="nightly",
        Description="theirs",
        MuteTargets={"AlarmNames": [P2_ALARMS[0], "another-stacks"]},
        Rule={"Schedule": {"Expression": f"at({begin:%Y-%m-%dT%H:%M})", "Duration": "PT1H"}},
    )
    row = next(r for r in typed.run_for_json("alarms list")["items"] if r["name"] == P2_ALARMS[0])
    assert row["mute"] == {"until": None, "why": "theirs", "run": None}
    assert "by the rule nightly, not created by ops" in typed("alarms list --severity P2")[0]
    assert typed.run_for_json("alarms unmute --yes")["alarms"] == []
    assert list_silent_alarms(typed.stage) == [P2_ALARMS[0]]


def test_alarms_disabled_by_others_after_an_unmute_are_left_alone(typed: OpsConsole) -> None:
    typed(f"{P2_MUTE_LINE} --by actions --yes")
    typed("alarms unmute --yes")
    typed.stage.client("cloudwatch").disable_alarm_actions(AlarmNames=P2_ALARMS)
    assert typed.run_for_json("alarms unmute --yes")["alarms"] == []
    assert list_silent_alarms(typed.stage) == P2_ALARMS
    assert "muted, not by ops" in typed("alarms list --severity P2")[0]


def test_one_of_several_mutes_is_ended_by_its_run(typed: OpsConsole) -> None:
    first = typed.run_for_json(f"{P2_MUTE_LINE} --yes")["run"]
    typed("alarms mute database-cpu-high-primary --for 30 --reason index --yes")
    assert typed.run_for_json(f"alarms unmute {first} --yes")["alarms"] == P2_ALARMS
    assert list_silent_alarms(typed.stage) == [f"{ALARM_PREFIX}-database-cpu-high-primary"]
    err = typed(f"alarms unmute {first} --yes", 2)[1]
    assert err.startswith("ops: RUN must be mute-")


def test_where_a_region_has_no_rules_actions_are_disabled_and_the_journal_brings_them_back(
    typed: OpsConsole,
) -> None:
    operations = ("list_alarm_mute_rules", "put_alarm_mute_rule")
    with fail_operations("UnknownOperationException", *operations):
        dry = typed.run_for_json(f"{P2_MUTE_LINE} --dry-run")["plan"]
        assert [s["action"]["api"] for s in dry["steps"]] == ["cloudwatch.disable_alarm_actions"]
        assert any("does not end by itself" in note for note in dry["notes"])
        typed(f"{P2_MUTE_LINE} --yes")
        assert list_silent_alarms(typed.stage) == P2_ALARMS
        assert "(planned)" in typed("alarms list")[0]
        typed.stage.clock.sleep(65 * 60)
        assert "overdue: run ops alarms unmute" in typed("alarms list")[0]
        assert typed.run_for_json("alarms unmute --yes")["alarms"] == P2_ALARMS
    assert list_silent_alarms(typed.stage) == []


@pytest.mark.parametrize("code", ["Throttling", "AccessDenied"])
def test_a_throttle_or_a_denial_is_not_a_region_without_rules(typed: OpsConsole, code: str) -> None:
    with fail_operations(code, "list_alarm_mute_rules") as called:
        typed(f"{P2_MUTE_LINE} --yes", 1)
        typed("alarms unmute --yes", 1)
        typed("alarms list", 1)
    assert not {"disable_alarm_actions", "enable_alarm_actions"} & set(called)


def test_a_mute_killed_halfway_restores_disabled_actions(typed: OpsConsole) -> None:
    """The journal knows what was to be disabled, though nothing says that it was."""
    stopped = patch.object(type(typed.stage.aws), "call", autospec=True)
    original = type(typed.stage.aws).call

    def dies(aws: Any, api: str, *arguments: Any) -> Any:
        answer = original(aws, api, *arguments)
        if api == "cloudwatch.disable_alarm_actions":
            raise KeyboardInterrupt  # it took effect, and the process is gone
        return answer

    with stopped as call:
        call.side_effect = dies
        typed(f"{P2_MUTE_LINE} --by actions --yes", 130)
    assert list_silent_alarms(typed.stage) == P2_ALARMS
    (held,) = typed.run_for_json("lock show")["items"]
    typed("lock break --reason gone --yes")
    assert held["run"].startswith("mute-")
    assert typed.run_for_json("alarms unmute --yes")["alarms"] == P2_ALARMS
    assert list_silent_alarms(typed.stage) == []


@pytest.mark.parametrize("by", ["rules", "actions"])
def test_the_hash_of_a_mute_covers_its_length_and_not_its_start(typed: OpsConsole, by: str) -> None:
    line = f"{P2_MUTE_LINE} --by {by}"
    hash_ = typed.run_for_json(f"{line} --dry-run")["hash"]
    assert typed.run_for_json(f"{line.replace('60', '61')} --dry-run")["hash"] != hash_
    typed.stage.clock.sleep(1800)
    assert typed.run_for_json(f"{line} --dry-run")["hash"] == hash_
    typed(f"{line} --yes --expect {hash_}")
    assert list_silent_alarms(typed.stage) == P2_ALARMS


def test_the_hash_of_a_mute_with_until_covers_its_end(typed: OpsConsole) -> None:
    line = P2_MUTE_LINE.replace("--for 60", "--until {}").format
    end = typed.stage.clock.held_clock.now().replace(second=0) + timedelta(hours=3)
    hash_ = typed.run_for_json(f"{line(end.isoformat())} --dry-run")["hash"]
    typed.stage.clock.sleep(1800)
    later = (end + timedelta(minutes=1)).isoformat()
    assert typed.run_for_json(f"{line(later)} --dry-run")["hash"] != hash_
    typed(f"{line(end.isoformat())} --yes --expect {hash_}")
    assert list_silent_alarms(typed.stage) == P2_ALARMS


def test_alarms_that_scale_are_never_muted(typed: OpsConsole) -> None:
    names = {"P1": [SCALING_ALARM, f"{ALARM_PREFIX}-database-cpu-high-primary"]}
    part = typed.stage.outputs.alarms.model_copy(update={"names": names})
    changed = typed.stage.outputs.model_copy(update={"alarms": part})
    alarms = [
        StackAlarm(SCALING_ALARM, "P1", has_enabled_actions=True, is_scaling=True),
        StackAlarm(
            f"{ALARM_PREFIX}-database-cpu-high-primary",
            "P1",
            has_enabled_actions=True,
            is_scaling=False,
        ),
    ]
    with patch.object(muting, "ALARM_KINDS", ("MetricAlarms",)):
        assert {
            a.name: a.is_scaling for a in muting.list_stack_alarms(typed.stage.aws, changed)
        } == {f"{ALARM_PREFIX}-database-cpu-high-primary": False}, (
            "it has not the stack's prefix, so that it is not even asked for"
        )
    assert select_alarms(alarms, ALARM_PREFIX, everything=True) == alarms[1:]
    with pytest.raises(UsageError, match="which triggers scaling and is never muted"):
        select_alarms(alarms, ALARM_PREFIX, [SCALING_ALARM])


def test_an_alarm_that_scales_is_known_by_what_it_does() -> None:
    action = "arn:aws:autoscaling:eu-north-1:1:scalingPolicy:x"
    assert muting._is_scaling_alarm({"AlarmName": "mine", "AlarmActions": [action]})
    assert muting._is_scaling_alarm({"AlarmName": "TargetTracking-x"})
    assert not muting._is_scaling_alarm({"AlarmName": "mine", "AlarmActions": ["arn:aws:sns:x"]})


def test_many_alarms_are_muted_by_several_rules() -> None:
    alarms = [
        StackAlarm(f"{ALARM_PREFIX}-a-{n:03}", "P2", has_enabled_actions=True, is_scaling=False)
        for n in range(205)
    ]
    until = MUTE_TIME + timedelta(hours=1)
    run = "mute-20261121-120320-abcd"
    plan = muting.build_mute_plan(build_stack_outputs(), alarms, MUTE_TIME, until, "planned", run)
    calls = [step.action for step in plan.fill().steps if isinstance(step.action, Call)]
    names: list[Any] = [call.params["MuteTargets"] for call in calls]
    assert [len(one["AlarmNames"]) for one in names] == [100, 100, 5]
    assert [call.params["Name"] for call in calls] == [
        f"{ALARM_PREFIX}-{run}",
        f"{ALARM_PREFIX}-{run}-2",
        f"{ALARM_PREFIX}-{run}-3",
    ]
    assert calls[0].params["Rule"] == {
        "Schedule": {"Expression": "at(2026-11-21T12:03)", "Duration": "PT60M", "Timezone": "UTC"}
    }


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"severity": "P1"}, ["database-cpu-high-primary", "target-5xx-count-backend"]),
        ({"key": "target-5xx-count"}, ["target-5xx-count-backend"]),
        ({"key": "target-5xx"}, ["target-5xx-count-backend"]),
        ({"component": "database"}, ["database-cpu-high-primary", "database-load-high-primary"]),
        ({"component": "database", "severity": "P2"}, ["database-load-high-primary"]),
        ({"names": [f"{ALARM_PREFIX}-slo-availability-slow-burn"]}, ["slo-availability-slow-burn"]),
        ({"names": ["slo-availability-slow-burn"]}, ["slo-availability-slow-burn"]),
    ],
)
def test_alarms_are_chosen_by_name_severity_key_and_component(
    selection: dict[str, Any], expected: list[str]
) -> None:
    alarms = [
        StackAlarm(f"{ALARM_PREFIX}-{name}", severity, has_enabled_actions=True, is_scaling=False)
        for severity, names in ALARM_NAMES.items()
        for name in names
    ]
    found = select_alarms(alarms, ALARM_PREFIX, **selection)
    assert [a.name.removeprefix(f"{ALARM_PREFIX}-") for a in found] == expected


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("alarms mute --severity P2 --for 60", "--reason must be set"),
        ("alarms mute --severity P2 --reason x", "one of --for and --until must be set"),
        ("alarms mute --severity P2 --reason x --for 1 --until 2026-11-21T13:00Z", "one of --for"),
        (
            "alarms mute --severity P2 --reason x --for 0",
            "--for must be 1 to 1440 minutes, not '0'",
        ),
        (
            "alarms mute --severity P2 --reason x --for 1441",
            "--for must be 1 to 1440 minutes, not '1441'",
        ),
        (
            "alarms mute --severity P2 --reason x --for soon",
            "--for must be 1 to 1440 minutes, not 'soon'",
        ),
        ("alarms mute --severity P2 --reason x --until noon", "--until must be a time"),
        (
            "alarms mute --severity P2 --reason x --until 2020-01-01",
            "--until must be after",
        ),
        (
            "alarms mute --severity P9 --reason x --for 1",
            "--severity must be P0, P1, P2 or P3, not 'P9'",
        ),
        ("alarms mute --by magic --all --reason x --for 1", "--by must be "),
        ("alarms mute --reason x --for 60", "no alarm is selected"),
        (
            "alarms mute nosuch --reason x --for 60",
            "ALARM must be an alarm of the stack, not 'nosuch'",
        ),
        (
            "alarms mute --component db --reason x --for 60",
            "no alarm matches: --component is 'db'; the components are",
        ),
        ("alarms mute --key nosuch --reason x --for 60", "no alarm matches: --key is 'nosuch'"),
        ("alarms unmute mute-1 --yes", "RUN is 'mute-1', but ops has muted nothing"),
        ("alarms list --state MUTED", "--state must be "),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(typed: OpsConsole, line: str, says: str) -> None:
    before = collect_alarm_facts(typed.stage)
    _, err = typed(line, 2)
    assert says in err.splitlines()[0]
    assert collect_alarm_facts(typed.stage) == before


@pytest.mark.parametrize("how", ["rules", "actions"])
def test_a_mute_killed_anywhere_is_made_once(how: Any) -> None:
    assert run_kill_matrix(put_alarms, lambda stage: plan_mute(stage, how), collect_alarm_facts) > 5

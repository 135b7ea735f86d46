"""The fleet looked at, its size and its limits: planned, undone, and typed."""

import pytest

from ops.core.errors import DeniedError, ThrottledError
from ops.fleet.model import FLEET_INSTANCE_COLUMNS, get_fleet_state
from ops.fleet.scale import parse_instance_count
from tests.ops import fleet_stage as stage_of
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations
from tests.ops.fleet_stage import (
    FLEET_GROUP,
    describe_group,
    list_group_instances,
    list_instance_ids,
    list_target_states,
    put_fleet,
)
from tests.ops.procedures.fleet import plan_fleet_limits, plan_fleet_scale
from tests.ops.service_stage import FIRST_IMAGE, build_backend_only_outputs
from tests.ops.stage import KillFuse, open_stage


def get_group_sizes(ops: OpsConsole) -> tuple[int, int, int]:
    group = describe_group(ops.stage)
    return group["MinSize"], group["MaxSize"], group["DesiredCapacity"]


def test_scaling_is_done_once_all_targets_are_healthy() -> None:
    with open_stage() as stage:
        put_fleet(stage)
        began = stage.clock.now()
        assert stage.build_engine(KillFuse()).start(plan_fleet_scale(stage)) == "done"
        assert stage.clock.now() - began >= 150, "a minute to start, one and a half to be healthy"
        assert list_target_states(stage) == ["healthy"] * 3


def test_instances_that_never_become_healthy_are_not_called_done() -> None:
    with open_stage() as stage:
        put_fleet(stage)
        stage.client("ssm").put_parameter(
            Name=stage_of.IMAGE_PARAMETER, Value="x:unhealthy", Type="String", Overwrite=True
        )
        engine = stage.build_engine(KillFuse())
        assert engine.start(plan_fleet_scale(stage)) == "undone"
        assert "Id is [" in engine.reason
        assert "must be []" in engine.reason


@pytest.mark.parametrize(
    ("code", "kind"), [("ThrottlingException", ThrottledError), ("AccessDenied", DeniedError)]
)
def test_a_group_that_cannot_be_read_is_not_taken_for_none(
    code: str, kind: type[Exception]
) -> None:
    with open_stage() as stage:
        put_fleet(stage)
        with (
            fail_operations(code, "describe_auto_scaling_groups", "get_paginator"),
            pytest.raises(kind),
        ):
            get_fleet_state(stage.aws, stage.outputs)


def test_a_group_that_is_gone_is_said(ops: OpsConsole) -> None:
    ops.stage.client("autoscaling").delete_auto_scaling_group(
        AutoScalingGroupName=FLEET_GROUP, ForceDelete=True
    )
    for line in ("instances", "limits", "scale 3 --yes", "refresh start --yes"):
        _, err = ops(f"fleet {line}", 1)
        assert f"the Auto Scaling group {FLEET_GROUP} does not exist" in err
        assert "pulumi up --refresh" in err


def test_a_stack_without_a_fleet_says_so(ops: OpsConsole) -> None:
    outputs = build_backend_only_outputs().model_copy(update={"fleet": None})
    ops.file.write_text(outputs.model_dump_json(by_alias=True))
    lines = (
        "instances",
        "activities",
        "limits",
        "scale 3",
        "refresh status",
        "refresh start",
        "refresh cancel",
        "refresh rollback",
        f"deploy {stage_of.FLEET_IMAGE}:v2",
        "run --all true",
    )
    for line in lines:
        _, err = ops(f"fleet {line}", 2)
        assert err == "ops: the stack test has no fleet\n"


def test_instances_as_a_user_sees_them(ops: OpsConsole) -> None:
    out, _ = ops("fleet instances")
    head, *rows = out.splitlines()
    assert head.split() == list(FLEET_INSTANCE_COLUMNS)
    assert len(rows) == 2
    assert all(f"InService  Healthy  healthy  eu-north-1{zone}" in out for zone in "ab")
    (one, other) = ops.run_for_json("fleet instances")["items"]
    assert {one["instance"], other["instance"]} == list_instance_ids(ops.stage)
    assert (one["version"], one["type"], one["age"]) == ("1", "t4g.small", "1 h 0 min")
    assert one["image"] == FIRST_IMAGE


def test_what_an_older_instance_runs_is_not_known(ops: OpsConsole) -> None:
    ops.stage.client("ssm").put_parameter(
        Name=stage_of.IMAGE_PARAMETER, Value="x:2", Type="String", Overwrite=True
    )
    ops.stage.clock.sleep(60)
    ops.stage.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName=FLEET_GROUP, DesiredCapacity=3
    )
    rows = ops.run_for_json("fleet instances")["items"]
    assert [row["image"] for row in rows] == [None, None, "x:2"]
    assert [row["state"] for row in rows] == ["InService", "InService", "Pending"]
    assert rows[2]["target"] is None


def test_activities_as_a_user_sees_them(ops: OpsConsole) -> None:
    ops("fleet scale 3 --yes")
    ops("fleet scale 2 --yes")
    newest, *_ = items = ops.run_for_json("fleet activities")["items"]
    assert newest["activity"].startswith("Terminating EC2 instance")
    assert "from 3 to 2" in newest["cause"]
    assert [row["at"] for row in items] == sorted((row["at"] for row in items), reverse=True)
    assert len(items) == 4
    assert len(ops("fleet activities --limit 1")[0].splitlines()) == 2


def test_scale_as_a_user_types_it(ops: OpsConsole) -> None:
    out, _ = ops("fleet scale 4 --yes")
    assert "instances: 2 -> 4" in out
    assert "automatic scaling stays on" in out
    assert len(list_group_instances(ops.stage)) == 4
    (run,) = (r["run"] for r in ops.run_for_json("runs list")["items"])
    _, err = ops(f"runs undo {run} --yes", 2)
    assert "nothing of it can be undone" in err
    assert list_target_states(ops.stage) == ["healthy"] * 4
    ops("fleet scale 2 --yes")
    result = ops.run_for_json("fleet scale 3 --yes --no-wait")
    assert (result["kind"], result["instances"], result["completed"]) == ("fleet-scale", 3, False)
    assert list_target_states(ops.stage) == ["healthy"] * 2


def test_without_automatic_scaling_the_old_number_is_what_an_undo_restores(
    ops: OpsConsole,
) -> None:
    ops.stage.client("autoscaling").suspend_processes(
        AutoScalingGroupName=FLEET_GROUP,
        ScalingProcesses=["AlarmNotification", "ScheduledActions"],
    )
    out, _ = ops("fleet scale 4 --yes")
    assert "automatic scaling" not in out
    (run,) = (r["run"] for r in ops.run_for_json("runs list")["items"])
    assert ops.run_for_json(f"runs undo {run} --yes")["state"] == "undone"
    assert list_target_states(ops.stage) == ["healthy"] * 2


@pytest.mark.parametrize(("count", "moved_count"), [(3, 4), (1, 2)])
def test_a_capacity_moved_by_automatic_scaling_ends_the_wait(count: int, moved_count: int) -> None:
    """It moves it right after our number is seen, so that ours is never in service."""
    with open_stage() as stage:
        put_fleet(stage)
        plan, began = plan_fleet_scale(stage, count), stage.clock.now()
        engine, given_back = stage.build_engine(KillFuse()), list[float]()

        def move() -> None:
            if not given_back:
                given_back.append(stage.clock.now())
                stage.client("autoscaling").set_desired_capacity(
                    AutoScalingGroupName=FLEET_GROUP, DesiredCapacity=moved_count
                )

        engine.give_lock_back = move
        assert engine.start(plan) == "done"
        assert given_back[0] - began <= 300, "the lock is held while AWS takes the number"
        assert describe_group(stage)["DesiredCapacity"] == moved_count, "nothing is scaled back"
        assert engine.list_undo_steps() == []


def test_the_plan_of_a_dry_run_is_the_one_that_is_expected(ops: OpsConsole) -> None:
    hash_ = ops.run_for_json("fleet scale 3 --dry-run")["hash"]
    assert get_group_sizes(ops) == (1, 4, 2)
    _, err = ops(f"fleet scale 4 --yes --expect {hash_}", 2)
    assert "--expect is" in err
    ops(f"fleet scale 3 --yes --expect {hash_}")
    assert get_group_sizes(ops) == (1, 4, 3)


def test_a_count_beyond_the_limits_is_refused_with_the_limits_command(ops: OpsConsole) -> None:
    _, err = ops("fleet scale 6 --yes", 2)
    assert "COUNT must be 1 to 4 (the fleet's limits), not 6" in err
    advice = "ops fleet limits --max 6"
    assert advice in err
    out, _ = ops(f"{advice.removeprefix('ops ')} --yes")
    assert "the next `pulumi up` restores the limits" in out
    ops("fleet scale 6 --yes")
    assert get_group_sizes(ops) == (1, 6, 6)


def test_a_count_below_the_limits_is_refused_and_zero_warns(ops: OpsConsole) -> None:
    _, err = ops("fleet scale 0 --yes", 2)
    assert "COUNT must be 1 to 4 (the fleet's limits), not 0" in err
    assert "ops fleet limits --min 0" in err
    ops("fleet limits --min 0 --yes")
    out, _ = ops("fleet scale 0 --dry-run")
    assert "with 0 instances the fleet is down" in out
    _, err = ops("fleet scale 0 --yes", 2)
    assert "the hash above: there is no terminal to type the stack's name on" in err
    ops(ops.add_plan_hash("fleet scale 0"))
    assert list_group_instances(ops.stage) == []
    assert ops("fleet instances")[0] == "no instances in the fleet\n"


def test_the_current_count_is_refused(ops: OpsConsole) -> None:
    _, err = ops("fleet scale 2 --yes", 2)
    assert "COUNT is 2, but the fleet already has 2 instances" in err


@pytest.mark.parametrize(("count", "process"), [(3, "Launch"), (1, "Terminate")])
def test_suspended_processes_refuse_scaling(ops: OpsConsole, count: int, process: str) -> None:
    ops.stage.client("autoscaling").suspend_processes(
        AutoScalingGroupName=FLEET_GROUP, ScalingProcesses=[process]
    )
    _, err = ops(f"fleet scale {count} --yes", 1)
    assert f"{FLEET_GROUP} cannot scale: its {process} process is suspended" in err
    assert "aws autoscaling resume-processes" in err
    assert get_group_sizes(ops) == (1, 4, 2)


def test_limits_as_a_user_sees_and_changes_them(ops: OpsConsole) -> None:
    out, _ = ops("fleet limits")
    assert out.splitlines()[1].split() == [FLEET_GROUP, "1", "4", "2", "2", "-"]
    result = ops.run_for_json("fleet limits --min 2 --max 8 --yes")
    assert (result["min"], result["max"]) == (2, 8)
    assert get_group_sizes(ops) == (2, 8, 2)
    ops(f"runs undo {result['run']} --yes")
    assert get_group_sizes(ops) == (1, 4, 2)
    (row,) = ops.run_for_json("fleet limits")["items"]
    assert (row["min"], row["max"], row["desired"]) == (1, 4, 2)


WRONG_LINES = (
    ("--min 5 --max 3", "--min must be at most 3 (the maximum), not 5", ""),
    ("--max 0", "--max must be at least 1 (the minimum), not 0", ""),
    ("--max 1", "--max must be at least 2 (the desired capacity), not 1", "ops fleet scale 1"),
    ("--min 3", "--min must be at most 2 (the desired capacity), not 3", "ops fleet scale 3"),
    ("--min 1 --max 4", "nothing to change: give a new --min or --max", "ops fleet limits"),
)


def test_limits_that_cannot_be_are_refused(ops: OpsConsole) -> None:
    for line, words, advice in WRONG_LINES:
        _, err = ops(f"fleet limits {line} --yes", 2)
        assert words in err
        assert advice in err
    assert get_group_sizes(ops) == (1, 4, 2)


def test_fleet_plans_follow_from_the_observed_group() -> None:
    with open_stage() as stage:
        put_fleet(stage)
        assert (
            plan_fleet_scale(stage).digest
            == plan_fleet_scale(stage).model_copy(update={"run": "run-2"}).digest
        )
        assert plan_fleet_limits(stage).steps[0].action.params["MaxSize"] == 6  # type: ignore[union-attr]
        assert parse_instance_count("7") == 7


@pytest.mark.parametrize("honors_cooldown", [False, True])
def test_the_cooldown_is_honored_if_the_settings_say_so(honors_cooldown: bool) -> None:
    with open_stage() as stage:
        put_fleet(stage)
        assert stage.outputs.fleet is not None
        part = stage.outputs.fleet.model_copy(update={"honors_cooldown": honors_cooldown})
        stage.outputs = stage.outputs.model_copy(update={"fleet": part})
        assert stage.build_engine(KillFuse()).start(plan_fleet_scale(stage)) == "done"
        again = plan_fleet_scale(stage, 2)
        assert any("during the group's cooldown" in note for note in again.notes) is honors_cooldown
        engine = stage.build_engine(KillFuse())
        if honors_cooldown:
            assert engine.start(again) == "undone"
            assert "ScalingActivityInProgress" in engine.reason
            assert describe_group(stage)["DesiredCapacity"] == 3
        else:
            assert engine.start(again) == "done"

"""Instance refreshes and deployments of the fleet: planned, failed, undone, and typed."""

from typing import Any

import pytest
from pydantic import JsonValue

from ops.core.errors import UsageError
from ops.core.plan import Action, Call
from ops.fleet.deploy import build_fleet_deploy_plan
from ops.fleet.model import get_fleet_state
from ops.fleet.refresh import REFRESH_COLUMNS, require_healthy_range
from ops.fleet.refresh_steps import RefreshPreferences, compute_batch_size
from ops.services.images import resolve_image
from sandbox import faults
from sandbox.faults import LostAnswerFault
from tests.ops.command_line import OpsConsole
from tests.ops.every_command import open_command_line
from tests.ops.fleet_stage import (
    FLEET_GROUP,
    FLEET_IMAGE,
    IMAGE_PARAMETER,
    describe_group,
    get_image_parameter,
    list_group_instances,
    list_instance_ids,
    list_instance_refreshes,
    list_target_states,
    put_fleet,
    put_slow_fleet_of_one,
)
from tests.ops.procedures.fleet import (
    plan_fleet_deploy,
    plan_refresh,
    put_refreshing_fleet,
    start_refresh,
)
from tests.ops.service_stage import FIRST_IMAGE
from tests.ops.stage import KillFuse, Stage, open_stage


def list_versions(stage: Stage) -> list[str]:
    return sorted(instance["LaunchTemplate"]["Version"] for instance in list_group_instances(stage))


def get_group_version(stage: Stage) -> str:
    policy = describe_group(stage)["MixedInstancesPolicy"]["LaunchTemplate"]
    return str(policy["LaunchTemplateSpecification"]["Version"])


def put_image_parameter(stage: Stage, value: str) -> None:
    stage.client("ssm").put_parameter(
        Name=IMAGE_PARAMETER, Value=value, Type="String", Overwrite=True
    )


def put_fleet_with_pauses(stage: Stage) -> None:
    put_fleet(stage)
    assert stage.outputs.fleet is not None
    pauses = {"checkpoints": (25, 100), "checkpoint_minutes": 5}
    fleet_part = stage.outputs.fleet.model_copy(update=pauses)
    stage.outputs = stage.outputs.model_copy(update={"fleet": fleet_part})


def set_latest_version(stage: Stage) -> None:
    """The group takes whatever version is the newest."""
    policy = describe_group(stage)["MixedInstancesPolicy"]
    template = policy["LaunchTemplate"]
    template["LaunchTemplateSpecification"] = {
        "LaunchTemplateId": template["LaunchTemplateSpecification"]["LaunchTemplateId"],
        "Version": "$Latest",
    }
    stage.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=FLEET_GROUP, MixedInstancesPolicy=policy
    )


def test_refresh_as_a_user_types_it(ops: OpsConsole) -> None:
    before = list_instance_ids(ops.stage)
    out, _ = ops("fleet refresh start --template-version latest --yes")
    assert "version 1 -> 2" in out
    assert "if it fails, AWS rolls it back by itself" in out
    assert not before & list_instance_ids(ops.stage)
    assert (list_versions(ops.stage), get_group_version(ops.stage)) == (["2", "2"], "2")
    out, _ = ops("fleet refresh status")
    assert out.splitlines()[0].split() == list(REFRESH_COLUMNS)
    (row,) = ops.run_for_json("fleet refresh status")["items"]
    assert (row["status"], row["percent"], row["remaining"]) == ("Successful", 100, 0)
    assert row["version"] == "2"
    (run,) = (r["run"] for r in ops.run_for_json("runs list")["items"])
    ops(f"runs undo {run} --yes")
    assert (list_versions(ops.stage), get_group_version(ops.stage)) == (["1", "1"], "1")
    assert len(ops.run_for_json("fleet refresh status --limit 5")["items"]) == 2


def test_a_refresh_of_a_group_that_is_scaled_meanwhile_is_done() -> None:
    """Its instances are new and serve; how many there are is automatic scaling's to say."""
    with open_stage() as stage:
        put_fleet(stage)
        plan = plan_refresh(stage)
        engine, moved = stage.build_engine(KillFuse()), list[str]()
        run_action = engine.run_action

        def scale_after_start(action: Action, results: dict[str, JsonValue]) -> JsonValue:
            answer = run_action(action, results)
            if isinstance(action, Call) and action.operation == "start_instance_refresh":
                stage.client("autoscaling").set_desired_capacity(
                    AutoScalingGroupName=FLEET_GROUP, DesiredCapacity=4
                )
                moved.append(action.api)
            return answer

        engine.run_action = scale_after_start
        assert engine.start(plan) == "done"
        assert moved
        assert len(list_group_instances(stage)) == 4


def test_a_later_refresh_is_not_undone_with_an_older_run(ops: OpsConsole) -> None:
    run = ops.run_for_json("fleet refresh start --template-version 2 --yes")["run"]
    ops("fleet refresh start --template-version 1 --yes")
    _, err = ops(f"runs undo {run} --yes", 2)
    assert "has been changed since" in err
    assert list_versions(ops.stage) == ["1", "1"]


def test_a_refresh_to_the_same_version_replaces_all_and_has_no_undo(
    ops: OpsConsole,
) -> None:
    before = list_instance_ids(ops.stage)
    out, _ = ops("fleet refresh start --yes")
    assert "an undo only stops the refresh; replaced instances stay" in out
    assert "AWS does not roll it back by itself" in out
    assert not before & list_instance_ids(ops.stage)
    assert list_versions(ops.stage) == ["1", "1"]


def test_latest_is_pinned_to_its_number(ops: OpsConsole) -> None:
    set_latest_version(ops.stage)
    found = ops.run_for_json("fleet refresh start --dry-run")["plan"]["steps"][0]["action"][
        "params"
    ]
    policy = found["DesiredConfiguration"]["MixedInstancesPolicy"]["LaunchTemplate"]
    assert policy["LaunchTemplateSpecification"]["Version"] == "2"
    line = "fleet refresh start --template-version 1 --dry-run"
    found = ops.run_for_json(line)["plan"]["steps"][0]["action"]["params"]
    assert found["Preferences"]["AutoRollback"] is False, "AWS could not go back to $Latest"


def test_refresh_preferences_are_shown_and_sent_to_aws(ops: OpsConsole) -> None:
    line = (
        "fleet refresh start --checkpoint 50 --checkpoint-delay 15 --min-healthy 50 "
        "--max-healthy 120 --skip-matching --template-version 2 --no-auto-rollback"
    )
    out, _ = ops(f"{line} --dry-run")
    assert "1 at a time, keeping 50 to 120 percent healthy" in out
    assert "pausing 15 min at 50 percent" in out
    began = ops.stage.clock.now()
    ops(f"{line} --yes")
    assert ops.stage.clock.now() - began > 900
    preferences = list_instance_refreshes(ops.stage)[0]["Preferences"]
    assert preferences["CheckpointPercentages"] == [50, 100]
    wanted = {
        "CheckpointDelay": 900,
        "MinHealthyPercentage": 50,
        "MaxHealthyPercentage": 120,
        "SkipMatching": True,
        "AutoRollback": False,
    }
    assert {key: preferences[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    ("options", "pause"),
    [("", "pausing 5 min at 25 percent"), (" --checkpoint 50", "pausing 10 min at 50 percent")],
)
def test_pauses_are_those_of_the_settings_unless_options_say_others(
    capsys: pytest.CaptureFixture[str], options: str, pause: str
) -> None:
    with open_command_line(put_fleet_with_pauses) as (_, run_line):
        assert run_line(f"fleet refresh start --template-version 2 --dry-run{options}") == 0
    assert pause in capsys.readouterr().out


def test_a_refresh_that_is_not_awaited_is_seen_by_status(ops: OpsConsole) -> None:
    ops("fleet refresh start --template-version 2 --no-wait --yes")
    (row,) = ops.run_for_json("fleet refresh status")["items"]
    assert row["status"] == "Pending"
    _, err = ops("fleet refresh start --yes", 2)
    assert "AWS allows one at a time" in err
    assert "ops fleet refresh cancel" in err
    _, err = ops(f"fleet deploy {FLEET_IMAGE}:v2 --yes", 2)
    assert "AWS allows one at a time" in err


def test_a_refresh_that_aws_rolls_back_is_no_success(ops: OpsConsole) -> None:
    """The image of the parameter stays ill: what serves goes on serving."""
    before = list_instance_ids(ops.stage)
    put_image_parameter(ops.stage, "x:unhealthy")
    _, err = ops("fleet refresh start --template-version 2 --yes", 5)
    assert "failed and was undone" in err
    assert "Status is 'RollbackSuccessful'" in err
    assert "did not pass its health checks in time" in err
    assert list_instance_ids(ops.stage) == before
    assert list_instance_refreshes(ops.stage)[-1]["Status"] == "RollbackSuccessful"
    assert list_target_states(ops.stage) == ["healthy", "healthy"]


def test_somebody_elses_refresh_is_not_taken_for_ours() -> None:
    """One that began after the plan was made: ours is refused, and nothing is called done."""
    with open_stage() as stage:
        put_fleet(stage)
        plan = plan_refresh(stage)
        stage.client("autoscaling").start_instance_refresh(AutoScalingGroupName=FLEET_GROUP)
        engine = stage.build_engine(KillFuse())
        assert engine.start(plan) == "undone"
        assert "InstanceRefreshInProgress" in engine.reason
        assert list_instance_refreshes(stage)[-1]["Status"] == "Successful", "theirs was left alone"
        assert list_versions(stage) == ["1", "1"]


def test_cancel_as_a_user_types_it(ops: OpsConsole) -> None:
    start_refresh(ops.stage)
    ops.stage.clock.sleep(250)
    out, _ = ops("fleet refresh cancel --yes")
    assert "instances replaced so far stay" in out
    assert ops.run_for_json("fleet refresh status")["items"][0]["status"] == "Cancelled"
    ops.stage.clock.sleep(60)  # what is too much drains
    assert list_versions(ops.stage) == ["1", "2"]
    _, err = ops("fleet refresh cancel --yes", 2)
    assert "no instance refresh is in progress; the last one is Cancelled" in err


def test_rollback_as_a_user_types_it(ops: OpsConsole) -> None:
    start_refresh(ops.stage)
    ops.stage.clock.sleep(250)
    result = ops.run_for_json("fleet refresh rollback --yes")
    assert result["status"] == "RollbackSuccessful"
    ops.stage.clock.sleep(60)  # the last one of before drains
    assert list_versions(ops.stage) == ["1", "1"]
    assert list_instance_refreshes(ops.stage)[0]["Status"] == "RollbackSuccessful"


def test_a_rollback_that_fails_is_no_success(ops: OpsConsole) -> None:
    start_refresh(ops.stage)
    ops.stage.clock.sleep(250)
    put_image_parameter(ops.stage, "x:unhealthy")
    _, err = ops("fleet refresh rollback --yes", 5)
    assert "RollbackFailed" in err
    assert "did not pass its health checks in time" in err


def put_no_refresh(_: Stage) -> None:
    """No refresh at all."""


def start_unconfigured_refresh(stage: Stage) -> None:
    stage.client("autoscaling").start_instance_refresh(AutoScalingGroupName=FLEET_GROUP)


def start_same_version_refresh(stage: Stage) -> None:
    step = plan_refresh(stage, "1").steps[0]
    stage.client("autoscaling").start_instance_refresh(**step.action.params)  # type: ignore[union-attr]


def start_refresh_from_latest(stage: Stage) -> None:
    set_latest_version(stage)
    start_refresh(stage)


def start_rollback(stage: Stage) -> None:
    start_refresh(stage)
    stage.clock.sleep(200)
    stage.client("autoscaling").rollback_instance_refresh(AutoScalingGroupName=FLEET_GROUP)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (put_no_refresh, "none in the last six weeks"),
        (start_unconfigured_refresh, "has no desired configuration"),
        (start_same_version_refresh, "keeps version 1, so there is nothing to roll back to"),
        (start_refresh_from_latest, "started from $Latest"),
        (start_rollback, "is already RollbackInProgress"),
    ],
)
def test_an_impossible_rollback_is_refused_with_the_reason(
    ops: OpsConsole, build: Any, words: str
) -> None:
    build(ops.stage)
    _, err = ops("fleet refresh rollback --yes", 2)
    assert words in err


WRONG_LINES = (
    ("start --checkpoint 50,20", "--checkpoint must be rising percentages like 20,50, not '50,20'"),
    ("start --template-version 9", "--template-version is '9', but launch template"),
    ("start --template-version newest", "must be a number, latest or default, not 'newest'"),
    ("start --min-healthy 101", "--min-healthy"),
    ("start --max-healthy 99", "--max-healthy"),
    ("start --min-healthy 50 --max-healthy 200", "--max-healthy must be at most 150, not 200"),
    ("start --min-healthy 5", "--min-healthy must be at least 10, not 5"),
    ("start --checkpoint-delay 2881", "--checkpoint-delay"),
    ("status --limit 0", "--limit"),
)


def test_wrong_refresh_options_say_what_they_must_be(ops: OpsConsole) -> None:
    for line, words in WRONG_LINES:
        _, err = ops(f"fleet refresh {line}", 2)
        assert words in err
    assert list_instance_refreshes(ops.stage) == []


def test_the_batch_size_follows_from_the_healthy_percentages() -> None:
    with open_stage() as stage:
        put_fleet(stage, 4)
        of = get_fleet_state(stage.aws, stage.outputs)
        assert compute_batch_size(of, RefreshPreferences()) == 1
        assert compute_batch_size(of, RefreshPreferences(50, 100)) == 2
        assert compute_batch_size(of, RefreshPreferences(100, 200)) == 4
        with pytest.raises(UsageError):
            require_healthy_range(50, 200, of)


def test_a_start_whose_answer_is_lost_is_found_again(ops: OpsConsole) -> None:
    with faults.inject_faults(LostAnswerFault(("autoscaling.start_instance_refresh",))):
        ops("fleet refresh start --template-version 2 --yes")
    assert [it["Status"] for it in list_instance_refreshes(ops.stage)] == ["Successful"]


def test_an_undo_waits_for_another_refresh_to_end() -> None:
    """Somebody's refresh, begun after ours was over: the way back waits for its end."""
    with open_stage() as stage:
        put_slow_fleet_of_one(stage)
        fuse = KillFuse()
        assert stage.build_engine(fuse).start(plan_fleet_deploy(stage)) == "done"
        stage.client("autoscaling").start_instance_refresh(AutoScalingGroupName=FLEET_GROUP)
        assert stage.build_engine(fuse).undo() == "undone"
        assert [it["Status"] for it in list_instance_refreshes(stage)] == ["Successful"] * 3
        assert get_image_parameter(stage) == FIRST_IMAGE


def test_the_same_fleet_state_gives_the_same_plan() -> None:
    with open_stage() as stage:
        put_refreshing_fleet(stage)
        with pytest.raises(UsageError, match="allows one at a time"):
            plan_refresh(stage)
        stage.clock.sleep(3600)
        now = get_fleet_state(stage.aws, stage.outputs)
        found = resolve_image(stage.aws, f"{FLEET_IMAGE}:v2")
        plans = [
            build_fleet_deploy_plan(
                stage.aws, stage.outputs, now, found, run, preferences=RefreshPreferences()
            )
            for run in ("run-1", "run-2")
        ]
        assert plans[0].digest == plans[1].digest

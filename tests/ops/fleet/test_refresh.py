"""Instance refreshes and deployments of the fleet: planned, failed, undone, and typed."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ops.core.errors import UsageError
from ops.fleet import deploy as fleet_deploying
from ops.fleet import model as fleet
from ops.fleet import refresh as fleet_refreshing
from ops.fleet.refresh_steps import How, batch
from ops.services import images
from sandbox import faults
from sandbox.faults import LostAnswerFault
from tests.ops.command_line import Console
from tests.ops.fleet_stage import (
    GROUP,
    IMAGE,
    PARAMETER,
    console,
    digest,
    ids,
    image,
    instances,
    put,
    put_one,
    refreshes,
    seen,
    targets,
)
from tests.ops.procedures.fleet import begin, deployed, put_refreshing, refreshed
from tests.ops.service_stage import FIRST
from tests.ops.stage import Fuse, KilledError, Stage, stage


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Console]:
    with console(capsys, tmp_path) as made:
        yield made


def versions(on: Stage) -> list[str]:
    return sorted(it["LaunchTemplate"]["Version"] for it in instances(on))


def own_version(on: Stage) -> str:
    policy = seen(on)["MixedInstancesPolicy"]["LaunchTemplate"]
    return str(policy["LaunchTemplateSpecification"]["Version"])


def name_image(on: Stage, value: str) -> None:
    on.client("ssm").put_parameter(Name=PARAMETER, Value=value, Type="String", Overwrite=True)


def latest(on: Stage) -> None:
    """The group takes whatever version is the newest."""
    policy = seen(on)["MixedInstancesPolicy"]
    template = policy["LaunchTemplate"]
    template["LaunchTemplateSpecification"] = {
        "LaunchTemplateId": template["LaunchTemplateSpecification"]["LaunchTemplateId"],
        "Version": "$Latest",
    }
    on.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=GROUP, MixedInstancesPolicy=policy
    )


def test_refresh_as_a_user_types_it(ops: Console) -> None:
    before = ids(ops.stage)
    out, _ = ops("fleet refresh start --template-version latest --yes")
    assert "version 1 -> 2" in out
    assert "where it fails AWS goes back by itself" in out
    assert not before & ids(ops.stage)
    assert (versions(ops.stage), own_version(ops.stage)) == (["2", "2"], "2")
    out, _ = ops("fleet refresh status")
    assert out.splitlines()[0].split() == list(fleet_refreshing.COLUMNS)
    (row,) = ops.json("fleet refresh status")["items"]
    assert (row["status"], row["percent"], row["remaining"]) == ("Successful", 100, 0)
    assert row["version"] == "2"
    (run,) = (r["run"] for r in ops.json("runs list")["items"])
    ops(f"runs undo {run} --yes")
    assert (versions(ops.stage), own_version(ops.stage)) == (["1", "1"], "1")
    assert len(ops.json("fleet refresh status --limit 5")["items"]) == 2


def test_what_is_done_since_is_not_undone_with_it(ops: Console) -> None:
    run = ops.json("fleet refresh start --template-version 2 --yes")["run"]
    ops("fleet refresh start --template-version 1 --yes")
    _, err = ops(f"runs undo {run} --yes", 2)
    assert "has been changed since" in err
    assert versions(ops.stage) == ["1", "1"]


def test_of_the_same_version_every_instance_is_new_and_nothing_can_be_undone(
    ops: Console,
) -> None:
    before = ids(ops.stage)
    out, _ = ops("fleet refresh start --yes")
    assert "of the same version there is nothing to go back to" in out
    assert "AWS does not go back by itself" in out
    assert not before & ids(ops.stage)
    assert versions(ops.stage) == ["1", "1"]


def test_latest_is_pinned_to_its_number(ops: Console) -> None:
    latest(ops.stage)
    found = ops.json("fleet refresh start --dry-run")["plan"]["steps"][0]["do"]["params"]
    policy = found["DesiredConfiguration"]["MixedInstancesPolicy"]["LaunchTemplate"]
    assert policy["LaunchTemplateSpecification"]["Version"] == "2"
    line = "fleet refresh start --template-version 1 --dry-run"
    found = ops.json(line)["plan"]["steps"][0]["do"]["params"]
    assert found["Preferences"]["AutoRollback"] is False, "AWS could not go back to $Latest"


def test_how_it_is_done_is_said_and_given_to_aws(ops: Console) -> None:
    line = (
        "fleet refresh start --checkpoint 50 --checkpoint-delay 15 --min-healthy 50 "
        "--max-healthy 120 --skip-matching --template-version 2 --no-auto-rollback"
    )
    out, _ = ops(f"{line} --dry-run")
    assert "1 at a time, between 50 and 120 percent" in out
    assert "a pause of 15 min at 50 percent" in out
    began = ops.stage.clock.now()
    ops(f"{line} --yes")
    assert ops.stage.clock.now() - began > 900
    preferences = refreshes(ops.stage)[0]["Preferences"]
    assert preferences["CheckpointPercentages"] == [50, 100]
    wanted = {
        "CheckpointDelay": 900,
        "MinHealthyPercentage": 50,
        "MaxHealthyPercentage": 120,
        "SkipMatching": True,
        "AutoRollback": False,
    }
    assert {key: preferences[key] for key in wanted} == wanted


def test_not_waited_for_it_is_looked_at_later(ops: Console) -> None:
    ops("fleet refresh start --template-version 2 --no-wait --yes")
    (row,) = ops.json("fleet refresh status")["items"]
    assert row["status"] == "Pending"
    _, err = ops("fleet refresh start --yes", 2)
    assert "AWS takes no second one" in err
    assert "ops fleet refresh cancel" in err
    _, err = ops(f"fleet deploy {IMAGE}:v2 --yes", 2)
    assert "AWS takes no second one" in err


def test_aws_goes_back_where_it_fails_and_that_is_no_success(ops: Console) -> None:
    """The image of the parameter stays ill: what serves goes on serving."""
    before = ids(ops.stage)
    name_image(ops.stage, "x:unhealthy")
    _, err = ops("fleet refresh start --template-version 2 --yes", 5)
    assert "failed and was undone" in err
    assert "Status is 'RollbackSuccessful'" in err
    assert "did not pass its health checks in time" in err
    assert ids(ops.stage) == before
    assert refreshes(ops.stage)[-1]["Status"] == "RollbackSuccessful"
    assert targets(ops.stage) == ["healthy", "healthy"]


def test_somebody_elses_refresh_is_not_taken_for_ours() -> None:
    """One that began after the plan was made: ours is refused, and nothing is called done."""
    with stage() as on:
        put(on)
        plan = refreshed(on)
        on.client("autoscaling").start_instance_refresh(AutoScalingGroupName=GROUP)
        engine = on.engine(Fuse())
        assert engine.start(plan) == "undone"
        assert "InstanceRefreshInProgress" in engine.reason
        assert refreshes(on)[-1]["Status"] == "Successful", "theirs was left alone"
        assert versions(on) == ["1", "1"]


def test_cancel_as_a_user_types_it(ops: Console) -> None:
    begin(ops.stage)
    ops.stage.clock.sleep(250)
    out, _ = ops("fleet refresh cancel --yes")
    assert "what is replaced so far stays" in out
    assert ops.json("fleet refresh status")["items"][0]["status"] == "Cancelled"
    ops.stage.clock.sleep(60)  # what is too much drains
    assert versions(ops.stage) == ["1", "2"]
    _, err = ops("fleet refresh cancel --yes", 2)
    assert "no instance refresh is at work, the last one is Cancelled" in err


def test_rollback_as_a_user_types_it(ops: Console) -> None:
    begin(ops.stage)
    ops.stage.clock.sleep(250)
    result = ops.json("fleet refresh rollback --yes")
    assert result["status"] == "RollbackSuccessful"
    ops.stage.clock.sleep(60)  # the last one of before drains
    assert versions(ops.stage) == ["1", "1"]
    assert refreshes(ops.stage)[0]["Status"] == "RollbackSuccessful"


def test_a_rollback_that_fails_is_no_success(ops: Console) -> None:
    begin(ops.stage)
    ops.stage.clock.sleep(250)
    name_image(ops.stage, "x:unhealthy")
    _, err = ops("fleet refresh rollback --yes", 5)
    assert "RollbackFailed" in err
    assert "did not pass its health checks in time" in err


def nothing(_: Stage) -> None:
    """No refresh at all."""


def without_configuration(on: Stage) -> None:
    on.client("autoscaling").start_instance_refresh(AutoScalingGroupName=GROUP)


def of_the_same_version(on: Stage) -> None:
    step = refreshed(on, "1").steps[0]
    on.client("autoscaling").start_instance_refresh(**step.action.params)  # type: ignore[union-attr]


def from_latest(on: Stage) -> None:
    latest(on)
    begin(on)


def rolling_back(on: Stage) -> None:
    begin(on)
    on.clock.sleep(200)
    on.client("autoscaling").rollback_instance_refresh(AutoScalingGroupName=GROUP)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (nothing, "there was none in six weeks"),
        (without_configuration, "without a desired configuration"),
        (of_the_same_version, "leads to version 1, which the fleet had before it"),
        (from_latest, "began from $Latest"),
        (rolling_back, "is RollbackInProgress already"),
    ],
)
def test_why_it_cannot_be_taken_back_is_said(ops: Console, build: Any, words: str) -> None:
    build(ops.stage)
    _, err = ops("fleet refresh rollback --yes", 2)
    assert words in err


WRONG = (
    ("start --checkpoint 50,20", "--checkpoint is '50,20', may be percentages that rise"),
    ("start --template-version 9", "--template-version is '9', which launch template"),
    ("start --template-version newest", "may be a number, or latest or default"),
    ("start --min-healthy 101", "--min-healthy"),
    ("start --max-healthy 99", "--max-healthy"),
    ("start --min-healthy 50 --max-healthy 200", "--max-healthy is 200, may be at most 150"),
    ("start --min-healthy 5", "--min-healthy is 5, may be 10"),
    ("start --checkpoint-delay 2881", "--checkpoint-delay"),
    ("status --limit 0", "--limit"),
)


def test_what_it_may_be_is_said(ops: Console) -> None:
    for line, words in WRONG:
        _, err = ops(f"fleet refresh {line}", 2)
        assert words in err
    assert refreshes(ops.stage) == []


def test_how_many_at_a_time() -> None:
    with stage() as on:
        put(on, 4)
        of = fleet.observed(on.aws, on.outputs)
        assert batch(of, How()) == 1
        assert batch(of, How(50, 100)) == 2
        assert batch(of, How(100, 200)) == 4
        with pytest.raises(UsageError):
            fleet_refreshing.agree(50, 200, of)


def test_deploy_as_a_user_types_it(ops: Console) -> None:
    before = ids(ops.stage)
    out, _ = ops(f"fleet deploy {IMAGE}:v2 --yes")
    wanted = digest(ops.stage, "v2")
    assert f"image: {FIRST} -> {wanted}" in out
    assert image(ops.stage) == wanted
    assert not before & ids(ops.stage)
    assert {row["image"] for row in ops.json("fleet instances")["items"]} == {wanted}
    assert targets(ops.stage) == ["healthy", "healthy"]
    (run,) = (r["run"] for r in ops.json("runs list")["items"])
    _, err = ops(f"fleet deploy {IMAGE}:v2 --yes", 2)
    assert "which the fleet runs already" in err
    ops(f"runs undo {run} --yes")
    assert image(ops.stage) == FIRST
    rows = ops.json("fleet instances")["items"]
    assert {row["image"] for row in rows} == {FIRST}
    assert targets(ops.stage) == ["healthy", "healthy"]


def test_an_image_that_never_becomes_healthy_is_taken_back(ops: Console) -> None:
    ops("fleet refresh start --yes")
    begin(ops.stage)
    ops.stage.clock.sleep(250)
    ops("fleet refresh rollback --yes")
    ops.stage.clock.sleep(600)
    before = ids(ops.stage)
    earlier = [it["InstanceRefreshId"] for it in refreshes(ops.stage)]
    _, err = ops(f"fleet deploy {IMAGE}:v5-unhealthy --yes", 5)
    assert "failed and was undone" in err
    assert "did not pass its health checks in time" in err
    assert not any(id_ in err for id_ in earlier), "what failed before has nothing to do with it"
    assert "ops fleet activities" in err
    assert image(ops.stage) == FIRST
    assert targets(ops.stage) == ["healthy", "healthy"]
    assert not before & ids(ops.stage), "none that was launched meanwhile is left"
    assert [it["Status"] for it in refreshes(ops.stage)][:2] == ["Successful", "Failed"]


def test_an_image_that_is_nowhere_changes_nothing(ops: Console) -> None:
    _, err = ops(f"fleet deploy {IMAGE}:no-such --yes", 2)
    assert "which is not in ECR" in err
    assert image(ops.stage) == FIRST
    out, _ = ops("fleet deploy registry.example.com/app:1 --dry-run")
    assert "is of another registry: not looked at" in out
    _, err = ops(f"fleet deploy {IMAGE}:v2 --url https://example.com --no-wait", 2)
    assert "which wants --wait" in err


def test_a_deployment_that_is_turned_back_halfway_leaves_nothing_of_it() -> None:
    with stage() as on:
        put(on)
        fuse = Fuse()
        fuse.left = 20
        with suppress(KilledError):
            on.engine(fuse).start(deployed(on))
        on.clock.sleep(200)
        assert image(on) == digest(on, "v2")
        fuse.left = 10**9
        assert on.engine(fuse).undo() == "undone"
        assert image(on) == FIRST
        assert [it["Status"] for it in refreshes(on)] == ["Successful", "Cancelled"]
        rows = fleet.rows(on.aws, fleet.observed(on.aws, on.outputs), on.clock.held.now())
        assert {row["image"] for row in rows} == {FIRST}


def test_a_start_whose_answer_is_lost_is_found_again(ops: Console) -> None:
    with faults.inject_faults(LostAnswerFault(("autoscaling.start_instance_refresh",))):
        ops("fleet refresh start --template-version 2 --yes")
    assert [it["Status"] for it in refreshes(ops.stage)] == ["Successful"]


def test_what_is_at_work_holds_up_the_way_back_until_it_is_over() -> None:
    """Somebody's refresh, begun after ours was over: the way back waits for its end."""
    with stage() as on:
        put_one(on)
        fuse = Fuse()
        assert on.engine(fuse).start(deployed(on)) == "done"
        on.client("autoscaling").start_instance_refresh(AutoScalingGroupName=GROUP)
        assert on.engine(fuse).undo() == "undone"
        assert [it["Status"] for it in refreshes(on)] == ["Successful"] * 3
        assert image(on) == FIRST


def test_the_same_is_planned_of_the_same_world() -> None:
    with stage() as on:
        put_refreshing(on)
        with pytest.raises(UsageError, match="takes no second one"):
            refreshed(on)
        on.clock.sleep(3600)
        now = fleet.observed(on.aws, on.outputs)
        found = images.resolve_image(on.aws, f"{IMAGE}:v2")
        plans = [
            fleet_deploying.deploy(on.aws, on.outputs, now, found, run, how=How())
            for run in ("run-1", "run-2")
        ]
        assert plans[0].digest == plans[1].digest

"""Deployments of an image to the fleet: typed, failed, refused and undone halfway."""

from contextlib import suppress

from ops.fleet.model import build_instance_rows, get_fleet_state
from tests.ops.command_line import OpsConsole
from tests.ops.fleet_stage import (
    FLEET_IMAGE,
    get_digest_reference,
    get_image_parameter,
    list_instance_ids,
    list_instance_refreshes,
    list_target_states,
    put_fleet,
)
from tests.ops.procedures.fleet import (
    plan_fleet_deploy,
    start_refresh,
)
from tests.ops.service_stage import FIRST_IMAGE
from tests.ops.stage import KilledError, KillFuse, open_stage


def test_deploy_as_a_user_types_it(ops: OpsConsole) -> None:
    before = list_instance_ids(ops.stage)
    out, _ = ops(f"fleet deploy {FLEET_IMAGE}:v2 --yes")
    wanted = get_digest_reference(ops.stage, "v2")
    assert f"image: {FIRST_IMAGE} -> {wanted}" in out
    assert get_image_parameter(ops.stage) == wanted
    assert not before & list_instance_ids(ops.stage)
    assert {row["image"] for row in ops.run_for_json("fleet instances")["items"]} == {wanted}
    assert list_target_states(ops.stage) == ["healthy", "healthy"]
    (run,) = (r["run"] for r in ops.run_for_json("runs list")["items"])
    _, err = ops(f"fleet deploy {FLEET_IMAGE}:v2 --yes", 2)
    assert "but the fleet already runs it" in err
    ops(f"runs undo {run} --yes")
    assert get_image_parameter(ops.stage) == FIRST_IMAGE
    rows = ops.run_for_json("fleet instances")["items"]
    assert {row["image"] for row in rows} == {FIRST_IMAGE}
    assert list_target_states(ops.stage) == ["healthy", "healthy"]


def test_an_image_that_never_becomes_healthy_is_taken_back(ops: OpsConsole) -> None:
    ops("fleet refresh start --yes")
    start_refresh(ops.stage)
    ops.stage.clock.sleep(250)
    ops("fleet refresh rollback --yes")
    ops.stage.clock.sleep(600)
    before = list_instance_ids(ops.stage)
    earlier = [it["InstanceRefreshId"] for it in list_instance_refreshes(ops.stage)]
    _, err = ops(f"fleet deploy {FLEET_IMAGE}:v5-unhealthy --yes", 5)
    assert "failed and was undone" in err
    assert "did not pass its health checks in time" in err
    assert not any(id_ in err for id_ in earlier), "what failed before has nothing to do with it"
    assert "ops fleet activities" in err
    assert get_image_parameter(ops.stage) == FIRST_IMAGE
    assert list_target_states(ops.stage) == ["healthy", "healthy"]
    assert not before & list_instance_ids(ops.stage), "none that was launched meanwhile is left"
    assert [it["Status"] for it in list_instance_refreshes(ops.stage)][:2] == [
        "Successful",
        "Failed",
    ]


def test_an_image_that_is_nowhere_changes_nothing(ops: OpsConsole) -> None:
    _, err = ops(f"fleet deploy {FLEET_IMAGE}:no-such --yes", 2)
    assert "but ECR does not have it" in err
    assert get_image_parameter(ops.stage) == FIRST_IMAGE
    out, _ = ops("fleet deploy registry.example.com/app:1 --dry-run")
    assert "is not in ECR, so it was not checked" in out
    _, err = ops(f"fleet deploy {FLEET_IMAGE}:v2 --url https://example.com --no-wait", 2)
    assert "--url needs --wait" in err


def test_a_deployment_that_is_turned_back_halfway_leaves_nothing_of_it() -> None:
    with open_stage() as stage:
        put_fleet(stage)
        fuse = KillFuse()
        fuse.touches_left = 25
        with suppress(KilledError):
            stage.build_engine(fuse).start(plan_fleet_deploy(stage))
        stage.clock.sleep(200)
        assert get_image_parameter(stage) == get_digest_reference(stage, "v2")
        fuse.touches_left = 10**9
        assert stage.build_engine(fuse).undo() == "undone"
        assert get_image_parameter(stage) == FIRST_IMAGE
        assert [it["Status"] for it in list_instance_refreshes(stage)] == [
            "Successful",
            "Cancelled",
        ]
        rows = build_instance_rows(
            stage.aws, get_fleet_state(stage.aws, stage.outputs), stage.clock.held_clock.now()
        )
        assert {row["image"] for row in rows} == {FIRST_IMAGE}

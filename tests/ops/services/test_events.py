"""What ECS reports of a service while it is scaled or deployed: shown, and in the error."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ops.core.engine import SilentListener, StillRunningError
from ops.core.plan import Plan
from ops.services.scale import build_service_scale_plan
from sandbox.image_behaviour import ImageBehaviour
from sandbox.patches.ecs.placements import fail_placements
from tests.ops import service_stage
from tests.ops.command_line import OpsConsole
from tests.ops.procedures.service_scale import plan_scale_of_fixed_count
from tests.ops.service_stage import BACKEND_IMAGE, describe_service, put_services
from tests.ops.stage import ACCOUNT, REGION, KillFuse, Stage, open_stage

CAPACITY_EVENT = (
    "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again "
    "later or in a different availability zone."
)
QUOTA_EVENT = (
    "was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can "
    "run concurrently."
)


@dataclass
class NoticeListener(SilentListener):
    notices: list[str] = field(default_factory=list)

    def on_notice(self, text: str) -> None:
        self.notices.append(text)


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with service_stage.open_service_console(capsys, tmp_path) as console:
        yield console


def test_a_lack_of_capacity_is_shown_once_while_it_waits_and_is_in_the_error() -> None:
    with open_stage() as stage:
        put_services(stage)
        fail_placements(ACCOUNT, REGION, "backend", CAPACITY_EVENT)
        engine, listener = stage.build_engine(KillFuse()), NoticeListener()
        engine.listener = listener
        with pytest.raises(StillRunningError, match="Capacity is unavailable at this time"):
            engine.start(plan_scale_of_fixed_count(stage))
        assert len(listener.notices) == 1
        assert listener.notices[0].startswith("AWS reports: 20")
        assert f"(service backend) {CAPACITY_EVENT}" in listener.notices[0]


def test_a_quota_ends_the_wait_and_the_count_is_undone() -> None:
    with open_stage() as stage:
        put_services(stage)
        fail_placements(ACCOUNT, REGION, "backend", QUOTA_EVENT)
        engine, began = stage.build_engine(KillFuse()), stage.clock.now()
        assert engine.start(plan_scale_of_fixed_count(stage)) == "undone"
        assert QUOTA_EVENT in engine.reason
        assert stage.clock.now() - began < 10 * 60
        assert describe_service(stage)["desiredCount"] == 2


def test_what_was_reported_before_does_not_end_the_next_attempt() -> None:
    with open_stage() as stage:
        put_services(stage)
        fail_placements(ACCOUNT, REGION, "backend", QUOTA_EVENT)
        assert stage.build_engine(KillFuse()).start(plan_scale_of_fixed_count(stage)) == "undone"
        fail_placements(ACCOUNT, REGION, "backend", "")
        stage.clock.sleep(300)
        assert stage.build_engine(KillFuse()).start(plan_scale_of_fixed_count(stage)) == "done"


def test_why_tasks_did_not_start_is_in_the_error_of_a_deployment(ops: OpsConsole) -> None:
    _, err = ops(f"service deploy {BACKEND_IMAGE}:v4-crash --service backend --yes", 5)
    assert "AWS reports: " in err
    assert "is unable to consistently start tasks successfully" in err
    assert "deployment failed: tasks failed to start" in err


def build_plan_down(stage: Stage) -> Plan:
    from ops.services.model import get_service

    service = get_service(stage.aws, stage.outputs, "backend")
    return build_service_scale_plan(stage.outputs, service, None, 1, "run-1")


def test_fewer_tasks_need_no_place() -> None:
    with open_stage() as stage:
        put_services(stage)
        fail_placements(ACCOUNT, REGION, "backend", QUOTA_EVENT)
        assert stage.build_engine(KillFuse()).start(build_plan_down(stage)) == "done"


@pytest.mark.parametrize(
    ("message", "code", "outcome", "reason"),
    [
        (
            "is unable to consistently start tasks successfully.",
            4,
            "exits",
            "3 x Essential container in task exited, backend exited 1",
        ),
        (QUOTA_EVENT, 5, "missing", "3 x CannotPullContainerError: pull image manifest"),
    ],
)
def test_why_tasks_stopped_is_in_the_error_of_a_count_that_was_not_reached(
    ops: OpsConsole, message: str, code: int, outcome: ImageBehaviour, reason: str
) -> None:
    fail_placements(ACCOUNT, REGION, "backend", message, outcome)
    _, err = ops("service scale 5 --service backend --yes", code)
    assert f"task stopped: {reason}" in err
    assert "ops service tasks --service backend --stopped" in err


def test_why_tasks_stopped_is_in_the_error_of_a_run_that_is_resumed(ops: OpsConsole) -> None:
    fail_placements(
        ACCOUNT,
        REGION,
        "backend",
        "is unable to consistently start tasks successfully.",
        "exits",
    )
    ops("service scale 5 --service backend --timeout 5m --yes", 4)
    (run,) = ops.run_for_json("runs list")["items"]
    _, err = ops(f"runs resume {run['run']} --timeout 5m --yes", 4)
    assert "task of backend stopped: " in err
    assert "x Essential container in task exited, backend exited 1" in err
    assert err.count("ops service tasks --service backend --stopped") == 1

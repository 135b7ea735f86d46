"""What Auto Scaling reports of launches that failed: shown, and in the error."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from moto.autoscaling.models import autoscaling_backends

from ops.core.engine import SilentListener, StillRunningError
from ops.fleet.activity_reports import GIVEN_UP_LAUNCHES
from ops.fleet.model import get_fleet_state
from ops.fleet.scale import build_fleet_scale_plan
from sandbox.faults import AwsRequest, RawReply, RequestHandler, inject_faults
from sandbox.patches.autoscaling.instances import fail_launches
from tests.ops.fleet_stage import describe_group, put_fleet
from tests.ops.stage import ACCOUNT, REGION, KillFuse, Stage, open_stage

CAPACITY_MESSAGE = (
    "We currently do not have sufficient t3.small capacity in the Availability Zone you requested "
    "(eu-north-1a). Our system will be working on provisioning additional capacity. Launching EC2 "
    "instance failed."
)
QUOTA_MESSAGE = (
    "You have requested more vCPU capacity than your current vCPU limit of 32 allows for the "
    "instance bucket that the specified instance type belongs to. Please visit "
    "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit. "
    "Launching EC2 instance failed."
)
IMAGE_MESSAGE = "The image id '[ami-0123]' does not exist. Launching EC2 instance failed."


@dataclass
class NoticeListener(SilentListener):
    notices: list[str] = field(default_factory=list)

    def on_notice(self, text: str) -> None:
        self.notices.append(text)


@dataclass
class UnreadableOnceScaled:
    """The activities cannot be read any more once the number is set."""

    is_scaled: bool = False
    refused_count: int = 0

    def __call__(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        self.is_scaled = self.is_scaled or aws_request.api == "autoscaling.set_desired_capacity"
        if not self.is_scaled or aws_request.api != "autoscaling.describe_scaling_activities":
            return next_handler(aws_request)
        self.refused_count += 1
        return aws_request.build_error_reply("ExpiredToken", "The token has expired", 400)


def put_failing_fleet(stage: Stage, message: str) -> None:
    put_fleet(stage)
    group = describe_group(stage)["AutoScalingGroupName"]
    stage.client("autoscaling").suspend_processes(
        AutoScalingGroupName=group, ScalingProcesses=["AlarmNotification", "ScheduledActions"]
    )
    fail_launches(autoscaling_backends[ACCOUNT][REGION].autoscaling_groups[group], message)


def test_a_lack_of_capacity_is_shown_while_it_waits_and_is_in_the_error() -> None:
    with open_stage() as stage:
        put_failing_fleet(stage, CAPACITY_MESSAGE)
        engine, listener = stage.build_engine(KillFuse()), NoticeListener()
        engine.listener = listener
        fleet_state = get_fleet_state(stage.aws, stage.outputs)
        with pytest.raises(StillRunningError, match="We currently do not have sufficient"):
            engine.start(build_fleet_scale_plan(stage.outputs, fleet_state, 3, "run-1"))
        assert len(listener.notices) == 1, "the same launch is tried again every minute"
        assert CAPACITY_MESSAGE in listener.notices[0]


@pytest.mark.parametrize("message", [QUOTA_MESSAGE, IMAGE_MESSAGE])
def test_a_launch_that_never_works_ends_the_wait(message: str) -> None:
    assert any(text in message for text in GIVEN_UP_LAUNCHES)
    with open_stage() as stage:
        put_failing_fleet(stage, message)
        engine, began = stage.build_engine(KillFuse()), stage.clock.now()
        fleet_state = get_fleet_state(stage.aws, stage.outputs)
        assert engine.start(build_fleet_scale_plan(stage.outputs, fleet_state, 3, "run-1")) == (
            "undone"
        )
        assert message in engine.reason
        assert stage.clock.now() - began < 10 * 60
        assert describe_group(stage)["DesiredCapacity"] == 2


def test_activities_that_cannot_be_read_for_now_end_no_wait() -> None:
    with open_stage() as stage:
        put_fleet(stage)
        fleet_state = get_fleet_state(stage.aws, stage.outputs)
        plan = build_fleet_scale_plan(stage.outputs, fleet_state, 3, "run-1")
        fault: Any = UnreadableOnceScaled()
        with inject_faults(fault):
            assert stage.build_engine(KillFuse()).start(plan) == "done"
        assert fault.refused_count

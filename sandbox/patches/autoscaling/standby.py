"""EC2 Auto Scaling: instances on standby, which drain first, and come back as new targets.

Source: Amazon EC2 Auto Scaling User Guide, "Temporarily remove instances from your Auto Scaling
group": an instance is deregistered when it enters and registered when it exits, no health check
counts meanwhile; entering may decrement the desired capacity, if that keeps the minimum, and
exiting increments it. The texts of the errors are assumptions.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState
from moto.autoscaling.responses import AutoScalingResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.autoscaling.activities import (
    ScalingActivity,
    get_auto_scaling_group,
    start_activity,
)
from sandbox.patches.autoscaling.instances import (
    BOOT_SECONDS,
    STOP_SECONDS,
    list_target_groups,
    put_in_service,
    reconcile_group,
)
from sandbox.patches.autoscaling.schedule import compute_due_time, get_timeline
from sandbox.patches.elbv2 import instances as elbv2_instances
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
RETURN_SECONDS: Final = 15  # until an instance is in service again: an assumption


@patch.replace_operation(AutoScalingResponse, "EnterStandby")
def enter_standby(response: AutoScalingResponse, params: ApiRecord) -> ApiRecord:
    """They drain, then are on standby."""
    group = get_auto_scaling_group(response, params["AutoScalingGroupName"])
    members = _list_members(group, params["InstanceIds"], "InService")
    is_decremented = str(params["ShouldDecrementDesiredCapacity"]).lower() == "true"
    desired = int(group.desired_capacity or 0)
    if is_decremented and desired - len(members) < int(group.min_size or 0):
        raise AwsError(
            "ValidationError",
            f"AutoScalingGroup {group.name} has min-size={group.min_size}, "
            f"max-size={group.max_size}, and desired-size={desired}. To place into standby "
            f"{len(members)} instances, please update the AutoScalingGroup sizes appropriately.",
        )
    time = get_sandbox_clock().now()
    activities = [_start_entering(group, member, time) for member in members]
    if is_decremented:
        group.desired_capacity = desired - len(members)
    reconcile_group(group, time)
    get_timeline(group).catch_up()
    return {"Activities": [activity.to_api_record(group) for activity in activities]}


@patch.replace_operation(AutoScalingResponse, "ExitStandby")
def exit_standby(response: AutoScalingResponse, params: ApiRecord) -> ApiRecord:
    """They are pending, then in service and targets again."""
    group = get_auto_scaling_group(response, params["AutoScalingGroupName"])
    members = _list_members(group, params["InstanceIds"], "Standby")
    desired = int(group.desired_capacity or 0) + len(members)
    if desired > int(group.max_size or 0):
        raise AwsError(
            "ValidationError",
            f"Desired capacity:{desired} must be at most the max size:{group.max_size}",
        )
    time = get_sandbox_clock().now()
    activities = []
    for member in members:
        member.lifecycle_state = "Pending"
        description = f"Moving EC2 instance out of Standby: {member.instance.id}"
        activity = start_activity(group, description, "a user request", time)
        activities.append(activity)
        due = compute_due_time(time, RETURN_SECONDS)
        elbv2_instances.boot_instance(
            group.ec2_backend, member.instance.id, compute_due_time(time, BOOT_SECONDS)
        )
        get_timeline(group).schedule(
            due,
            lambda due_time, member=member, activity=activity: put_in_service(  # type: ignore[misc]
                group, member, activity, due_time
            ),
        )
    group.desired_capacity = desired
    get_timeline(group).catch_up()
    return {"Activities": [activity.to_api_record(group) for activity in activities]}


def _list_members(
    group: FakeAutoScalingGroup, ids: Iterable[str], state: str
) -> list[InstanceState]:
    """The instances with these ids. Raises AwsError unless all are in that state."""
    members = {member.instance.id: member for member in group.instance_states}
    for id_ in ids:
        if id_ not in members or members[id_].lifecycle_state != state:
            raise AwsError("ValidationError", f"The instance {id_} is not in {state}.")
    return [members[id_] for id_ in ids]


def _start_entering(
    group: FakeAutoScalingGroup, member: InstanceState, time: datetime
) -> ScalingActivity:
    """Starts the way of one instance to standby."""
    id_, wait_seconds = member.instance.id, STOP_SECONDS
    for target_group in list_target_groups(group):
        if id_ in target_group.targets:
            delay = target_group.attributes["deregistration_delay.timeout_seconds"]
            wait_seconds = max(wait_seconds, int(str(delay)))
    member.lifecycle_state = "EnteringStandby"
    elbv2_instances.drain_instance(group.ec2_backend, id_)
    activity = start_activity(
        group, f"Moving EC2 instance to Standby: {id_}", "a user request", time
    )

    def finish(due_time: datetime) -> None:
        if member.lifecycle_state == "EnteringStandby":
            member.lifecycle_state = "Standby"
            for target_group in list_target_groups(group):
                target_group.targets.pop(id_, None)
        activity.finish(due_time)

    get_timeline(group).schedule(compute_due_time(time, wait_seconds), finish)
    return activity

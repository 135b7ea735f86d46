"""What happens to the fleet: launches that fail, instances that are taken out, its size.

The words of activities: EC2 Auto Scaling User Guide, "Troubleshoot Amazon EC2 Auto Scaling: EC2
instance launch failures" and "Health checks".
"""

from datetime import timedelta
from typing import Any

from moto.autoscaling.models import autoscaling_backends
from moto.ec2.models import ec2_backends

from sandbox.aws import ACCOUNT_ID
from sandbox.incidents.model import happening
from sandbox.incidents.world import TimeSpanBack, World, list_instance_ids
from sandbox.patches.autoscaling.activities import ScalingActivity, get_scaling_activities
from sandbox.patches.ec2.instance_status import set_failed_checks


@happening("fleet-launch-fails")
def fail_launches(
    world: World,
    span: TimeSpanBack,
    *,
    message: str,
    wanted: int,
    running: int = 2,
    every: float = 4.0,
    status: str = "Failed",
) -> None:
    """More instances are wanted; each launch fails with a message, again and again.

    `{subnet}` in the message is the first private subnet.
    """
    subnet = next(iter(world.outputs.network.private_subnets.values()))
    text = message.replace("{subnet}", subnet)
    seconds = span.begin
    while seconds > span.end:
        _add_activity(
            world,
            seconds,
            f"Launching a new EC2 instance.  Status Reason: {text}",
            f"At {world.get_time(seconds):%Y-%m-%dT%H:%M:%SZ} an instance was started in response "
            "to a difference between desired and actual capacity, increasing the capacity from "
            f"{running} to {running + 1}.",
            status,
            text,
        )
        seconds -= every * 60
    world.change_metric(span, "fleet", "GroupDesiredCapacity", "set", wanted)
    _set_desired(world, wanted, running)


@happening("fleet-scales")
def scale_fleet(
    world: World,
    span: TimeSpanBack,
    *,
    count: int,
    start: int = 2,
    is_real: bool = True,
) -> None:
    """A policy launches instances, which come into service."""
    for number in range(start, count):
        _add_activity(
            world,
            span.begin - number,
            f"Launching a new EC2 instance: i-0{number:016x}",
            f"At {world.get_time(span.begin):%Y-%m-%dT%H:%M:%SZ} a monitor alarm "
            f"TargetTracking-{world.name}-fleet-AlarmHigh in state ALARM triggered policy "
            f"{world.name}-fleet-cpu changing the desired capacity from {start} to {count}.",
            "Successful",
            None,
        )
    if is_real:
        world.client("autoscaling").set_desired_capacity(
            AutoScalingGroupName=get_group(world), DesiredCapacity=count
        )
    for metric in ("GroupDesiredCapacity", "GroupInServiceInstances", "GroupInServiceCapacity"):
        world.change_metric(span, "fleet", metric, "set", count)
    world.change_metric(span, "targets/fleet", "HealthyHostCount", "set", count)


@happening("instance-fails")
def fail_instance(
    world: World,
    span: TimeSpanBack,
    *,
    check: str = "system",
    number: int = 0,
    is_replaced: bool = False,
) -> None:
    """A status check of an instance fails: `system` is AWS's hardware, `instance` its software."""
    instance = list_instance_ids(world)[number]
    set_failed_checks(
        ec2_backends[ACCOUNT_ID][world.region], instance, check, world.get_time(span.begin)
    )
    name = "StatusCheckFailed_System" if check == "system" else "StatusCheckFailed_Instance"
    for metric in ("StatusCheckFailed", name):
        world.change_metric(span, "fleet", metric, "set", 1)
        world.change_metric(span, f"instance/{instance}", metric, "set", 1)
    world.change_metric(span, "targets/fleet", "HealthyHostCount", "set", 1)
    world.change_metric(span, "targets/fleet", "UnHealthyHostCount", "set", 1)
    if is_replaced:
        _add_activity(
            world,
            max(span.begin - 300, 30),
            f"Terminating EC2 instance: {instance}",
            f"At {world.get_time(max(span.begin - 300, 30)):%Y-%m-%dT%H:%M:%SZ} an instance was "
            "taken out of service in response to an EC2 instance status checks failure.",
            "InProgress",
            None,
        )


@happening("fleet-maximum")
def reach_maximum(world: World, span: TimeSpanBack) -> None:
    """The group has as many instances as it may."""
    group = _get_model(world)
    count = int(group.max_size)
    scale_fleet(world, span, count=count, is_real=True)


def get_group(world: World) -> str:
    """The name of the fleet's group."""
    assert world.outputs.fleet is not None
    return world.outputs.fleet.group


def _get_model(world: World) -> Any:
    return autoscaling_backends[ACCOUNT_ID][world.region].autoscaling_groups[get_group(world)]


def _set_desired(world: World, wanted: int, running: int) -> None:
    """The group wants more than it has: nothing is launched for it here."""
    group = _get_model(world)
    group.suspended_processes = [*group.suspended_processes, "Launch"]
    world.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName=get_group(world), DesiredCapacity=min(wanted, int(group.max_size))
    )
    group.suspended_processes = [p for p in group.suspended_processes if p != "Launch"]
    assert running <= wanted


def _add_activity(
    world: World,
    seconds_back: float,
    description: str,
    cause: str,
    status: str,
    message: str | None,
) -> None:
    start = world.get_time(seconds_back)
    is_over = status != "InProgress"
    get_scaling_activities(_get_model(world)).append(
        ScalingActivity(
            description,
            cause,
            start,
            {"Availability Zone": f"{world.region}a"},
            start + timedelta(seconds=2) if is_over else None,
            status,
            message,
        )
    )

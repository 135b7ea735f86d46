"""EC2 Auto Scaling: instances take time to launch and terminate; unhealthy ones are replaced.

An instance is pending until it runs, is then in service and registered with the target groups, and
runs the image that the fleet's parameter named when it was launched. One whose health checks fail
is replaced after the grace period. One that is removed drains first, then is terminated.
Source: Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling instance lifecycle" and "Health
checks for instances in an Auto Scaling group".
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from moto.autoscaling.models import (
    ASG_NAME_TAG,
    AutoScalingBackend,
    FakeAutoScalingGroup,
    InstanceState,
)
from moto.elbv2.models import FakeTargetGroup

from sandbox.clock import get_sandbox_clock
from sandbox.image_behaviour import STARTING_BEHAVIOURS
from sandbox.patches.autoscaling.activities import ScalingActivity, start_activity
from sandbox.patches.autoscaling.launch_settings import (
    LaunchSettings,
    build_template_arguments,
    get_current_launch_settings,
    get_launch_settings,
)
from sandbox.patches.autoscaling.schedule import (
    compute_due_time,
    format_cause_time,
    get_timeline,
    is_taking_time,
    resolve_time,
)
from sandbox.patches.ec2.architectures import get_type_architecture
from sandbox.patches.elbv2 import instances as elbv2_instances
from sandbox.patches.patching import ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Simulated seconds. Assumptions: an instance is in service a minute after its launch; its container
# passes health checks a minute and a half later, after cloud-init, the pull and the first check.
LAUNCH_SECONDS: Final = 60
BOOT_SECONDS: Final = 90
LAUNCH_RETRY_SECONDS: Final = 60  # until a failed launch is tried again: an assumption
# Until an instance outside target groups is terminated: an assumption.
STOP_SECONDS: Final = 30
PRESENT_STATES: Final = ("Pending", "InService")
LAUNCH_CAUSE: Final = (
    "an instance was started in response to a difference between desired and actual capacity"
)
SCALE_IN_CAUSE: Final = (
    "an instance was taken out of service in response to a difference between desired and actual "
    "capacity"
)
UNHEALTHY_CAUSE: Final = (
    "an instance was taken out of service in response to an ELB system health check failure"
)
TERMINATED_CAUSE: Final = (
    "an instance was taken out of service in response to an EC2 health check indicating it has "
    "been terminated or stopped"
)


def list_present_instances(group: FakeAutoScalingGroup) -> list[InstanceState]:
    """The instances that are pending or in service."""
    return [
        instance for instance in group.instance_states if instance.lifecycle_state in PRESENT_STATES
    ]


def find_instance_template(instance: InstanceState) -> ApiRecord | None:
    """Template and version that an instance was launched from."""
    template: ApiRecord | None = vars(instance).get("sandbox_template")
    return template


def get_launch_time(instance: InstanceState) -> datetime:
    """When an instance was launched."""
    launch_time: datetime = vars(instance).get("sandbox_launched", elbv2_instances.EARLIEST_TIME)
    return launch_time


def is_instance_healthy(
    group: FakeAutoScalingGroup, instance: InstanceState, time: datetime
) -> bool:
    """True if an instance is in service at that time and passes its group's health checks."""
    if instance.lifecycle_state != "InService" or instance.health_status != "Healthy":
        return False
    running_image = elbv2_instances.find_running_image(group.ec2_backend, instance.instance.id)
    return (
        running_image is None
        or not has_target_health_checks(group)
        or (
            running_image.image_behaviour in STARTING_BEHAVIOURS
            and running_image.healthy_at <= time
        )
    )


def has_target_health_checks(group: FakeAutoScalingGroup) -> bool:
    """True if its load balancer's health checks count."""
    return "ELB" in (group.health_check_type or "") and bool(group.target_group_arns)


def launch_instances(
    group: FakeAutoScalingGroup, count: int, time: datetime, cause: str
) -> list[InstanceState]:
    """Launches instances with the group's current launch settings."""
    if failure := vars(group).get("sandbox_launch_failure"):
        _fail_launch(group, time, cause, failure)
        return []
    return [
        _launch_instance(group, get_current_launch_settings(group), time, cause)
        for _ in range(count)
    ]


def fail_launches(group: FakeAutoScalingGroup, message: str) -> None:
    """Lets each launch fail from now on, with this message."""
    vars(group)["sandbox_launch_failure"] = message


def _fail_launch(group: FakeAutoScalingGroup, time: datetime, cause: str, message: str) -> None:
    """One failed activity; the launch is tried again."""
    description = f"Launching a new EC2 instance.  Status Reason: {message}"
    start_activity(group, description, cause, time).finish(time, "Failed", message)
    if is_taking_time() and not vars(group).get("sandbox_launch_retry"):
        vars(group)["sandbox_launch_retry"] = True
        get_timeline(group).schedule(
            compute_due_time(time, LAUNCH_RETRY_SECONDS),
            lambda due_time: _retry_launch(group, due_time),
        )


def _retry_launch(group: FakeAutoScalingGroup, time: datetime) -> None:
    vars(group)["sandbox_launch_retry"] = False
    reconcile_group(group, time)


def _launch_instance(
    group: FakeAutoScalingGroup, settings: LaunchSettings, time: datetime, cause: str
) -> InstanceState:
    subnet, zone = _choose_subnet(group)
    version = settings.template.get_version(settings.version) if settings.template else None
    overrides: list[ApiRecord] = ((settings.policy or {}).get("LaunchTemplate") or {}).get(
        "Overrides", []
    )
    instance_type = overrides[0].get("InstanceType") if overrides else None
    source: Any = version or group.launch_config
    template_reference = None
    if settings.template:
        template_reference = {
            "LaunchTemplateId": settings.template.id,
            "Version": settings.version_number,
        }
    tags = {**group.get_propagated_tags(), ASG_NAME_TAG: group.name}
    reservation = group.ec2_backend.run_instances(
        source.image_id,
        1,
        source.user_data,
        source.security_groups or [],
        instance_type=instance_type or source.instance_type,
        tags={"instance": {**tags, **(version.instance_tags if version else {})}},
        placement=zone,
        launch_config=group.launch_config,
        launch_template=template_reference,
        is_instance_type_default=False,
        associate_public_ip=getattr(group.launch_config, "associate_public_ip_address", None),
        subnet_id=subnet,
        security_group_ids=_list_security_groups(version.data if version else {}),
        **build_template_arguments(version),
    )
    instance = reservation.instances[0]
    launch_time = resolve_time(time) or get_sandbox_clock().now()
    vars(instance).update(
        autoscaling_group=group,
        launch_time=launch_time.replace(tzinfo=None),
        architecture=get_type_architecture(instance.instance_type),
    )
    member = InstanceState(
        instance, "Pending", protected_from_scale_in=group.new_instances_protected_from_scale_in
    )
    vars(member)["sandbox_launched"] = time
    if settings.template and template_reference:
        vars(member)["sandbox_template"] = {
            **template_reference,
            "LaunchTemplateName": settings.template.name,
        }
    group.instance_states.append(member)
    elbv2_instances.boot_instance(
        group.ec2_backend, instance.id, compute_due_time(time, LAUNCH_SECONDS + BOOT_SECONDS)
    )
    details = {"Subnet ID": str(subnet), "Availability Zone": str(zone)}
    activity = start_activity(
        group, f"Launching a new EC2 instance: {instance.id}", cause, time, **details
    )
    get_timeline(group).schedule(
        compute_due_time(time, LAUNCH_SECONDS),
        lambda due_time: put_in_service(group, member, activity, due_time),
    )
    return member


def _choose_subnet(group: FakeAutoScalingGroup) -> tuple[str | None, str | None]:
    """Subnet and zone with the fewest instances, in the group's order."""
    subnets = group.vpc_zone_identifier.split(",") if group.vpc_zone_identifier else []
    instances = [member.instance for member in list_present_instances(group)]
    if not subnets:
        zones = Counter(str(i.placement.zone) for i in instances)
        return None, min(group.availability_zones, key=lambda zone: zones[zone])
    instance_counts = Counter(i.subnet_id for i in instances)
    best_subnet = min(subnets, key=lambda subnet: instance_counts[subnet])
    return best_subnet, str(group.ec2_backend.get_subnet(best_subnet).availability_zone)


def put_in_service(
    group: FakeAutoScalingGroup, instance: InstanceState, activity: ScalingActivity, time: datetime
) -> None:
    """Puts a pending instance in service: a target whose health counts after the grace period."""
    if instance not in group.instance_states or instance.lifecycle_state != "Pending":
        return
    instance.lifecycle_state = "InService"
    activity.finish(time)
    register_targets(group)
    if has_target_health_checks(group) and is_taking_time():
        grace_end = compute_due_time(
            time, max(int(group.health_check_grace_period or 0), BOOT_SECONDS)
        )
        get_timeline(group).schedule(
            grace_end, lambda due_time: _check_health(group, instance, due_time)
        )


def register_targets(group: FakeAutoScalingGroup) -> None:
    """Registers the instances in service as targets."""
    for target_group in list_target_groups(group):
        new_targets = [
            {"Id": member.instance.id, "Port": target_group.port}
            for member in group.instance_states
            if member.lifecycle_state == "InService"
            and member.instance.id not in target_group.targets
        ]
        target_group.register(new_targets)


def list_target_groups(group: FakeAutoScalingGroup) -> list[FakeTargetGroup]:
    """The target groups that a group's instances are registered with."""
    target_groups = group.autoscaling_backend.elbv2_backend.target_groups
    return [target_groups[arn] for arn in group.target_group_arns or () if arn in target_groups]


def _check_health(group: FakeAutoScalingGroup, instance: InstanceState, time: datetime) -> None:
    """Replaces an instance that fails its health checks at the end of its grace period."""
    if instance not in list_present_instances(group) or is_instance_healthy(group, instance, time):
        return
    instance.health_status = "Unhealthy"
    terminate_instance(group, instance, time, UNHEALTHY_CAUSE)
    reconcile_group(group, time)


def terminate_instance(
    group: FakeAutoScalingGroup, instance: InstanceState, time: datetime, cause: str
) -> None:
    """Starts a termination: the instance drains, then it is terminated."""
    id_, wait_seconds = instance.instance.id, STOP_SECONDS
    for target_group in list_target_groups(group):
        if id_ in target_group.targets:
            delay = target_group.attributes["deregistration_delay.timeout_seconds"]
            wait_seconds = max(wait_seconds, int(str(delay)))
    instance.lifecycle_state = "Terminating"
    elbv2_instances.drain_instance(group.ec2_backend, id_)
    full_cause = f"At {format_cause_time(time)} {cause}."
    activity = start_activity(group, f"Terminating EC2 instance: {id_}", full_cause, time)
    get_timeline(group).schedule(
        compute_due_time(time, wait_seconds),
        lambda due_time: _finish_termination(group, instance, activity, due_time),
    )


def _finish_termination(
    group: FakeAutoScalingGroup, instance: InstanceState, activity: ScalingActivity, time: datetime
) -> None:
    activity.finish(time)
    remove_instances(group, [instance])


def remove_instances(group: FakeAutoScalingGroup, instances: Iterable[InstanceState]) -> None:
    """Removes instances from the group and its target groups, and terminates them in EC2."""
    for instance in list(instances):
        id_ = instance.instance.id
        group.instance_states = [
            member for member in group.instance_states if member is not instance
        ]
        for target_group in list_target_groups(group):
            target_group.targets.pop(id_, None)
        if instance.instance.state != "terminated":
            group.ec2_backend.terminate_instances([id_])


def update_surplus(group: FakeAutoScalingGroup, count: int | None = None) -> int:
    """The instances that a refresh has launched in advance; sets the count if given."""
    if count is not None:
        vars(group)["sandbox_surplus"] = count
    return int(vars(group).get("sandbox_surplus", 0))


def reconcile_group(group: FakeAutoScalingGroup, time: datetime, request: str = "") -> None:
    """Launches or terminates instances until the capacity is reached. `request` is the cause.

    Unhealthy instances are terminated first, then those of another version, then the oldest: the
    default termination policy, as far as the sandbox's instances differ.
    """
    suspended_processes = {process["ProcessName"] for process in group.suspended_processes}
    members, target_count = (
        list_present_instances(group),
        (group.desired_capacity or 0) + update_surplus(group),
    )
    prefix = f"At {format_cause_time(time)} {request}. " if request else ""
    for number in range(len(members), target_count if "Launch" not in suspended_processes else 0):
        change = f"increasing the capacity from {number} to {number + 1}"
        launch_instances(
            group, 1, time, f"{prefix}At {format_cause_time(time)} {LAUNCH_CAUSE}, {change}."
        )
    if len(members) <= target_count or "Terminate" in suspended_processes:
        return
    version_number = get_launch_settings(group).version_number
    candidates = [member for member in members if not member.protected_from_scale_in]
    candidates.sort(
        key=lambda member: (
            is_instance_healthy(group, member, time),
            (find_instance_template(member) or {}).get("Version") == version_number,
            get_launch_time(member),
        )
    )
    for number, instance in enumerate(candidates[: len(members) - target_count]):
        remaining = len(members) - number
        terminate_instance(
            group,
            instance,
            time,
            f"{SCALE_IN_CAUSE}, shrinking the capacity from {remaining} to {remaining - 1}",
        )


@patch.replace(FakeAutoScalingGroup, "set_desired_capacity")
def set_group_capacity(group: FakeAutoScalingGroup, new_capacity: int | None) -> None:
    """moto launches and terminates at once, one too few of mixed instances."""
    before = vars(group).get("desired_capacity")
    group.desired_capacity = group.min_size if new_capacity is None else new_capacity
    request = ""
    if before is not None and before != group.desired_capacity:
        request = (
            "a user request explicitly set group desired capacity changing the desired capacity "
            f"from {before} to {group.desired_capacity}"
        )
    reconcile_group(group, get_sandbox_clock().now(), request)
    get_timeline(group).catch_up()


@patch.wrap(InstanceState, "launch_template")
def get_instance_template(original: Any, instance: InstanceState) -> ApiRecord | None:
    """The version that it was launched from, not the template's default one."""
    template: ApiRecord | None = find_instance_template(instance) or original(instance)
    return template


@patch.replace(AutoScalingBackend, "update_attached_target_groups")
def register_attached_targets(backend: AutoScalingBackend, group_name: str) -> None:
    """Only instances in service are targets."""
    register_targets(backend.autoscaling_groups[group_name])


@patch.replace(AutoScalingBackend, "notify_terminate_instances")
def replace_terminated_instances(backend: AutoScalingBackend, instance_ids: list[str]) -> None:
    """Replaces instances that were terminated in EC2."""
    for group in backend.autoscaling_groups.values():
        members = [member for member in group.instance_states if member.instance.id in instance_ids]
        for instance in members:
            time = get_sandbox_clock().now()
            description = f"Terminating EC2 instance: {instance.instance.id}"
            start_activity(
                group, description, f"At {format_cause_time(time)} {TERMINATED_CAUSE}.", time
            ).finish(time)
        remove_instances(group, members)
        if members:
            reconcile_group(group, get_sandbox_clock().now())


def _list_security_groups(template_data: ApiRecord) -> list[str]:
    """The groups of a template's instances: its own, or those of its network interfaces."""
    interfaces: list[ApiRecord] = template_data.get("NetworkInterfaces") or []
    groups = [group for interface in interfaces for group in interface.get("Groups") or ()]
    return [*(template_data.get("SecurityGroupIds") or ()), *groups]

"""EC2 Auto Scaling: instances that take their time to come and to go, and are replaced when ill.

An instance is pending until it runs, is then in service and registered with the target groups, and
runs the image that the fleet's parameter named when it was launched. One whose health checks fail
is replaced after the grace period. One that goes drains first, then is terminated.
Source: Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling instance lifecycle" and "Health
checks for instances in an Auto Scaling group".
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from moto.autoscaling.models import (
    ASG_NAME_TAG,
    AutoScalingBackend,
    FakeAutoScalingGroup,
    InstanceState,
    autoscaling_backends,
)
from moto.autoscaling.responses import AutoScalingResponse
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.elbv2.models import FakeTargetGroup

from sandbox.clock import clock
from sandbox.image_behaviour import STARTS
from sandbox.patches.autoscaling.activities import Activity, begun
from sandbox.patches.autoscaling.schedule import after, shown, takes_time, timeline, words
from sandbox.patches.elbv2 import instances as elbv2_instances
from sandbox.patches.patching import Mend

mend = Mend()
Record = dict[str, Any]
# Simulated seconds. Assumptions: an instance is in service a minute after its launch; its container
# passes health checks a minute and a half later, after cloud-init, the pull and the first check.
LAUNCH: Final = 60
BOOT: Final = 90
# Until one that is in no target group is terminated: an assumption.
STOP: Final = 30
HERE: Final = ("Pending", "InService")
NEEDED: Final = (
    "an instance was started in response to a difference between desired and actual capacity"
)
SPARE: Final = (
    "an instance was taken out of service in response to a difference between desired and actual "
    "capacity"
)
ILL: Final = (
    "an instance was taken out of service in response to an ELB system health check failure"
)
GONE: Final = (
    "an instance was taken out of service in response to an EC2 health check indicating it has "
    "been terminated or stopped"
)


@dataclass(frozen=True)
class Configuration:
    """What a group launches: a version of a template, and a mixed instances policy around it."""

    template: LaunchTemplate | None
    version: str
    policy: Record | None

    @property
    def number(self) -> str | None:
        """The version's number, also where it is called $Latest or $Default."""
        if self.template is None:
            return None
        return str(self.template.get_version(self.version).number)


def configuration(group: FakeAutoScalingGroup) -> Configuration:
    """What a group launches now."""
    version = getattr(group, "launch_template_version", "$Default")
    return Configuration(group.ec2_launch_template, version, group.mixed_instances_policy)


def configure(group: FakeAutoScalingGroup, to: Configuration) -> None:
    """From now on the group launches this."""
    group.ec2_launch_template, group.mixed_instances_policy = to.template, to.policy
    group.launch_template_version = to.version
    vars(group)["provided_launch_template_version"] = to.version


def launching(group: FakeAutoScalingGroup) -> Configuration:
    """What a group launches while an instance refresh may be at work."""
    found: Configuration | None = vars(group).get("mended_launching")
    return found or configuration(group)


def here(group: FakeAutoScalingGroup) -> list[InstanceState]:
    """The instances that come or are in service."""
    return [it for it in group.instance_states if it.lifecycle_state in HERE]


def template_of(instance: InstanceState) -> Record | None:
    """Template and version that an instance was launched from."""
    found: Record | None = vars(instance).get("mended_template")
    return found


def since(instance: InstanceState) -> datetime:
    """When an instance was launched."""
    at: datetime = vars(instance).get("mended_launched", elbv2_instances.NOW)
    return at


def healthy(group: FakeAutoScalingGroup, instance: InstanceState, at: datetime) -> bool:
    """Whether an instance is in service then, and passes all health checks of its group."""
    if instance.lifecycle_state != "InService" or instance.health_status != "Healthy":
        return False
    runs = elbv2_instances.seen(group.ec2_backend, instance.instance.id)
    return runs is None or not by_targets(group) or (runs.answers in STARTS and runs.healthy <= at)


def by_targets(group: FakeAutoScalingGroup) -> bool:
    """Whether its load balancer's health checks decide."""
    return "ELB" in (group.health_check_type or "") and bool(group.target_group_arns)


def launch(group: FakeAutoScalingGroup, count: int, at: datetime, why: str) -> list[InstanceState]:
    """Launches instances of what the group launches now."""
    return [_launch(group, launching(group), at, why) for _ in range(count)]


def _launch(
    group: FakeAutoScalingGroup, what: Configuration, at: datetime, why: str
) -> InstanceState:
    subnet, zone = _place(group)
    version = what.template.get_version(what.version) if what.template else None
    overrides: list[Record] = ((what.policy or {}).get("LaunchTemplate") or {}).get("Overrides", [])
    kind = overrides[0].get("InstanceType") if overrides else None
    source: Any = version or group.launch_config
    named = None
    if what.template:
        named = {"LaunchTemplateId": what.template.id, "Version": what.number}
    tags = {**group.get_propagated_tags(), ASG_NAME_TAG: group.name}
    reservation = group.ec2_backend.run_instances(
        source.image_id,
        1,
        source.user_data,
        source.security_groups or [],
        instance_type=kind or source.instance_type,
        tags={"instance": {**tags, **(version.instance_tags if version else {})}},
        placement=zone,
        launch_config=group.launch_config,
        launch_template=named,
        is_instance_type_default=False,
        associate_public_ip=getattr(group.launch_config, "associate_public_ip_address", None),
        subnet_id=subnet,
    )
    instance = reservation.instances[0]
    began = shown(at) or clock().now()
    vars(instance).update(autoscaling_group=group, launch_time=began.replace(tzinfo=None))
    made = InstanceState(
        instance, "Pending", protected_from_scale_in=group.new_instances_protected_from_scale_in
    )
    vars(made)["mended_launched"] = at
    if what.template and named:
        vars(made)["mended_template"] = {**named, "LaunchTemplateName": what.template.name}
    group.instance_states.append(made)
    elbv2_instances.booted(group.ec2_backend, instance.id, after(at, LAUNCH + BOOT))
    place = {"Subnet ID": str(subnet), "Availability Zone": str(zone)}
    begins = begun(group, f"Launching a new EC2 instance: {instance.id}", why, at, **place)
    timeline(group).later(after(at, LAUNCH), lambda then: _in_service(group, made, begins, then))
    return made


def _place(group: FakeAutoScalingGroup) -> tuple[str | None, str | None]:
    """Subnet and zone with the fewest instances, in the order in which they were given."""
    subnets = group.vpc_zone_identifier.split(",") if group.vpc_zone_identifier else []
    here_now = [it.instance for it in here(group)]
    if not subnets:
        zones = Counter(str(i.placement.zone) for i in here_now)
        return None, min(group.availability_zones, key=lambda zone: zones[zone])
    taken = Counter(i.subnet_id for i in here_now)
    best = min(subnets, key=lambda subnet: taken[subnet])
    return best, str(group.ec2_backend.get_subnet(best).availability_zone)


def _in_service(
    group: FakeAutoScalingGroup, instance: InstanceState, begins: Activity, at: datetime
) -> None:
    if instance not in group.instance_states or instance.lifecycle_state != "Pending":
        return
    instance.lifecycle_state = "InService"
    begins.over(at)
    register(group)
    if by_targets(group) and takes_time():
        grace = after(at, max(int(group.health_check_grace_period or 0), BOOT))
        timeline(group).later(grace, lambda then: _checked(group, instance, then))


def register(group: FakeAutoScalingGroup) -> None:
    """What is in service is a target."""
    for target_group in _targets(group):
        new = [
            {"Id": it.instance.id, "Port": target_group.port}
            for it in group.instance_states
            if it.lifecycle_state == "InService" and it.instance.id not in target_group.targets
        ]
        target_group.register(new)


def _targets(group: FakeAutoScalingGroup) -> list[FakeTargetGroup]:
    known = group.autoscaling_backend.elbv2_backend.target_groups
    return [known[arn] for arn in group.target_group_arns or () if arn in known]


def _checked(group: FakeAutoScalingGroup, instance: InstanceState, at: datetime) -> None:
    """At the end of its grace an instance passes its checks, or is replaced."""
    if instance not in here(group) or healthy(group, instance, at):
        return
    instance.health_status = "Unhealthy"
    terminate(group, instance, at, ILL)
    reconcile(group, at)


def terminate(group: FakeAutoScalingGroup, instance: InstanceState, at: datetime, why: str) -> None:
    """An instance begins to go: it drains, then it is terminated."""
    id_, waits = instance.instance.id, STOP
    for target_group in _targets(group):
        if id_ in target_group.targets:
            delay = target_group.attributes["deregistration_delay.timeout_seconds"]
            waits = max(waits, int(str(delay)))
    instance.lifecycle_state = "Terminating"
    elbv2_instances.leaves(group.ec2_backend, id_)
    cause = f"At {words(at)} {why}."
    begins = begun(group, f"Terminating EC2 instance: {id_}", cause, at)
    timeline(group).later(after(at, waits), lambda then: _gone(group, instance, begins, then))


def _gone(
    group: FakeAutoScalingGroup, instance: InstanceState, begins: Activity, at: datetime
) -> None:
    begins.over(at)
    remove(group, [instance])


def remove(group: FakeAutoScalingGroup, instances: Iterable[InstanceState]) -> None:
    """Instances are gone: from the group, from its target groups, and in EC2."""
    for instance in list(instances):
        id_ = instance.instance.id
        group.instance_states = [it for it in group.instance_states if it is not instance]
        for target_group in _targets(group):
            target_group.targets.pop(id_, None)
        if instance.instance.state != "terminated":
            group.ec2_backend.terminate_instances([id_])


def surplus(group: FakeAutoScalingGroup, more: int | None = None) -> int:
    """How many instances an instance refresh has launched before it terminates others; sets it."""
    if more is not None:
        vars(group)["mended_surplus"] = more
    return int(vars(group).get("mended_surplus", 0))


def reconcile(group: FakeAutoScalingGroup, at: datetime, asked: str = "") -> None:
    """Launches or terminates until there are as many as there should be. `asked` says who wants it.

    Those go first that fail their checks, that are of another configuration, that are oldest: the
    default termination policy, as far as there is anything to tell instances apart by.
    """
    stopped = {process["ProcessName"] for process in group.suspended_processes}
    present, wanted = here(group), (group.desired_capacity or 0) + surplus(group)
    said = f"At {words(at)} {asked}. " if asked else ""
    for number in range(len(present), wanted if "Launch" not in stopped else 0):
        grows = f"increasing the capacity from {number} to {number + 1}"
        launch(group, 1, at, f"{said}At {words(at)} {NEEDED}, {grows}.")
    if len(present) <= wanted or "Terminate" in stopped:
        return
    now = configuration(group).number
    free = [it for it in present if not it.protected_from_scale_in]
    free.sort(
        key=lambda it: (
            healthy(group, it, at),
            (template_of(it) or {}).get("Version") == now,
            since(it),
        )
    )
    for number, instance in enumerate(free[: len(present) - wanted]):
        left = len(present) - number
        terminate(group, instance, at, f"{SPARE}, shrinking the capacity from {left} to {left - 1}")


@mend.around(FakeAutoScalingGroup, "set_desired_capacity")
def desired(original: Any, group: FakeAutoScalingGroup, new_capacity: int | None) -> None:
    """moto launches and terminates at once, one too few of mixed instances."""
    before = vars(group).get("desired_capacity")
    group.desired_capacity = group.min_size if new_capacity is None else new_capacity
    asked = ""
    if before is not None and before != group.desired_capacity:
        asked = (
            "a user request explicitly set group desired capacity changing the desired capacity "
            f"from {before} to {group.desired_capacity}"
        )
    reconcile(group, clock().now(), asked)
    timeline(group).catch_up()


@mend.around(InstanceState, "launch_template")
def launched_from(original: Any, instance: InstanceState) -> Record | None:
    """The version that it was launched from, not the template's default one."""
    found: Record | None = template_of(instance) or original(instance)
    return found


@mend.around(AutoScalingBackend, "update_attached_target_groups")
def attached(original: Any, backend: AutoScalingBackend, group_name: str) -> None:
    """Only what is in service is a target."""
    register(backend.autoscaling_groups[group_name])


@mend.around(AutoScalingBackend, "notify_terminate_instances")
def lost(original: Any, backend: AutoScalingBackend, instance_ids: list[str]) -> None:
    """Whatever somebody terminates in EC2 is replaced."""
    for group in backend.autoscaling_groups.values():
        ours = [it for it in group.instance_states if it.instance.id in instance_ids]
        for instance in ours:
            at = clock().now()
            what = f"Terminating EC2 instance: {instance.instance.id}"
            begun(group, what, f"At {words(at)} {GONE}.", at).over(at)
        remove(group, ours)
        if ours:
            reconcile(group, clock().now())


@mend.around(AutoScalingResponse, "call_action")
def in_time(original: Any, response: AutoScalingResponse) -> Any:
    """Whoever asks anything sees the groups as they are at this time."""
    catch_up(response.autoscaling_backend)
    return original(response)


def catch_up(backend: AutoScalingBackend) -> None:
    """Brings all groups of an account and region up to the time."""
    for group in list(backend.autoscaling_groups.values()):
        timeline(group).catch_up()


def _before_targets(group: FakeTargetGroup) -> None:
    catch_up(autoscaling_backends[group.account_id][group.region_name])


elbv2_instances.BEFORE.append(_before_targets)

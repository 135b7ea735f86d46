"""EC2 Auto Scaling: groups, policies and hooks keep all that they were given, within limits."""

from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup, FakeScalingPolicy
from moto.autoscaling.responses import AutoScalingResponse

from sandbox.clock import clock
from sandbox.patches.autoscaling.activities import activities, going_on, named
from sandbox.patches.autoscaling.instances import reconcile, remove
from sandbox.patches.patching import Mend, Refused, parameters

mend = Mend()
Record = dict[str, Any]
# Parameters that moto drops at creation; at an update it also drops those after the first four.
KEPT = (
    "DefaultInstanceWarmup",
    "InstanceMaintenancePolicy",
    "MaxInstanceLifetime",
    "AvailabilityZoneDistribution",
    "DefaultCooldown",
    "TerminationPolicies",
    "CapacityRebalance",
)
LAUNCHED_BY = ("LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy")


def _check(given: Record, before: Record) -> None:
    """Refuses sizes that do not fit each other."""
    least = int(given.get("MinSize", before.get("min_size")) or 0)
    most = int(given.get("MaxSize", before.get("max_size")) or 0)
    if most < least:
        raise Refused(
            "ValidationError",
            f"Max bound, {most}, must be greater than or equal to min bound, {least}",
        )
    wanted = given.get("DesiredCapacity")
    if wanted is not None and not least <= int(wanted) <= most:
        raise Refused(
            "ValidationError",
            f"Desired capacity:{wanted} must be between the specified min size:{least} and max "
            f"size:{most}",
        )


@mend.around(AutoScalingResponse, "set_desired_capacity")
def set_desired(original: Any, response: AutoScalingResponse) -> Any:
    """Only within the limits; where it is to honour the cooldown, not right after another."""
    given = parameters(response)
    group, wanted = named(response, given["AutoScalingGroupName"]), int(given["DesiredCapacity"])
    for beyond, which, limit in (
        (wanted > int(group.max_size or 0), "above max", group.max_size),
        (wanted < int(group.min_size or 0), "below min", group.min_size),
    ):
        if beyond:
            raise Refused(
                "ValidationError",
                f"New SetDesiredCapacity value {wanted} is {which} value {limit} for the "
                "AutoScalingGroup.",
            )
    if given.get("HonorCooldown") and (busy := _cooling(group)):
        raise Refused(
            "ScalingActivityInProgress",
            f"Scaling activity {busy} is in progress and blocking this action",
        )
    return original(response)


def _cooling(group: FakeAutoScalingGroup) -> str | None:
    """The activity that is going on, or that the group is still to cool down from."""
    last = next(iter(activities(group)[-1:]), None)
    if last is None:
        return None
    if last.ended is None:
        return last.id
    gone = (clock().now() - last.ended).total_seconds()
    return last.id if gone < int(group.default_cooldown) else None


@mend.around(AutoScalingResponse, "delete_auto_scaling_group")
def delete(original: Any, response: AutoScalingResponse) -> Any:
    """Not while there is something in it, unless by force: then that goes at once."""
    given = parameters(response)
    group = named(response, given["AutoScalingGroupName"])
    if not given.get("ForceDelete"):
        if group.instance_states and going_on(group):
            raise Refused(
                "ScalingActivityInProgress",
                "You cannot delete an AutoScalingGroup while there are scaling activities in "
                "progress for that group.",
            )
        if group.instance_states:
            raise Refused(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot "
                "instance request(s) still in the group.",
            )
    group.desired_capacity = 0
    remove(group, group.instance_states)
    return original(response)


@mend.around(AutoScalingResponse, "resume_processes")
def resume(original: Any, response: AutoScalingResponse) -> Any:
    """What did not happen meanwhile happens now."""
    answer = original(response)
    reconcile(named(response, parameters(response)["AutoScalingGroupName"]), clock().now())
    return answer


def _keep(group: FakeAutoScalingGroup, given: Record) -> None:
    for name in KEPT:
        if name in given:
            setattr(group, name, given[name])
    # AWS shows the balanced default where nothing is said, and no lifetime where it is 0.
    if not hasattr(group, "AvailabilityZoneDistribution"):
        best = {"CapacityDistributionStrategy": "balanced-best-effort"}
        group.AvailabilityZoneDistribution = best  # type: ignore[attr-defined]
    if not getattr(group, "MaxInstanceLifetime", None):
        group.MaxInstanceLifetime = None  # type: ignore[attr-defined]


def _group_call(method: str) -> None:
    @mend.around(AutoScalingResponse, method)
    def call(original: Any, response: AutoScalingResponse) -> Any:
        given = parameters(response)
        name = given["AutoScalingGroupName"]
        groups = response.autoscaling_backend.autoscaling_groups
        before = vars(groups[name]).copy() if name in groups else {}
        _check(given, before)
        answer = original(response)
        # What an update does not speak of stays; moto forgets the policy.
        if before and not any(given.get(way) for way in LAUNCHED_BY):
            groups[name].mixed_instances_policy = before["mixed_instances_policy"]
        _keep(groups[name], given)
        return answer


_group_call("create_auto_scaling_group")
_group_call("update_auto_scaling_group")


@mend.around(AutoScalingResponse, "put_scaling_policy")
def put_policy(original: Any, response: AutoScalingResponse) -> Any:
    given = parameters(response)
    answer = original(response)
    policy: FakeScalingPolicy = response.autoscaling_backend.policies[given["PolicyName"]]
    policy.Enabled = given.get("Enabled", True)  # type: ignore[attr-defined]
    predictive = given.get("PredictiveScalingConfiguration")
    vars(policy)["predictive_scaling_configuration"] = predictive
    return answer


@mend.around(AutoScalingResponse, "put_lifecycle_hook")
def put_hook(original: Any, response: AutoScalingResponse) -> Any:
    """moto invents a queue and a role."""
    given = parameters(response)
    answer = original(response)
    backend = response.autoscaling_backend
    for hook in backend.describe_lifecycle_hooks(
        given["AutoScalingGroupName"], [given["LifecycleHookName"]]
    ):
        vars(hook).update(
            role_arn=given.get("RoleARN"),
            notification_target_arn=given.get("NotificationTargetARN"),
            notification_metadata=given.get("NotificationMetadata"),
        )
    return answer

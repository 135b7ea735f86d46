"""EC2 Auto Scaling: groups, policies and hooks keep all parameters, within limits."""

from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup, FakeScalingPolicy
from moto.autoscaling.responses import AutoScalingResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.autoscaling.activities import (
    find_running_activity,
    get_auto_scaling_group,
    get_scaling_activities,
)
from sandbox.patches.autoscaling.instances import reconcile_group, remove_instances
from sandbox.patches.patching import AwsError, ServicePatch, parse_request_parameters

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Parameters that moto drops at creation; at an update it also drops those after the first four.
DROPPED_PARAMETERS = (
    "DefaultInstanceWarmup",
    "InstanceMaintenancePolicy",
    "MaxInstanceLifetime",
    "AvailabilityZoneDistribution",
    "DefaultCooldown",
    "TerminationPolicies",
    "CapacityRebalance",
)
LAUNCH_SOURCES = ("LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy")


def _require_valid_sizes(params: ApiRecord, before: ApiRecord) -> None:
    """Refuses sizes that contradict each other."""
    min_size = int(params.get("MinSize", before.get("min_size")) or 0)
    max_size = int(params.get("MaxSize", before.get("max_size")) or 0)
    if max_size < min_size:
        raise AwsError(
            "ValidationError",
            f"Max bound, {max_size}, must be greater than or equal to min bound, {min_size}",
        )
    desired_capacity = params.get("DesiredCapacity")
    if desired_capacity is not None and not min_size <= int(desired_capacity) <= max_size:
        raise AwsError(
            "ValidationError",
            f"Desired capacity:{desired_capacity} must be between the specified min "
            f"size:{min_size} and max "
            f"size:{max_size}",
        )


@patch.wrap(AutoScalingResponse, "set_desired_capacity")
def set_desired_capacity(original: Any, response: AutoScalingResponse) -> Any:
    """Only within the limits; with HonorCooldown not during another activity's cooldown."""
    params = parse_request_parameters(response)
    group, desired_capacity = (
        get_auto_scaling_group(response, params["AutoScalingGroupName"]),
        int(params["DesiredCapacity"]),
    )
    for is_beyond, bound, limit in (
        (desired_capacity > int(group.max_size or 0), "above max", group.max_size),
        (desired_capacity < int(group.min_size or 0), "below min", group.min_size),
    ):
        if is_beyond:
            raise AwsError(
                "ValidationError",
                f"New SetDesiredCapacity value {desired_capacity} is {bound} value {limit} for the "
                "AutoScalingGroup.",
            )
    if params.get("HonorCooldown") and (activity_id := _find_blocking_activity(group)):
        raise AwsError(
            "ScalingActivityInProgress",
            f"Scaling activity {activity_id} is in progress and blocking this action",
        )
    return original(response)


def _find_blocking_activity(group: FakeAutoScalingGroup) -> str | None:
    """The activity in progress, or the last one while its cooldown lasts."""
    last = next(iter(get_scaling_activities(group)[-1:]), None)
    if last is None:
        return None
    if last.ended_at is None:
        return last.id
    elapsed = (get_sandbox_clock().now() - last.ended_at).total_seconds()
    return last.id if elapsed < int(group.default_cooldown) else None


@patch.wrap(AutoScalingResponse, "delete_auto_scaling_group")
def delete_auto_scaling_group(original: Any, response: AutoScalingResponse) -> Any:
    """Refused while the group has instances, unless forced: then they are terminated at once."""
    params = parse_request_parameters(response)
    group = get_auto_scaling_group(response, params["AutoScalingGroupName"])
    if not params.get("ForceDelete"):
        if group.instance_states and find_running_activity(group):
            raise AwsError(
                "ScalingActivityInProgress",
                "You cannot delete an AutoScalingGroup while there are scaling activities in "
                "progress for that group.",
            )
        if group.instance_states:
            raise AwsError(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot "
                "instance request(s) still in the group.",
            )
    group.desired_capacity = 0
    remove_instances(group, group.instance_states)
    return original(response)


@patch.wrap(AutoScalingResponse, "resume_processes")
def resume_processes(original: Any, response: AutoScalingResponse) -> Any:
    """Catches up with what was suspended."""
    answer = original(response)
    reconcile_group(
        get_auto_scaling_group(
            response, parse_request_parameters(response)["AutoScalingGroupName"]
        ),
        get_sandbox_clock().now(),
    )
    return answer


def _set_dropped_parameters(group: FakeAutoScalingGroup, params: ApiRecord) -> None:
    for name in DROPPED_PARAMETERS:
        if name in params:
            setattr(group, name, params[name])
    # AWS shows the balanced default if nothing is set, and no lifetime if it is 0.
    if not hasattr(group, "AvailabilityZoneDistribution"):
        distribution = {"CapacityDistributionStrategy": "balanced-best-effort"}
        group.AvailabilityZoneDistribution = distribution  # type: ignore[attr-defined]
    if not getattr(group, "MaxInstanceLifetime", None):
        group.MaxInstanceLifetime = None  # type: ignore[attr-defined]


def _wrap_group_call(method: str) -> None:
    @patch.wrap(AutoScalingResponse, method)
    def call(original: Any, response: AutoScalingResponse) -> Any:
        params = parse_request_parameters(response)
        name = params["AutoScalingGroupName"]
        groups = response.autoscaling_backend.autoscaling_groups
        before = vars(groups[name]).copy() if name in groups else {}
        _require_valid_sizes(params, before)
        answer = original(response)
        # Parameters missing in an update stay; moto drops the policy.
        if before and not any(params.get(source) for source in LAUNCH_SOURCES):
            groups[name].mixed_instances_policy = before["mixed_instances_policy"]
        _set_dropped_parameters(groups[name], params)
        return answer


_wrap_group_call("create_auto_scaling_group")
_wrap_group_call("update_auto_scaling_group")


@patch.wrap(AutoScalingResponse, "put_scaling_policy")
def put_scaling_policy(original: Any, response: AutoScalingResponse) -> Any:
    params = parse_request_parameters(response)
    answer = original(response)
    policy: FakeScalingPolicy = response.autoscaling_backend.policies[params["PolicyName"]]
    policy.Enabled = params.get("Enabled", True)  # type: ignore[attr-defined]
    predictive = params.get("PredictiveScalingConfiguration")
    vars(policy)["predictive_scaling_configuration"] = predictive
    return answer


@patch.wrap(AutoScalingResponse, "put_lifecycle_hook")
def put_lifecycle_hook(original: Any, response: AutoScalingResponse) -> Any:
    """moto invents a queue and a role."""
    params = parse_request_parameters(response)
    answer = original(response)
    backend = response.autoscaling_backend
    for hook in backend.describe_lifecycle_hooks(
        params["AutoScalingGroupName"], [params["LifecycleHookName"]]
    ):
        vars(hook).update(
            role_arn=params.get("RoleARN"),
            notification_target_arn=params.get("NotificationTargetARN"),
            notification_metadata=params.get("NotificationMetadata"),
        )
    return answer

"""EC2 Auto Scaling: groups, policies and hooks keep all that they were given."""

from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup, FakeScalingPolicy
from moto.autoscaling.responses import AutoScalingResponse

from sandbox.mends.patching import Mend, parameters

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
        answer = original(response)
        groups = response.autoscaling_backend.autoscaling_groups
        _keep(groups[given["AutoScalingGroupName"]], given)
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

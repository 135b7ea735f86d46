"""EC2 Auto Scaling: the API of instance refreshes and its errors."""

from itertools import pairwise
from typing import Any, Final

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.exceptions import ServiceException
from moto.ec2.models.launch_templates import LaunchTemplate

from sandbox.clock import get_sandbox_clock
from sandbox.patches.autoscaling.activities import get_auto_scaling_group
from sandbox.patches.autoscaling.launch_settings import LaunchSettings, get_launch_settings
from sandbox.patches.autoscaling.refreshes import create_refresh, find_active_refresh, get_refreshes
from sandbox.patches.autoscaling.schedule import get_timeline
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
REFRESH_PAGE_SIZE: Final = 50
DEFAULT_MIN_HEALTHY_PERCENT: Final = (
    90  # if neither the call nor the group sets it. Source: API reference
)
DEFAULT_CHECKPOINT_DELAY_SECONDS: Final = 3600  # likewise


@patch.add_operation(AutoScalingResponse, "StartInstanceRefresh")
def start_instance_refresh(response: AutoScalingResponse, params: ApiRecord) -> ApiRecord:
    """Starts a refresh, if no other one is in progress."""
    group = get_auto_scaling_group(response, params["AutoScalingGroupName"])
    if find_active_refresh(group):
        raise AwsError(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance "
            "Refresh.",
        )
    desired_configuration: ApiRecord | None = params.get("DesiredConfiguration")
    target = _build_target_settings(group, desired_configuration)
    preferences = _build_preferences(group, params.get("Preferences") or {})
    if preferences["AutoRollback"] and (
        desired_configuration is None or target.version.startswith("$")
    ):
        raise AwsError(
            "ValidationError",
            "Auto rollback needs a desired configuration with a specific launch template version.",
        )
    refresh = create_refresh(group, desired_configuration, preferences, target)
    get_timeline(group).catch_up()
    return {"InstanceRefreshId": refresh.id}


@patch.add_operation(AutoScalingResponse, "DescribeInstanceRefreshes")
def describe_instance_refreshes(response: AutoScalingResponse, params: ApiRecord) -> ApiRecord:
    """The newest first."""
    refreshes = get_refreshes(get_auto_scaling_group(response, params["AutoScalingGroupName"]))[
        ::-1
    ]
    if ids := params.get("InstanceRefreshIds"):
        refreshes = [refresh for refresh in refreshes if refresh.id in ids]
    first, size = (
        int(params.get("NextToken") or 0),
        int(params.get("MaxRecords") or REFRESH_PAGE_SIZE),
    )
    next_token = {"NextToken": str(first + size)} if first + size < len(refreshes) else {}
    return {
        "InstanceRefreshes": [
            refresh.to_api_record() for refresh in refreshes[first : first + size]
        ],
        **next_token,
    }


@patch.add_operation(AutoScalingResponse, "CancelInstanceRefresh")
def cancel_instance_refresh(response: AutoScalingResponse, params: ApiRecord) -> ApiRecord:
    """Cancels a refresh or a rollback."""
    group = get_auto_scaling_group(response, params["AutoScalingGroupName"])
    refresh = find_active_refresh(group)
    if refresh is None or refresh.status == "Cancelling":
        raise _build_not_found_error("An active instance refresh or rollback was not found.")
    refresh.cancel()
    get_timeline(group).catch_up()
    return {"InstanceRefreshId": refresh.id}


@patch.add_operation(AutoScalingResponse, "RollbackInstanceRefresh")
def rollback_instance_refresh(response: AutoScalingResponse, params: ApiRecord) -> ApiRecord:
    """Only for a refresh in progress, and only if it has a previous configuration."""
    group = get_auto_scaling_group(response, params["AutoScalingGroupName"])
    refresh = find_active_refresh(group)
    if refresh is None or refresh.status in ("Cancelling", "RollbackInProgress"):
        raise _build_not_found_error("An active instance refresh was not found.")
    if not refresh.is_reversible:
        raise AwsError(
            "IrreversibleInstanceRefresh",
            "The instance refresh cannot be rolled back: it has no desired configuration, or the "
            "Auto Scaling group's launch template is not of a specific version with an AMI ID.",
        )
    refresh.roll_back(get_sandbox_clock().now(), "Rollback due to user request.")
    get_timeline(group).catch_up()
    return {"InstanceRefreshId": refresh.id}


def _build_not_found_error(message: str) -> AwsError:
    return AwsError("ActiveInstanceRefreshNotFound", message)


def _build_target_settings(
    group: FakeAutoScalingGroup, desired_configuration: ApiRecord | None
) -> LaunchSettings:
    """The refresh's desired configuration; by default the group's own."""
    current = get_launch_settings(group)
    if desired_configuration is None:
        return current
    policy: ApiRecord | None = desired_configuration.get("MixedInstancesPolicy")
    if policy is not None:
        specification = policy["LaunchTemplate"]["LaunchTemplateSpecification"]
        current_policy = current.policy or {}
        policy = {
            **current_policy,
            **policy,
            "LaunchTemplate": {
                **current_policy.get("LaunchTemplate", {}),
                **policy["LaunchTemplate"],
            },
        }
    else:
        specification = desired_configuration["LaunchTemplate"]
    template = _get_template(group, specification)
    version = str(specification.get("Version") or "$Default")
    try:
        template.get_version(version)
    except ServiceException:
        raise AwsError(
            "ValidationError",
            "You must use a valid fully-formed launch template. The specified launch template "
            f"version {version} does not exist.",
        ) from None
    return LaunchSettings(template, version, policy)


def _get_template(group: FakeAutoScalingGroup, specification: ApiRecord) -> LaunchTemplate:
    ec2 = group.ec2_backend
    if specification.get("LaunchTemplateId"):
        return ec2.get_launch_template(specification["LaunchTemplateId"])
    return ec2.get_launch_template_by_name(specification["LaunchTemplateName"])


def _build_preferences(group: FakeAutoScalingGroup, requested: ApiRecord) -> ApiRecord:
    """Adds the API's defaults, which it returns too. Refuses contradictory preferences."""
    policy: ApiRecord = vars(group).get("InstanceMaintenancePolicy") or {}
    warmup = vars(group).get("DefaultInstanceWarmup")
    preferences = {
        "MinHealthyPercentage": policy.get("MinHealthyPercentage", DEFAULT_MIN_HEALTHY_PERCENT),
        "InstanceWarmup": group.health_check_grace_period if warmup is None else warmup,
        "SkipMatching": False,
        "AutoRollback": False,
        "ScaleInProtectedInstances": "Wait",
        "StandbyInstances": "Wait",
        "BakeTime": 0,
        **({"MaxHealthyPercentage": m} if (m := policy.get("MaxHealthyPercentage")) else {}),
        **requested,
    }
    if preferences.get("CheckpointPercentages"):
        preferences.setdefault("CheckpointDelay", DEFAULT_CHECKPOINT_DELAY_SECONDS)
    for is_wrong, message in _list_preference_errors(requested, preferences):
        if is_wrong:
            raise AwsError("ValidationError", message)
    return preferences


def _list_preference_errors(requested: ApiRecord, preferences: ApiRecord) -> list[tuple[bool, str]]:
    checkpoints = requested.get("CheckpointPercentages") or []
    is_ascending = all(a < b for a, b in pairwise(checkpoints)) and all(
        1 <= p <= 100 for p in checkpoints
    )
    max_healthy = preferences.get("MaxHealthyPercentage", 100)
    return [
        (
            "CheckpointDelay" in requested and not checkpoints,
            "CheckpointDelay cannot be specified without CheckpointPercentages.",
        ),
        (
            not is_ascending,
            "CheckpointPercentages must be unique, in ascending order, from 1 to 100.",
        ),
        (
            "MaxHealthyPercentage" in requested and "MinHealthyPercentage" not in requested,
            "MinHealthyPercentage must be specified with MaxHealthyPercentage.",
        ),
        (
            max_healthy - preferences["MinHealthyPercentage"] > 100,
            "The difference between MaxHealthyPercentage and MinHealthyPercentage cannot be "
            "greater than 100.",
        ),
    ]

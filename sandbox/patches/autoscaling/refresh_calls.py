"""EC2 Auto Scaling: the API of instance refreshes, and what it refuses."""

from itertools import pairwise
from typing import Any, Final

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.exceptions import ServiceException
from moto.ec2.models.launch_templates import LaunchTemplate

from sandbox.clock import clock
from sandbox.patches.autoscaling.activities import named
from sandbox.patches.autoscaling.instances import Configuration, configuration
from sandbox.patches.autoscaling.refreshes import active, refreshes, start
from sandbox.patches.autoscaling.schedule import timeline
from sandbox.patches.patching import Mend, Refused

mend = Mend()
Record = dict[str, Any]
PAGE: Final = 50
MIN_HEALTHY: Final = 90  # where neither the call nor the group says. Source: API reference
CHECKPOINT_DELAY: Final = 3600  # likewise


@mend.operation(AutoScalingResponse, "StartInstanceRefresh")
def begin(response: AutoScalingResponse, given: Record) -> Record:
    """One at a time."""
    group = named(response, given["AutoScalingGroupName"])
    if active(group):
        raise Refused(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance "
            "Refresh.",
        )
    desired: Record | None = given.get("DesiredConfiguration")
    target = _target(group, desired)
    preferences = _preferences(group, given.get("Preferences") or {})
    if preferences["AutoRollback"] and (desired is None or target.version.startswith("$")):
        raise Refused(
            "ValidationError",
            "Auto rollback needs a desired configuration with a specific launch template version.",
        )
    made = start(group, desired, preferences, target)
    timeline(group).catch_up()
    return {"InstanceRefreshId": made.id}


@mend.operation(AutoScalingResponse, "DescribeInstanceRefreshes")
def describe(response: AutoScalingResponse, given: Record) -> Record:
    """The newest first."""
    found = refreshes(named(response, given["AutoScalingGroupName"]))[::-1]
    if wanted := given.get("InstanceRefreshIds"):
        found = [it for it in found if it.id in wanted]
    first, size = int(given.get("NextToken") or 0), int(given.get("MaxRecords") or PAGE)
    more = {"NextToken": str(first + size)} if first + size < len(found) else {}
    return {"InstanceRefreshes": [it.record() for it in found[first : first + size]], **more}


@mend.operation(AutoScalingResponse, "CancelInstanceRefresh")
def cancel(response: AutoScalingResponse, given: Record) -> Record:
    """Also a rollback."""
    group = named(response, given["AutoScalingGroupName"])
    found = active(group)
    if found is None or found.status == "Cancelling":
        raise _none("An active instance refresh or rollback was not found.")
    found.stops()
    timeline(group).catch_up()
    return {"InstanceRefreshId": found.id}


@mend.operation(AutoScalingResponse, "RollbackInstanceRefresh")
def roll_back(response: AutoScalingResponse, given: Record) -> Record:
    """Only of one in progress, and only where there is something to go back to."""
    group = named(response, given["AutoScalingGroupName"])
    found = active(group)
    if found is None or found.status in ("Cancelling", "RollbackInProgress"):
        raise _none("An active instance refresh was not found.")
    if not found.reversible:
        raise Refused(
            "IrreversibleInstanceRefresh",
            "The instance refresh cannot be rolled back: it has no desired configuration, or the "
            "Auto Scaling group's launch template is not of a specific version with an AMI ID.",
        )
    found.goes_back(clock().now(), "Rollback due to user request.")
    timeline(group).catch_up()
    return {"InstanceRefreshId": found.id}


def _none(message: str) -> Refused:
    return Refused("ActiveInstanceRefreshNotFound", message)


def _target(group: FakeAutoScalingGroup, desired: Record | None) -> Configuration:
    """What a refresh leads to: the group's own configuration where nothing is desired."""
    now = configuration(group)
    if desired is None:
        return now
    policy: Record | None = desired.get("MixedInstancesPolicy")
    if policy is not None:
        specification = policy["LaunchTemplate"]["LaunchTemplateSpecification"]
        kept = now.policy or {}
        policy = {
            **kept,
            **policy,
            "LaunchTemplate": {
                **kept.get("LaunchTemplate", {}),
                **policy["LaunchTemplate"],
            },
        }
    else:
        specification = desired["LaunchTemplate"]
    template = _template(group, specification)
    version = str(specification.get("Version") or "$Default")
    try:
        template.get_version(version)
    except ServiceException:
        raise Refused(
            "ValidationError",
            "You must use a valid fully-formed launch template. The specified launch template "
            f"version {version} does not exist.",
        ) from None
    return Configuration(template, version, policy)


def _template(group: FakeAutoScalingGroup, specification: Record) -> LaunchTemplate:
    ec2 = group.ec2_backend
    if specification.get("LaunchTemplateId"):
        return ec2.get_launch_template(specification["LaunchTemplateId"])
    return ec2.get_launch_template_by_name(specification["LaunchTemplateName"])


def _preferences(group: FakeAutoScalingGroup, given: Record) -> Record:
    """With the defaults of the API, which it tells as well. Refuses what does not go together."""
    policy: Record = vars(group).get("InstanceMaintenancePolicy") or {}
    warmup = vars(group).get("DefaultInstanceWarmup")
    made = {
        "MinHealthyPercentage": policy.get("MinHealthyPercentage", MIN_HEALTHY),
        "InstanceWarmup": group.health_check_grace_period if warmup is None else warmup,
        "SkipMatching": False,
        "AutoRollback": False,
        "ScaleInProtectedInstances": "Wait",
        "StandbyInstances": "Wait",
        "BakeTime": 0,
        **({"MaxHealthyPercentage": m} if (m := policy.get("MaxHealthyPercentage")) else {}),
        **given,
    }
    if made.get("CheckpointPercentages"):
        made.setdefault("CheckpointDelay", CHECKPOINT_DELAY)
    for wrong, message in _wrong(given, made):
        if wrong:
            raise Refused("ValidationError", message)
    return made


def _wrong(given: Record, made: Record) -> list[tuple[bool, str]]:
    points = given.get("CheckpointPercentages") or []
    rising = all(a < b for a, b in pairwise(points)) and all(1 <= p <= 100 for p in points)
    most = made.get("MaxHealthyPercentage", 100)
    return [
        (
            "CheckpointDelay" in given and not points,
            "CheckpointDelay cannot be specified without CheckpointPercentages.",
        ),
        (not rising, "CheckpointPercentages must be unique, in ascending order, from 1 to 100."),
        (
            "MaxHealthyPercentage" in given and "MinHealthyPercentage" not in given,
            "MinHealthyPercentage must be specified with MaxHealthyPercentage.",
        ),
        (
            most - made["MinHealthyPercentage"] > 100,
            "The difference between MaxHealthyPercentage and MinHealthyPercentage cannot be "
            "greater than 100.",
        ),
    ]

"""Reads of the Auto Scaling group: state, instances, image and activities."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.errors import OpsError, RefusedError, UsageError
from ops.core.plan import Call
from ops.core.scaling_apis import (
    AUTO_SCALING_GROUPS_API,
    GROUP_ACTIVITIES_API,
    TEMPLATE_VERSIONS_API,
)
from ops.outputs import FleetPart, Outputs

GROUP_PATH: Final = "AutoScalingGroups[0]"
FLEET_INSTANCE_COLUMNS: Final = (
    "instance",
    "state",
    "health",
    "target",
    "zone",
    "type",
    "version",
    "image",
    "age",
)
FLEET_ACTIVITY_COLUMNS: Final = ("at", "status", "activity", "cause", "message")


# What an instance that is terminated has on its own volumes goes with it.
INSTANCE_LOSS: Final = "what these instances hold on their own volumes"


@dataclass(frozen=True)
class FleetState:
    """The Auto Scaling group as it was read.

    `launch_template_version` is a number, $Latest or $Default. `healthy_percentages` are the
    minimum and maximum of the instance maintenance policy, None if the group has no such policy.
    """

    part: FleetPart
    target_group_arn: str | None
    min_size: int
    max_size: int
    desired_capacity: int
    launch_template_id: str
    launch_template_version: str
    mixed_instances_policy: Mapping[str, Any] | None
    healthy_percentages: tuple[int, int] | None
    warmup_seconds: int
    suspended_processes: tuple[str, ...]
    instances: tuple[Mapping[str, Any], ...]

    @property
    def instance_types(self) -> frozenset[str]:
        """The types of the instances, as far as AWS names them."""
        return frozenset(str(i["InstanceType"]) for i in self.instances if "InstanceType" in i)

    @property
    def serving_count(self) -> int:
        """Number of instances that are in service and healthy."""
        return sum(
            i["LifecycleState"] == "InService" and i["HealthStatus"] == "Healthy"
            for i in self.instances
        )

    @property
    def is_at_desired_capacity(self) -> bool:
        """True if the group has its desired number of instances and all of them serve."""
        return self.serving_count == len(self.instances) == self.desired_capacity


def get_fleet_part(outputs: Outputs) -> FleetPart:
    """Returns the fleet's part of the outputs. Raises UsageError if the stack has no fleet."""
    if outputs.fleet is None:
        raise UsageError(f"the stack {outputs.stack.stack} has no fleet")
    return outputs.fleet


def get_fleet_state(aws: Aws, outputs: Outputs) -> FleetState:
    """Reads the group. Raises UsageError if the stack has no fleet, OpsError if it is gone."""
    fleet_state = find_fleet_state(aws, outputs)
    if fleet_state is None:
        group_name = get_fleet_part(outputs).group
        raise OpsError(f"the Auto Scaling group {group_name} does not exist", "pulumi up --refresh")
    return fleet_state


def find_fleet_state(aws: Aws, outputs: Outputs) -> FleetState | None:
    """Reads the group; None if it is gone. Raises UsageError if the stack has no fleet."""
    fleet_part = get_fleet_part(outputs)
    answer = send_read_call(aws, describe_group_call(fleet_part))
    group = next(iter(answer["AutoScalingGroups"]), None)
    if group is None:
        return None
    policy = group.get("MixedInstancesPolicy")
    template = (policy or {}).get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
    template = template or group.get("LaunchTemplate") or {}
    maintenance_policy = group.get("InstanceMaintenancePolicy") or {}
    warmup = group.get("DefaultInstanceWarmup")
    target_group_arns = group.get("TargetGroupARNs") or [None]
    return FleetState(
        part=fleet_part,
        target_group_arn=target_group_arns[0],
        min_size=int(group["MinSize"]),
        max_size=int(group["MaxSize"]),
        desired_capacity=int(group["DesiredCapacity"]),
        launch_template_id=str(template.get("LaunchTemplateId", fleet_part.launch_template_id)),
        launch_template_version=str(template.get("Version") or "$Default"),
        mixed_instances_policy=policy,
        healthy_percentages=(
            int(maintenance_policy["MinHealthyPercentage"]),
            int(maintenance_policy["MaxHealthyPercentage"]),
        )
        if maintenance_policy
        else None,
        warmup_seconds=int(group.get("HealthCheckGracePeriod") or 0)
        if warmup is None
        else int(warmup),
        suspended_processes=tuple(
            process["ProcessName"] for process in group.get("SuspendedProcesses") or ()
        ),
        instances=tuple(group["Instances"]),
    )


def describe_group_call(fleet_part: FleetPart) -> Call:
    """Describes the call that reads the group."""
    return Call(
        api=AUTO_SCALING_GROUPS_API,
        params={"AutoScalingGroupNames": [fleet_part.group]},
    )


def describe_target_health_call(arn: str) -> Call:
    """Describes the call that reads the health of a target group's targets."""
    return Call(api="elbv2.describe_target_health", params={"TargetGroupArn": arn})


def get_fleet_image(aws: Aws, fleet_part: FleetPart) -> tuple[str, datetime]:
    """Returns the image that new instances run, and when it was set."""
    parameter = send_read_call(aws, describe_image_parameter_call(fleet_part))["Parameter"]
    # Whole seconds, like EC2's launch times.
    since = datetime.fromisoformat(parameter["LastModifiedDate"]).replace(microsecond=0)
    return str(parameter["Value"]), since


def describe_image_parameter_call(fleet_part: FleetPart) -> Call:
    """Describes the call that reads the image parameter."""
    return Call(api="ssm.get_parameter", params={"Name": fleet_part.image_parameter})


def get_template_version_number(aws: Aws, fleet_state: FleetState, version: str) -> str:
    """Resolves a number, $Latest or $Default to a number. Raises RefusedError if missing."""
    versions = send_read_call(
        aws,
        Call(
            api=TEMPLATE_VERSIONS_API,
            params={"LaunchTemplateId": fleet_state.launch_template_id, "Versions": [version]},
        ),
    )["LaunchTemplateVersions"]
    if not versions:
        raise RefusedError(
            f"launch template {fleet_state.launch_template_id} has no version {version}"
        )
    return str(versions[0]["VersionNumber"])


def build_instance_rows(
    aws: Aws, fleet_state: FleetState, now: datetime
) -> list[dict[str, object]]:
    """Builds the rows of `ops fleet instances`, oldest first.

    The image is known only for instances launched after it was last set: an older one may or may
    not have rebooted since.
    """
    launch_times, target_states = (
        _get_launch_times(aws, fleet_state),
        _get_target_states(aws, fleet_state),
    )
    image_name, since = get_fleet_image(aws, fleet_state.part)
    instance_rows = []
    for instance in fleet_state.instances:
        instance_id = str(instance["InstanceId"])
        launch_time = launch_times.get(instance_id)
        instance_rows.append(
            {
                "instance": instance_id,
                "state": instance["LifecycleState"],
                "health": instance["HealthStatus"],
                "target": target_states.get(instance_id),
                "zone": instance["AvailabilityZone"],
                "type": instance.get("InstanceType"),
                "version": (instance.get("LaunchTemplate") or {}).get("Version"),
                "image": image_name if launch_time is not None and launch_time >= since else None,
                "age": format_age((now - launch_time).total_seconds())
                if launch_time is not None
                else None,
                "launched": launch_time.isoformat() if launch_time is not None else None,
            }
        )
    return sorted(instance_rows, key=lambda row: str(row["launched"]))


def format_age(seconds: float) -> str:
    """Formats an age in its two largest units."""
    minutes = max(int(seconds), 0) // 60
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def _get_launch_times(aws: Aws, fleet_state: FleetState) -> dict[str, datetime]:
    """Returns launch times by instance id, without instances that are already gone."""
    instance_ids = [instance["InstanceId"] for instance in fleet_state.instances]
    if not instance_ids:
        return {}
    # A filter, not InstanceIds: one terminated instance would fail the whole call.
    filters = [{"Name": "instance-id", "Values": instance_ids}]
    reservations = list_read_items(
        aws, "ec2.describe_instances", "Reservations", {"Filters": filters}
    )
    return {
        i["InstanceId"]: datetime.fromisoformat(i["LaunchTime"])
        for reservation in reservations
        for i in reservation["Instances"]
    }


def _get_target_states(aws: Aws, fleet_state: FleetState) -> dict[str, str]:
    """Returns target health states by instance id."""
    if fleet_state.target_group_arn is None:
        return {}
    descriptions = send_read_call(aws, describe_target_health_call(fleet_state.target_group_arn))[
        "TargetHealthDescriptions"
    ]
    return {
        description["Target"]["Id"]: description["TargetHealth"]["State"]
        for description in descriptions
    }


def list_fleet_activities(aws: Aws, fleet_part: FleetPart, limit: int) -> list[dict[str, object]]:
    """Lists the group's scaling activities, newest first."""
    activity_rows = []
    group_activities = list_read_items(
        aws,
        GROUP_ACTIVITIES_API,
        "Activities",
        {"AutoScalingGroupName": fleet_part.group},
    )
    for activity in group_activities:
        activity_rows.append(
            {
                "at": activity["StartTime"],
                "status": activity["StatusCode"],
                "activity": activity["Description"],
                "cause": activity["Cause"],
                "message": activity.get("StatusMessage"),
                "ended": activity.get("EndTime"),
            }
        )
        if len(activity_rows) == limit:
            break
    # AWS lists unfinished activities first.
    return sorted(activity_rows, key=lambda row: str(row["at"]), reverse=True)


def send_read_call(aws: Aws, call: Call) -> Any:
    """Sends a read and returns the answer. Raises RefusedError if AWS refuses it."""
    try:
        return aws.call(call.api, dict(call.params), call.region)
    except ClientError as error:
        raise build_refused_error(call.api, error) from error


def list_read_items(aws: Aws, api: str, key: str, params: dict[str, Any]) -> Iterator[Any]:
    """Yields items of all pages. Raises RefusedError if AWS refuses the call."""
    try:
        yield from aws.list_items(api, key, params)
    except ClientError as error:
        raise build_refused_error(api, error) from error


def build_refused_error(api: str, error: ClientError) -> RefusedError:
    """Builds the error with AWS's code and message."""
    answer = error.response["Error"]
    return RefusedError(f"{api}: {answer['Code']}: {answer.get('Message')}")

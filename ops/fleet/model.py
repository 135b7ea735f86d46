"""The fleet as operations see it: its instances, its limits, what it launches, what it has done."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.errors import OpsError, RefusedError, UsageError
from ops.core.plan import Call
from ops.outputs import FleetPart, Outputs

GROUP: Final = "AutoScalingGroups[0]"
COLUMNS: Final = (
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
ACTIVITY_COLUMNS: Final = ("at", "status", "activity", "cause", "message")


@dataclass(frozen=True)
class Fleet:
    """The Auto Scaling group, as it was seen. `version` is of its launch template, as it is given.

    `policy` is the mixed instances policy around the template, where there is one; `kept` the
    smallest and the largest healthy percentage of its maintenance policy. `warmup` is in seconds.
    """

    part: FleetPart
    targets: str | None
    least: int
    most: int
    desired: int
    template: str
    version: str
    policy: Mapping[str, Any] | None
    kept: tuple[int, int] | None
    warmup: int
    suspended: tuple[str, ...]
    instances: tuple[Mapping[str, Any], ...]

    @property
    def serving(self) -> int:
        """How many instances are in service and healthy."""
        return sum(
            i["LifecycleState"] == "InService" and i["HealthStatus"] == "Healthy"
            for i in self.instances
        )

    @property
    def settled(self) -> bool:
        """Whether there are as many as there should be, and all of them serve."""
        return self.serving == len(self.instances) == self.desired


def part(outputs: Outputs) -> FleetPart:
    """The fleet of the stack. Raises UsageError where it has none."""
    if outputs.fleet is None:
        raise UsageError(f"the stack {outputs.stack.stack} has no fleet")
    return outputs.fleet


def observed(aws: Aws, outputs: Outputs) -> Fleet:
    """The fleet. Raises UsageError where the stack has none, OpsError where it is gone."""
    of = part(outputs)
    answer = ask(aws, described(of))
    group = next(iter(answer["AutoScalingGroups"]), None)
    if group is None:
        raise OpsError(f"there is no Auto Scaling group {of.group}", "pulumi up --refresh")
    policy = group.get("MixedInstancesPolicy")
    template = (policy or {}).get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
    template = template or group.get("LaunchTemplate") or {}
    kept = group.get("InstanceMaintenancePolicy") or {}
    warmup = group.get("DefaultInstanceWarmup")
    arns = group.get("TargetGroupARNs") or [None]
    return Fleet(
        part=of,
        targets=arns[0],
        least=int(group["MinSize"]),
        most=int(group["MaxSize"]),
        desired=int(group["DesiredCapacity"]),
        template=str(template.get("LaunchTemplateId", of.launch_template_id)),
        version=str(template.get("Version") or "$Default"),
        policy=policy,
        kept=(int(kept["MinHealthyPercentage"]), int(kept["MaxHealthyPercentage"]))
        if kept
        else None,
        warmup=int(group.get("HealthCheckGracePeriod") or 0) if warmup is None else int(warmup),
        suspended=tuple(p["ProcessName"] for p in group.get("SuspendedProcesses") or ()),
        instances=tuple(group["Instances"]),
    )


def described(of: FleetPart) -> Call:
    """The read of the group."""
    return Call(
        api="autoscaling.describe_auto_scaling_groups",
        params={"AutoScalingGroupNames": [of.group]},
    )


def health(arn: str) -> Call:
    """The read of its targets."""
    return Call(api="elbv2.describe_target_health", params={"TargetGroupArn": arn})


def image(aws: Aws, of: FleetPart) -> tuple[str, datetime]:
    """The image that new instances run, and since when."""
    found = ask(aws, parameter(of))["Parameter"]
    # Whole seconds, as EC2 tells when an instance was launched.
    since = datetime.fromisoformat(found["LastModifiedDate"]).replace(microsecond=0)
    return str(found["Value"]), since


def parameter(of: FleetPart) -> Call:
    """The read of the parameter that names the image."""
    return Call(api="ssm.get_parameter", params={"Name": of.image_parameter})


def number(aws: Aws, fleet: Fleet, version: str) -> str:
    """The number of a version that may be called $Latest or $Default. Raises RefusedError."""
    found = ask(
        aws,
        Call(
            api="ec2.describe_launch_template_versions",
            params={"LaunchTemplateId": fleet.template, "Versions": [version]},
        ),
    )["LaunchTemplateVersions"]
    if not found:
        raise RefusedError(f"launch template {fleet.template} has no version {version}")
    return str(found[0]["VersionNumber"])


def rows(aws: Aws, fleet: Fleet, now: datetime) -> list[dict[str, object]]:
    """Its instances, the oldest first.

    The image is told of those that were launched after it was last changed; an older one may have
    been restarted with it or not, which AWS does not know.
    """
    launched, states = _launched(aws, fleet), _states(aws, fleet)
    named, since = image(aws, fleet.part)
    found = []
    for one in fleet.instances:
        id_ = str(one["InstanceId"])
        at = launched.get(id_)
        found.append(
            {
                "instance": id_,
                "state": one["LifecycleState"],
                "health": one["HealthStatus"],
                "target": states.get(id_),
                "zone": one["AvailabilityZone"],
                "type": one.get("InstanceType"),
                "version": (one.get("LaunchTemplate") or {}).get("Version"),
                "image": named if at is not None and at >= since else None,
                "age": age((now - at).total_seconds()) if at is not None else None,
                "launched": at.isoformat() if at is not None else None,
            }
        )
    return sorted(found, key=lambda row: str(row["launched"]))


def age(seconds: float) -> str:
    """How old something is, in its two largest units."""
    minutes = max(int(seconds), 0) // 60
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def _launched(aws: Aws, fleet: Fleet) -> dict[str, datetime]:
    """When each instance was launched, of those that EC2 still knows."""
    ids = [one["InstanceId"] for one in fleet.instances]
    if not ids:
        return {}
    # A filter, not ids: one that is gone by now would make the whole call fail.
    filters = [{"Name": "instance-id", "Values": ids}]
    reservations = items(aws, "ec2.describe_instances", "Reservations", {"Filters": filters})
    return {
        i["InstanceId"]: datetime.fromisoformat(i["LaunchTime"])
        for reservation in reservations
        for i in reservation["Instances"]
    }


def _states(aws: Aws, fleet: Fleet) -> dict[str, str]:
    """What the load balancer says of each instance."""
    if fleet.targets is None:
        return {}
    found = ask(aws, health(fleet.targets))["TargetHealthDescriptions"]
    return {it["Target"]["Id"]: it["TargetHealth"]["State"] for it in found}


def activities(aws: Aws, of: FleetPart, limit: int) -> list[dict[str, object]]:
    """What the group has done, the newest first."""
    found = []
    listed = items(
        aws,
        "autoscaling.describe_scaling_activities",
        "Activities",
        {"AutoScalingGroupName": of.group},
    )
    for it in listed:
        found.append(
            {
                "at": it["StartTime"],
                "status": it["StatusCode"],
                "activity": it["Description"],
                "cause": it["Cause"],
                "message": it.get("StatusMessage"),
                "ended": it.get("EndTime"),
            }
        )
        if len(found) == limit:
            break
    # AWS tells those first that go on.
    return sorted(found, key=lambda row: str(row["at"]), reverse=True)


def ask(aws: Aws, call: Call) -> Any:
    """What a read answers. Raises RefusedError where AWS refuses it."""
    try:
        return aws.call(call.api, dict(call.params), call.region)
    except ClientError as error:
        raise refused(call.api, error) from error


def items(aws: Aws, api: str, key: str, params: dict[str, Any]) -> Iterator[Any]:
    """Every item of a list."""
    try:
        yield from aws.list_items(api, key, params)
    except ClientError as error:
        raise refused(api, error) from error


def refused(api: str, error: ClientError) -> RefusedError:
    """What AWS said."""
    answer = error.response["Error"]
    return RefusedError(f"{api}: {answer['Code']}: {answer.get('Message')}")

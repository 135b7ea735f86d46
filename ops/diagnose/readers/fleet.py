"""What Auto Scaling says of the fleet: launches that failed, its limits, unhealthy instances."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ops.core.scaling_apis import (
    AUTO_SCALING_GROUPS_API,
    GROUP_ACTIVITIES_API,
    INSTANCE_REFRESHES_API,
)
from ops.core.times import parse_aws_time
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.diagnose.start_failures import classify_start_failure
from ops.fleet.activity_reports import FAILED_ACTIVITY_STATUSES
from ops.fleet.model import get_fleet_part, list_read_items

FLEET: Final = "fleet"
_ACTIVITIES_COMMAND: Final = "ops fleet activities"


def read_fleet(request: DiagnosisRequest) -> Facts:
    """The faults of the fleet at the time."""
    collector = FactCollector(FLEET)
    params = {"AutoScalingGroupName": get_fleet_part(request.outputs).group}
    with collector.note_gap("scaling activities", FLEET):
        _add_activities(collector, request, params)
    with collector.note_gap("instance refreshes", FLEET):
        _add_refreshes(collector, request, params)
    if request.is_past:
        collector.note_reason(
            "AWS only knows how instances are now: left out with --at", FLEET, is_failure=False
        )
    else:
        with collector.note_gap("instances", FLEET):
            _add_instances(collector, request)
    return collector.build_facts()


def _add_activities(
    collector: FactCollector, request: DiagnosisRequest, params: dict[str, Any]
) -> None:
    """Launches that failed, each reason once; none if a later launch worked."""
    failed: dict[str, tuple[datetime, str, int]] = {}
    for item in list_read_items(request.aws, GROUP_ACTIVITIES_API, "Activities", params):
        time = parse_aws_time(item["StartTime"])
        if time < request.span.since:
            break  # the newest are first (DescribeScalingActivities, API reference)
        if time > request.at:
            continue
        is_launch = "Launching" in str(item.get("Description"))
        if item["StatusCode"] == "Successful" and is_launch and not failed:
            return
        if item["StatusCode"] in FAILED_ACTIVITY_STATUSES:
            text = str(item.get("StatusMessage") or item.get("Description"))
            key = classify_start_failure(text)
            count = failed[key][2] + 1 if key in failed else 1
            failed[key] = (time, text, count)
    for key, (time, text, count) in failed.items():
        collector.add(
            f"fleet.launch.{key}",
            FLEET,
            f"{count} scaling {'activities' if count > 1 else 'activity'} failed: {text}",
            since=time,
            value=float(count),
            command=_ACTIVITIES_COMMAND,
        )


def _add_refreshes(
    collector: FactCollector, request: DiagnosisRequest, params: dict[str, Any]
) -> None:
    for item in list_read_items(request.aws, INSTANCE_REFRESHES_API, "InstanceRefreshes", params):
        ended = parse_aws_time(item["EndTime"]) if item.get("EndTime") else None
        if ended is None or not request.span.since <= ended <= request.at:
            continue
        status, reason = str(item["Status"]), str(item.get("StatusReason") or "")
        if status in ("Failed", "RollbackSuccessful", "RollbackFailed"):
            key = "failed" if status == "Failed" else "rolled-back"
            text = f"instance refresh {status}{f': {reason}' if reason else ''}"
            command = "ops fleet refresh status"
            collector.add(f"fleet.refresh.{key}", FLEET, text, since=ended, command=command)


def _add_instances(collector: FactCollector, request: DiagnosisRequest) -> None:
    names = {"AutoScalingGroupNames": [get_fleet_part(request.outputs).group]}
    for group in list_read_items(request.aws, AUTO_SCALING_GROUPS_API, "AutoScalingGroups", names):
        desired, maximum = int(group["DesiredCapacity"]), int(group["MaxSize"])
        instances: list[Mapping[str, Any]] = list(group.get("Instances") or ())
        serving = [item for item in instances if item["LifecycleState"] == "InService"]
        unhealthy = [item for item in instances if item["HealthStatus"] != "Healthy"]
        if desired >= maximum:
            text = f"{desired} instances are wanted, which is the maximum"
            collector.add(
                "fleet.at-maximum",
                FLEET,
                text,
                value=float(maximum),
                command="ops fleet limits",
            )
        if len(serving) < desired:
            key = "fleet.instances.none" if not serving else "fleet.instances.missing"
            text = f"{len(serving)} of {desired} instances are in service"
            collector.add(key, FLEET, text, command=_ACTIVITIES_COMMAND)
        for item in unhealthy:
            collector.add(
                "fleet.instance.unhealthy",
                FLEET,
                f"instance {item['InstanceId']} in {item['AvailabilityZone']} is unhealthy",
                subject=str(item["InstanceId"]),
                command="ops fleet instances",
            )

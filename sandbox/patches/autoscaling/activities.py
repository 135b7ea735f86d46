"""EC2 Auto Scaling: a group's scaling activities, which moto lacks."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.moto_api._internal import mock_random

from sandbox.clock import get_sandbox_clock
from sandbox.patches.autoscaling.schedule import resolve_time
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
ACTIVITY_PAGE_SIZE: Final = 100  # activities on a page. Source: API reference


@dataclass
class ScalingActivity:
    """One scaling activity. Its end is None while it is in progress."""

    description: str
    cause: str
    started_at: datetime
    details: dict[str, str] = field(default_factory=dict)
    ended_at: datetime | None = None
    status: str = "InProgress"
    message: str | None = None
    id: str = field(default_factory=lambda: str(mock_random.uuid4()))

    def finish(
        self, time: datetime, status: str = "Successful", message: str | None = None
    ) -> None:
        """Marks it as finished."""
        self.ended_at, self.status, self.message = resolve_time(time), status, message

    def to_api_record(self, group: FakeAutoScalingGroup) -> ApiRecord:
        """As the API describes it."""
        optional_fields = {"EndTime": self.ended_at, "StatusMessage": self.message}
        return {
            "ActivityId": self.id,
            "AutoScalingGroupName": group.name,
            "AutoScalingGroupARN": group.arn,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": self.started_at,
            "StatusCode": self.status,
            "Progress": 100 if self.ended_at else 50,
            "Details": json.dumps(self.details),
            **{key: value for key, value in optional_fields.items() if value is not None},
        }


def get_scaling_activities(group: FakeAutoScalingGroup) -> list[ScalingActivity]:
    """A group's activities, the oldest first."""
    activities: list[ScalingActivity] = vars(group).setdefault("sandbox_activities", [])
    return activities


def start_activity(
    group: FakeAutoScalingGroup, description: str, cause: str, time: datetime, **details: str
) -> ScalingActivity:
    """Starts an activity of a group."""
    activity = ScalingActivity(
        description, cause, resolve_time(time) or get_sandbox_clock().now(), details
    )
    get_scaling_activities(group).append(activity)
    return activity


def find_running_activity(group: FakeAutoScalingGroup) -> ScalingActivity | None:
    """The newest activity in progress; None if there is none."""
    return next((a for a in reversed(get_scaling_activities(group)) if a.ended_at is None), None)


def get_auto_scaling_group(response: AutoScalingResponse, name: str) -> FakeAutoScalingGroup:
    """A group by its name."""
    group = response.autoscaling_backend.autoscaling_groups.get(name)
    if group is None:
        raise AwsError("ValidationError", f"AutoScalingGroup name not found - {name}")
    return group


# Filters of the API, each with the value that it compares.
_FILTERS: Final[dict[str, Callable[[ApiRecord, str], bool]]] = {
    "StartTimeLowerBound": lambda activity, text: (
        activity["StartTime"] >= datetime.fromisoformat(text)
    ),
    "StartTimeUpperBound": lambda activity, text: (
        activity["StartTime"] <= datetime.fromisoformat(text)
    ),
    "Status": lambda activity, text: activity["StatusCode"] == text,
}


@patch.replace_operation(AutoScalingResponse, "DescribeScalingActivities")
def describe_scaling_activities(response: AutoScalingResponse, params: ApiRecord) -> ApiRecord:
    """Those in progress first, then by their start, the newest first. Source: API reference."""
    if params.get("AutoScalingGroupName"):
        groups = [get_auto_scaling_group(response, params["AutoScalingGroupName"])]
    else:
        groups = list(response.autoscaling_backend.autoscaling_groups.values())
    records = [
        activity.to_api_record(group)
        for group in groups
        for activity in get_scaling_activities(group)
    ]
    records.reverse()
    records.sort(key=lambda record: ("EndTime" not in record, record["StartTime"]), reverse=True)
    if params.get("ActivityIds"):
        records = [record for record in records if record["ActivityId"] in params["ActivityIds"]]
    for criterion in params.get("Filters") or ():
        is_match = _FILTERS[criterion["Name"]]
        records = [
            record
            for record in records
            if any(is_match(record, text) for text in criterion["Values"])
        ]
    first, size = (
        int(params.get("NextToken") or 0),
        int(params.get("MaxRecords") or ACTIVITY_PAGE_SIZE),
    )
    next_token = {"NextToken": str(first + size)} if first + size < len(records) else {}
    return {"Activities": records[first : first + size], **next_token}

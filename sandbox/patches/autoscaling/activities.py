"""EC2 Auto Scaling: what a group has done, which moto does not tell."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.moto_api._internal import mock_random

from sandbox.clock import clock
from sandbox.patches.autoscaling.schedule import shown
from sandbox.patches.patching import Mend, Refused

mend = Mend()
Record = dict[str, Any]
PAGE: Final = 100  # activities a page. Source: API reference


@dataclass
class Activity:
    """One scaling activity. `ended` is None while it goes on."""

    description: str
    cause: str
    began: datetime
    details: dict[str, str] = field(default_factory=dict)
    ended: datetime | None = None
    status: str = "InProgress"
    message: str | None = None
    id: str = field(default_factory=lambda: str(mock_random.uuid4()))

    def over(self, at: datetime, status: str = "Successful", message: str | None = None) -> None:
        """It has come to its end."""
        self.ended, self.status, self.message = shown(at), status, message

    def record(self, group: FakeAutoScalingGroup) -> Record:
        """As the API describes it."""
        told = {"EndTime": self.ended, "StatusMessage": self.message}
        return {
            "ActivityId": self.id,
            "AutoScalingGroupName": group.name,
            "AutoScalingGroupARN": group.arn,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": self.began,
            "StatusCode": self.status,
            "Progress": 100 if self.ended else 50,
            "Details": json.dumps(self.details),
            **{key: value for key, value in told.items() if value is not None},
        }


def activities(group: FakeAutoScalingGroup) -> list[Activity]:
    """A group's, the oldest first."""
    found: list[Activity] = vars(group).setdefault("mended_activities", [])
    return found


def begun(
    group: FakeAutoScalingGroup, description: str, cause: str, at: datetime, **details: str
) -> Activity:
    """Notes that something begins."""
    made = Activity(description, cause, shown(at) or clock().now(), details)
    activities(group).append(made)
    return made


def going_on(group: FakeAutoScalingGroup) -> Activity | None:
    """The newest that has not come to its end."""
    return next((a for a in reversed(activities(group)) if a.ended is None), None)


def named(response: AutoScalingResponse, name: str) -> FakeAutoScalingGroup:
    """A group by its name."""
    group = response.autoscaling_backend.autoscaling_groups.get(name)
    if group is None:
        raise Refused("ValidationError", f"AutoScalingGroup name not found - {name}")
    return group


# Filters of the API, each with what it asks of an activity.
_FILTERS: Final[dict[str, Callable[[Record, str], bool]]] = {
    "StartTimeLowerBound": lambda it, text: it["StartTime"] >= datetime.fromisoformat(text),
    "StartTimeUpperBound": lambda it, text: it["StartTime"] <= datetime.fromisoformat(text),
    "Status": lambda it, text: it["StatusCode"] == text,
}


@mend.operation(AutoScalingResponse, "DescribeScalingActivities")
def describe(response: AutoScalingResponse, given: Record) -> Record:
    """Those in progress first, then by their start, the newest first. Source: API reference."""
    if given.get("AutoScalingGroupName"):
        groups = [named(response, given["AutoScalingGroupName"])]
    else:
        groups = list(response.autoscaling_backend.autoscaling_groups.values())
    found = [activity.record(group) for group in groups for activity in activities(group)]
    found.reverse()
    found.sort(key=lambda it: ("EndTime" not in it, it["StartTime"]), reverse=True)
    if given.get("ActivityIds"):
        found = [it for it in found if it["ActivityId"] in given["ActivityIds"]]
    for one in given.get("Filters") or ():
        fits = _FILTERS[one["Name"]]
        found = [it for it in found if any(fits(it, text) for text in one["Values"])]
    first, size = int(given.get("NextToken") or 0), int(given.get("MaxRecords") or PAGE)
    more = {"NextToken": str(first + size)} if first + size < len(found) else {}
    return {"Activities": found[first : first + size], **more}

"""What Auto Scaling reports while the fleet changes: launches that failed, in its own words.

It tries a failed launch again, in other zones too. Of a new number some failures say that it never
comes; while instances are replaced they may be of the version that is left, and AWS ends the
refresh.
"""

from collections.abc import Sequence
from typing import Final

from ops.core.plan import Call, FailureReports
from ops.core.scaling_apis import GROUP_ACTIVITIES_API
from ops.outputs import FleetPart

# Parts of the status messages of failed launches. Source: EC2 Auto Scaling User Guide,
# "Troubleshoot issues in Amazon EC2 Auto Scaling": instance launch failures, AMI issues.
GIVEN_UP_LAUNCHES: Final = (
    "does not exist",  # the image, key pair, security group or launch template
    "request an adjustment to this limit",  # the quota of instances or of vCPUs
    "Invalid IamInstanceProfile",
    "Invalid IAM Instance Profile",
    "client error on launch",  # the key of an encrypted volume
    "not authorized to perform this operation",
    "is not supported in your requested Availability Zone",
)
FAILED_ACTIVITY_STATUSES: Final = ("Failed", "Cancelled")
MAX_ACTIVITIES: Final = 100  # the newest; a page. Source: API reference


def build_activity_reports(fleet_part: FleetPart, *, with_failures: bool = False) -> FailureReports:
    """Builds the read of the group's failed scaling activities.

    With failures, those end the wait that say that a new number never comes.
    """
    is_failed = " || ".join(f"StatusCode=='{status}'" for status in FAILED_ACTIVITY_STATUSES)
    return FailureReports(
        read=Call(
            api=GROUP_ACTIVITIES_API,
            params={"AutoScalingGroupName": fleet_part.group, "MaxRecords": MAX_ACTIVITIES},
        ),
        messages=_build_path(f"({is_failed}) && ({_build_contains(GIVEN_UP_LAUNCHES)})")
        if with_failures
        else "`[]`",
        warnings=_build_path(is_failed),
    )


def _build_contains(texts: Sequence[str]) -> str:
    return " || ".join(f"contains(StatusMessage || '', `\"{text}\"`)" for text in texts)


def _build_path(condition: str) -> str:
    return f"Activities[?{condition}].join(' ', [StartTime, StatusMessage || Description])"

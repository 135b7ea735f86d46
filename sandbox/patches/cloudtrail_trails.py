"""CloudTrail's trails, where moto differs from AWS: the bucket's policy, deliveries, selectors.

A trail whose bucket does not let CloudTrail write is refused, and one whose bucket no longer does
reports the error of S3 (API reference, CreateTrail: InsufficientS3BucketPolicyException;
GetTrailStatus: LatestDeliveryError; User Guide, "Amazon S3 bucket policy for CloudTrail").
"""

import json
from typing import Any, Final

from moto.cloudtrail.models import Trail
from moto.cloudtrail.responses import CloudTrailResponse
from moto.s3.models import s3_backends

from sandbox.patches.patching import AwsError, ServicePatch, parse_request_parameters

patch = ServicePatch()
CLOUDTRAIL_PRINCIPAL: Final = "cloudtrail.amazonaws.com"
WRITE_ACTIONS: Final = ("s3:PutObject", "s3:*", "*")
# A trail that nobody chose events for (User Guide, "Logging management events": the default).
DEFAULT_SELECTORS: Final = [
    {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "DataResources": [],
        "ExcludeManagementEventSources": [],
    }
]


def find_delivery_error(trail: Trail) -> str:
    """S3's error if CloudTrail writes the trail now; empty if it can."""
    bucket = s3_backends[trail.account_id][trail.partition].buckets.get(trail.bucket_name)
    if bucket is None:
        return "NoSuchBucket"
    policy = json.loads(bucket.policy) if bucket.policy else {}
    return "" if any(map(_lets_cloudtrail_write, policy.get("Statement", ()))) else "AccessDenied"


@patch.wrap(Trail, "check_bucket_exists")
def check_bucket(original: Any, trail: Trail) -> None:
    """The bucket must be there and let CloudTrail write."""
    original(trail)
    if find_delivery_error(trail):
        raise AwsError(
            "InsufficientS3BucketPolicyException",
            f"Incorrect S3 bucket policy is detected for bucket: {trail.bucket_name}",
        )


@patch.wrap(Trail, "get_event_selectors")
def get_event_selectors(original: Any, trail: Trail) -> Any:
    """All management events, if nobody chose any."""
    selectors, advanced_selectors = original(trail)
    if selectors or advanced_selectors:
        return selectors, advanced_selectors
    return DEFAULT_SELECTORS, []


@patch.wrap(Trail, "put_event_selectors")
def put_event_selectors(original: Any, trail: Trail, selectors: Any, advanced: Any) -> None:
    """Basic ones replace advanced ones, as these do those (API reference, PutEventSelectors)."""
    original(trail, selectors, advanced)
    if selectors:
        trail.advanced_event_selectors = []


@patch.wrap(CloudTrailResponse, "get_trail_status")
def get_trail_status(original: Any, response: CloudTrailResponse) -> Any:
    """The status as moto has it, with S3's error if there is one."""
    answer = original(response)
    name = str(parse_request_parameters(response)["Name"])
    trails = response.cloudtrail_backend.describe_trails(include_shadow_trails=True)
    trail = next(trail for trail in trails if name in (trail.trail_name, trail.arn))
    error = find_delivery_error(trail) if trail.status.is_logging else ""
    if not error:
        return answer
    return json.dumps({**json.loads(answer), "LatestDeliveryError": error})


def _lets_cloudtrail_write(statement: dict[str, Any]) -> bool:
    principal, actions = statement.get("Principal"), statement.get("Action", ())
    services = principal.get("Service", ()) if isinstance(principal, dict) else ()
    return (
        statement.get("Effect") == "Allow"
        and CLOUDTRAIL_PRINCIPAL in ([services] if isinstance(services, str) else services)
        and any(
            action in WRITE_ACTIONS
            for action in ([actions] if isinstance(actions, str) else actions)
        )
    )

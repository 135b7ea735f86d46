"""What AWS Health reports of the stack's region: events of its services that are open.

It answers accounts with Business Support or above, at one endpoint of the partition (AWS Health
User Guide, "Accessing the AWS Health API"; AWS General Reference, "AWS Health endpoints").
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import get_error_code
from ops.core.parts import STACK_PART
from ops.core.times import parse_aws_time
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector

HEALTH_EVENTS_API: Final = "health.describe_events"
HEALTH_REGIONS: Final = {
    "aws": "us-east-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-cn": "cn-northwest-1",
}
NO_SUPPORT_CODE: Final = "SubscriptionRequiredException"
# Services that a stack stands on, as AWS Health names them.
HEALTH_SERVICES: Final = frozenset(
    {
        "AUTOSCALING",
        "CLOUDWATCH",
        "EC2",
        "ECR",
        "ECS",
        "ELASTICACHE",
        "ELASTICLOADBALANCING",
        "FARGATE",
        "IAM",
        "KMS",
        "MULTIPLE_SERVICES",
        "NATGATEWAY",
        "RDS",
        "ROUTE53",
        "S3",
        "SECRETSMANAGER",
        "SSM",
        "VPC",
    }
)
_PAST_DAYS: Final = 2  # events that began so long before a past time are asked for


def read_aws_health(request: DiagnosisRequest) -> Facts:
    """The open events of AWS Health in the region, or those that were open at a past time."""
    collector = FactCollector("aws-health")
    region = HEALTH_REGIONS.get(request.outputs.database.arn.split(":")[1])
    if region is None:
        collector.note_reason("this partition has no AWS Health API", is_failure=False)
        return collector.build_facts()
    try:
        answer: Any = request.aws.call(
            HEALTH_EVENTS_API, {"filter": _build_filter(request)}, region
        )
    except ClientError as error:
        if get_error_code(error) != NO_SUPPORT_CODE:
            raise
        reason = (
            "the account has no Business Support, which its API needs: see health.aws.amazon.com"
        )
        collector.note_reason(reason, is_failure=False)
        return collector.build_facts()
    for event in answer.get("events") or ():
        began, ended = _get_times(event)
        if event["service"] in HEALTH_SERVICES and began <= request.at <= (ended or request.at):
            _add_event(collector, request, event, began)
    return collector.build_facts()


def _build_filter(request: DiagnosisRequest) -> dict[str, Any]:
    criteria: dict[str, Any] = {
        "regions": [request.outputs.stack.region],
        "eventTypeCategories": ["issue"],
    }
    if not request.is_past:
        return criteria | {"eventStatusCodes": ["open"]}
    since = request.at - timedelta(days=_PAST_DAYS)
    return criteria | {"startTimes": [{"from": since.timestamp(), "to": request.at.timestamp()}]}


def _get_times(event: Mapping[str, Any]) -> tuple[datetime, datetime | None]:
    ended = event.get("endTime")
    return parse_aws_time(event["startTime"]), parse_aws_time(ended) if ended else None


def _add_event(
    collector: FactCollector, request: DiagnosisRequest, event: Mapping[str, Any], began: datetime
) -> None:
    zone = event.get("availabilityZone")
    place = zone or event.get("region")
    text = f"AWS reports {event['eventTypeCode']} of {event['service']} in {place}"
    zones = {f"{request.outputs.stack.region}{letter}" for letter in request.outputs.stack.zones}
    if zone is not None and zone not in zones:
        return
    collector.add(
        "aws.event.zone" if zone is not None else "aws.event.issue",
        STACK_PART,
        text,
        since=began,
        subject=str(event["arn"]),
    )

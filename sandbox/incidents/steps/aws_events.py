"""What AWS itself reports: events of AWS Health, which moto lacks.

AWS Health answers accounts with Business Support or above; others get SubscriptionRequiredException
(AWS Health User Guide, "Accessing the AWS Health API"). Fields: API reference, Event.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sandbox.faults import AwsRequest, RawReply, RequestHandler
from sandbox.incidents.model import happening
from sandbox.incidents.world import TimeSpanBack, World

JSON_HEADERS: Final = {"Content-Type": "application/x-amz-json-1.1"}


@dataclass
class HealthAnswers:
    """Answers AWS Health's calls from events; every other call goes on."""

    region: str
    events: list[dict[str, Any]] = field(default_factory=list)
    is_subscribed: bool = True

    def __call__(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        """Answers one request."""
        if aws_request.service != "health":
            return next_handler(aws_request)
        if not self.is_subscribed:
            return aws_request.build_error_reply("SubscriptionRequiredException", "")
        return 200, JSON_HEADERS, json.dumps(self._answer(aws_request)).encode()

    def _answer(self, aws_request: AwsRequest) -> dict[str, Any]:
        params = json.loads(aws_request.request.data or b"{}")
        match aws_request.api:
            case "health.describe_events":
                return {"events": [self._strip(event) for event in self._select(params)]}
            case "health.describe_event_details":
                arns = params.get("eventArns") or ()
                return {
                    "successfulSet": [
                        {
                            "event": self._strip(event),
                            "eventDescription": {"latestDescription": event["text"]},
                        }
                        for event in self.events
                        if event["arn"] in arns
                    ],
                    "failedSet": [],
                }
            case "health.describe_affected_entities":
                arns = (params.get("filter") or {}).get("eventArns") or ()
                return {
                    "entities": [
                        {"eventArn": event["arn"], "entityValue": value, "statusCode": "IMPAIRED"}
                        for event in self.events
                        if event["arn"] in arns
                        for value in event["entities"]
                    ]
                }
        return {}

    def _select(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        criteria = params.get("filter") or {}
        pairs = (
            ("regions", "region"),
            ("services", "service"),
            ("eventStatusCodes", "statusCode"),
            ("eventTypeCategories", "eventTypeCategory"),
            ("eventArns", "arn"),
        )
        return [
            event
            for event in self.events
            if all(not criteria.get(key) or event[name] in criteria[key] for key, name in pairs)
        ]

    def _strip(self, event: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in event.items() if key not in ("text", "entities")}


@happening("aws-event")
def add_aws_event(
    world: World,
    span: TimeSpanBack,
    *,
    service: str,
    code: str,
    text: str,
    category: str = "issue",
    zone: str | None = None,
    entities: list[str] | None = None,
    status: str | None = None,
) -> None:
    """An event of AWS Health in the stack's region, or in a zone of it."""
    answers = get_health_answers(world)
    identifier = f"{code}_{len(answers.events):04d}"
    arn = f"arn:aws:health:{world.region}::event/{service}/{code}/{identifier}"
    is_open = span.end <= 0
    event = {
        "arn": arn,
        "service": service,
        "eventTypeCode": code,
        "eventTypeCategory": category,
        "eventScopeCode": "PUBLIC" if not entities else "ACCOUNT_SPECIFIC",
        "region": world.region,
        "startTime": _to_seconds(world.get_time(span.begin)),
        "lastUpdatedTime": _to_seconds(world.get_time(max(span.end, 60))),
        "statusCode": status or ("open" if is_open else "closed"),
        "text": text,
        "entities": entities or [],
    }
    if zone is not None:
        event["availabilityZone"] = f"{world.region}{zone}"
    if not is_open:
        event["endTime"] = _to_seconds(world.get_time(span.end))
    answers.events.append(event)


def get_health_answers(world: World) -> HealthAnswers:
    """What AWS Health answers in a world."""
    for handler in world.faults:
        if isinstance(handler, HealthAnswers):
            return handler
    answers = HealthAnswers(world.region)
    world.faults.insert(0, answers)
    return answers


@happening("no-aws-health")
def refuse_health(world: World, span: TimeSpanBack) -> None:
    """The account's support plan has no AWS Health API."""
    get_health_answers(world).is_subscribed = False


def _to_seconds(time: datetime) -> float:
    return time.timestamp()

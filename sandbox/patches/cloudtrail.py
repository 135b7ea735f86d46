"""CloudTrail's event history: the calls that change something, and who made them.

Calls of the query and JSON protocols are recorded, not those of REST services (S3, Lambda, Backup).
Of parameters the record has those of the request, without what CloudTrail redacts. An event can be
looked up after some minutes: "CloudTrail typically delivers events within an average of about 5
minutes" (User Guide). Source of the rest: API reference, LookupEvents and Event.
"""

import json
import re
import uuid
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from moto.cloudtrail.models import cloudtrail_backends
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.responses import BaseResponse
from moto.sts.models import sts_backends

from sandbox.clock import get_sandbox_clock
from sandbox.patches.iam_last_access import record_access
from sandbox.patches.patching import AwsError, ServicePatch, backend_state
from sandbox.patches.request_times import parse_request_time

patch = ServicePatch()
ApiRecord = dict[str, Any]
KEPT_EVENTS: Final = 5000  # of a region: more would only take memory
HISTORY_DAYS: Final = 90
DELIVERY_MINUTES: Final = 5
MAX_PAGE: Final = 50
READ_ACTIONS: Final = (
    *("BatchGet", "Describe", "Filter", "Get", "Head", "List", "Lookup", "Query", "Search"),
    "Simulate",
)
# CloudTrail's name of a service, if it is not moto's (User Guide, "eventSource").
EVENT_SOURCES: Final = {
    "application-autoscaling": "autoscaling",
    "cloudwatch": "monitoring",
    "elbv2": "elasticloadbalancing",
}
# The prefix of a service's actions in policies, if it is not moto's name of it.
ACTION_PREFIXES: Final = {"elbv2": "elasticloadbalancing"}
REDACTED: Final = re.compile(r"password|secretstring|secretbinary|authtoken|plaintext", re.I)
# An error's code in the answers of the protocols.
ERROR_CODE: Final = re.compile(r'<Code>([^<]+)</Code>|"__type": ?"(?:[^"#]*#)?([^"]+)"')


@dataclass(frozen=True)
class TrailEvent:
    """One event as LookupEvents answers it."""

    time: datetime
    record: ApiRecord
    resources: tuple[str, ...] = ()

    def to_api_record(self) -> ApiRecord:
        identity = self.record["userIdentity"]
        return {
            "EventId": self.record["eventID"],
            "EventName": self.record["eventName"],
            "ReadOnly": str(self.record["readOnly"]).lower(),
            "EventTime": self.time,
            "EventSource": self.record["eventSource"],
            "Username": "root"
            if identity.get("type") == "Root"
            else identity.get("userName") or str(identity.get("arn", "")).rpartition("/")[2],
            "Resources": [{"ResourceName": name} for name in self.resources],
            "CloudTrailEvent": json.dumps(self.record),
        }


def get_trail_events(account: str, region: str) -> deque[TrailEvent]:
    """The events of an account and region, the oldest first."""
    backend = cloudtrail_backends[account][region]
    return backend_state(backend, "events", lambda: deque(maxlen=KEPT_EVENTS))


@patch.wrap(BaseResponse, "call_action")
def record_call(original: Any, response: BaseResponse) -> Any:
    """Records a call after it was answered, with the error of one that was refused."""
    answer = original(response)
    action = str(response._get_action() or "")
    _record_access(response, action)
    if not action or action.startswith(READ_ACTIONS):
        return answer
    account, region = response.current_account, response.region
    if region not in cloudtrail_backends[account]:
        region = "us-east-1"  # the events of global services
    status, _, body = answer
    service = str(response.service_name)
    match = ERROR_CODE.search(str(body)) if int(status) >= 400 else None
    record = {
        "eventID": str(uuid.uuid4()),
        "eventName": action,
        "eventSource": f"{EVENT_SOURCES.get(service, service)}.amazonaws.com",
        "awsRegion": region,
        "readOnly": False,
        "userAgent": str(response.headers.get("User-Agent") or ""),
        "userIdentity": _build_identity(response, account),
        "requestParameters": _redact(_get_parameters(response)),
        **({"errorCode": match[1] or match[2]} if match else {}),
    }
    get_trail_events(account, region).append(TrailEvent(get_sandbox_clock().now(), record))
    return answer


def _record_access(response: BaseResponse, action: str) -> None:
    """Keeps when a role last tried an action, whatever the answer."""
    account, key = response.current_account, response.get_access_key()
    session = sts_backends[account][response.partition].get_assumed_role_from_access_key(key)
    if action and session is not None:
        service = str(response.service_name)
        role = session.role_arn.rpartition("/")[2]
        record_access(account, role, ACTION_PREFIXES.get(service, service), action)


@patch.add_operation(CloudTrailResponse, "LookupEvents")
def lookup_events(response: CloudTrailResponse, params: ApiRecord) -> ApiRecord:
    """The newest first, of one attribute at most."""
    attributes = params.get("LookupAttributes") or []
    if len(attributes) > 1:
        raise AwsError("InvalidLookupAttributesException", "Only one attribute may be looked up.")
    size = int(params.get("MaxResults") or MAX_PAGE)
    if not 1 <= size <= MAX_PAGE:
        raise AwsError("InvalidMaxResultsException", f"MaxResults must be 1 to {MAX_PAGE}.")
    now = get_sandbox_clock().now()
    since = parse_request_time(params.get("StartTime")) or now - timedelta(days=HISTORY_DAYS)
    until = parse_request_time(params.get("EndTime")) or now
    if since > until:
        raise AwsError("InvalidTimeRangeException", "The start time is after the end time.")
    first_kept, last_delivered = (
        now - timedelta(days=HISTORY_DAYS),
        now - timedelta(minutes=DELIVERY_MINUTES),
    )
    items = [
        event.to_api_record()
        for event in reversed(get_trail_events(response.current_account, response.region))
        if max(since, first_kept) <= event.time <= min(until, last_delivered)
    ]
    for attribute in attributes:
        items = [item for item in items if _has_attribute(item, attribute)]
    first = int(params.get("NextToken") or 0)
    more = {"NextToken": str(first + size)} if first + size < len(items) else {}
    return {"Events": items[first : first + size], **more}


def _has_attribute(item: ApiRecord, attribute: ApiRecord) -> bool:
    key, value = attribute["AttributeKey"], attribute["AttributeValue"]
    if key == "ResourceName":
        return any(resource["ResourceName"] == value for resource in item["Resources"])
    return bool(item.get(key) == value)


def _build_identity(response: BaseResponse, account: str) -> ApiRecord:
    partition = response.partition
    identifier, arn, _ = sts_backends[account][partition].get_caller_identity(
        response.get_access_key(), response.region
    )
    if ":assumed-role/" in arn:
        role = arn.split("/")[1]
        issuer = {"type": "Role", "userName": role}
        context = {"sessionContext": {"sessionIssuer": issuer}}
        return {"type": "AssumedRole", "principalId": identifier, "arn": arn, **context}
    return {"type": "IAMUser", "arn": arn, "userName": arn.rpartition("/")[2]}


def _get_parameters(response: BaseResponse) -> Any:
    body = response.body
    if isinstance(body, str) and body.startswith("{"):
        return json.loads(body)
    return {
        key: values[0] if isinstance(values, list) and len(values) == 1 else values
        for key, values in response.querystring.items()
        if key not in ("Action", "Version")
    }


def _redact(value: Any, name: str = "") -> Any:
    if REDACTED.search(name):
        return "HIDDEN_DUE_TO_SECURITY_REASONS"
    if isinstance(value, dict):
        return {key: _redact(item, key) for key, item in value.items()}
    return [_redact(item) for item in value] if isinstance(value, list) else value

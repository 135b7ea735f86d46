"""IAM: reports of last accesses, which moto lacks, from what roles call in the sandbox.

Sources: IAM API reference, GenerateServiceLastAccessedDetails, GetServiceLastAccessedDetails,
ServiceLastAccessed; IAM User Guide, "Refine permissions using last accessed information": attempts
count, denied ones too; tracked actions create, delete or change something; iam:PassRole is none. A
report has the services that the role's policies allow; the actions of one are null if none was
used. A report takes one more look than one, and an access is in it at once (assumed; AWS: within 4
hours).
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from moto.core.base_backend import BaseBackend
from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse

from sandbox import clock
from sandbox.patches.patching import AwsError, ServicePatch, backend_state
from sandbox.policy_evaluation import list_statements

patch = ServicePatch()
ApiRecord = dict[str, Any]
_TRACKED_DAYS: Final = 400
_MAX_PAGE: Final = 1000
DEFAULT_PAGE: Final = 100
# Verbs of actions that manage something, and what of those is an object's or a record's.
TRACKED_VERBS: Final = ("Create", "Delete", "Modify", "Put", "Update")
UNTRACKED_ACTIONS: Final = ("PutObject", "DeleteObject", "PutLogEvents", "PutMetricData")


@dataclass
class LastAccesses:
    """When each role last tried each action, and the reports: their ARN and how often looked at."""

    times: dict[tuple[str, str, str], datetime]
    reports: dict[str, tuple[str, str, int]]
    is_slow: bool = False  # reports never end
    page_size: int = _MAX_PAGE  # the most that a page has


def get_last_accesses(account: str, partition: str = "aws") -> LastAccesses:
    """The record of an account, which tests change."""
    backend: BaseBackend = iam_backends[account][partition]
    return backend_state(backend, "last_accesses", lambda: LastAccesses({}, {}))


def record_access(account: str, role: str, service: str, action: str) -> None:
    """Records that a role tries an action now."""
    get_last_accesses(account).times[role, service, action] = clock.get_sandbox_clock().now()


@patch.add_operation(IamResponse, "GenerateServiceLastAccessedDetails")
def generate_details(response: IamResponse, params: ApiRecord) -> ApiRecord:
    """Begins a report on a role."""
    arn = str(params["Arn"])
    name = arn.rpartition("/")[2]
    if not any(role.name == name for role in response.backend.roles.values()):
        raise AwsError("NoSuchEntity", f"The ARN {arn} does not exist.")
    job = str(uuid.uuid4())
    level = str(params.get("Granularity") or "SERVICE_LEVEL")
    get_last_accesses(response.current_account).reports[job] = (name, level, 0)
    return {"JobId": job}


@patch.add_operation(IamResponse, "GetServiceLastAccessedDetails")
def get_details(response: IamResponse, params: ApiRecord) -> ApiRecord:
    """A page of a report, which is finished at the second look."""
    record, job = get_last_accesses(response.current_account), str(params["JobId"])
    if job not in record.reports:
        raise AwsError("NoSuchEntity", f"The job {job} does not exist.")
    name, level, looks = record.reports[job]
    record.reports[job] = (name, level, looks + 1)
    now = clock.get_sandbox_clock().now()
    answer: ApiRecord = {"JobType": level, "JobCreationDate": now, "JobCompletionDate": now}
    if not looks or record.is_slow:
        return {**answer, "JobStatus": "IN_PROGRESS", "ServicesLastAccessed": []}
    items = list(_list_services(response, name, level, record, now))
    size = min(int(params.get("MaxItems") or DEFAULT_PAGE), record.page_size)
    first = int(params.get("Marker") or 0)
    more = {"Marker": str(first + size)} if first + size < len(items) else {}
    return {
        **answer,
        "JobStatus": "COMPLETED",
        "ServicesLastAccessed": items[first : first + size],
        "IsTruncated": bool(more),
        **more,
    }


def _list_services(
    response: IamResponse, name: str, level: str, record: LastAccesses, now: datetime
) -> Iterator[ApiRecord]:
    granted = _list_granted(response.backend, name)
    for service in sorted({action.partition(":")[0] for action in granted}):
        used = {
            action: time
            for (role, of_service, action), time in record.times.items()
            if role == name
            and of_service == service
            and now - time <= timedelta(days=_TRACKED_DAYS)
        }
        item: ApiRecord = {
            "ServiceName": service,
            "ServiceNamespace": service,
            "TotalAuthenticatedEntities": int(bool(used)),
        }
        if used:
            item["LastAuthenticated"] = max(used.values())
        tracked = {
            action
            for text in granted
            if text.partition(":")[0] == service
            and (action := text.partition(":")[2]).startswith(TRACKED_VERBS)
            and action.isalnum()
            and action not in UNTRACKED_ACTIONS
        } | {action for action in used if action.startswith(TRACKED_VERBS)} - {*UNTRACKED_ACTIONS}
        if level == "ACTION_LEVEL" and tracked & used.keys():
            item["TrackedActionsLastAccessed"] = [
                {"ActionName": action}
                | ({"LastAccessedTime": used[action]} if action in used else {})
                for action in sorted(tracked)
            ]
        yield item


def _list_granted(backend: Any, name: str) -> list[str]:
    """The actions that a role's policies name, with the service's prefix in lower case."""
    role = backend.get_role(name)
    texts = [
        *role.policies.values(),
        *(
            version.document
            for policy in role.managed_policies.values()
            for version in policy.versions
            if version.version_id == policy.default_version_id
        ),
    ]
    actions: list[str] = []
    for text in texts:
        for statement in list_statements(json.loads(text) if isinstance(text, str) else text):
            if statement["Effect"] == "Allow":
                value = statement.get("Action", ())
                actions += [value] if isinstance(value, str) else value
    return [f"{a.partition(':')[0].lower()}:{a.partition(':')[2]}" for a in actions if ":" in a]

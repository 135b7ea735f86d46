"""What the stack's roles used of AWS, by IAM's own record of last accesses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from ops.audit.identity_documents import AUTHORIZATION_API, describe_owner
from ops.audit.simulated_principal import list_bootstrap_roles
from ops.core.aws import Aws
from ops.core.errors import CredentialsError, OpsError
from ops.outputs import Outputs

GENERATE_API: Final = "iam.generate_service_last_accessed_details"
DETAILS_API: Final = "iam.get_service_last_accessed_details"
# IAM User Guide, "Refine permissions using last accessed information".
TRACKED_DAYS: Final = 400
RECORD_NOTES: Final = (
    "IAM's record counts attempts, denied ones as well, and lags up to 4 hours; of actions it has "
    "those that manage something, since AWS began to track each",
    "IAM does not say since when an inline policy grants something: what was granted lately looks "
    "unused",
)
# AWS names no limit; a report takes some seconds (assumed).
REPORT_SECONDS: Final = 120
_POLL_SECONDS: Final = 1
_PAGE_ITEMS: Final = 1000  # IAM API reference: the most of a page


class Sleeper(Protocol):
    """Tells the time and waits."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class ServiceUse:
    """When a service was last used, and which actions of it are tracked, each with its last use.

    None: not within the time that AWS tracks. Names of actions are in lower case.
    """

    last_used: datetime | None
    tracked_actions: Mapping[str, datetime | None]


@dataclass(frozen=True)
class RoleUse:
    """What a role used, by the service's prefix. `unknown` is why that is not known."""

    services: Mapping[str, ServiceUse]
    unknown: str = ""

    @property
    def last_used(self) -> datetime | None:
        """The last use of any service."""
        return max((use.last_used for use in self.services.values() if use.last_used), default=None)


def list_roles_of_stack(aws: Aws, outputs: Outputs) -> list[Mapping[str, Any]]:
    """The stack's roles with their policies, and those that deploy and operate it, by name."""
    bootstrap = list_bootstrap_roles(outputs.stack)
    roles = aws.list_items(AUTHORIZATION_API, "RoleDetailList", {"Filter": ["Role"]})
    return sorted(
        (
            role
            for role in roles
            if role["RoleName"] in bootstrap
            or not describe_owner(outputs, str(role["RoleName"]), role.get("Tags") or ())
        ),
        key=lambda role: str(role["RoleName"]),
    )


def list_own_policies(aws: Aws) -> dict[str, Mapping[str, Any]]:
    """The default versions of the account's own managed policies, by ARN."""
    policies = aws.list_items(AUTHORIZATION_API, "Policies", {"Filter": ["LocalManagedPolicy"]})
    return {
        str(policy["Arn"]): version
        for policy in policies
        for version in policy.get("PolicyVersionList", ())
        if version["IsDefaultVersion"]
    }


def read_uses(aws: Aws, arns: Sequence[str], sleeper: Sleeper) -> dict[str, RoleUse]:
    """Has IAM report on each role, and waits for all reports. What fails is unknown."""
    deadline = sleeper.now() + REPORT_SECONDS
    uses: dict[str, RoleUse] = {}
    jobs: dict[str, str] = {}
    for arn in arns:
        _keep_going(uses, arn, partial(_start_report, aws, arn, jobs))
    while jobs:
        for arn, job in list(jobs.items()):
            _keep_going(uses, arn, partial(_collect, aws, arn, job, uses))
            if arn in uses:
                del jobs[arn]
        if jobs and sleeper.now() >= deadline:
            late = RoleUse({}, f"IAM did not finish its report within {REPORT_SECONDS} s")
            return {**uses, **dict.fromkeys(jobs, late)}
        if jobs:
            sleeper.sleep(_POLL_SECONDS)
    return uses


def _start_report(aws: Aws, arn: str, jobs: dict[str, str]) -> None:
    answer: Any = aws.call(GENERATE_API, {"Arn": arn, "Granularity": "ACTION_LEVEL"})
    jobs[arn] = str(answer["JobId"])


def _keep_going(uses: dict[str, RoleUse], arn: str, act: Callable[[], None]) -> None:
    """Carries out a part of one role's look; an error is of that role alone."""
    try:
        act()
    except CredentialsError:
        raise
    except (ClientError, OpsError) as error:
        uses[arn] = RoleUse({}, str(error))


def _collect(aws: Aws, arn: str, job: str, uses: dict[str, RoleUse]) -> None:
    """Takes a report if it is finished, over all its pages."""
    items: list[Mapping[str, Any]] = []
    marker: dict[str, Any] = {}
    while True:
        params = {"JobId": job, "MaxItems": _PAGE_ITEMS, **marker}
        answer: Any = aws.call(DETAILS_API, params)
        if answer["JobStatus"] == "IN_PROGRESS":
            return
        if answer["JobStatus"] != "COMPLETED":
            reason = (answer.get("Error") or {}).get("Message", "no reason")
            uses[arn] = RoleUse({}, f"IAM's report failed: {reason}")
            return
        items += answer["ServicesLastAccessed"]
        if not answer.get("IsTruncated"):
            break
        marker = {"Marker": answer["Marker"]}
    uses[arn] = RoleUse({str(item["ServiceNamespace"]).lower(): _parse_use(item) for item in items})


def _parse_use(item: Mapping[str, Any]) -> ServiceUse:
    return ServiceUse(
        _parse_time(item.get("LastAuthenticated")),
        {
            str(action["ActionName"]).rpartition(":")[2].lower(): _parse_time(
                action.get("LastAccessedTime")
            )
            for action in item.get("TrackedActionsLastAccessed") or ()
        },
    )


def _parse_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def is_within(moment: datetime | None, now: datetime, days: int) -> bool:
    """Whether something was in the last days."""
    return moment is not None and moment >= now - timedelta(days=days)

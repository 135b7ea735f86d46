"""Asks AWS whether a principal may take an action on a resource, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from botocore.exceptions import ClientError

from ops.audit.resource_policies import (
    ResourcePolicy,
    build_denials,
    find_grants,
    is_left_to_account,
    read_resource_policy,
)
from ops.audit.simulated_principal import Principal
from ops.audit.simulated_request import SimulatedResource, build_context_entries
from ops.core.access_key_action import IAM_NOT_FOUND
from ops.core.aws import Aws, get_error_code
from ops.core.errors import UsageError
from ops.permissions.resources import ALL_RESOURCES

Verdict = Literal["allowed", "denied explicitly", "denied implicitly", "unknown"]
SIMULATE_API: Final = "iam.simulate_principal_policy"
_VERDICTS: Final[Mapping[str, Verdict]] = {
    "allowed": "allowed",
    "explicitDeny": "denied explicitly",
    "implicitDeny": "denied implicitly",
}
# How the simulator calls the first policy that is handed over (IAM API reference, Statement).
_HANDED_POLICY: Final = "PolicyInputList.1"
EVERY_RESOURCE_NOTE: Final = (
    "asked for *, every resource: a statement that names resources allows none of it; name RESOURCE"
)
# IAM User Guide, "How the IAM policy simulator works".
NOT_SIMULATED_NOTE: Final = (
    "not asked: resource control policies, policies of sessions and of VPC endpoints, ACLs of S3"
)


@dataclass(frozen=True)
class DecidingStatement:
    """A statement that decides, and where it begins in its policy, as AWS calls that."""

    policy: str
    kind: str
    line: int
    column: int


@dataclass(frozen=True)
class AccessAnswer:
    """The answer. `boundary` and `organization` say whether each allows it; None: there is none.

    `doubts` are why an answer is not known although AWS says `allowed`.
    """

    verdict: Verdict
    statements: tuple[DecidingStatement, ...]
    boundary: bool | None
    organization: bool | None
    missing_keys: tuple[str, ...]
    doubts: tuple[str, ...]
    notes: tuple[str, ...]


def ask_access(
    aws: Aws,
    principal: Principal,
    action: str,
    resource: SimulatedResource,
    context: Mapping[str, Sequence[str]],
) -> AccessAnswer:
    """Asks AWS's simulator. Raises UsageError if there is no such principal."""
    policy = read_resource_policy(aws, resource)
    params: dict[str, Any] = {
        "PolicySourceArn": principal.arn,
        "ActionNames": [action],
        "ResourceArns": [resource.arn],
        "ContextEntries": build_context_entries(context),
    }
    denials = build_denials(policy, principal)
    if principal.kind == "user" and policy.text:
        params["ResourcePolicy"] = policy.text
    elif denials:
        params["PolicyInputList"] = [denials]
    try:
        results: list[Any] = list(aws.list_items(SIMULATE_API, "EvaluationResults", params))
    except ClientError as error:
        if get_error_code(error) == IAM_NOT_FOUND:
            raise UsageError(
                f"ROLE must be a {principal.kind} of the account, there is no {principal.arn}"
            ) from None
        raise
    return _build_answer(results[0], principal, action, resource, policy)


def _build_answer(
    result: Mapping[str, Any],
    principal: Principal,
    action: str,
    resource: SimulatedResource,
    policy: ResourcePolicy,
) -> AccessAnswer:
    specific: Mapping[str, Any] = next(iter(result.get("ResourceSpecificResults") or ()), {})
    verdict = _VERDICTS[str(specific.get("EvalResourceDecision") or result["EvalDecision"])]
    matched = specific.get("MatchedStatements") or result.get("MatchedStatements") or ()
    statements = [
        DecidingStatement(
            policy.name
            if item["SourcePolicyId"] == _HANDED_POLICY
            else str(item["SourcePolicyId"]),
            str(item.get("SourcePolicyType", "")),
            item["StartPosition"]["Line"],
            item["StartPosition"]["Column"],
        )
        for item in matched
    ]
    missing_keys = {
        *(specific.get("MissingContextValues") or ()),
        *(result.get("MissingContextValues") or ()),
    }
    boundary = (
        specific.get("PermissionsBoundaryDecisionDetail")
        or result.get("PermissionsBoundaryDecisionDetail")
        or {}
    )
    organization = result.get("OrganizationsDecisionDetail") or {}
    doubts = _list_doubts(principal, action, resource, policy, sorted(missing_keys))
    notes = _list_notes(principal, action, resource, policy)
    is_in_doubt = verdict == "allowed" and bool(doubts)
    if verdict == "denied implicitly":
        grants = find_grants(policy, principal, action) if principal.kind == "role" else []
        if grants:
            places = ", ".join(map(str, grants))
            doubts.append(
                f"{policy.name} allows it by statement {places}: AWS asks that of no role"
            )
        # What is not known, or is not asked, may allow it.
        is_in_doubt = bool(grants or policy.gap)
    return AccessAnswer(
        "unknown" if is_in_doubt else verdict,
        tuple(statements),
        boundary.get("AllowedByPermissionsBoundary"),
        organization.get("AllowedByOrganizations"),
        tuple(sorted(missing_keys)),
        tuple(doubts),
        tuple(notes),
    )


def _list_doubts(
    principal: Principal,
    action: str,
    resource: SimulatedResource,
    policy: ResourcePolicy,
    missing_keys: Sequence[str],
) -> list[str]:
    doubts = [f"it depends on {key}: --context {key}=VALUE" for key in missing_keys]
    if policy.gap:
        doubts.append(policy.gap)
    account = principal.arn.split(":")[4]
    if resource.account not in ("", "aws", account):
        doubts.append(f"it is account {resource.account}'s, whose policies must allow it as well")
    elif (
        resource.service == "kms"
        and not policy.gap
        and not is_left_to_account(policy, principal, action)
    ):
        doubts.append("the key's policy does not let the account's policies allow it")
    return doubts


def _list_notes(
    principal: Principal, action: str, resource: SimulatedResource, policy: ResourcePolicy
) -> list[str]:
    notes = [principal.note] if principal.note else []
    if resource.arn == ALL_RESOURCES:
        notes.append(EVERY_RESOURCE_NOTE)
    if policy.text and principal.kind == "role":
        notes.append(f"of {policy.name} what denies was asked; what it allows AWS asks of no role")
    elif policy.text:
        notes.append(f"{policy.name} was asked as well")
    elif not policy.name and resource.service:
        notes.append(
            f"policies of the resource were not asked: ops reads none of {resource.service}"
        )
    return [*notes, NOT_SIMULATED_NOTE]

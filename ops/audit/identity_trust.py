"""Who may become a role, and the roles that nobody became for long."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from components.facts.units import DAY_SECONDS
from ops.audit.identity_credentials import MAX_IDLE_DAYS
from ops.audit.identity_documents import (
    build_authorization_reads,
    describe_owner,
    get_authorization,
    list_roles,
    list_statements,
    list_values,
)
from ops.audit.model import AUDIT_AREA
from ops.bootstrap.names import GITHUB_OIDC_ISSUER
from ops.core.checks import CheckFacts, CheckRoutine, compute_age_seconds
from ops.core.counts import format_count
from ops.findings.model import (
    FindingSeverity,
    ResourceFinding,
    build_finding_id,
    summarize_findings,
)
from ops.findings.waivers import apply_waivers

EXTERNAL_ID_KEY: Final = "sts:externalid"
# Conditions that name who is let in, in small letters (IAM User Guide, "Global condition keys").
CALLER_KEYS: Final = (
    "aws:principalorgid",
    "aws:principalarn",
    "aws:principalaccount",
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:principalorgpaths",
    "aws:sourceorgid",
)


def check_role_trust(facts: CheckFacts) -> CheckRoutine:
    """Judges each trust policy: anybody, other accounts, GitHub without a subject."""
    looked_at = "none of {} lets somebody in without a proof"
    return (yield from _check_roles(facts, "trust policies", _list_trust_findings, looked_at))


def check_unused_roles(facts: CheckFacts) -> CheckRoutine:
    """Judges each role by its last use; AWS tracks 400 days (IAM User Guide, role last used)."""
    looked_at = f"{{}}, each used or made in {MAX_IDLE_DAYS} days"
    return (yield from _check_roles(facts, "roles", _list_unused_findings, looked_at))


def _check_roles(
    facts: CheckFacts,
    subject: str,
    list_findings: Callable[[CheckFacts, Mapping[str, Any]], Iterator[ResourceFinding]],
    looked_at: str,
) -> CheckRoutine:
    """Judges every role of the account. `{}` in what was looked at is how many there are."""
    answers = yield build_authorization_reads()
    roles = list_roles(get_authorization(answers))
    findings = [finding for role in roles for finding in list_findings(facts, role)]
    evidence = looked_at.format(format_count(len(roles), "role"))
    summary = summarize_findings(AUDIT_AREA, subject, findings, evidence)
    return (yield from apply_waivers(facts, summary))


def _list_trust_findings(facts: CheckFacts, role: Mapping[str, Any]) -> Iterator[ResourceFinding]:
    account = facts.outputs.stack.account
    for number, statement in enumerate(list_statements(role["AssumeRolePolicyDocument"])):
        conditions = {
            key.lower() for keys in statement.get("Condition", {}).values() for key in keys
        }
        for principal in _list_principals(statement):
            problem = _describe_problem(principal, conditions, account)
            if problem is not None:
                evidence, severity, reason = problem
                yield _build(facts, role, f"trust/{number}", evidence, severity, reason)
                break


def _list_principals(statement: Mapping[str, Any]) -> list[str]:
    """Principals but services; `*` is anybody."""
    principal = statement.get("Principal", {})
    if not isinstance(principal, dict):
        return list_values(principal)
    return [
        str(value)
        for kind, values in principal.items()
        if kind != "Service"
        for value in list_values(values)
    ]


def _describe_problem(
    principal: str, conditions: set[str], account: str
) -> tuple[str, FindingSeverity, str] | None:
    has_caller = any(key in conditions for key in CALLER_KEYS)
    if principal == "*":
        if has_caller or EXTERNAL_ID_KEY in conditions:
            return None
        return (
            "anybody in any account may become it",
            "critical",
            "FSBP IAM.21; IAM User Guide, AWS JSON policy elements: Principal",
        )
    if GITHUB_OIDC_ISSUER in principal:
        if f"{GITHUB_OIDC_ISSUER}:sub" in conditions:
            return None
        return (
            "any workflow of any repository on GitHub may become it: no condition on `sub`",
            "critical",
            "IAM User Guide, Configuring a role for GitHub OIDC",
        )
    foreign = _get_account(principal)
    if foreign in (None, account) or has_caller or EXTERNAL_ID_KEY in conditions:
        return None
    return (
        f"account {foreign} may become it, without an external id",
        "high",
        "IAM User Guide, The confused deputy problem",
    )


def _get_account(principal: str) -> str | None:
    """The account of a principal, by its id or ARN; None for other kinds of principals."""
    if principal.isdigit():
        return principal
    parts = principal.split(":")
    return parts[4] if len(parts) > 5 and parts[2] in ("iam", "sts") and parts[4] else None


def _build_deletion_line(role: Mapping[str, Any]) -> str:
    """The line that deletes a role: AWS refuses one with policies or in an instance profile.

    Source: IAM API reference, DeleteRole. What it had can be read again from CloudTrail.
    """
    option = f"--role-name {role['RoleName']}"
    calls = [
        *(
            f"detach-role-policy {option} --policy-arn {policy['PolicyArn']}"
            for policy in role.get("AttachedManagedPolicies") or ()
        ),
        *(
            f"delete-role-policy {option} --policy-name {policy['PolicyName']}"
            for policy in role.get("RolePolicyList") or ()
        ),
        *(
            f"remove-role-from-instance-profile {option} "
            f"--instance-profile-name {profile['InstanceProfileName']}"
            for profile in role.get("InstanceProfileList") or ()
        ),
        f"delete-role {option}",
    ]
    return " && ".join(f"aws iam {call}" for call in calls)


def _list_unused_findings(facts: CheckFacts, role: Mapping[str, Any]) -> Iterator[ResourceFinding]:
    created = str(role["CreateDate"])
    last_used = (role.get("RoleLastUsed") or {}).get("LastUsedDate")
    since = created if last_used is None else str(last_used)
    idle = int(compute_age_seconds(facts, since) // DAY_SECONDS)
    if idle > MAX_IDLE_DAYS:
        used = f"never used in {idle} days" if last_used is None else f"not used for {idle} days"
        name = role["RoleName"]
        owner = describe_owner(facts.outputs, name, role.get("Tags", ()))
        yield ResourceFinding(
            "failing",
            AUDIT_AREA,
            f"role {name}" + (f" ({owner})" if owner else ""),
            f"{used}; created {created[:10]}",
            _build_deletion_line(role),
            id=build_finding_id("unused-roles", name),
            severity="low",
            reason="Well-Architected SEC03-BP04: reduce permissions continuously",
            since=since,
        )


def build_closed_trust_line(role: str, account: str) -> str:
    """The line by which only the account's own policies let somebody become a role."""
    statement = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    document = json.dumps(
        {"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":")
    )
    return f"aws iam update-assume-role-policy --role-name {role} --policy-document '{document}'"


def _build(
    facts: CheckFacts,
    role: Mapping[str, Any],
    resource: str,
    evidence: str,
    severity: FindingSeverity,
    reason: str,
) -> ResourceFinding:
    name = role["RoleName"]
    owner = describe_owner(facts.outputs, name, role.get("Tags", ()))
    return ResourceFinding(
        "failing",
        AUDIT_AREA,
        f"role {name}" + (f" ({owner})" if owner else ""),
        evidence,
        build_closed_trust_line(name, facts.outputs.stack.account),
        id=build_finding_id("role-trust", f"{name}/{resource}"),
        severity=severity,
        reason=reason,
        since=str(role["CreateDate"]),
    )

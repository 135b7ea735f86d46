"""Policies that allow everything, or hand any role to a service."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ops.audit.identity_documents import (
    PolicyDocument,
    build_authorization_reads,
    get_authorization,
    list_attachments,
    list_policy_documents,
    list_statements,
    list_values,
)
from ops.audit.model import AUDIT_AREA, WHOLE_ACCOUNT
from ops.core.checks import CheckFacts, CheckRoutine
from ops.findings.model import ResourceFinding, build_finding_id, summarize_findings
from ops.findings.waivers import apply_waivers
from ops.permissions.resources import ALL_RESOURCES

AWS_ADMINISTRATOR_POLICY: Final = "policy/AdministratorAccess"


def check_wide_policies(facts: CheckFacts) -> CheckRoutine:
    """Judges every inline policy, every attached one of the account, and AdministratorAccess."""
    answers = yield build_authorization_reads()
    authorization = get_authorization(answers)
    documents = list(list_policy_documents(authorization))
    findings = [f for policy in documents for f in _list_findings(policy)]
    findings += _list_administrators(authorization)
    looked_at = f"none of the policies in force ({len(documents)}) allows everything"
    return (
        yield from apply_waivers(
            facts, summarize_findings(AUDIT_AREA, "policies", findings, looked_at)
        )
    )


def _list_findings(policy: PolicyDocument) -> Iterator[ResourceFinding]:
    for statement in list_statements(policy.document):
        actions = [str(action).lower() for action in list_values(statement.get("Action", ()))]
        resources = list_values(statement.get("Resource", ()))
        if ALL_RESOURCES not in resources:
            continue
        if {ALL_RESOURCES, "*:*"} & {*actions} and not statement.get("Condition"):
            evidence, severity = "allows every action on every resource", "critical"
            reason = "CIS AWS Foundations 3.0 1.16; FSBP IAM.1, IAM.21"
        elif {"iam:passrole", "iam:*"} & {*actions} and not statement.get("Condition"):
            evidence, severity = "passes any role to any service (iam:PassRole on *)", "high"
            reason = "FSBP IAM.21: whoever passes a role can do what the role may"
        else:
            continue
        yield _build(policy, evidence, severity, reason)
        return


def build_removal_line(policy: PolicyDocument) -> str:
    """The line that takes a policy from who has it."""
    holder = f"--{policy.kind}-name {policy.holder}"
    if policy.policy:
        return f"aws iam detach-{policy.kind}-policy {holder} --policy-arn {policy.policy}"
    return f"aws iam delete-{policy.kind}-policy {holder} --policy-name {policy.name}"


def _build(policy: PolicyDocument, evidence: str, severity: Any, reason: str) -> ResourceFinding:
    return ResourceFinding(
        "failing",
        AUDIT_AREA,
        f"policy {policy.name} of {policy.kind} {policy.holder}",
        f"{WHOLE_ACCOUNT}: {evidence}",
        build_removal_line(policy),
        id=build_finding_id("wide-policies", f"{policy.kind}/{policy.holder}/{policy.name}"),
        severity=severity,
        reason=reason,
    )


def _list_administrators(authorization: Mapping[str, Any]) -> Iterator[ResourceFinding]:
    for kind, holder, arn in list_attachments(authorization):
        if arn.endswith(f":aws:{AWS_ADMINISTRATOR_POLICY}"):
            policy = PolicyDocument(kind, holder, "AdministratorAccess", {}, arn)
            yield _build(
                policy,
                "allows every action on every resource",
                "high",
                "CIS AWS Foundations 3.0 1.16; FSBP IAM.1",
            )

"""Who may become an administrator, over which roles: paths from users and from outside.

A step is a role that is assumed (its trust policy names who, or leaves it to the account and a
policy allows it), or one that is passed to a service which runs code with it. Of AWS's own
policies only those that are named here are known.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from ops.audit.identity_documents import (
    PolicyDocument,
    build_authorization_reads,
    get_authorization,
    list_attachments,
    list_policy_documents,
    list_roles,
    list_statements,
    list_values,
)
from ops.audit.identity_policies import AWS_ADMINISTRATOR_POLICY, build_removal_line
from ops.audit.identity_trust import build_closed_trust_line
from ops.audit.model import AUDIT_AREA, WHOLE_ACCOUNT
from ops.core.checks import CheckFacts, CheckRoutine
from ops.core.counts import format_count
from ops.findings.model import (
    FindingSeverity,
    ResourceFinding,
    build_finding_id,
    summarize_findings,
)
from ops.findings.waivers import apply_waivers
from ops.permissions.resources import ALL_RESOURCES

# Whoever may do one of these on everything gives themselves the rest (Prowler, "privilege
# escalation": iam_policy_allows_privilege_escalation).
ESCALATING_ACTIONS: Final = (
    "iam:attachrolepolicy",
    "iam:attachuserpolicy",
    "iam:createpolicyversion",
    "iam:putrolepolicy",
    "iam:putuserpolicy",
)
# What they allow (AWS Managed Policy Reference).
_AWS_POLICIES: Final[Mapping[str, Mapping[str, Any]]] = {
    AWS_ADMINISTRATOR_POLICY: {"Action": "*"},
    "policy/IAMFullAccess": {"Action": "iam:*"},
    "policy/PowerUserAccess": {"NotAction": ["iam:*", "organizations:*", "account:*"]},
}
_ASSUME: Final = "sts:assumerole"
_HAND_ON: Final = "iam:passrole"
# What runs code with a role that it is passed, and the service that must be trusted.
_LAUNCHERS: Final = (
    ("lambda:createfunction", "lambda.amazonaws.com"),
    ("ec2:runinstances", "ec2.amazonaws.com"),
    ("ecs:runtask", "ecs-tasks.amazonaws.com"),
    ("cloudformation:createstack", "cloudformation.amazonaws.com"),
)
_MFA_KEY: Final = "aws:multifactorauthpresent"


@dataclass(frozen=True)
class _Step:
    """A step to a role: `way` says by what, `command` ends it."""

    target: str
    way: str
    command: str
    has_conditions: bool = False
    has_mfa: bool = False


@dataclass(frozen=True)
class _Account:
    """Everybody of an account by ARN, the policies of each, and its roles."""

    number: str
    roles: Mapping[str, Mapping[str, Any]]
    users: Sequence[str]
    policies: Mapping[str, Sequence[PolicyDocument]]
    boundaries: Mapping[str, PolicyDocument | None]


def check_administrator_chains(facts: CheckFacts) -> CheckRoutine:
    """Finds the shortest path of each user and each outsider to a role that may do everything."""
    answers = yield build_authorization_reads()
    account = _read_account(get_authorization(answers), facts.outputs.stack.account)
    administrators = {arn for arn in account.policies if _is_administrator(account, arn)}
    users = [arn for arn in account.users if arn not in administrators]
    sources = [*users, *_list_outsiders(account)]
    findings = [
        _build(source, path)
        for source in sources
        if (path := _find_path(account, source, administrators)) is not None
    ]
    looked_at = (
        f"none of {len(sources)} users and outside principals reaches one of "
        f"{format_count(len(administrators & {*account.roles}), 'role')} that may do everything"
    )
    summary = summarize_findings(AUDIT_AREA, "ways to administrator", findings, looked_at)
    return (yield from apply_waivers(facts, summary))


def _read_account(authorization: Mapping[str, Any], number: str) -> _Account:
    roles = {str(role["Arn"]): role for role in list_roles(authorization)}
    users = authorization.get("UserDetailList", ())
    documents: dict[tuple[str, str], list[PolicyDocument]] = {}
    for policy in list_policy_documents(authorization):
        documents.setdefault((policy.kind, policy.holder), []).append(policy)
    for kind, holder, arn in list_attachments(authorization):
        for name, allowed in _AWS_POLICIES.items():
            if arn.endswith(f":aws:{name}"):
                statement = {"Effect": "Allow", "Resource": ALL_RESOURCES, **allowed}
                policy = PolicyDocument(kind, holder, name, {"Statement": statement}, arn)
                documents.setdefault((kind, holder), []).append(policy)
    policies = {arn: documents.get(("role", str(r["RoleName"])), []) for arn, r in roles.items()}
    for user in users:
        keys = [("user", user["UserName"]), *(("group", g) for g in user.get("GroupList", ()))]
        policies[str(user["Arn"])] = [p for key in keys for p in documents.get(key, [])]
    managed = {
        str(policy["Arn"]): version["Document"]
        for policy in authorization.get("Policies", ())
        for version in policy.get("PolicyVersionList", ())
        if version["IsDefaultVersion"]
    }
    boundaries: dict[str, PolicyDocument | None] = {}
    for holder in (*roles.values(), *users):
        boundary = str((holder.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn", ""))
        if boundary:
            document = managed.get(boundary)
            boundaries[str(holder["Arn"])] = (
                PolicyDocument("", "", boundary, document) if document else None
            )
    return _Account(number, roles, [str(user["Arn"]) for user in users], policies, boundaries)


def _find_grant(
    account: _Account, principal: str, action: str, resource: str
) -> PolicyDocument | None:
    """The policy by which a principal may do it; None if none does, or one denies it.

    A boundary that is not known is taken as one that allows it.
    """
    policies = account.policies.get(principal, ())
    boundary = account.boundaries.get(principal)
    if boundary is not None and not _allows(boundary, action, resource):
        return None
    if any(_denies(policy, action, resource) for policy in policies):
        return None
    return next((policy for policy in policies if _allows(policy, action, resource)), None)


def _allows(policy: PolicyDocument, action: str, resource: str) -> bool:
    return any(
        _is_about(statement, action, resource) for statement in list_statements(policy.document)
    )


def _denies(policy: PolicyDocument, action: str, resource: str) -> bool:
    return any(
        statement.get("Effect") == "Deny"
        and not statement.get("Condition")
        and _is_about(statement, action, resource)
        for statement in list_values(policy.document.get("Statement", ()))
    )


def _is_about(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    """True if a statement is about an action on a resource; `*` asks for every resource."""
    return _matches(statement, "Action", action) and _matches(statement, "Resource", resource)


def _matches(statement: Mapping[str, Any], name: str, value: str) -> bool:
    is_negated = f"Not{name}" in statement
    patterns = list_values(statement.get(f"Not{name}" if is_negated else name, ()))
    is_named = any(fnmatchcase(value.lower(), str(pattern).lower()) for pattern in patterns)
    return is_named is not is_negated


def _is_administrator(account: _Account, principal: str) -> bool:
    """True if it may give itself everything; a condition on that is a limit."""
    for action in ESCALATING_ACTIONS:
        policy = _find_grant(account, principal, action, ALL_RESOURCES)
        if policy is not None and any(
            _is_about(statement, action, ALL_RESOURCES) and not statement.get("Condition")
            for statement in list_statements(policy.document)
        ):
            return True
    return False


def _find_path(account: _Account, source: str, administrators: set[str]) -> list[_Step] | None:
    """The shortest path to an administrator; None if there is none."""
    queue: deque[tuple[str, list[_Step]]] = deque([(source, [])])
    seen = {source}
    while queue:
        principal, path = queue.popleft()
        for step in _list_steps(account, principal):
            if step.target in administrators:
                return [*path, step]
            if step.target not in seen:
                seen.add(step.target)
                queue.append((step.target, [*path, step]))
    return None


def _list_steps(account: _Account, principal: str) -> Iterator[_Step]:
    launchers = [
        service for action, service in _LAUNCHERS if _may_somewhere(account, principal, action)
    ]
    for arn, role in account.roles.items():
        if arn == principal:
            continue
        yield from _list_assumptions(account, principal, arn, role)
        grant = _find_grant(account, principal, _HAND_ON, arn) if launchers else None
        trusted = {
            str(value)
            for statement in list_statements(role["AssumeRolePolicyDocument"])
            for value in _list_principals(statement, "Service")
        }
        for service in (*trusted.intersection(launchers),) if grant is not None else ():
            assert grant is not None
            way = f"passes role {role['RoleName']} to {service} (iam:PassRole in {grant.name})"
            yield _Step(arn, way, build_removal_line(grant))


def _may_somewhere(account: _Account, principal: str, action: str) -> bool:
    """True if a policy allows an action on any resource at all."""
    return any(
        _matches(statement, "Action", action)
        for policy in account.policies.get(principal, ())
        for statement in list_statements(policy.document)
    )


def _list_assumptions(
    account: _Account, principal: str, arn: str, role: Mapping[str, Any]
) -> Iterator[_Step]:
    name = str(role["RoleName"])
    closing_line = build_closed_trust_line(name, account.number)
    for statement in list_statements(role["AssumeRolePolicyDocument"]):
        keys = {key.lower() for each in statement.get("Condition", {}).values() for key in each}
        conditions = {"has_conditions": bool(keys), "has_mfa": _MFA_KEY in keys}
        values = _list_principals(statement, "AWS", "Federated")
        if principal in values:
            yield _Step(arn, f"assumes role {name} (its trust policy)", closing_line, **conditions)
        elif any(_is_account(value, account.number) for value in values):
            grant = _find_grant(account, principal, _ASSUME, arn)
            if grant is not None:
                way = f"assumes role {name} (sts:AssumeRole in {grant.name})"
                yield _Step(arn, way, build_removal_line(grant), **conditions)


def _list_principals(statement: Mapping[str, Any], *kinds: str) -> list[str]:
    principal = statement.get("Principal", {})
    if not isinstance(principal, Mapping):
        return [str(value) for value in list_values(principal)] if "AWS" in kinds else []
    return [
        str(value) for kind in kinds if kind in principal for value in list_values(principal[kind])
    ]


def _is_account(principal: str, number: str) -> bool:
    return principal == number or principal.endswith(f":iam::{number}:root")


def _list_outsiders(account: _Account) -> list[str]:
    """Identity providers, other accounts and `*`, as trust policies name them."""
    names = {
        value
        for role in account.roles.values()
        for statement in list_statements(role["AssumeRolePolicyDocument"])
        for value in _list_principals(statement, "AWS", "Federated")
        if value not in account.policies and not _is_account(value, account.number)
    }
    return sorted(names)


def _build(source: str, path: Sequence[_Step]) -> ResourceFinding:
    is_user = ":user/" in source
    name = source.rpartition("/")[2] if is_user else source
    subject = f"user {name}" if is_user else f"outside principal {name}"
    severity: FindingSeverity = "high"
    if any(step.has_mfa for step in path):
        severity = "medium"
    elif not is_user and not any(step.has_conditions for step in path):
        severity = "critical"
    steps = ", then ".join(step.way for step in path)
    limits = "with MFA" if severity == "medium" else "under conditions"
    limit = f", {limits}" if any(step.has_conditions for step in path) else ""
    return ResourceFinding(
        "failing",
        AUDIT_AREA,
        subject,
        f"{WHOLE_ACCOUNT}: may become administrator{limit}: {steps}",
        path[0].command if is_user else path[-1].command,
        id=build_finding_id("administrator-chains", name),
        severity=severity,
        reason="Well-Architected SEC03-BP02: grant least privilege access",
    )

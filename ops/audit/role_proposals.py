"""What follows of the use of each role: whether its policy may be narrower, and where that is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ops.audit.access_use import RoleUse, is_within
from ops.audit.narrower_policy import (
    ActionUse,
    build_narrower_policy,
    judge_action,
    list_granted_actions,
)
from ops.audit.simulated_principal import list_bootstrap_roles, list_stack_roles
from ops.outputs import Outputs

EMERGENCY_REASON: Final = (
    "its use is rare by design (incidents, recoveries, rollbacks): no use says nothing"
)
_PROGRAM_ROLES: Final = ("reader", "operator", "recoverer", "backup")


@dataclass(frozen=True)
class RolePolicy:
    """A policy of a role. `changed` is when its text was last set, if IAM says it.

    `document` is None for a policy of AWS's own, whose text is not the account's to change.
    """

    name: str
    document: Mapping[str, Any] | None
    changed: datetime | None = None


@dataclass(frozen=True)
class RoleProposal:
    """A role, what it used, and the narrower policies by name.

    `state` is `as used`, `narrow`, `too early`, `emergency` or `unknown`, for the `reason`. A
    policy without anything left is None.
    """

    name: str
    created: datetime
    declared: str
    state: str
    reason: str
    use: RoleUse
    actions: tuple[ActionUse, ...]
    policies: Mapping[str, Mapping[str, Any] | None]
    notes: tuple[str, ...]


def list_role_policies(
    role: Mapping[str, Any], own_policies: Mapping[str, Mapping[str, Any]]
) -> list[RolePolicy]:
    """The policies of a role: inline ones, the account's own managed ones, and AWS's."""
    policies = [
        RolePolicy(str(policy["PolicyName"]), policy["PolicyDocument"])
        for policy in role.get("RolePolicyList") or ()
    ]
    for attached in role.get("AttachedManagedPolicies") or ():
        version = own_policies.get(str(attached["PolicyArn"]))
        name = str(attached["PolicyName"])
        if version is None:
            policies.append(RolePolicy(name, None))
        else:
            changed = datetime.fromisoformat(str(version["CreateDate"]))
            policies.append(RolePolicy(name, version["Document"], changed))
    return policies


def is_for_emergencies(outputs: Outputs, role: Mapping[str, Any]) -> bool:
    """Whether a role is of the program itself: its commands, deployments, backups."""
    roles = list_stack_roles(outputs)
    own = {roles[name] for name in _PROGRAM_ROLES if name in roles}
    return str(role["Arn"]) in own or role["RoleName"] in list_bootstrap_roles(outputs.stack)


def describe_declaration(outputs: Outputs, role: Mapping[str, Any]) -> str:
    """Where the policies of a role are declared: the next deployment sets them as there."""
    arn = str(role["Arn"])
    if role["RoleName"] in list_bootstrap_roles(outputs.stack):
        return "ops/bootstrap/roles.py; `ops bootstrap` makes it"
    part = next((part for part, value in list_stack_roles(outputs).items() if value == arn), "")
    services = outputs.services.services if outputs.services else {}
    if part in ("reader", "operator", "recoverer"):
        return "components/access.py, from what commands declare"
    if part.removesuffix("-execution") in services:
        return f"components/service.py; settings services.{part.removesuffix('-execution')}"
    files = {"fleet": "fleet", "backup": "backups", "export": "operations"}
    return f"components/{files[part]}.py" if part else "components (grep the end of its name)"


def build_proposal(
    outputs: Outputs,
    role: Mapping[str, Any],
    policies: Sequence[RolePolicy],
    use: RoleUse,
    now: datetime,
    days: int,
) -> RoleProposal:
    """Judges a role by its age and its use of the last days."""
    created = datetime.fromisoformat(str(role["CreateDate"]))
    own = {policy.name: policy.document for policy in policies if policy.document is not None}
    granted = dict.fromkeys(a for document in own.values() for a in list_granted_actions(document))
    actions: tuple[ActionUse, ...] = ()
    narrower: dict[str, Mapping[str, Any] | None] = {}
    if use.unknown:
        state, reason = "unknown", use.unknown
    else:
        actions = tuple(judge_action(action, use, now, days) for action in granted)
        if is_within(created, now, days):
            state, reason = "too early", f"it is younger than {days} days: too early to tell"
        elif is_for_emergencies(outputs, role):
            state, reason = "emergency", EMERGENCY_REASON
        else:
            narrower = _list_narrower(policies, use, now, days)
            state = "narrow" if narrower else "as used"
            reason = ""
    return RoleProposal(
        str(role["RoleName"]),
        created,
        describe_declaration(outputs, role),
        state,
        reason,
        use,
        actions,
        narrower,
        tuple(_list_notes(policies, now, days)),
    )


def _list_narrower(
    policies: Sequence[RolePolicy], use: RoleUse, now: datetime, days: int
) -> dict[str, Mapping[str, Any] | None]:
    """The policies that would be narrower. Those that were changed lately are left alone."""
    narrower: dict[str, Mapping[str, Any] | None] = {}
    for policy in policies:
        if policy.document is None or is_within(policy.changed, now, days):
            continue
        document = build_narrower_policy(policy.document, use, now, days)
        if document != policy.document:
            narrower[policy.name] = document
    return narrower


def _list_notes(policies: Sequence[RolePolicy], now: datetime, days: int) -> Iterator[str]:
    for policy in policies:
        if policy.document is None:
            yield f"{policy.name} is AWS's own policy: it stays as it is"
        elif policy.changed is not None and is_within(policy.changed, now, days):
            yield (
                f"{policy.name} was changed on {policy.changed:%Y-%m-%d}: too early to tell, it "
                "stays as it is"
            )

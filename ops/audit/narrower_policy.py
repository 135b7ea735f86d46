"""The narrower policy of a role: its own, without what AWS says was not used.

It only ever takes actions out of statements that allow something. Denials, conditions, resources,
NotAction and everything that AWS does not track stay.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ops.audit.access_use import RoleUse, is_within
from ops.audit.identity_documents import list_values
from ops.permissions.resources import ALL_RESOURCES

# Rights that count in another service's call, where IAM's record may not show them. IAM User Guide:
# iam:PassRole is not tracked. The others: assumed.
INDIRECT_SERVICES: Final[Mapping[str, str]] = {
    "ec2messages": "channel of Session Manager and ECS Exec, for emergencies",
    "kms": "used by other services in the role's name",
    "ssmmessages": "channel of Session Manager and ECS Exec, for emergencies",
    "sts": "other roles are assumed rarely",
}
INDIRECT_ACTIONS: Final[Mapping[str, str]] = {
    "iam:passrole": "AWS does not track it",
    "iam:createservicelinkedrole": "used by other services in the role's name",
}
_TAGGING: Final = ("addtags", "createtags", "tagresource")
PATTERN_REASON: Final = "a pattern: AWS tracks only some of its actions"
NOT_TRACKED_REASON: Final = "AWS does not track it"


@dataclass(frozen=True)
class ActionUse:
    """An action or a pattern that a policy grants, when it was used, and what follows.

    `state` is used, unused or not tracked; `reason` says why one that seems unused is kept.
    """

    action: str
    last_used: datetime | None
    state: str
    reason: str = ""


def judge_action(action: str, use: RoleUse, now: datetime, days: int) -> ActionUse:
    """Judges one granted action or pattern by the record of the last days."""
    service, _, name = action.lower().partition(":")
    if action == ALL_RESOURCES:
        return ActionUse(action, use.last_used, "not tracked", PATTERN_REASON)
    record = use.services.get(service)
    kept = INDIRECT_ACTIONS.get(f"{service}:{name}") or INDIRECT_SERVICES.get(service)
    if kept is None and name.startswith(_TAGGING):
        kept = "counts in the call that creates"
    if record is None:
        reason = kept or f"IAM's report has no service {service}"
        return ActionUse(action, None, "not tracked", reason)
    is_pattern = not name.isalnum()
    action_time = record.tracked_actions.get(name)
    if is_within(action_time, now, days):
        return ActionUse(action, action_time, "used")
    if kept is not None:
        return ActionUse(action, record.last_used, "not tracked", kept)
    if not is_within(record.last_used, now, days):
        return ActionUse(action, record.last_used, "unused")
    if not is_pattern and name in record.tracked_actions:
        return ActionUse(action, action_time, "unused")
    reason = PATTERN_REASON if is_pattern else NOT_TRACKED_REASON
    return ActionUse(action, record.last_used, "not tracked", reason)


def list_granted_actions(document: Mapping[str, Any]) -> Iterator[str]:
    """The actions and patterns that a policy allows, each once, as it has them."""
    granted = (
        str(action)
        for statement in list_values(document.get("Statement", ()))
        if statement.get("Effect") == "Allow"
        for action in list_values(statement.get("Action", ()))
    )
    yield from dict.fromkeys(granted)


def build_narrower_policy(
    document: Mapping[str, Any], use: RoleUse, now: datetime, days: int
) -> dict[str, Any] | None:
    """The policy without its unused actions, the rest as it is. None if no statement is left."""
    statements = []
    for statement in list_values(document.get("Statement", ())):
        if statement.get("Effect") != "Allow" or "Action" not in statement:
            statements.append(statement)
            continue
        actions = list_values(statement["Action"])
        left = [a for a in actions if judge_action(str(a), use, now, days).state != "unused"]
        if left == actions:
            statements.append(statement)
        elif left:
            statements.append({**statement, "Action": left})
    return {**document, "Statement": statements} if statements else None

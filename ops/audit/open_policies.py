"""Policies of resources that let everybody in, and the same without everybody."""

import json
from collections.abc import Mapping
from typing import Any, Final

from ops.audit.identity_documents import list_statements, list_values
from ops.audit.identity_trust import CALLER_KEYS

# Conditions that say who calls, in small letters. The services' own beside the global ones: SNS
# Developer Guide, "Amazon SNS API permissions"; KMS Developer Guide, "AWS KMS condition keys".
_CALLER_KEYS: Final = frozenset(
    {*CALLER_KEYS, "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce", "kms:calleraccount"}
)
# What gives no access: a condition of these operators says who is kept out.
_NEGATIONS: Final = ("Not", "Null")


def list_open_actions(policy: str) -> list[str]:
    """The actions that a policy allows everybody, each once, by name."""
    return sorted(
        {
            str(action)
            for statement in list_statements(json.loads(policy))
            if _is_open(statement)
            for action in list_values(statement.get("Action", "*"))
        }
    )


def close_policy(policy: str, account: str) -> str:
    """The policy with the own account in the place of everybody."""
    document = json.loads(policy)
    statements = [
        _close_statement(statement, account) if _is_open(statement) else statement
        for statement in list_values(document.get("Statement", ()))
    ]
    return json.dumps({**document, "Statement": statements}, separators=(",", ":"))


def _close_statement(statement: Mapping[str, Any], account: str) -> dict[str, Any]:
    kept = {key: value for key, value in statement.items() if key != "NotPrincipal"}
    return {**kept, "Principal": {"AWS": account}}


def _is_open(statement: Mapping[str, Any]) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal", {})
    named = list_values(principal.get("AWS", ()) if isinstance(principal, dict) else principal)
    if "*" not in named:
        return "NotPrincipal" in statement
    return not any(
        key.lower() in _CALLER_KEYS and "*" not in list_values(values)
        for operator, keys in statement.get("Condition", {}).items()
        if not any(word in operator for word in _NEGATIONS)
        for key, values in keys.items()
    )

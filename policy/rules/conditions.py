"""Conditions of policies: which of them bound who a principal may be."""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, Final

from policy.rules.model import as_list

# Keys that say who or from where (IAM User Guide, AWS global condition context keys), in lower
# case. Others, such as aws:SecureTransport, bound how a request is made, and let everyone in.
PRINCIPAL_KEYS: Final = frozenset(
    """
    aws:principalaccount aws:principalarn aws:principalorgid aws:principalorgpaths
    aws:sourceaccount aws:sourcearn aws:sourceip aws:sourceorgid aws:sourceorgpaths
    aws:sourceowner aws:sourcevpc aws:sourcevpcarn aws:sourcevpce aws:userid aws:vpcsourceip
    kms:calleraccount
    """.split()
)
# Keys with which a service states for whom or what it acts (IAM User Guide, "The confused deputy
# problem"; of KMS the resource that is encrypted; of Lambda the skill of Alexa).
SOURCE_KEYS: Final = frozenset(
    """
    aws:sourceaccount aws:sourcearn aws:sourceorgid aws:sourceorgpaths aws:sourceowner
    kms:calleraccount lambda:eventsourcetoken
    """.split()
)
# Keys that say whose the resource of a request is, or who calls (AWS, "Building a data perimeter").
DESTINATION_KEYS: Final = frozenset(
    """
    aws:principalaccount aws:principalarn aws:principalorgid aws:principalorgpaths
    aws:resourceaccount aws:resourceorgid aws:resourceorgpaths s3:resourceaccount
    """.split()
)
ENCRYPTION_CONTEXT_PREFIX: Final = "kms:encryptioncontext:"
# Operators that are false if the request does not match (IAM User Guide, Condition operators).
# Negated ones, ...IfExists, Null and ForAllValues are true without the key.
BOUNDING_OPERATORS: Final = frozenset(
    "stringequals stringequalsignorecase stringlike arnequals arnlike ipaddress".split()
)
# An ARN without an account and a name: `arn:aws:s3:::*`.
OPEN_ARN_PATTERN: Final = re.compile(r"(\*|arn:[^:]*:[^:]*(:[*]*){1,4})")
SHORTEST_PREFIX: Final = 8


def bounds_principals(condition: Any) -> bool:
    """True if a statement's condition bounds who may match it."""
    return bool(_list_bounded_keys(condition) & PRINCIPAL_KEYS)


def bounds_source(condition: Any) -> bool:
    """True if a statement's condition bounds for whom or what a service acts."""
    return any(
        key in SOURCE_KEYS or key.startswith(ENCRYPTION_CONTEXT_PREFIX)
        for key in _list_bounded_keys(condition)
    )


def bounds_destination(condition: Any) -> bool:
    """True if a statement's condition bounds whose resources are reached, or by whom."""
    return bool(_list_bounded_keys(condition) & DESTINATION_KEYS)


def _list_bounded_keys(condition: Any) -> set[str]:
    """The keys, in lower case, to which a condition allows only some values."""
    if not isinstance(condition, Mapping):
        return set()
    return {
        str(key).lower()
        for operator, keys in condition.items()
        if _is_bounding_operator(str(operator)) and isinstance(keys, Mapping)
        for key, values in keys.items()
        if _are_bounded(values)
    }


def _is_bounding_operator(operator: str) -> bool:
    return operator.lower().removeprefix("foranyvalue:") in BOUNDING_OPERATORS


def _are_bounded(values: Any) -> bool:
    """True if every value is narrower than everything. One that is not known yet counts as that."""
    return all(_is_bounded(value) for value in as_list(values))


def _is_bounded(value: Any) -> bool:
    if not isinstance(value, str):
        return True
    text = value.strip()
    if not text.strip("*?") or OPEN_ARN_PATTERN.fullmatch(text):
        return False
    try:
        return "/" not in text or ip_network(text, strict=False).prefixlen >= SHORTEST_PREFIX
    except ValueError:
        return True

"""Exceptions: violations that are allowed until a date, and exceptions that have ended."""

from collections.abc import Iterator, Mapping
from datetime import date
from fnmatch import fnmatchcase

from components.settings.policy import PolicyException

EXPIRED_EXCEPTION_RULE = "exception-expired"  # the rule that an exception breaks once it has ended


def is_excepted(
    rule_name: str, resource_name: str, exceptions: Mapping[str, PolicyException], today: date
) -> bool:
    """True if an exception that has not ended allows this resource to break this rule."""
    return any(
        rule_name in exception.rules
        and fnmatchcase(resource_name, exception.resources)
        and not _is_expired(exception, today)
        for exception in exceptions.values()
    )


def format_expired_exceptions(
    exceptions: Mapping[str, PolicyException], today: date
) -> Iterator[str]:
    """Lists one line for each exception that has ended."""
    for name, exception in exceptions.items():
        if _is_expired(exception, today):
            yield (
                f"policyExceptions.{name}.until is '{exception.until}', must be {today} or later: "
                f"look whether it still holds that {exception.reason!r}, or take it away"
            )


def _is_expired(exception: PolicyException, today: date) -> bool:
    return date.fromisoformat(exception.until) < today

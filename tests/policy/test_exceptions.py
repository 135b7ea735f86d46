"""An exception lets pass what it names, until its day, and is itself a violation after it."""

from datetime import date
from typing import Any

import pytest

from components.settings.policy import PolicyException
from policy.exceptions import format_expired_exceptions, is_excepted
from policy.pack import StackPolicyPack
from policy.rules.model import PolicyResource

EXPIRY_DATE = date(2027, 6, 30)
EXCEPTION_VALUES: dict[str, Any] = {
    "rules": ("database-encrypted", "database-backups"),
    "resources": "database-*",
    "reason": "it is being replaced",
    "until": "2027-06-30",
}
POLICY_EXCEPTIONS = {"old": PolicyException(**EXCEPTION_VALUES)}


@pytest.mark.parametrize(
    ("rule", "resource", "today", "passes"),
    [
        ("database-encrypted", "database-old", EXPIRY_DATE, True),
        ("database-backups", "database-old", date(2026, 1, 1), True),
        ("database-encrypted", "database-old", date(2027, 7, 1), False),
        ("database-encrypted", "database", EXPIRY_DATE, False),
        ("database-not-public", "database-old", EXPIRY_DATE, False),
    ],
)
def test_an_exception_applies_to_its_resources_until_its_date(
    rule: str, resource: str, today: date, passes: bool
) -> None:
    assert is_excepted(rule, resource, POLICY_EXCEPTIONS, today) is passes


def test_an_expired_exception_is_a_violation() -> None:
    assert list(format_expired_exceptions(POLICY_EXCEPTIONS, EXPIRY_DATE)) == []
    (text,) = format_expired_exceptions(POLICY_EXCEPTIONS, date(2027, 7, 1))
    assert text.startswith(
        "policyExceptions.old.until is '2027-06-30', must be 2027-07-01 or later"
    )
    assert "it is being replaced" in text


def test_the_pack_tells_both_what_it_excepted_and_that_it_ended() -> None:
    plain = PolicyResource(
        "aws:rds/instance:Instance", "database-old", {"backupRetentionPeriod": 7}, True
    )
    rules = {
        text.split(":")[0]
        for text in StackPolicyPack(EXPIRY_DATE, "dev", POLICY_EXCEPTIONS).list_violations([plain])
    }
    assert rules == {"tags"}
    after = {
        text.split(":")[0]
        for text in StackPolicyPack(date(2027, 7, 1), "dev", POLICY_EXCEPTIONS).list_violations(
            [plain]
        )
    }
    assert after == {"tags", "database-encrypted", "exception-expired"}


def test_an_exception_that_nothing_needs_is_found() -> None:
    plain = PolicyResource(
        "aws:rds/instance:Instance", "database-old", {"backupRetentionPeriod": 7}, True
    )
    assert StackPolicyPack(EXPIRY_DATE, "prod", POLICY_EXCEPTIONS).list_unused_exceptions(
        [plain]
    ) == ["old: database-backups"]

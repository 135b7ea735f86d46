"""Settings of the policy pack's exceptions: what one must say."""

from typing import Any

import pytest

from components.settings import SettingsError
from policy.rules import RULE_NAMES
from tests.world import build_settings

VALID_EXCEPTION: dict[str, Any] = {
    "rules": ["tags", "protected"],
    "resources": "database-*",
    "reason": "it was moved here",
    "until": "2027-06-30",
}


def get_exception_error(**overrides: Any) -> str:
    exception_values = {
        key: value for key, value in (VALID_EXCEPTION | overrides).items() if value is not None
    }
    with pytest.raises(SettingsError) as error_info:
        build_settings({"policyExceptions": {"moved": exception_values}})
    (line,) = str(error_info.value).splitlines()
    return line


def test_there_are_no_policy_exceptions_by_default() -> None:
    assert build_settings().policy_exceptions == {}
    assert build_settings(profile="dev").policy_exceptions == {}


def test_a_valid_exception_is_parsed() -> None:
    policy_exception = build_settings(
        {"policyExceptions": {"moved": VALID_EXCEPTION}}
    ).policy_exceptions["moved"]
    assert policy_exception.rules == ("tags", "protected")
    assert (policy_exception.resources, policy_exception.until) == ("database-*", "2027-06-30")


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_every_rule_may_be_excepted(rule: str) -> None:
    assert build_settings(
        {"policyExceptions": {"moved": VALID_EXCEPTION | {"rules": [rule]}}}
    ).policy_exceptions


@pytest.mark.parametrize(
    ("key", "value", "message_part"),
    [
        ("rules", ["tagz"], "rules.0 is 'tagz', must be a rule of the policy pack: acl-closed, "),
        ("rules", [], "rules is [], must have 1 or more items"),
        ("rules", None, "rules is not set, and must be: rules that may be violated"),
        ("resources", "a b", "resources is 'a b', must be a resource's name, in which * stands"),
        ("resources", "", "resources is '', must be a resource's name"),
        ("reason", "because", "reason is 'because', must be a sentence"),
        ("reason", None, "reason is not set, and must be: reason, as a sentence"),
        ("until", "2027-02-30", "until is '2027-02-30', must be a day, as in '2027-06-30'"),
        ("until", "20270630", "until is '20270630', must be a day"),
        ("until", "2027-W01-1", "until is '2027-W01-1', must be a day"),
        ("until", None, "until is not set, and must be: last day"),
        ("rule", "tags", "rule is no setting, must be rules"),
    ],
)
def test_an_invalid_field_of_an_exception_is_refused_by_its_key(
    key: str, value: Any, message_part: str
) -> None:
    assert get_exception_error(**{key: value}).startswith(
        f"bulwark:policyExceptions.moved.{message_part}"
    )


def test_an_exceptions_name_must_be_kebab_case() -> None:
    with pytest.raises(SettingsError, match=r"policyExceptions.Moved here has that name, must"):
        build_settings({"policyExceptions": {"Moved here": VALID_EXCEPTION}})


def test_policy_exceptions_must_be_an_object() -> None:
    with pytest.raises(SettingsError, match="policyExceptions is no object, must be an object"):
        build_settings({"policyExceptions": [VALID_EXCEPTION]})

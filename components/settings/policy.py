"""Settings of the policy pack: its exceptions, each with a reason and a last day."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from components.settings.section import Section
from policy.rules import RULE_NAMES

ExceptionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
ISO_DATE_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}")


def _validate_rule(rule: str) -> str:
    if rule not in RULE_NAMES:
        raise ValueError(f"must be a rule of the policy pack: {', '.join(RULE_NAMES)}")
    return rule


def _validate_day(value: str) -> str:
    try:
        if ISO_DATE_PATTERN.fullmatch(value):
            date.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise ValueError("must be a day, as in '2027-06-30'")


def _validate_resource_pattern(value: str) -> str:
    if not re.fullmatch(r"[\w.:/*?-]+", value):
        raise ValueError("must be a resource's name, in which * stands for any characters")
    return value


def _validate_reason(value: str) -> str:
    if len(value.split()) < 3:
        raise ValueError("must be a sentence: whoever reads it later was not there")
    return value


Reason = Annotated[str, AfterValidator(_validate_reason)]
PolicyRuleName = Annotated[str, AfterValidator(_validate_rule)]


class PolicyException(Section):
    """An exception from the policy pack: rules, resources and a last day."""

    rules: tuple[PolicyRuleName, ...] = Field(
        min_length=1, description="rules that may be violated"
    )
    resources: Annotated[str, AfterValidator(_validate_resource_pattern)] = Field(
        description="logical names of the resources in Pulumi; * matches any characters"
    )
    reason: Reason = Field(description="reason, as a sentence")
    until: Annotated[str, AfterValidator(_validate_day)] = Field(
        description="last day, in quotes, like '2027-06-30'; after it the exception itself is "
        "a violation"
    )

"""Settings of the policy pack: what it lets pass, why, and until when."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from components.settings.section import Section
from policy.rules import NAMES

ExceptionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}")


def _known(rule: str) -> str:
    if rule not in NAMES:
        raise ValueError(f"may be a rule of the policy pack: {', '.join(NAMES)}")
    return rule


def _some(rules: tuple[str, ...]) -> tuple[str, ...]:
    """Not a least length: pydantic would tell of it for each rule that is not known, too."""
    if not rules:
        raise ValueError("may have 1 or more items")
    return rules


def _day(value: str) -> str:
    try:
        if WRITTEN.fullmatch(value):
            date.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise ValueError("may be a day, as in '2027-06-30'")


def _pattern(value: str) -> str:
    if not re.fullmatch(r"[\w.:/*?-]+", value):
        raise ValueError("may be a resource's name, in which * stands for any characters")
    return value


def _reason(value: str) -> str:
    if len(value.split()) < 3:
        raise ValueError("may be a sentence: whoever reads it later was not there")
    return value


Rule = Annotated[str, AfterValidator(_known)]


class PolicyException(Section):
    """What the policy pack lets pass: some rules, for some resources, until a day."""

    rules: Annotated[tuple[Rule, ...], AfterValidator(_some)] = Field(
        description="the rules that are not held"
    )
    resources: Annotated[str, AfterValidator(_pattern)] = Field(
        description="names of the resources in Pulumi; * stands for any characters"
    )
    reason: Annotated[str, AfterValidator(_reason)] = Field(description="why, as a sentence")
    until: Annotated[str, AfterValidator(_day)] = Field(
        description="last day, like '2027-06-30' and in quotes; after it the exception itself is "
        "a violation"
    )

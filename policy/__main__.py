"""Builds the policy pack for the stack that Pulumi runs it for, and serves it until Pulumi ends."""

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Pulumi starts the pack in its folder

from components.settings import SettingsError
from policy.exceptions import EXPIRED
from policy.pack import Pack, pack_of
from policy.rules.model import UNKNOWN, Resource, Rule, StackRule


def plain(value: Any) -> Any:
    """An input without Pulumi's wrapper, which raises where a value is not known yet."""
    if isinstance(value, Mapping):
        return {key: _entry(value, key) for key in value}
    if isinstance(value, str | bytes) or not hasattr(value, "__getitem__"):
        return value
    return [_entry(value, index) for index in range(len(value))]


def _entry(of: Any, key: Any) -> Any:
    try:
        return plain(of[key])
    except UnknownValueError:
        return UNKNOWN


def seen(args: Any) -> Resource:
    """What the rules look at, of what Pulumi hands on."""
    return Resource(
        args.resource_type, args.name, plain(args.props), bool(args.opts.protect), args.urn
    )


def of_rule(pack: Pack, rule: Rule) -> Policy:
    """The policy of a rule of single resources."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for text in pack.one(rule, seen(args)):
            report(text, None)

    return ResourceValidationPolicy(rule.name, description(rule), validate)


def of_stack_rule(pack: Pack, rule: StackRule) -> Policy:
    """The policy of a rule between resources."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for resource, text in pack.between(rule, [seen(r) for r in args.resources]):
            report(text, resource.urn)

    return StackValidationPolicy(rule.name, description(rule), validate)


def of_exceptions(pack: Pack) -> Policy:
    """The policy that no exception outlives its last day."""

    def validate(_: StackValidationArgs, report: ReportViolation) -> None:
        for text in pack.ended():
            report(text, None)

    return StackValidationPolicy(EXPIRED, "An exception ends on its last day.", validate)


def description(rule: Rule | StackRule) -> str:
    """What a rule says, and which controls it is of."""
    controls = [control for control in rule.controls if control != "house"]
    return f"{rule.what} ({', '.join(controls)})" if controls else rule.what


def policies(pack: Pack) -> list[Policy]:
    """Every policy of a pack."""
    return [
        *(of_rule(pack, rule) for rule in pack.rules),
        *(of_stack_rule(pack, rule) for rule in pack.stack_rules),
        of_exceptions(pack),
    ]


if __name__ == "__main__":
    try:
        stack = pack_of(os.environ, datetime.now(UTC).date())
    except SettingsError as error:
        sys.exit(str(error))
    level = EnforcementLevel.MANDATORY if stack.mandatory else EnforcementLevel.ADVISORY
    PolicyPack("bulwark", policies(stack), level)

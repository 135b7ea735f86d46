"""Builds the policy pack of the stack that Pulumi deploys, and serves it until Pulumi ends."""

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
from policy.exceptions import EXPIRED_EXCEPTION_RULE
from policy.pack import StackPolicyPack, build_stack_policy_pack
from policy.rules.model import UNKNOWN, PolicyResource, ResourceRule, StackRule


def unwrap_input(value: Any) -> Any:
    """An input without Pulumi's wrapper, which raises if a value is not known yet."""
    if isinstance(value, Mapping):
        return {key: _unwrap_entry(value, key) for key in value}
    if isinstance(value, str | bytes) or not hasattr(value, "__getitem__"):
        return value
    return [_unwrap_entry(value, index) for index in range(len(value))]


def _unwrap_entry(container: Any, key: Any) -> Any:
    try:
        return unwrap_input(container[key])
    except UnknownValueError:
        return UNKNOWN


def build_policy_resource(args: Any) -> PolicyResource:
    """Converts Pulumi's resource to the one that the rules check."""
    return PolicyResource(
        args.resource_type, args.name, unwrap_input(args.props), bool(args.opts.protect), args.urn
    )


def build_resource_policy(pack: StackPolicyPack, rule: ResourceRule) -> Policy:
    """Builds the policy of a rule for single resources."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for text in pack.list_resource_violations(rule, build_policy_resource(args)):
            report(text, None)

    return ResourceValidationPolicy(rule.name, format_rule_description(rule), validate)


def build_stack_policy(pack: StackPolicyPack, rule: StackRule) -> Policy:
    """Builds the policy of a rule between resources."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for resource, text in pack.list_stack_violations(
            rule, [build_policy_resource(resource_args) for resource_args in args.resources]
        ):
            report(text, resource.urn)

    return StackValidationPolicy(rule.name, format_rule_description(rule), validate)


def build_exceptions_policy(pack: StackPolicyPack) -> Policy:
    """Builds the policy that reports ended exceptions."""

    def validate(_: StackValidationArgs, report: ReportViolation) -> None:
        for text in pack.list_expired_exceptions():
            report(text, None)

    return StackValidationPolicy(
        EXPIRED_EXCEPTION_RULE, "An exception ends on its last day.", validate
    )


def format_rule_description(rule: ResourceRule | StackRule) -> str:
    """The rule's description and its controls."""
    controls = [control for control in rule.controls if control != "house"]
    return f"{rule.description} ({', '.join(controls)})" if controls else rule.description


def build_policies(pack: StackPolicyPack) -> list[Policy]:
    """Builds every policy of a pack."""
    return [
        *(build_resource_policy(pack, rule) for rule in pack.rules),
        *(build_stack_policy(pack, rule) for rule in pack.stack_rules),
        build_exceptions_policy(pack),
    ]


if __name__ == "__main__":
    try:
        stack_pack = build_stack_policy_pack(os.environ, datetime.now(UTC).date())
    except SettingsError as error:
        sys.exit(str(error))
    enforcement_level = (
        EnforcementLevel.MANDATORY if stack_pack.is_mandatory else EnforcementLevel.ADVISORY
    )
    PolicyPack("bulwark", build_policies(stack_pack), enforcement_level)

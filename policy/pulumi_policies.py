"""The rules as policies of pulumi-policy, for the stack that Pulumi deploys."""

from collections.abc import Mapping
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policy.exceptions import EXPIRED_EXCEPTION_RULE
from policy.pack import StackPolicyPack
from policy.rules import RESOURCE_RULES, STACK_RULES
from policy.rules.model import UNKNOWN, PolicyResource, ResourceRule, StackRule


class PulumiPolicies:
    """Every rule as a policy of Pulumi. `pack` says which of them hold, and what is excepted."""

    def __init__(self, pack: StackPolicyPack) -> None:
        self.pack = pack
        self.policies: list[Policy] = [
            *(self._build_resource_policy(rule) for rule in RESOURCE_RULES),
            *(self._build_stack_policy(rule) for rule in STACK_RULES),
            self._build_exceptions_policy(),
        ]
        self.use_pack(pack)

    def use_pack(self, pack: StackPolicyPack) -> None:
        """Judges by this pack from now on. Rules that its profile does not ask for are disabled."""
        self.pack = pack
        names = {*pack.rule_names, EXPIRED_EXCEPTION_RULE}
        level = EnforcementLevel.MANDATORY if pack.is_mandatory else EnforcementLevel.ADVISORY
        for policy in self.policies:
            policy.enforcement_level = level if policy.name in names else EnforcementLevel.DISABLED

    def _build_resource_policy(self, rule: ResourceRule) -> Policy:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            for text in self.pack.list_resource_violations(rule, build_policy_resource(args)):
                report(text, None)

        return ResourceValidationPolicy(rule.name, format_rule_description(rule), validate)

    def _build_stack_policy(self, rule: StackRule) -> Policy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            for resource, text in self.pack.list_stack_violations(
                rule, [build_policy_resource(resource_args) for resource_args in args.resources]
            ):
                report(text, resource.urn)

        return StackValidationPolicy(rule.name, format_rule_description(rule), validate)

    def _build_exceptions_policy(self) -> Policy:
        def validate(_: StackValidationArgs, report: ReportViolation) -> None:
            for text in self.pack.list_expired_exceptions():
                report(text, None)

        return StackValidationPolicy(
            EXPIRED_EXCEPTION_RULE, "An exception ends on its last day.", validate
        )


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


def format_rule_description(rule: ResourceRule | StackRule) -> str:
    """The rule's description and its controls."""
    controls = [control for control in rule.controls if control != "house"]
    return f"{rule.description} ({', '.join(controls)})" if controls else rule.description

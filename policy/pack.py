"""The pack of one stack: its rules, its exceptions, and how the rules are enforced.

Pulumi says which stack it deploys, and with which config, before it asks for anything else. Until
then, and where it never does (the pack is published, not run), the pack is prod's, without
exceptions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from components.settings import parse_settings
from components.settings.policy import PolicyException
from policy.exceptions import EXPIRED_EXCEPTION_RULE, format_expired_exceptions, is_excepted
from policy.rules import RULES_BY_NAME, select_profile_rules
from policy.rules.model import PolicyResource, Profile, ResourceRule, StackRule

MANDATORY_BY_PROFILE: Final[Mapping[Profile, bool]] = {"dev": False, "prod": True}


@dataclass(frozen=True)
class StackPolicyPack:
    """The rules of a stack and its exceptions, on one day."""

    today: date
    profile: Profile = "prod"
    exceptions: Mapping[str, PolicyException] = field(default_factory=dict)

    @property
    def is_mandatory(self) -> bool:
        """True if a violation stops a deployment; otherwise it is only reported."""
        return MANDATORY_BY_PROFILE[self.profile]

    @property
    def rules(self) -> tuple[ResourceRule, ...]:
        """Lists the rules for single resources."""
        return select_profile_rules(self.profile)[0]

    @property
    def stack_rules(self) -> tuple[StackRule, ...]:
        """Lists the rules between resources."""
        return select_profile_rules(self.profile)[1]

    @property
    def rule_names(self) -> frozenset[str]:
        """The names of all rules that the profile asks for."""
        return frozenset(
            rule.name for rules in select_profile_rules(self.profile) for rule in rules
        )

    def list_resource_violations(
        self, rule: ResourceRule, resource: PolicyResource
    ) -> Iterator[str]:
        """Lists what is wrong with a resource by a rule, without exceptions that apply."""
        if not self._is_excepted(rule.name, resource):
            yield from rule.list_violations(resource)

    def list_stack_violations(
        self, rule: StackRule, resources: Sequence[PolicyResource]
    ) -> Iterator[tuple[PolicyResource, str]]:
        """Lists what is wrong between resources by a rule, without exceptions that apply."""
        for resource, text in rule.list_violations(resources):
            if not self._is_excepted(rule.name, resource):
                yield resource, text

    def list_expired_exceptions(self) -> Iterator[str]:
        """Lists the exceptions that have ended."""
        yield from format_expired_exceptions(self.exceptions, self.today)

    def list_violations(self, resources: Sequence[PolicyResource]) -> list[str]:
        """Lists everything that is wrong with a stack, one line each."""
        violations = [
            f"{rule.name}: {resource.name}: {text}"
            for rule in self.rules
            for resource in resources
            for text in self.list_resource_violations(rule, resource)
        ]
        violations += [
            f"{rule.name}: {resource.name}: {text}"
            for rule in self.stack_rules
            for resource, text in self.list_stack_violations(rule, resources)
        ]
        return violations + [
            f"{EXPIRED_EXCEPTION_RULE}: {text}" for text in self.list_expired_exceptions()
        ]

    def list_unused_exceptions(self, resources: Sequence[PolicyResource]) -> list[str]:
        """Lists exceptions that no resource needs any more: name and rule."""
        pack_without_exceptions = StackPolicyPack(self.today, self.profile)
        needed_pairs = {
            (name, rule)
            for name, exception in self.exceptions.items()
            for rule in exception.rules
            for resource in pack_without_exceptions._list_violating_resources(rule, resources)
            if is_excepted(rule, resource.name, {name: exception}, self.today)
        }
        exception_rules = (
            (exception_name, rule)
            for exception_name, exception in self.exceptions.items()
            for rule in exception.rules
        )
        return [
            f"{name}: {rule}" for name, rule in exception_rules if (name, rule) not in needed_pairs
        ]

    def _list_violating_resources(
        self, rule_name: str, resources: Sequence[PolicyResource]
    ) -> list[PolicyResource]:
        rule = RULES_BY_NAME[rule_name]
        if self.profile not in rule.profiles:
            return []
        if isinstance(rule, StackRule):
            return [resource for resource, _ in rule.list_violations(resources)]
        return [resource for resource in resources if rule.list_violations(resource)]

    def _is_excepted(self, rule_name: str, resource: PolicyResource) -> bool:
        return is_excepted(rule_name, resource.name, self.exceptions, self.today)


def build_stack_policy_pack(
    project: str,
    stack: str,
    config: Mapping[str, str],
    secret_keys: frozenset[str],
    today: date,
) -> StackPolicyPack:
    """Builds the pack of a stack. `config` is as for parse_settings. Raises SettingsError."""
    settings = parse_settings(
        project,
        stack=stack,
        region=config.get("aws:region", ""),
        config=config,
        secret_keys=secret_keys,
    )
    return StackPolicyPack(today, settings.profile, settings.policy_exceptions)

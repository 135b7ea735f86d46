"""The pack for one stack: its rules without what its settings except, and how they are enforced.

What the pack has of the stack is what Pulumi hands to its process: the config and the stack's name
in the environment. Where there is none (the pack is published, not run) it is prod's, unexcepted.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from components.settings import PolicyException, load
from policy.exceptions import EXPIRED, excused, expired
from policy.rules import BY_NAME, holding
from policy.rules.model import Profile, Resource, Rule, StackRule

MANDATORY: Final[Mapping[Profile, bool]] = {"dev": False, "prod": True}


@dataclass(frozen=True)
class Pack:
    """The rules that a stack is held to, on a day."""

    today: date
    profile: Profile = "prod"
    exceptions: Mapping[str, PolicyException] = field(default_factory=dict)

    @property
    def mandatory(self) -> bool:
        """Whether a violation stops a deployment; otherwise it is only told."""
        return MANDATORY[self.profile]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of single resources."""
        return holding(self.profile)[0]

    @property
    def stack_rules(self) -> tuple[StackRule, ...]:
        """The rules between resources."""
        return holding(self.profile)[1]

    def one(self, rule: Rule, resource: Resource) -> Iterator[str]:
        """What is wrong with a resource by a rule, and is not excepted."""
        if not self._excused(rule.name, resource):
            yield from rule.violations(resource)

    def between(
        self, rule: StackRule, resources: Sequence[Resource]
    ) -> Iterator[tuple[Resource, str]]:
        """What is wrong between resources by a rule, and is not excepted."""
        for resource, text in rule.violations(resources):
            if not self._excused(rule.name, resource):
                yield resource, text

    def ended(self) -> Iterator[str]:
        """The exceptions that have ended."""
        yield from expired(self.exceptions, self.today)

    def all(self, resources: Sequence[Resource]) -> list[str]:
        """Everything that is wrong with a stack, a line each."""
        found = [
            f"{rule.name}: {r.name}: {text}"
            for rule in self.rules
            for r in resources
            for text in self.one(rule, r)
        ]
        found += [
            f"{rule.name}: {r.name}: {text}"
            for rule in self.stack_rules
            for r, text in self.between(rule, resources)
        ]
        return found + [f"{EXPIRED}: {text}" for text in self.ended()]

    def unused(self, resources: Sequence[Resource]) -> list[str]:
        """Exceptions without which the stack would be as it may be, too: name and rule."""
        bare = Pack(self.today, self.profile)
        needed = {
            (name, rule)
            for name, exception in self.exceptions.items()
            for rule in exception.rules
            for r in bare._broken(rule, resources)
            if excused(rule, r.name, {name: exception}, self.today)
        }
        wanted = ((n, rule) for n, exception in self.exceptions.items() for rule in exception.rules)
        return [f"{name}: {rule}" for name, rule in wanted if (name, rule) not in needed]

    def _broken(self, name: str, resources: Sequence[Resource]) -> list[Resource]:
        rule = BY_NAME[name]
        if self.profile not in rule.profiles:
            return []
        if isinstance(rule, StackRule):
            return [r for r, _ in rule.violations(resources)]
        return [r for r in resources if rule.violations(r)]

    def _excused(self, rule: str, resource: Resource) -> bool:
        return excused(rule, resource.name, self.exceptions, self.today)


def pack_of(environment: Mapping[str, str], today: date) -> Pack:
    """The pack of the stack that an environment is of. Raises SettingsError for bad settings."""
    config = environment.get("PULUMI_CONFIG")
    project, stack = environment.get("PULUMI_PROJECT"), environment.get("PULUMI_STACK")
    if not config or not project or not stack:
        return Pack(today)
    values: dict[str, str] = json.loads(config)
    secret = frozenset(json.loads(environment.get("PULUMI_CONFIG_SECRET_KEYS") or "[]"))
    settings = load(project, stack, values.get("aws:region", ""), values, secret)
    return Pack(today, settings.profile, settings.policy_exceptions)

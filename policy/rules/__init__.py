"""Every rule of the pack, by theme: one file each."""

from collections.abc import Mapping, Sequence
from typing import Final

from policy.rules import backups, encryption, exposure, housekeeping, iam, protection, transport
from policy.rules.model import Profile, Resource, Rule, StackRule

RULES: Final[tuple[Rule, ...]] = (
    *encryption.RULES,
    *exposure.RULES,
    *transport.RULES,
    *backups.RULES,
    *protection.RULES,
    *housekeeping.RULES,
    *iam.RULES,
)
STACK_RULES: Final[tuple[StackRule, ...]] = exposure.STACK_RULES
NAMES: Final = tuple(sorted(rule.name for rule in (*RULES, *STACK_RULES)))
BY_NAME: Final[Mapping[str, Rule | StackRule]] = {r.name: r for r in (*RULES, *STACK_RULES)}


def holding(profile: Profile) -> tuple[tuple[Rule, ...], tuple[StackRule, ...]]:
    """The rules that a stack of this profile is held to: of a resource, and between them."""
    return (
        tuple(rule for rule in RULES if profile in rule.profiles),
        tuple(rule for rule in STACK_RULES if profile in rule.profiles),
    )


def violations(profile: Profile, resources: Sequence[Resource]) -> list[tuple[str, Resource, str]]:
    """(rule, resource, line) for each thing that is wrong with the resources of a stack."""
    single, between = holding(profile)
    found = [
        (rule.name, r, text) for r in resources for rule in single for text in rule.violations(r)
    ]
    return found + [(rule.name, *hit) for rule in between for hit in rule.violations(resources)]

"""Every rule of the pack, by theme: one file each."""

from collections.abc import Mapping
from typing import Final

from policy.rules import backups, encryption, exposure, housekeeping, iam, protection, transport
from policy.rules.model import Profile, Rule, StackRule

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
EVERY: Final[tuple[Rule | StackRule, ...]] = (*RULES, *STACK_RULES)
NAMES: Final = tuple(sorted(rule.name for rule in EVERY))
BY_NAME: Final[Mapping[str, Rule | StackRule]] = {rule.name: rule for rule in EVERY}


def holding(profile: Profile) -> tuple[tuple[Rule, ...], tuple[StackRule, ...]]:
    """The rules that a stack of this profile is held to: of a resource, and between them."""
    return (
        tuple(rule for rule in RULES if profile in rule.profiles),
        tuple(rule for rule in STACK_RULES if profile in rule.profiles),
    )

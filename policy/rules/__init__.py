"""Every rule of the pack, by theme: one file each."""

from collections.abc import Mapping
from typing import Final

from policy.rules import (
    alarms,
    backups,
    encryption,
    endpoints,
    exposure,
    housekeeping,
    iam,
    protection,
    resource_policies,
    transport,
)
from policy.rules.model import Profile, ResourceRule, StackRule

RESOURCE_RULES: Final[tuple[ResourceRule, ...]] = (
    *encryption.ENCRYPTION_RULES,
    *exposure.EXPOSURE_RULES,
    *resource_policies.RESOURCE_POLICY_RULES,
    *endpoints.ENDPOINT_RULES,
    *transport.TRANSPORT_RULES,
    *backups.BACKUP_RULES,
    *protection.DELETION_PROTECTION_RULES,
    *housekeeping.HOUSEKEEPING_RULES,
    *iam.IAM_RULES,
    *alarms.ALARM_RULES,
)
STACK_RULES: Final[tuple[StackRule, ...]] = (
    *exposure.EXPOSURE_STACK_RULES,
    *alarms.ALARM_STACK_RULES,
)
ALL_RULES: Final[tuple[ResourceRule | StackRule, ...]] = (*RESOURCE_RULES, *STACK_RULES)
RULE_NAMES: Final = tuple(sorted(rule.name for rule in ALL_RULES))
RULES_BY_NAME: Final[Mapping[str, ResourceRule | StackRule]] = {
    rule.name: rule for rule in ALL_RULES
}


def select_profile_rules(
    profile: Profile,
) -> tuple[tuple[ResourceRule, ...], tuple[StackRule, ...]]:
    """Selects the rules of a profile: those for single resources, and those between resources."""
    return (
        tuple(rule for rule in RESOURCE_RULES if profile in rule.profiles),
        tuple(rule for rule in STACK_RULES if profile in rule.profiles),
    )

"""What a preview would destroy, interrupt or protect less: by type, from components/facts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from components.facts.model import ASSUMPTION, ChangeEffect, ProtectionRule, ResourceFact
from components.facts.resource_types import find_fact, is_free_type
from ops.preview.changes import Preview, ResourceChange

# Properties that name the backup an instance is made from, unless it is made empty.
RESTORE_PROPERTIES: Final = ("snapshotIdentifier", "restoreToPointInTime", "s3Import")
# The most serious first.
DangerKind = Literal["data", "unknown", "interrupts", "protects less"]
DANGER_KINDS: Final[tuple[DangerKind, ...]] = ("data", "unknown", "interrupts", "protects less")


@dataclass(frozen=True)
class Danger:
    """One change that needs a person's attention."""

    kind: DangerKind
    change: ResourceChange
    description: str
    downtime: str
    source: str


RANDOM_VALUE_EFFECT: Final = ChangeEffect(
    "a value that others are made of is drawn again", "as theirs", ASSUMPTION
)
REPLICA_EFFECT: Final = ChangeEffect(
    "a read replica is deleted: clients that read from it fail",
    f"about 15 min until a new one serves; {ASSUMPTION}",
    "RDS User Guide, Working with DB instance read replicas",
)


def list_dangers(preview: Preview) -> list[Danger]:
    """Lists the dangers of a preview, most serious first."""
    unsorted_dangers = [
        danger for change in preview.changes for danger in _list_change_dangers(change)
    ]
    return sorted(unsorted_dangers, key=lambda item: DANGER_KINDS.index(item.kind))


def has_data_loss(dangers: Iterable[Danger]) -> bool:
    """True if anything that holds data is deleted or replaced."""
    return any(danger.kind == "data" for danger in dangers)


def get_short_type(type_: str) -> str:
    """A type as it is shown: `aws:rds/instance:Instance` is `rds/instance`."""
    type_parts = type_.split(":")
    return type_parts[1] if len(type_parts) == 3 and type_parts[0] == "aws" else type_


def _list_change_dangers(change: ResourceChange) -> Iterable[Danger]:
    fact = find_fact(change.type)
    if change.kind == "changed" and fact is not None:
        yield from _list_update_dangers(change, fact)
    elif change.kind in ("replaced", "deleted"):
        yield from _list_removal_dangers(change, fact)


def _list_removal_dangers(change: ResourceChange, fact: ResourceFact | None) -> Iterable[Danger]:
    """A replacement or a deletion. Pulumi refuses it of what is protected."""
    suffix = "; Pulumi refuses it: it is protected" if change.protect else ""
    if change.retained:
        suffix += "; AWS keeps the old one, which nothing uses any longer"
    data_loss, guard, effect = (
        (fact.data_loss, fact.guard, fact.removal) if fact is not None else (None, None, None)
    )
    if data_loss is not None and not change.is_replica:
        description = f"{_describe_removal(change)}: {data_loss.describe_loss(change.old)}{suffix}"
        yield Danger("data", change, description, data_loss.downtime, data_loss.source)
        return
    if change.kind == "deleted" and guard is not None:
        yield Danger("protects less", change, f"{guard.description}{suffix}", "none", guard.source)
        return
    if data_loss is not None:
        effect = REPLICA_EFFECT
    elif change.type.startswith("random:"):
        effect = RANDOM_VALUE_EFFECT
    if effect is not None:
        description = f"{effect.description}{suffix}"
        yield Danger("interrupts", change, description, effect.downtime, effect.source)
    elif not _is_known_type(change.type):
        description_text = f"unknown type, it may hold data: check before it is {change.kind}"
        yield Danger("unknown", change, f"{description_text}{suffix}", "not known", "-")


def _describe_removal(change: ResourceChange) -> str:
    if change.kind == "deleted":
        return "DELETED"
    if any(change.new.get(name) for name in RESTORE_PROPERTIES):
        return "REPLACED BY ONE FROM A BACKUP, everything written since is lost"
    return "REPLACED BY AN EMPTY ONE"


def _is_known_type(type_: str) -> bool:
    """True if a type has a fact with its cost, or is known to be free: it then holds nothing."""
    fact = find_fact(type_)
    has_charges = fact is not None and fact.list_charges is not None
    return type_.startswith("aws:") and (has_charges or is_free_type(type_))


def _list_update_dangers(change: ResourceChange, fact: ResourceFact) -> Iterable[Danger]:
    effects = fact.updates
    for effect in dict.fromkeys(effects[name] for name in change.properties if name in effects):
        description = f"{effect.description}{_describe_timing(change, fact)}"
        yield Danger("interrupts", change, description, effect.downtime, effect.source)
    for rule in fact.protections:
        if rule.property in change.properties and _is_protection_reduced(rule, change):
            danger_kind: DangerKind = "data" if rule.loses_data else "protects less"
            yield Danger(danger_kind, change, rule.description, "none", rule.source)


def _describe_timing(change: ResourceChange, fact: ResourceFact) -> str:
    if not fact.has_maintenance_window:
        return ""
    return "; at once" if change.new.get("applyImmediately") else "; in its maintenance window"


def _is_protection_reduced(rule: ProtectionRule, change: ResourceChange) -> bool:
    """True if the new value keeps less than the old one. False if it is not known yet."""
    old: Any = change.old.get(rule.property)
    new: Any = change.new.get(rule.property)
    if rule.property in change.unknown_properties:
        return False
    if rule.change in ("lower", "shorter"):  # for "shorter", 0 or no value means for ever
        was_unlimited = rule.change == "shorter" and not old
        return isinstance(new, int | float) and new > 0 and (was_unlimited or new < (old or 0))
    if rule.change == "zero":
        return bool(old) and new == 0 and new is not None
    return bool(new) and not old if rule.change == "on" else bool(old) and not new

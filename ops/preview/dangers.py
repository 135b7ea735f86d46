"""What a preview would destroy, interrupt or protect less: by type, from components/facts."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from components.facts.model import ASSUMPTION, ChangeEffect, ProtectionRule, ResourceFact
from components.facts.resource_types import find_fact, is_free_type
from ops.preview.changes import Preview, ResourceChange

# Properties that name the backup an instance is made from, unless it is made empty.
RESTORE_PROPERTIES: Final = ("snapshotIdentifier", "restoreToPointInTime", "s3Import")
# What says of a setting that it is off, in lower case.
OFF_VALUES: Final = frozenset({"false", "disabled", "suspended", "none", "off"})
ELEMENT_NAMES: Final = ("id", "ruleName", "name", "destinationVaultArn")
# The most serious first.
DangerKind = Literal["data", "unknown", "interrupts", "protects less", "not judged"]
DANGER_KINDS: Final[tuple[DangerKind, ...]] = (
    "data",
    "unknown",
    "interrupts",
    "protects less",
    "not judged",
)


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
    if change.released:
        description = "it is released: Pulumi refuses its deletion and replacement no longer"
        yield Danger("protects less", change, description, "none", "Pulumi, protect")
    if change.kind == "changed":
        yield from _list_update_dangers(change, fact or ResourceFact(type=change.type))
    elif change.kind in ("replaced", "deleted"):
        yield from _list_removal_dangers(change, fact)
    elif change.kind == "created" and fact is not None:
        yield from _list_creation_dangers(change, fact)


def _list_creation_dangers(change: ResourceChange, fact: ResourceFact) -> Iterable[Danger]:
    """A creation beside something that exists: the name of a new resource is not known yet."""
    if fact.creation is not None and change.new.get(fact.creation.reference):
        effect = fact.creation.effect
        yield Danger("interrupts", change, effect.description, effect.downtime, effect.source)


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
    described = {name for name in change.properties if name in effects}
    rules = [rule for rule in fact.protections if rule.get_input() in change.properties]
    for rule in rules:
        if rule.change != "changed" and is_protection_reduced(rule, change):
            described.add(rule.get_input())
            yield _build_rule_danger(rule, change)
    for rule in rules:
        if (
            rule.change == "changed"
            and rule.get_input() not in described
            and is_protection_reduced(rule, change)
        ):
            yield _build_rule_danger(rule, change)
    unjudged = [name for name in change.properties if not fact.judges_update(name)]
    unknown = [
        name
        for name in dict.fromkeys(rule.get_input() for rule in rules)
        if name in change.unknown_properties and name not in described
    ]
    if unjudged:
        yield _build_unjudged_danger(change, "nothing is known of a change of", unjudged)
    if unknown:
        yield _build_unjudged_danger(change, "the new value is not known yet:", unknown)


def _build_rule_danger(rule: ProtectionRule, change: ResourceChange) -> Danger:
    danger_kind: DangerKind = "protects less"
    if rule.loses_data:
        danger_kind = "data"
    elif rule.interrupts:
        danger_kind = "interrupts"
    return Danger(danger_kind, change, rule.description, rule.downtime, rule.source)


def _build_unjudged_danger(change: ResourceChange, reason: str, names: Sequence[str]) -> Danger:
    description = f"not judged, {reason} {', '.join(names)}: look at it"
    return Danger("not judged", change, description, "not known", "-")


def _describe_timing(change: ResourceChange, fact: ResourceFact) -> str:
    if not fact.has_maintenance_window:
        return ""
    return "; at once" if change.new.get("applyImmediately") else "; in its maintenance window"


def is_protection_reduced(rule: ProtectionRule, change: ResourceChange) -> bool:
    """True if a new value keeps less than the old one. False if it is not known yet."""
    if rule.get_input() in change.unknown_properties and rule.change != "changed":
        return False
    parts = rule.property.split(".")
    old = dict(_list_path_values(change.old, parts))
    new = dict(_list_path_values(change.new, parts))
    if rule.change == "removed":
        return bool(_list_elements(old) - _list_elements(new))
    return any(
        _is_value_reduced(rule, old.get(key), new.get(key), is_removed=bool(key) and key not in new)
        for key in (*old, *(key for key in new if key not in old))
    )


def _is_value_reduced(rule: ProtectionRule, old: Any, new: Any, *, is_removed: bool) -> bool:
    """`is_removed` means that the element of a list that had the value is no longer there."""
    if rule.change in ("lower", "shorter"):  # for "shorter", 0 or no value means for ever
        was_unlimited = rule.change == "shorter" and not old
        is_limited = isinstance(new, int | float) and new > 0
        return is_limited and (was_unlimited or new < (old or 0))
    if is_removed and rule.change != "changed":
        return False
    if rule.change == "zero":
        return bool(old) and new == 0 and new is not None
    if rule.change == "changed":
        return bool(old != new)
    return (
        _is_on(new) and not _is_on(old) if rule.change == "on" else _is_on(old) and not _is_on(new)
    )


def _is_on(value: Any) -> bool:
    """True for a value that is set and does not say that it is off."""
    return bool(value) and str(value).lower() not in OFF_VALUES


def _list_path_values(
    value: Any, parts: Sequence[str], key: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Lists the values at a path, by the names of the list elements that lead to them."""
    if not parts:
        yield key, value
        return
    name = parts[0].removesuffix("[]")
    child = value.get(name) if isinstance(value, Mapping) else None
    if not parts[0].endswith("[]"):
        yield from _list_path_values(child, parts[1:], key)
        return
    for index, element in enumerate(child if isinstance(child, list) else ()):
        yield from _list_path_values(element, parts[1:], (*key, _get_element_key(element, index)))


def _get_element_key(element: Any, index: int) -> str:
    """What tells an element of a list from the others: its name, else its place."""
    names = (element.get(name) for name in ELEMENT_NAMES) if isinstance(element, Mapping) else ()
    return str(next((name for name in names if name), index))


def _list_elements(values: Mapping[tuple[str, ...], Any]) -> set[str]:
    """Every value, and every element of values that are lists, as text."""
    elements: set[str] = set()
    for value in values.values():
        items = value if isinstance(value, list) else [value]
        elements |= {json.dumps(item, sort_keys=True) for item in items if item is not None}
    return elements

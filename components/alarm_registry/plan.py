"""Which alarms a stack gets, under which names and thresholds: the registry applied to facts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from components.alarm_registry.model import (
    AlarmEntry,
    CompositeEntry,
    RegistryFacts,
    apply_composite_override,
    apply_override,
)


@dataclass(frozen=True, kw_only=True)
class PlannedAlarm:
    """A metric alarm to make: its entry, the thing it watches, its name and its threshold."""

    entry: AlarmEntry
    subject: str
    name: str
    threshold: float


# CloudWatch API reference, PutCompositeAlarm: a rule names at most 100 alarms and has at most
# 10,240 characters. An alarm's name here has at most 24 of the prefix, 20 of the service and 40 of
# the key, so that 100 of them always fit.
MAX_RULE_ALARMS: Final = 100


@dataclass(frozen=True, kw_only=True)
class PlannedPart:
    """A composite alarm that notifies nobody: a share of the alarms of another composite."""

    key: str
    name: str
    rule: str
    alarm_names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PlannedComposite:
    """A composite alarm to make, with the names of those its rule asks about.

    `parts` are made before it: its rule asks about them in place of too many alarms.
    """

    entry: CompositeEntry
    name: str
    rule: str
    alarm_names: tuple[str, ...]
    suppressor: str | None
    parts: tuple[PlannedPart, ...] = ()

    def list_all_names(self) -> list[str]:
        """Names of the alarms that its rule and those of its parts ask about."""
        return [*self.alarm_names, *(name for part in self.parts for name in part.alarm_names)]


@dataclass(frozen=True)
class AlarmPlan:
    """All alarms of a stack."""

    alarms: tuple[PlannedAlarm, ...]
    composites: tuple[PlannedComposite, ...]


def build_alarm_plan(
    facts: RegistryFacts, *, alarms: Iterable[AlarmEntry], composites: Iterable[CompositeEntry]
) -> AlarmPlan:
    """The alarms of the wanted severities, with what the settings change of them.

    An alarm that only a composite acts on has its severity, and is left out where it is.
    """
    settings = facts.settings
    planned_alarms = [
        item
        for entry in alarms
        if _is_enabled(facts, entry)
        for item in _list_planned_alarms(facts, apply_override(entry, settings))
        if entry.composite_only or item.entry.severity in settings.alarms.severities
    ]
    planned_composites = _list_planned_composites(
        facts,
        planned_alarms=planned_alarms,
        entries=[
            overridden_entry
            for item in composites
            if _is_enabled(facts, item)
            and (overridden_entry := apply_composite_override(item, settings)).severity
            in settings.alarms.severities
        ],
    )
    composite_severities = {
        name: composite.entry.severity
        for composite in planned_composites
        for name in composite.list_all_names()
    }
    used_alarms = tuple(
        replace(item, entry=replace(item.entry, severity=composite_severities[item.name]))
        if item.entry.composite_only
        else item
        for item in planned_alarms
        if not item.entry.composite_only or item.name in composite_severities
    )
    return AlarmPlan(used_alarms, planned_composites)


def _is_enabled(facts: RegistryFacts, entry: AlarmEntry | CompositeEntry) -> bool:
    override = facts.settings.alarms.overrides.get(entry.key)
    if override is not None and not override.enabled:
        return False
    return not isinstance(entry, AlarmEntry) or entry.condition(facts.settings)


def _list_planned_alarms(facts: RegistryFacts, entry: AlarmEntry) -> list[PlannedAlarm]:
    settings = facts.settings
    return [
        PlannedAlarm(
            entry=entry,
            subject=subject,
            name="-".join(filter(None, (settings.prefix, entry.key, subject))),
            threshold=float(entry.threshold.compute_value(settings, subject)),
        )
        for subject in entry.kind.list_names(facts)
    ]


def _list_planned_composites(
    facts: RegistryFacts, *, planned_alarms: list[PlannedAlarm], entries: list[CompositeEntry]
) -> tuple[PlannedComposite, ...]:
    names: dict[str, list[str]] = {}
    for alarm in planned_alarms:
        names.setdefault(alarm.entry.key, []).append(alarm.name)
    planned_composites: dict[str, PlannedComposite] = {}
    for entry in entries:
        groups = [
            [name for key in group for name in names.get(key, ())] for group in entry.alarm_groups
        ]
        if not all(groups):
            continue
        suppressor = planned_composites.get(entry.suppressed_by) if entry.suppressed_by else None
        if suppressor is not None and suppressor.entry.severity > entry.severity:
            suppressor = None  # it notifies fewer people, or nobody
        planned_composites[entry.key] = _plan_composite(
            entry,
            prefix=facts.settings.prefix,
            groups=groups,
            suppressor=suppressor.name if suppressor else None,
        )
    return tuple(planned_composites.values())


def _plan_composite(
    entry: CompositeEntry, *, prefix: str, groups: list[list[str]], suppressor: str | None
) -> PlannedComposite:
    parts: list[PlannedPart] = []
    while sum(map(len, groups)) > MAX_RULE_ALARMS:
        largest = max(range(len(groups)), key=lambda index: len(groups[index]))
        group_parts = tuple(
            _list_parts(entry, prefix=prefix, part_count=len(parts), names=groups[largest])
        )
        parts += group_parts
        groups[largest] = [part.name for part in group_parts]
    return PlannedComposite(
        entry=entry,
        name=f"{prefix}-{entry.key}",
        rule=" AND ".join(_build_any_rule(group) for group in groups),
        alarm_names=tuple(name for group in groups for name in group),
        suppressor=suppressor,
        parts=tuple(parts),
    )


def _list_parts(
    entry: CompositeEntry, *, prefix: str, part_count: int, names: list[str]
) -> Iterator[PlannedPart]:
    """Divides a group into composites of at most MAX_RULE_ALARMS, numbered from `part_count`."""
    for start in range(0, len(names), MAX_RULE_ALARMS):
        key = f"{entry.key}-part-{part_count + start // MAX_RULE_ALARMS + 1}"
        share = names[start : start + MAX_RULE_ALARMS]
        yield PlannedPart(
            key=key,
            name=f"{prefix}-{key}",
            rule=_build_any_rule(share),
            alarm_names=tuple(share),
        )


def _build_any_rule(names: list[str]) -> str:
    alternatives = " OR ".join(f'ALARM("{name}")' for name in names)
    return f"({alternatives})" if len(names) > 1 else alternatives

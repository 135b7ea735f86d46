"""Which alarms a stack gets, under which names and thresholds: the registry applied to facts."""

from collections.abc import Iterable
from dataclasses import dataclass

from components.alarm_registry.model import AlarmEntry, CompositeEntry, RegistryFacts


@dataclass(frozen=True, kw_only=True)
class PlannedAlarm:
    """A metric alarm to make: its entry, the thing it watches, its name and its threshold."""

    entry: AlarmEntry
    subject: str
    name: str
    threshold: float


@dataclass(frozen=True, kw_only=True)
class PlannedComposite:
    """A composite alarm to make, with the names of those its rule asks about."""

    entry: CompositeEntry
    name: str
    rule: str
    alarm_names: tuple[str, ...]
    suppressor: str | None


@dataclass(frozen=True)
class AlarmPlan:
    """All alarms of a stack."""

    alarms: tuple[PlannedAlarm, ...]
    composites: tuple[PlannedComposite, ...]


def build_alarm_plan(
    facts: RegistryFacts, *, alarms: Iterable[AlarmEntry], composites: Iterable[CompositeEntry]
) -> AlarmPlan:
    """The alarms of the wanted severities, with what the settings change of them.

    An alarm that only a composite acts on is left out where that composite is.
    """
    planned_alarms = [
        item
        for entry in alarms
        if _is_enabled(facts, entry)
        for item in _list_planned_alarms(facts, entry)
    ]
    planned_composites = _list_planned_composites(
        facts,
        planned_alarms=planned_alarms,
        entries=[item for item in composites if _is_enabled(facts, item)],
    )
    composite_alarm_names = {name for item in planned_composites for name in item.alarm_names}
    used_alarms = tuple(
        item
        for item in planned_alarms
        if not item.entry.composite_only or item.name in composite_alarm_names
    )
    return AlarmPlan(used_alarms, planned_composites)


def _is_enabled(facts: RegistryFacts, entry: AlarmEntry | CompositeEntry) -> bool:
    settings = facts.settings
    override = settings.alarms.overrides.get(entry.key)
    if entry.severity not in settings.alarms.severities or (override and not override.enabled):
        return False
    return not isinstance(entry, AlarmEntry) or entry.condition(settings)


def _list_planned_alarms(facts: RegistryFacts, entry: AlarmEntry) -> list[PlannedAlarm]:
    settings = facts.settings
    override = settings.alarms.overrides.get(entry.key)
    override_threshold = override.threshold if override else None
    return [
        PlannedAlarm(
            entry=entry,
            subject=subject,
            name="-".join(filter(None, (settings.prefix, entry.key, subject))),
            threshold=float(entry.threshold.compute_value(settings, subject))
            if override_threshold is None
            else override_threshold,
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
        planned_composites[entry.key] = PlannedComposite(
            entry=entry,
            name=f"{facts.settings.prefix}-{entry.key}",
            rule=" AND ".join(_build_any_rule(group) for group in groups),
            alarm_names=tuple(name for group in groups for name in group),
            suppressor=suppressor.name if suppressor else None,
        )
    return tuple(planned_composites.values())


def _build_any_rule(names: list[str]) -> str:
    alternatives = " OR ".join(f'ALARM("{name}")' for name in names)
    return f"({alternatives})" if len(names) > 1 else alternatives

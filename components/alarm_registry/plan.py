"""Which alarms a stack gets, under which names and thresholds: the registry applied to facts."""

from collections.abc import Iterable
from dataclasses import dataclass

from components.alarm_registry.model import Alarm, Composite, Facts


@dataclass(frozen=True)
class Planned:
    """A metric alarm to make: its entry, the thing it watches, its name and its threshold."""

    entry: Alarm
    subject: str
    name: str
    threshold: float


@dataclass(frozen=True)
class PlannedComposite:
    """A composite alarm to make, with the names of those its rule asks about."""

    entry: Composite
    name: str
    rule: str
    parts: tuple[str, ...]
    suppressor: str | None


@dataclass(frozen=True)
class Plan:
    """All alarms of a stack."""

    alarms: tuple[Planned, ...]
    composites: tuple[PlannedComposite, ...]


def plan(facts: Facts, alarms: Iterable[Alarm], composites: Iterable[Composite]) -> Plan:
    """The alarms of the wanted severities, with what the settings change of them.

    An alarm that only a composite acts on is left out where that composite is.
    """
    found = [one for entry in alarms if _wanted(facts, entry) for one in _each(facts, entry)]
    built = _composites(facts, found, [one for one in composites if _wanted(facts, one)])
    heard = {name for one in built for name in one.parts}
    kept = tuple(one for one in found if not one.entry.child or one.name in heard)
    return Plan(kept, built)


def _wanted(facts: Facts, entry: Alarm | Composite) -> bool:
    settings = facts.settings
    override = settings.alarms.overrides.get(entry.key)
    if entry.severity not in settings.alarms.severities or (override and not override.enabled):
        return False
    return not isinstance(entry, Alarm) or entry.when(settings)


def _each(facts: Facts, entry: Alarm) -> list[Planned]:
    settings = facts.settings
    override = settings.alarms.overrides.get(entry.key)
    given = override.threshold if override else None
    return [
        Planned(
            entry,
            subject,
            "-".join(filter(None, (settings.prefix, entry.key, subject))),
            float(entry.limit.value(settings, subject)) if given is None else given,
        )
        for subject in entry.kind.names(facts)
    ]


def _composites(
    facts: Facts, found: list[Planned], wanted: list[Composite]
) -> tuple[PlannedComposite, ...]:
    names: dict[str, list[str]] = {}
    for one in found:
        names.setdefault(one.entry.key, []).append(one.name)
    built: dict[str, PlannedComposite] = {}
    for entry in wanted:
        groups = [[name for key in group for name in names.get(key, ())] for group in entry.all_of]
        if not all(groups):
            continue
        faster = built.get(entry.suppressed_by) if entry.suppressed_by else None
        built[entry.key] = PlannedComposite(
            entry,
            f"{facts.settings.prefix}-{entry.key}",
            " AND ".join(_any(group) for group in groups),
            tuple(name for group in groups for name in group),
            faster.name if faster else None,
        )
    return tuple(built.values())


def _any(names: list[str]) -> str:
    either = " OR ".join(f'ALARM("{name}")' for name in names)
    return f"({either})" if len(names) > 1 else either

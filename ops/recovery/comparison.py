"""A restored instance beside its source: settings, tables, rows and the newest heartbeat."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import JsonValue

from ops.alarms.mute_state import iso
from ops.database import copied_settings as likeness
from ops.database.sql.contents import Beat, Table

Kind = Literal["setting", "table", "rows", "heartbeat"]
COLUMNS: Final = ("kind", "what", "source", "restored")


@dataclass(frozen=True)
class Finding:
    """One thing that is not the same."""

    kind: Kind
    what: str
    source: JsonValue
    restored: JsonValue


def settings(source: Mapping[str, Any], restored: Mapping[str, Any]) -> list[Finding]:
    """Settings that differ, and whoever is not available."""
    found = [
        Finding("setting", d.what, d.source, d.restored)
        for d in likeness.differences(source, restored)
    ]
    status = source["DBInstanceStatus"], restored["DBInstanceStatus"]
    if status[1] != "available":
        found.insert(0, Finding("setting", "DBInstanceStatus", *status))
    waiting = restored.get("PendingModifiedValues")
    if waiting:
        found.append(Finding("setting", "PendingModifiedValues", None, sorted(waiting)))
    groups = [g.get("ParameterApplyStatus") for g in restored.get("DBParameterGroups") or ()]
    if groups and groups[0] != "in-sync":
        found.append(Finding("setting", "ParameterApplyStatus", "in-sync", groups[0]))
    return found


def contents(source: Mapping[str, Table], restored: Mapping[str, Table]) -> Iterator[Finding]:
    """Tables that one of them has not, that have another shape, or another number of rows."""
    for name in sorted(source.keys() | restored.keys()):
        here, there = source.get(name), restored.get(name)
        if here is None or there is None:
            yield Finding("table", name, _is(here), _is(there))
        elif here.shape != there.shape:
            yield Finding("table", name, f"shape {here.shape[:8]}", f"shape {there.shape[:8]}")
        elif here.rows != there.rows:
            yield Finding("rows", name, here.rows, there.rows)


def beats(beat: Beat, source: float | None, restored: float | None) -> Iterator[Finding]:
    """The newest heartbeat of each, where they differ."""
    if source != restored:
        yield Finding("heartbeat", beat.name, _time(source), _time(restored))


def _is(table: Table | None) -> str:
    return "is not there" if table is None else "is there"


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else iso(datetime.fromtimestamp(seconds, UTC))

"""A restored instance beside its source: settings, tables, rows and the newest heartbeat."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import JsonValue

from ops.alarms.mute_state import format_time
from ops.database import copied_settings as likeness
from ops.database.sql.contents import HeartbeatColumn, TableContents

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
        Finding("setting", d.setting, d.source_value, d.restored_value)
        for d in likeness.list_setting_differences(source, restored)
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


def contents(
    source: Mapping[str, TableContents], restored: Mapping[str, TableContents]
) -> Iterator[Finding]:
    """Tables that one of them has not, that have another shape, or another number of rows."""
    for name in sorted(source.keys() | restored.keys()):
        here, there = source.get(name), restored.get(name)
        if here is None or there is None:
            yield Finding("table", name, _is(here), _is(there))
        elif here.columns_digest != there.columns_digest:
            yield Finding(
                "table",
                name,
                f"shape {here.columns_digest[:8]}",
                f"shape {there.columns_digest[:8]}",
            )
        elif here.row_count != there.row_count:
            yield Finding("rows", name, here.row_count, there.row_count)


def beats(beat: HeartbeatColumn, source: float | None, restored: float | None) -> Iterator[Finding]:
    """The newest heartbeat of each, where they differ."""
    if source != restored:
        yield Finding("heartbeat", beat.full_name, _time(source), _time(restored))


def _is(table: TableContents | None) -> str:
    return "is not there" if table is None else "is there"


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else format_time(datetime.fromtimestamp(seconds, UTC))

"""Compares a restored instance with its source: settings, tables, rows, newest heartbeat."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import JsonValue

from ops.alarms.mute_state import format_time
from ops.database.copied_settings import list_setting_differences
from ops.database.sql.contents import HeartbeatColumn, TableContents
from ops.database.statuses import STEADY_STATUSES

RestoreDifferenceKind = Literal["setting", "table", "rows", "heartbeat"]
RESTORE_DIFFERENCE_COLUMNS: Final = ("kind", "what", "source", "restored")


@dataclass(frozen=True)
class RestoreDifference:
    """One difference between a source and a restored instance."""

    kind: RestoreDifferenceKind
    what: str
    source: JsonValue
    restored: JsonValue


def compare_settings(
    source: Mapping[str, Any], restored: Mapping[str, Any]
) -> list[RestoreDifference]:
    """Lists settings that differ, and a restored instance that is not ready."""
    differences = [
        RestoreDifference(
            "setting", difference.setting, difference.source_value, difference.restored_value
        )
        for difference in list_setting_differences(source, restored)
    ]
    status = source["DBInstanceStatus"], restored["DBInstanceStatus"]
    if status[1] not in STEADY_STATUSES:
        differences.insert(0, RestoreDifference("setting", "DBInstanceStatus", *status))
    pending_changes = restored.get("PendingModifiedValues")
    if pending_changes:
        differences.append(
            RestoreDifference("setting", "PendingModifiedValues", None, sorted(pending_changes))
        )
    groups = [
        group.get("ParameterApplyStatus") for group in restored.get("DBParameterGroups") or ()
    ]
    if groups and groups[0] != "in-sync":
        differences.append(
            RestoreDifference("setting", "ParameterApplyStatus", "in-sync", groups[0])
        )
    return differences


def compare_contents(
    source: Mapping[str, TableContents], restored: Mapping[str, TableContents]
) -> Iterator[RestoreDifference]:
    """Yields tables that exist on one side only, or whose columns or row counts differ."""
    for name in sorted(source.keys() | restored.keys()):
        source_table, restored_table = source.get(name), restored.get(name)
        if source_table is None or restored_table is None:
            yield RestoreDifference(
                "table", name, _describe_presence(source_table), _describe_presence(restored_table)
            )
        elif source_table.columns_digest != restored_table.columns_digest:
            yield RestoreDifference(
                "table",
                name,
                f"columns {source_table.columns_digest[:8]}",
                f"columns {restored_table.columns_digest[:8]}",
            )
        elif source_table.row_count != restored_table.row_count:
            yield RestoreDifference("rows", name, source_table.row_count, restored_table.row_count)


def compare_heartbeats(
    heartbeat: HeartbeatColumn, source: float | None, restored: float | None
) -> Iterator[RestoreDifference]:
    """Yields the newest heartbeats if they differ. Times are in seconds since the epoch."""
    if source != restored:
        yield RestoreDifference(
            "heartbeat", heartbeat.full_name, _format_heartbeat(source), _format_heartbeat(restored)
        )


def _describe_presence(table: TableContents | None) -> str:
    return "missing" if table is None else "present"


def _format_heartbeat(seconds: float | None) -> str | None:
    return None if seconds is None else format_time(datetime.fromtimestamp(seconds, UTC))

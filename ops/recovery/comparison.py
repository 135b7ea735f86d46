"""Compares a restored instance with its source: settings, tables, rows, newest heartbeat."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import JsonValue

from ops.alarms.mute_state import format_time
from ops.database.copied_settings import list_setting_differences
from ops.database.sql.contents import HeartbeatColumn, TableContents
from ops.database.statuses import STEADY_STATUSES

NOT_COMPARED: Final = "not compared"
RestoreDifferenceKind = Literal["setting", "table", "rows", "heartbeat", "not compared"]
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
    """Yields tables that exist on one side only, or whose columns or row counts differ.

    A table whose rows could not be counted on a side is "not compared", with the reason.
    """
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
        elif source_table.reason or restored_table.reason:
            yield RestoreDifference(
                NOT_COMPARED, name, _describe_rows(source_table), _describe_rows(restored_table)
            )
        elif source_table.row_count != restored_table.row_count:
            yield RestoreDifference("rows", name, source_table.row_count, restored_table.row_count)


def compare_heartbeats(
    heartbeat: HeartbeatColumn, source: float | str | None, restored: float | str | None
) -> Iterator[RestoreDifference]:
    """Yields the newest heartbeats if they differ. Times are in seconds since the epoch.

    A text is the reason why a heartbeat could not be read.
    """
    if isinstance(source, str) or isinstance(restored, str):
        yield RestoreDifference(
            NOT_COMPARED,
            heartbeat.full_name,
            _format_heartbeat(source),
            _format_heartbeat(restored),
        )
    elif source != restored:
        yield RestoreDifference(
            "heartbeat", heartbeat.full_name, _format_heartbeat(source), _format_heartbeat(restored)
        )


def describe_comparison(
    source: str, restored: str, differences: Sequence[RestoreDifference]
) -> str | None:
    """Describes on one line what differs or could not be compared; None if all is the same."""
    unread = sum(difference.kind == NOT_COMPARED for difference in differences)
    different = len(differences) - unread
    if not differences:
        return None
    if not different:
        return f"{restored} matches {source} in what could be compared; {unread} could not"
    text = f"{restored} differs from {source}: {different} differences"
    return f"{text}; {unread} could not be compared" if unread else text


def _describe_presence(table: TableContents | None) -> str:
    return "missing" if table is None else "present"


def _describe_rows(table: TableContents) -> JsonValue:
    return table.row_count if table.reason is None else f"not counted: {table.reason}"


def _format_heartbeat(seconds: float | str | None) -> str | None:
    if isinstance(seconds, str):
        return f"not read: {seconds}"
    return None if seconds is None else format_time(datetime.fromtimestamp(seconds, UTC))

"""The events that RDS keeps of the stack's database: instances, parameter groups, snapshots."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from ops.cli.time_span import TimeSpan
from ops.core.aws import Aws
from ops.core.times import format_utc
from ops.outputs import Outputs

# Days that RDS and ElastiCache keep events. Source: API references, DescribeEvents.
KEPT_EVENT_DAYS: Final = 14
# The start that is sent for 14 days is a minute later: AWS refuses an earlier one than it keeps,
# and its clock may be ahead.
EVENT_MARGIN: Final = timedelta(minutes=1)
SOURCE_TYPES: Final = ("db-instance", "db-parameter-group", "db-snapshot")
# How names of automated snapshots begin, and of those that AWS Backup makes, which say nothing of
# their instance.
AUTOMATED_PREFIX: Final = "rds:"
BACKUP_PREFIX: Final = "awsbackup:"
EVENT_COLUMNS: Final = ("at", "type", "source", "categories", "event")


def list_database_events(
    aws: Aws, outputs: Outputs, span: TimeSpan, now: datetime
) -> list[dict[str, object]]:
    """Lists the events of a span, the oldest first; what RDS had before 14 days ago is gone.

    One list of the whole region, from which the stack's are chosen by their names. Raises OpsError.
    """
    answer: Any = aws.call("rds.describe_events", build_event_span_params(span, now))
    events = [event for event in answer["Events"] if event.get("SourceType") in SOURCE_TYPES]
    names = {outputs.database.parameter_group, *outputs.database.replicas}
    if any(_get_source(event).startswith(BACKUP_PREFIX) for event in events):
        names |= set(_list_backup_snapshots(aws, outputs))
    rows = [_build_row(event) for event in events if _is_of_stack(outputs, event, names)]
    return sorted(rows, key=lambda row: str(row["at"]))


def build_event_span_params(span: TimeSpan, now: datetime) -> dict[str, Any]:
    """Builds the parameters that ask RDS or ElastiCache for the events of a span."""
    first = now - timedelta(days=KEPT_EVENT_DAYS) + EVENT_MARGIN
    return {
        "StartTime": format_utc(max(span.since, first).timestamp()),
        "EndTime": format_utc(span.until.timestamp() + 1),
    }


def _get_source(event: Mapping[str, Any]) -> str:
    return str(event.get("SourceIdentifier") or "")


def _is_of_stack(outputs: Outputs, event: Mapping[str, Any], names: set[str]) -> bool:
    """True if its source is named, or is named after the primary, as whatever ops makes is."""
    source, identifier = _get_source(event), outputs.database.identifier
    own = source.removeprefix(AUTOMATED_PREFIX)
    return source in names or own == identifier or own.startswith(f"{identifier}-")


def _list_backup_snapshots(aws: Aws, outputs: Outputs) -> Iterator[str]:
    """Names of the snapshots that AWS Backup made of the instances."""
    for identifier in (outputs.database.identifier, *outputs.database.replicas):
        params: dict[str, Any] = {"DBInstanceIdentifier": identifier, "SnapshotType": "awsbackup"}
        for snapshot in aws.list_items("rds.describe_db_snapshots", "DBSnapshots", params):
            yield str(snapshot["DBSnapshotIdentifier"])


def _build_row(event: Mapping[str, Any]) -> dict[str, object]:
    return {
        "at": event["Date"],
        "type": event["SourceType"],
        "source": event.get("SourceIdentifier"),
        "categories": list(event.get("EventCategories") or ()),
        "event": event.get("Message"),
    }

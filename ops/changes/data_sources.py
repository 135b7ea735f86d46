"""What RDS, ElastiCache, Secrets Manager and CloudWatch's alarms report."""

import re
from collections.abc import Iterator
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.changes.model import (
    ChangeEvent,
    SourceAnswer,
    SourceName,
    SourceRequest,
    build_answer,
)
from ops.core.times import format_utc, parse_aws_time
from ops.database.event_list import build_event_span_params, list_database_events
from ops.fleet.model import build_refused_error, list_read_items
from ops.outputs import CachePart

DB_EVENTS_API: Final = "rds.describe_events"
CACHE_EVENTS_API: Final = "elasticache.describe_events"
ALARM_HISTORY_API: Final = "cloudwatch.describe_alarm_history"
# What of an alarm's history is a change; the others are its actions.
ALARM_CHANGES: Final = ("StateUpdate", "ConfigurationUpdate")
_ALARM_TYPES: Final = ["MetricAlarm", "CompositeAlarm"]
ROTATION_SECONDS: Final = 120  # within which a rotation changes the secret several times


def read_database_events(request: SourceRequest) -> SourceAnswer:
    """Events of the instances, their parameter group and their snapshots, as `ops db events` has.

    Raises OpsError if RDS refuses the call.
    """
    identifier = request.outputs.database.identifier
    try:
        rows = list_database_events(request.context.aws, request.outputs, request.span, request.now)
    except ClientError as error:
        raise build_refused_error(DB_EVENTS_API, error) from error
    return build_answer(
        request,
        (
            ChangeEvent(
                parse_aws_time(row["at"]),
                "database",
                "database",
                _describe(row["source"], row["event"], identifier),
                subject=str(row["source"]),
                command="ops db events",
            )
            for row in rows
        ),
    )


def read_cache_events(request: SourceRequest) -> SourceAnswer:
    """Events of the cache's nodes, replication group, parameter groups and subnet group."""
    cache = request.outputs.cache
    assert cache is not None
    params = build_event_span_params(request.span, request.now)
    items = list_read_items(request.context.aws, CACHE_EVENTS_API, "Events", params)
    name_pattern = build_cache_name_pattern(cache)
    return build_answer(
        request,
        (
            ChangeEvent(
                parse_aws_time(item["Date"]),
                "cache",
                "cache",
                _describe(item.get("SourceIdentifier"), item.get("Message"), cache.identifier),
                subject=str(item["SourceIdentifier"]),
                command="ops cache status",
            )
            for item in items
            if name_pattern.fullmatch(str(item.get("SourceIdentifier")))
        ),
    )


def build_cache_name_pattern(cache: CachePart) -> re.Pattern[str]:
    """What the cache's resources are called, and those of no other cache.

    The replication group and the subnet group have its name, nodes a number after it (in cluster
    mode that of their shard before), parameter groups their family (components/cache.py).
    """
    return re.compile(rf"{re.escape(cache.identifier)}(-(\d{{4}}-)?\d{{3}}|-(valkey|redis)[\w-]*)?")


def read_secret_changes(request: SourceRequest) -> SourceAnswer:
    """The last rotation and the last change of each secret; who did it is in CloudTrail."""
    outputs = request.outputs
    secrets = {"database": outputs.database.secret_arn}
    if outputs.cache is not None:
        secrets["cache"] = outputs.cache.secret_arn
    events: list[ChangeEvent] = []
    for part, arn in secrets.items():
        answer: Any = request.context.aws.call("secretsmanager.describe_secret", {"SecretId": arn})
        events += _list_secret_events(part, answer)
    return build_answer(request, events)


def read_alarm_history(request: SourceRequest) -> SourceAnswer:
    """States and settings of the stack's alarms that changed."""
    names = {name for names in request.outputs.alarms.names.values() for name in names}
    params: dict[str, Any] = {
        "AlarmTypes": _ALARM_TYPES,
        "StartDate": format_utc(request.span.since.timestamp()),
        "EndDate": format_utc(request.span.until.timestamp() + 1),
    }
    items = list_read_items(request.context.aws, ALARM_HISTORY_API, "AlarmHistoryItems", params)
    return build_answer(
        request,
        (
            ChangeEvent(
                parse_aws_time(item["Timestamp"]),
                "alarms",
                "alarms",
                f"{str(item['AlarmName']).removeprefix(f'{request.prefix}-')}: "
                f"{item['HistorySummary']}",
                subject=str(item["AlarmName"]),
                command="ops alarms list",
            )
            for item in items
            if item["HistoryItemType"] in ALARM_CHANGES and item["AlarmName"] in names
        ),
    )


def _describe(source: object, message: object, identifier: str) -> str:
    """An event's message, after the name of its source if that is not the part's own."""
    return str(message) if source in (identifier, None) else f"{source}: {message}"


def _list_secret_events(part: str, secret: Any) -> Iterator[ChangeEvent]:
    source: SourceName = "secrets"
    rotated = parse_aws_time(secret["LastRotatedDate"]) if secret.get("LastRotatedDate") else None
    changed = parse_aws_time(secret["LastChangedDate"]) if secret.get("LastChangedDate") else None
    command = "ops db rotate-password --check" if part == "database" else "ops health"
    name = str(secret["Name"])
    if rotated is not None:
        what = f"the secret {name} was rotated"
        yield ChangeEvent(rotated, source, part, what, subject=name, command=command)
    if changed is not None and (
        rotated is None or abs((changed - rotated).total_seconds()) > ROTATION_SECONDS
    ):
        what = f"the secret {name} was changed"
        yield ChangeEvent(changed, source, part, what, subject=name, command=command)

"""What RDS, ElastiCache, Secrets Manager and CloudWatch's alarms report."""

from collections.abc import Iterator
from typing import Any, Final

from ops.changes.model import (
    ChangeEvent,
    SourceAnswer,
    SourceName,
    SourceRequest,
    build_answer,
    parse_time,
)
from ops.core.times import format_utc
from ops.database.event_list import build_event_span_params
from ops.fleet.model import list_read_items

DB_EVENTS_API: Final = "rds.describe_events"
CACHE_EVENTS_API: Final = "elasticache.describe_events"
ALARM_HISTORY_API: Final = "cloudwatch.describe_alarm_history"
# What of an alarm's history is a change; the others are its actions.
ALARM_CHANGES: Final = ("StateUpdate", "ConfigurationUpdate")
_ALARM_TYPES: Final = ["MetricAlarm", "CompositeAlarm"]
ROTATION_SECONDS: Final = 120  # within which a rotation changes the secret several times


def read_database_events(request: SourceRequest) -> SourceAnswer:
    """Events of the instances, their parameter group and their snapshots."""
    database = request.outputs.database
    items = _list_events(request, DB_EVENTS_API)
    names = {database.parameter_group, database.identifier, *database.replicas}
    return build_answer(
        request,
        (
            ChangeEvent(
                parse_time(item["Date"]),
                "database",
                "database",
                _describe(item, database.identifier),
                subject=str(item["SourceIdentifier"]),
                command="ops db status",
            )
            for item in items
            if item.get("SourceIdentifier") in names
            or str(item.get("SourceIdentifier")).startswith(f"{request.prefix}-")
        ),
    )


def read_cache_events(request: SourceRequest) -> SourceAnswer:
    """Events of the cache's nodes, replication group, parameter and subnet group."""
    cache = request.outputs.cache
    assert cache is not None
    items = _list_events(request, CACHE_EVENTS_API)
    return build_answer(
        request,
        (
            ChangeEvent(
                parse_time(item["Date"]),
                "cache",
                "cache",
                _describe(item, cache.identifier),
                subject=str(item["SourceIdentifier"]),
                command="ops health",
            )
            for item in items
            if str(item.get("SourceIdentifier")).startswith(cache.identifier)
        ),
    )


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
                parse_time(item["Timestamp"]),
                "alarms",
                "alarms",
                f"{str(item['AlarmName']).removeprefix(f'{request.prefix}-')}: "
                f"{item['HistorySummary']}",
                subject=str(item["AlarmName"]),
                command="ops alarms list",
            )
            for item in items
            if item["HistoryItemType"] in ALARM_CHANGES
            and (
                item["AlarmName"] in names
                or str(item["AlarmName"]).startswith(f"{request.prefix}-")
            )
        ),
    )


def _list_events(request: SourceRequest, api: str) -> Iterator[Any]:
    """The events of the span that RDS or ElastiCache keeps, of the whole region."""
    params = build_event_span_params(request.span, request.now)
    return list_read_items(request.context.aws, api, "Events", params)


def _describe(item: Any, identifier: str) -> str:
    """An event's message, after the name of its source if that is not the part's own."""
    source, message = str(item.get("SourceIdentifier")), str(item.get("Message"))
    return message if source in (identifier, "None") else f"{source}: {message}"


def _list_secret_events(part: str, secret: Any) -> Iterator[ChangeEvent]:
    source: SourceName = "secrets"
    rotated = parse_time(secret["LastRotatedDate"]) if secret.get("LastRotatedDate") else None
    changed = parse_time(secret["LastChangedDate"]) if secret.get("LastChangedDate") else None
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

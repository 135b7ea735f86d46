"""Events of log groups: written on the sandbox's clock, filtered by patterns, in pages.

moto lets every event pass if a pattern has more than plain terms, always begins with the oldest,
takes the wall's time for that of the ingestion, and has every match on one page.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from moto.logs.models import LogEvent, LogsBackend, LogStream
from moto.logs.responses import LogsResponse
from moto.logs.utils import EventMessageFilter

from sandbox.clock import get_sandbox_clock
from sandbox.patches.logs.patterns import matches_filter_pattern
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
MAX_AGE_MILLISECONDS: Final = 14 * 86_400_000
MAX_AHEAD_MILLISECONDS: Final = 2 * 3_600_000
# Events and bytes to a page: API reference, FilterLogEvents.
EVENT_PAGE_SIZE: Final = 10_000
PAGE_BYTES: Final = 1024 * 1024
# How many events are looked through for a page: an assumption. AWS says that there is a limit, so
# that pages may be empty, and not which.
SCANNED_EVENTS: Final = 10_000
# API reference, startFromHead: false needs a startTime from 2024-01-01 on.
EARLIEST_REVERSED_TIME: Final = 1_704_067_200_000


@patch.wrap(EventMessageFilter, "matches")
def is_event_match(original: Any, message_filter: EventMessageFilter, message: str) -> bool:
    pattern: str | None = vars(message_filter).get("sandbox_pattern")
    if not pattern or pattern.lstrip().startswith("["):
        passes: bool = original(message_filter, message)
        return passes
    return matches_filter_pattern(pattern, message)


@patch.wrap(EventMessageFilter, "__init__")
def keep_pattern(original: Any, message_filter: EventMessageFilter, pattern: str) -> None:
    vars(message_filter)["sandbox_pattern"] = pattern
    original(message_filter, pattern)


@patch.wrap(LogsBackend, "put_log_events")
def put_events(
    _: Any,
    backend: LogsBackend,
    log_group_name: str,
    log_stream_name: str,
    log_events: list[ApiRecord],
) -> tuple[str, dict[str, int]]:
    """Takes events of the last 14 days and the next 2 hours, in order (API reference)."""
    now = get_milliseconds(get_sandbox_clock().now())
    times = [event["timestamp"] for event in log_events]
    if log_group_name not in backend.groups:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    if times != sorted(times):
        raise AwsError(
            "InvalidParameterException",
            "Log events in a single PutLogEvents request must be in chronological order.",
        )
    old_count = sum(time < now - MAX_AGE_MILLISECONDS for time in times)
    new_count = sum(time > now + MAX_AHEAD_MILLISECONDS for time in times)
    rejected = {"tooOldLogEventEndIndex": old_count} if old_count else {}
    if new_count:
        rejected["tooNewLogEventStartIndex"] = len(times) - new_count
    accepted = log_events[old_count : len(times) - new_count]
    return backend.groups[log_group_name].put_log_events(log_stream_name, accepted), rejected


@patch.wrap(LogStream, "put_log_events")
def ingest_at_simulated_time(original: Any, stream: LogStream, events: list[ApiRecord]) -> str:
    count = len(stream.events)
    token: str = original(stream, events)
    now = get_sandbox_clock().now()
    stream.last_ingestion_time = now.replace(tzinfo=None)
    for event in stream.events[count:]:
        event.ingestion_time = get_milliseconds(now)
    return token


def get_milliseconds(time: datetime) -> int:
    """A time in milliseconds since the epoch."""
    return int(time.timestamp() * 1000)


@patch.replace_operation(LogsResponse, "FilterLogEvents")
def filter_log_events(response: LogsResponse, params: ApiRecord) -> ApiRecord:
    """A page of all streams' events in order of time, the oldest or the newest first."""
    backend: LogsBackend = response.logs_backend
    name, is_forward = params["logGroupName"], _is_forward(params)
    if name not in backend.groups:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    if not is_forward and params.get("startTime", EARLIEST_REVERSED_TIME) < EARLIEST_REVERSED_TIME:
        raise AwsError(
            "InvalidParameterException", "startFromHead=false needs a startTime of 2024 or later."
        )
    if params.get("logStreamNames") and params.get("logStreamNamePrefix"):
        raise AwsError(
            "InvalidParameterException",
            "logStreamNamePrefix and logStreamNames cannot be used together.",
        )
    message_filter = EventMessageFilter(params.get("filterPattern", ""))
    candidates = sorted(
        _list_candidates(backend, params),
        key=lambda item: (item[1].timestamp, item[1].ingestion_time, item[1].event_id),
        reverse=not is_forward,
    )
    offset, limit = _parse_offset(params), params.get("limit") or EVENT_PAGE_SIZE
    if not 1 <= limit <= EVENT_PAGE_SIZE:
        raise AwsError("InvalidParameterException", "limit must be 1 to 10000.")
    events: list[ApiRecord] = []
    position, page_bytes = offset, 0
    for stream_name, event in candidates[offset : offset + SCANNED_EVENTS]:
        if message_filter.matches(event.message):
            page_bytes += len(event.message)
            if events and page_bytes > PAGE_BYTES:
                break
            events.append(event.to_filter_dict() | {"logStreamName": stream_name})
        position += 1
        if len(events) == limit:
            break
    page: ApiRecord = {"events": events, "searchedLogStreams": []}
    if position < len(candidates):
        page["nextToken"] = f"{'f' if is_forward else 'b'}/{position}"
    return page


def _list_candidates(
    backend: LogsBackend, params: Mapping[str, Any]
) -> Iterator[tuple[str, LogEvent]]:
    names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix", "")
    start, end = params.get("startTime") or 0, params.get("endTime") or float("inf")
    for stream in backend.groups[params["logGroupName"]].streams.values():
        stream_name = stream.log_stream_name
        if (names is None or stream_name in names) and stream_name.startswith(prefix):
            for event in stream.events:
                if start <= event.timestamp <= end:
                    yield stream_name, event


def _is_forward(params: Mapping[str, Any]) -> bool:
    """The direction, which a token preserves."""
    token = params.get("nextToken")
    return bool(token.startswith("f/") if token else params.get("startFromHead", True))


def _parse_offset(params: Mapping[str, Any]) -> int:
    token = params.get("nextToken")
    if not token:
        return 0
    if not re.fullmatch(r"[fb]/\d+", token):
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return int(token[2:])

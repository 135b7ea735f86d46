"""CloudWatch Logs: patterns with `?` and `-` terms, events from the newest to the oldest.

moto lets every event pass if a pattern has more than plain terms, and always begins with the
oldest. Patterns of fields, `{ $.x = 1 }` and `[ip, user]`, are left to moto.
"""

import re
from collections.abc import Mapping
from typing import Any

from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse
from moto.logs.utils import EventMessageFilter

from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
EVENT_PAGE_SIZE = 10_000  # events to a page: API reference, FilterLogEvents
# What a regular expression of a filter may have: no parentheses, quotation marks or spaces. Source:
# CloudWatch Logs User Guide, "Supported regular expressions (regex) syntax".
SUPPORTED_REGEX = re.compile(r"[A-Za-z0-9:_#=@/;,^$?\[\]{}|\\*+.-]+")
FILTER_TERM_PATTERN = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')


def matches_filter_pattern(pattern: str, message: str) -> bool:
    """True if an event has every plain term, one of the `?` terms, and no `-` term.

    CloudWatch Logs User Guide, "Filter pattern syntax": terms are case-sensitive, and if there
    are plain terms as well, those with `?` are ignored. `%...%` is a regular expression that any
    part of an event may match. Raises AwsError if it has what CloudWatch does not support.
    """
    if pattern.startswith("%") and pattern.endswith("%") and len(pattern) > 1:
        return re.search(_require_supported_regex(pattern[1:-1]), message, re.ASCII) is not None
    plain, either, never = (
        [re.sub(r"\\(.)", r"\1", quoted) or word for sign, quoted, word in terms if sign == kind]
        for terms in (FILTER_TERM_PATTERN.findall(pattern),)
        for kind in ("", "?", "-")
    )
    if any(term in message for term in never):
        return False
    if plain:
        return all(term in message for term in plain)
    return not either or any(term in message for term in either)


def _require_supported_regex(expression: str) -> str:
    if not SUPPORTED_REGEX.fullmatch(expression):
        raise AwsError("InvalidParameterException", "Invalid filter pattern")
    return expression


@patch.wrap(EventMessageFilter, "matches")
def is_event_match(original: Any, message_filter: EventMessageFilter, message: str) -> bool:
    pattern: str | None = vars(message_filter).get("sandbox_pattern")
    if not pattern or pattern.lstrip()[0] in "{[":
        passes: bool = original(message_filter, message)
        return passes
    return matches_filter_pattern(pattern, message)


@patch.wrap(EventMessageFilter, "__init__")
def keep_pattern(original: Any, message_filter: EventMessageFilter, pattern: str) -> None:
    vars(message_filter)["sandbox_pattern"] = pattern
    original(message_filter, pattern)


@patch.replace_operation(LogsResponse, "FilterLogEvents")
def filter_log_events(response: LogsResponse, params: ApiRecord) -> ApiRecord:
    """All streams' events in order of time, the oldest or the newest first."""
    backend: LogsBackend = response.logs_backend
    name = params["logGroupName"]
    if name not in backend.groups:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    streams, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix", "")
    events: list[ApiRecord] = []
    for stream in backend.groups[name].streams.values():
        stream_name = stream.log_stream_name
        if (streams is None or stream_name in streams) and stream_name.startswith(prefix):
            events += stream.filter_log_events(
                params.get("startTime", 0),
                params.get("endTime", 0),
                params.get("filterPattern", ""),
            )
    is_forward = _is_forward(params)
    events.sort(key=lambda event: int(event["timestamp"]), reverse=not is_forward)
    offset, limit = _parse_offset(params), params.get("limit") or EVENT_PAGE_SIZE
    token = (
        f"{'f' if is_forward else 'b'}/{offset + limit}" if offset + limit < len(events) else None
    )
    page: ApiRecord = {"events": events[offset : offset + limit], "searchedLogStreams": []}
    return page | ({"nextToken": token} if token else {})


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

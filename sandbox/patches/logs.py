"""CloudWatch Logs: patterns with `?` and `-` terms, events from the newest to the oldest.

moto lets every event through where a pattern has more than plain terms, and always begins with the
oldest. Patterns of fields, `{ $.x = 1 }` and `[ip, user]`, are left to moto.
"""

import re
from collections.abc import Mapping
from typing import Any

from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse
from moto.logs.utils import EventMessageFilter

from sandbox.patches.patching import Mend, Refused

mend = Mend()
Record = dict[str, Any]
LIMIT = 10_000  # events to a page: API reference, FilterLogEvents
TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')


def matches(pattern: str, message: str) -> bool:
    """Whether an event passes: it has every plain term, one of the `?`, and none of the `-`.

    CloudWatch Logs User Guide, "Filter pattern syntax": terms are case-sensitive, and where there
    are plain terms as well, those with `?` count for nothing.
    """
    plain, either, never = (
        [re.sub(r"\\(.)", r"\1", quoted) or word for sign, quoted, word in found if sign == kind]
        for found in (TERM.findall(pattern),)
        for kind in ("", "?", "-")
    )
    if any(term in message for term in never):
        return False
    if plain:
        return all(term in message for term in plain)
    return not either or any(term in message for term in either)


@mend.around(EventMessageFilter, "matches")
def event_matches(original: Any, it: EventMessageFilter, message: str) -> bool:
    pattern: str | None = vars(it).get("mended_pattern")
    if not pattern or pattern.lstrip()[0] in "{[%":
        passes: bool = original(it, message)
        return passes
    return matches(pattern, message)


@mend.around(EventMessageFilter, "__init__")
def made(original: Any, it: EventMessageFilter, pattern: str) -> None:
    vars(it)["mended_pattern"] = pattern
    original(it, pattern)


@mend.operation(LogsResponse, "FilterLogEvents")
def filter_log_events(response: LogsResponse, params: Record) -> Record:
    """All streams' events in order of time, the oldest or the newest first."""
    backend: LogsBackend = response.logs_backend
    name = params["logGroupName"]
    if name not in backend.groups:
        raise Refused("ResourceNotFoundException", "The specified log group does not exist.")
    streams, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix", "")
    found: list[Record] = []
    for stream in backend.groups[name].streams.values():
        of = stream.log_stream_name
        if (streams is None or of in streams) and of.startswith(prefix):
            found += stream.filter_log_events(
                params.get("startTime", 0),
                params.get("endTime", 0),
                params.get("filterPattern", ""),
            )
    ahead = _ahead(params)
    found.sort(key=lambda event: int(event["timestamp"]), reverse=not ahead)
    at, limit = _at(params), params.get("limit") or LIMIT
    token = f"{'f' if ahead else 'b'}/{at + limit}" if at + limit < len(found) else None
    page: Record = {"events": found[at : at + limit], "searchedLogStreams": []}
    return page | ({"nextToken": token} if token else {})


def _ahead(params: Mapping[str, Any]) -> bool:
    """The direction, which a token goes on with."""
    token = params.get("nextToken")
    return bool(token.startswith("f/") if token else params.get("startFromHead", True))


def _at(params: Mapping[str, Any]) -> int:
    token = params.get("nextToken")
    if not token:
        return 0
    if not re.fullmatch(r"[fb]/\d+", token):
        raise Refused("InvalidParameterException", "The specified nextToken is invalid.")
    return int(token[2:])

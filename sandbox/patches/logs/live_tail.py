"""Live Tail: events that are ingested while a session is open, and in the second before it.

moto has all events that ever were, and takes the last group for the one that is named. A session
of the sandbox ends after its first update, since an answer is sent whole; AWS's lasts up to three
hours, with an update each second (API reference, StartLiveTail). Whoever follows opens a session
again when one ends.
"""

from collections.abc import Sequence
from typing import Any, Final

from moto.logs.models import LogGroup, LogsBackend

from sandbox.clock import get_sandbox_clock
from sandbox.patches.logs.events import get_milliseconds
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
RECENT_MILLISECONDS: Final = 1000


@patch.wrap(LogsBackend, "_find_live_tail_log_group")
def find_group_by_arn(_: Any, backend: LogsBackend, log_group_identifier: str) -> LogGroup:
    for group in backend.groups.values():
        if group.arn.removesuffix(":*") == log_group_identifier:
            return group
    raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")


@patch.wrap(LogsBackend, "start_live_tail")
def keep_recent_events(
    original: Any,
    backend: LogsBackend,
    *,
    log_group_identifiers: Sequence[str],
    **kwargs: Any,
) -> tuple[Any, Any]:
    if any(identifier.endswith("*") for identifier in log_group_identifiers):
        raise AwsError("InvalidParameterException", "A log group's ARN must not end with *.")
    oldest = get_milliseconds(get_sandbox_clock().now()) - RECENT_MILLISECONDS
    kept = [
        (stream, stream.events)
        for group in backend.groups.values()
        for stream in group.streams.values()
    ]
    try:
        for stream, events in kept:
            stream.events = [event for event in events if event.ingestion_time >= oldest]
        session: tuple[Any, Any] = original(
            backend, log_group_identifiers=log_group_identifiers, **kwargs
        )
    finally:
        for stream, events in kept:
            stream.events = events
    return session

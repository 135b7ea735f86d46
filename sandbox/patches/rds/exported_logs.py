"""The logs of real servers, in the log groups that RDS exports them to.

They are put there when a group is read, with the sandbox's time of each entry and RDS's prefix. RDS
does so about every five minutes, which is not kept here.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse
from moto.rds.models import rds_backends

from sandbox import postgres as databases
from sandbox.clock import get_sandbox_clock
from sandbox.patches.logs.events import get_milliseconds
from sandbox.patches.patching import ServicePatch, backend_state, parse_request_parameters

patch = ServicePatch()
GROUP_PATTERN: Final = re.compile(r"/aws/rds/instance/([\w-]+)/postgresql")
ENTRY_PATTERN: Final = re.compile(
    r"^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}) UTC(:.*?)(?=^\d{4}-\d{2}-\d{2} |\Z)",
    re.DOTALL | re.MULTILINE,
)
OLDEST: Final = timedelta(days=14)  # that CloudWatch Logs takes
TIME_STEPS: Final = 40  # of the search for a time: to less than a millisecond


@patch.wrap(LogsResponse, "filter_log_events")
def export_before_filtering(original: Any, response: LogsResponse) -> Any:
    export_server_logs(response)
    return original(response)


@patch.wrap(LogsResponse, "start_query")
def export_before_query(original: Any, response: LogsResponse) -> Any:
    export_server_logs(response)
    return original(response)


def export_server_logs(response: LogsResponse) -> None:
    """Puts what servers have logged since the last time into the groups that are asked for."""
    servers, backend = databases.find_postgres_servers(), response.logs_backend
    params = parse_request_parameters(response)
    if servers is None:
        return
    for name in params.get("logGroupNames") or [params.get("logGroupName", "")]:
        match = GROUP_PATTERN.fullmatch(name)
        if match is None or name not in backend.groups:
            continue
        rds = rds_backends[backend.account_id][backend.region_name]
        instance = rds.databases.get(match[1])
        instance_server = servers.find_instance_server(instance) if instance is not None else None
        if instance_server is not None and instance_server.server is not None:
            log_file = instance_server.server.log_file
            if log_file.exists():
                _export_file(backend, name, match[1], log_file.read_bytes())


def _export_file(backend: LogsBackend, group: str, identifier: str, content: bytes) -> None:
    """Puts what is new in a file into the stream of the instance; the last entry may grow."""
    offsets = backend_state(backend, "exported_logs", dict[str, int])
    start = offsets.get(group, 0) if offsets.get(group, 0) <= len(content) else 0
    offsets[group] = len(content)
    entries = list(_list_entries(content[start:].decode(errors="replace")))
    if not entries:
        return
    log_group, stream = backend.groups[group], f"{identifier}.0"
    if stream not in log_group.streams:
        log_group.create_log_stream(stream)
    log_group.put_log_events(stream, entries)


def _list_entries(text: str) -> Iterator[dict[str, Any]]:
    for written_at, rest in ENTRY_PATTERN.findall(text):
        wall_time = datetime.fromisoformat(written_at).replace(tzinfo=UTC)
        time = _to_simulated_time(wall_time.timestamp())
        message = f"{time:%Y-%m-%d %H:%M:%S} UTC{rest.rstrip()}"
        yield {"timestamp": get_milliseconds(time), "message": message}


def _to_simulated_time(wall_seconds: float) -> datetime:
    """The time of the sandbox's clock at a real time: the clock itself only says the reverse."""
    clock = get_sandbox_clock()
    latest = clock.now()
    earliest = latest - OLDEST
    for _ in range(TIME_STEPS):
        middle = earliest + (latest - earliest) / 2
        if clock.to_wall_seconds(middle) < wall_seconds:
            earliest = middle
        else:
            latest = middle
    return latest

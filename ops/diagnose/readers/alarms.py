"""Which alarms are raised, or were at a past time, and of which part each is."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from components.facts.alarm_commands import ALARM_COMMANDS
from ops.alarms.health import format_alarm_prefix
from ops.alarms.model import list_alarm_states
from ops.changes.timeline import read_timeline
from ops.core.parts import STACK_PART, get_service_part
from ops.core.times import parse_aws_time
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.outputs import Outputs

PART_PREFIXES: Final = (
    ("database-", "database"),
    ("cache-", "cache"),
    ("fleet-", "fleet"),
    ("nat-", "network"),
    ("balancer-", "load-balancer"),
    ("certificate-", "load-balancer"),
)
_HISTORY_DAYS: Final = 1  # how long before a past time an alarm's last change is looked for
# "Threshold Crossed: 2 out of the last 2 datapoints [5.0 (08/12/26 21:38:00), ...] were greater
# than or equal to the threshold (1.0) ..." (DescribeAlarms, API reference, an example).
_REASON_PATTERN: Final = re.compile(
    r"^Threshold Crossed: .*?\[([0-9.Ee+-]+) \(.*?the threshold \(([0-9.Ee+-]+)\)"
)
_CHANGE_PATTERN: Final = re.compile(r"updated from (\w+) to (\w+)")


def read_alarms(request: DiagnosisRequest) -> Facts:
    """The alarms that are raised at the time, and those that were in the hour before."""
    collector = FactCollector("alarms")
    if request.is_past:
        for name, raised_at in _list_raised_then(request, collector):
            _add_alarm(collector, request.outputs, name, raised_at, "")
        return collector.build_facts()
    for alarm in list_alarm_states(request.outputs, request.aws, request.now):
        if alarm.state == "ALARM":
            since = parse_aws_time(alarm.since) if alarm.since else None
            _add_alarm(collector, request.outputs, alarm.name, since, alarm.reason)
    return collector.build_facts()


def find_alarm_part(outputs: Outputs, key: str, subject: str) -> str:
    """The part that an alarm is of: its subject if that is a service or the fleet."""
    if subject == "fleet":
        return "fleet"
    if outputs.services is not None and subject in outputs.services.services:
        return get_service_part(outputs, subject)
    return next((part for prefix, part in PART_PREFIXES if key.startswith(prefix)), STACK_PART)


def split_alarm_name(outputs: Outputs, name: str) -> tuple[str, str] | None:
    """The key and the subject of an alarm of the registry; None if it is another."""
    text = name.removeprefix(f"{format_alarm_prefix(outputs)}-")
    for key in ALARM_COMMANDS:
        if text == key or text.startswith(f"{key}-"):
            return key, text[len(key) + 1 :]
    return None


def shorten_reason(reason: str) -> str:
    """The newest value and the threshold of CloudWatch's reason; all of another reason."""
    match = _REASON_PATTERN.search(reason)
    return f"{match[1]}, threshold {match[2]}" if match is not None else reason


def _add_alarm(
    collector: FactCollector, outputs: Outputs, name: str, since: datetime | None, reason: str
) -> None:
    split_name = split_alarm_name(outputs, name)
    if split_name is None:
        return
    key, subject = split_name
    collector.add(
        f"alarm.raised.{key}",
        find_alarm_part(outputs, key, subject),
        f"alarm {name.removeprefix(f'{format_alarm_prefix(outputs)}-')} is raised"
        + (f": {shorten_reason(reason)}" if reason else ""),
        since=since,
        subject=name,
        command=ALARM_COMMANDS[key].format_command(subject),
    )


def _list_raised_then(
    request: DiagnosisRequest, collector: FactCollector
) -> Iterator[tuple[str, datetime]]:
    """The alarms whose last change before the time raised them, by their history."""
    span = replace(request.span, since=request.at - timedelta(days=_HISTORY_DAYS))
    timeline = read_timeline(request.context, span, request.now, names=("alarms",))
    for gap in timeline.gaps:
        collector.note_reason(gap.reason)
    raised: dict[str, datetime] = {}
    for event in timeline.events:
        match = _CHANGE_PATTERN.search(event.what)
        if match is None or event.subject is None:
            continue
        if match[2] == "ALARM":
            raised[event.subject] = event.time
        else:
            raised.pop(event.subject, None)
    names = {name for names in request.outputs.alarms.names.values() for name in names}
    yield from ((name, since) for name, since in raised.items() if name in names)

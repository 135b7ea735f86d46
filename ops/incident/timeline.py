"""The timeline of an incident: its own records, and what all sources of `ops changes` say.

A closed incident has what they said when it was closed: most sources forget after weeks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ops.changes.model import ChangeEvent, SourceName
from ops.changes.timeline import SOURCE_NAMES, read_timeline
from ops.cli.time_span import TimeSpan
from ops.core.run_context import StackContext
from ops.incident.model import INCIDENT_PREFIX, Incident, TimelineLine

# Before the trouble began: what brought it about is often a change of the minutes before.
LEAD: Final = timedelta(minutes=30)
# What `ops incident status` reads, so that it answers at once.
QUICK_SOURCES: Final[tuple[SourceName, ...]] = ("runs", "alarms")
# Lines and characters that a closing record keeps: with them it stays below MAX_RECORD_BYTES.
MAX_KEPT_LINES: Final = 800
MAX_KEPT_CHARACTERS: Final = 300


@dataclass(frozen=True)
class IncidentTimeline:
    """What happened, the oldest first; what is missing, and the sources that could not be read."""

    lines: tuple[TimelineLine, ...]
    gaps: tuple[str, ...]
    failed_sources: tuple[str, ...]


def build_incident_timeline(
    context: StackContext,
    incident: Incident,
    now: datetime,
    names: Sequence[SourceName] = SOURCE_NAMES,
) -> IncidentTimeline:
    """The timeline of an incident: of an open one read now, of a closed one as it was kept."""
    if incident.is_closed:
        kept = incident.closing.timeline if incident.closing else ()
        unread = incident.closing.unread if incident.closing else ()
        return _join(incident, kept, unread, ())
    timeline = read_timeline(context, _get_span(incident, now), now, names=names)
    lines = [
        TimelineLine(time=event.time, source=event.source, what=_describe(event), by=event.actor)
        for event in timeline.events
        if not is_own_run(event)
    ]
    gaps = [f"{gap.source}: {gap.reason}" for gap in timeline.gaps]
    return _join(incident, lines, gaps, timeline.failed_sources)


def select_kept_lines(timeline: IncidentTimeline) -> tuple[list[TimelineLine], list[str]]:
    """The lines of the sources that a closing record keeps, and what it then lacks.

    The records of the incident are left out: they are objects of their own.
    """
    lines = [
        line.model_copy(update={"what": line.what[:MAX_KEPT_CHARACTERS]})
        for line in timeline.lines
        if line.source != INCIDENT_PREFIX
    ]
    gaps = list(timeline.gaps)
    if len(lines) > MAX_KEPT_LINES:
        gaps.append(f"{len(lines) - MAX_KEPT_LINES} of {len(lines)} lines in the middle were cut")
        half = MAX_KEPT_LINES // 2
        lines = [*lines[:half], *lines[-half:]]
    return lines, gaps


def is_own_run(event: ChangeEvent) -> bool:
    """True if it is a run of `ops incident`, whose record is in the timeline already."""
    return event.source == "runs" and (event.subject or "").startswith(f"{INCIDENT_PREFIX}-")


def _get_span(incident: Incident, now: datetime) -> TimeSpan:
    opening = incident.opening
    known_times = [opening.began, opening.alarmed] if opening else []
    first = min([time for time in known_times if time is not None] + [incident.opened_at])
    return TimeSpan(first - LEAD, max(now, first), is_until_now=True)


def _describe(event: ChangeEvent) -> str:
    outcome = f" ({event.outcome})" if event.outcome else ""
    return f"{event.what}{outcome}"


def _join(
    incident: Incident,
    lines: Sequence[TimelineLine],
    gaps: Sequence[str],
    failed_sources: Sequence[str],
) -> IncidentTimeline:
    record_gaps = [f"{gap.key} cannot be read: {gap.reason}" for gap in incident.gaps]
    every_line = sorted([*lines, *_list_record_lines(incident)], key=lambda line: line.time)
    return IncidentTimeline(tuple(every_line), (*gaps, *record_gaps), tuple(failed_sources))


def _list_record_lines(incident: Incident) -> list[TimelineLine]:
    lines: list[TimelineLine] = []
    if (opening := incident.opening) is not None:
        what = f"{opening.severity} opened, led by {opening.commander}: {opening.title}"
        what += f"; known: {opening.known}" if opening.known else ""
        lines.append(_build_line(opening.time, what, opening.by))
        if opening.began is not None:
            lines.append(_build_line(opening.began, "the trouble began", None))
        if opening.alarm is not None and opening.alarmed is not None:
            what = f"{opening.alarm} was raised, for which it was opened"
            lines.append(_build_line(opening.alarmed, what, None))
    for entry in incident.entries:
        changes = [
            *([f"severity {entry.severity}"] if entry.severity else []),
            *([f"commander {entry.commander}"] if entry.commander else []),
            *([f"public: {entry.state}: {entry.public}"] if entry.public else []),
        ]
        what = "; ".join([*changes, *([f"{entry.kind}: {entry.text}"] if entry.text else [])])
        lines.append(_build_line(entry.time, what, entry.by))
    if (closing := incident.closing) is not None:
        lines.append(_build_line(closing.time, f"closed: {closing.cause}", closing.by))
    return lines


def _build_line(time: datetime, what: str, person: str | None) -> TimelineLine:
    return TimelineLine(time=time, source=INCIDENT_PREFIX, what=what, by=person)

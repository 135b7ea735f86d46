"""What happened while a budget was spent: alarms that were raised, runs, events, incidents."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ops.changes.model import ChangeEvent
from ops.core.times import format_utc, format_utc_minute
from ops.slo.model import ServiceLevel, Spending
from ops.slo.outages import TO_ALARM_TEXT

# What came so long before a time of errors may have caused it.
BEFORE: Final = timedelta(minutes=15)
MAX_EVIDENCE: Final = 6  # of a time, those that began first


@dataclass(frozen=True)
class IncidentSpan:
    """An incident that was open in a time; `until` is None while it is, or if it is not known."""

    name: str
    title: str
    severity: str | None
    since: datetime
    until: datetime | None

    @property
    def command(self) -> str:
        """The command that shows it."""
        return f"ops incident report {self.name}"

    def build_json(self) -> dict[str, object]:
        """Its fields for `--output json`."""
        return {
            "incident": self.name,
            "title": self.title,
            "severity": self.severity,
            "since": format_utc(self.since.timestamp()),
            "until": format_utc(self.until.timestamp()) if self.until is not None else None,
            "command": self.command,
        }

    def describe(self) -> str:
        """Says it in a line, with the command that shows it."""
        end = format_utc_minute(self.until.timestamp()) if self.until is not None else "now"
        since = format_utc_minute(self.since.timestamp())
        severity = f" {self.severity}" if self.severity is not None else ""
        return f"incident{severity} {since} to {end}: {self.title}: {self.command}"


def add_evidence(
    level: ServiceLevel, events: Sequence[ChangeEvent], incidents: Sequence[IncidentSpan]
) -> ServiceLevel:
    """The level with what happened in each of the times in which its budget was spent."""
    return replace(
        level,
        spendings=tuple(
            replace(spending, evidence=_list_evidence(spending, events, incidents))
            for spending in level.spendings
        ),
    )


def _list_evidence(
    spending: Spending, events: Sequence[ChangeEvent], incidents: Sequence[IncidentSpan]
) -> tuple[str, ...]:
    texts = [
        f"incident {incident.name}: {incident.title}"
        for incident in incidents
        if incident.since <= spending.until
        and (incident.until is None or incident.until >= spending.since)
    ]
    happened = [
        f"{format_utc_minute(event.time.timestamp())} {event.source}: {_describe(event)}"
        for event in events
        if spending.since - BEFORE <= event.time <= spending.until and _is_telling(event)
    ]
    texts += dict.fromkeys(happened)
    more = len(texts) - MAX_EVIDENCE
    return (*texts[:MAX_EVIDENCE], *([f"and {more} more: ops changes"] if more > 0 else []))


def _is_telling(event: ChangeEvent) -> bool:
    """True unless it is an alarm that ended, or lost its data."""
    return event.source != "alarms" or TO_ALARM_TEXT in event.what


def _describe(event: ChangeEvent) -> str:
    who = f" by {event.actor}" if event.actor else ""
    how = f" ({event.outcome})" if event.outcome else ""
    run = f", {event.subject}" if event.source == "runs" and event.subject else ""
    return f"{event.what}{who}{how}{run}"

"""When the database was down: what RDS's events and the alarm of a silent database say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ops.changes.model import ChangeEvent
from ops.outputs import Outputs

# Messages that begin and end an outage. Source: RDS User Guide, "Amazon RDS event categories and
# event messages" (RDS-EVENT-0004, -0006, -0013, -0049, -0087, -0088). A failover that RDS gives up
# is over by its own event.
BEGINNINGS: Final = ("instance shutdown", "failover started", "instance stopped")
ENDINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "instance shutdown": ("instance restarted", "instance started"),
    "failover started": ("failover completed", "Abandoning user requested failover"),
    "instance stopped": ("instance started", "instance restarted"),
}
# The end of the name of the alarm of a primary that reports nothing: its key and its subject.
SILENT_ALARM_SUFFIX: Final = "-database-silent-primary"
TO_ALARM_TEXT: Final = "to ALARM"
FROM_ALARM_TEXT: Final = "from ALARM"


@dataclass(frozen=True)
class Outage:
    """A time in which the database was down, and what says so."""

    since: datetime
    until: datetime
    what: str

    @property
    def minutes(self) -> float:
        """How long it was."""
        return (self.until - self.since).total_seconds() / 60


def list_outages(
    outputs: Outputs, events: Sequence[ChangeEvent], until: datetime, *, is_available_now: bool
) -> list[Outage]:
    """The outages of the primary, in order; those that overlap are one.

    One whose end nothing reports lasts until `until` if the database is not available now, and
    else is left out: how long it was is not known, and the minutes without data say it too.
    """
    identifier = outputs.database.identifier
    outages: list[Outage] = []
    for index, event in enumerate(events):
        ending = _find_ending(identifier, event, events[index + 1 :])
        if ending is None:
            continue
        end = ending.time if isinstance(ending, ChangeEvent) else until
        if isinstance(ending, ChangeEvent) or not is_available_now:
            outages.append(Outage(event.time, end, event.what))
    return _merge(outages)


def _find_ending(
    identifier: str, event: ChangeEvent, later: Iterable[ChangeEvent]
) -> ChangeEvent | bool | None:
    """The event that ends the outage that an event begins, True if there is none yet.

    None if the event begins no outage.
    """
    if event.source == "alarms" and _is_silent_alarm(event):
        if TO_ALARM_TEXT not in event.what:
            return None
        return next(
            (e for e in later if _is_silent_alarm(e) and FROM_ALARM_TEXT in e.what),
            True,
        )
    if event.source != "database" or event.subject != identifier:
        return None
    beginning = next((text for text in BEGINNINGS if text in event.what), None)
    if beginning is None:
        return None
    return next(
        (
            e
            for e in later
            if e.source == "database"
            and e.subject == identifier
            and any(text in e.what for text in ENDINGS[beginning])
        ),
        True,
    )


def _is_silent_alarm(event: ChangeEvent) -> bool:
    return event.source == "alarms" and str(event.subject).endswith(SILENT_ALARM_SUFFIX)


def _merge(outages: Iterable[Outage]) -> list[Outage]:
    merged: list[Outage] = []
    for outage in sorted(outages, key=lambda outage: outage.since):
        if merged and outage.since <= merged[-1].until:
            last = merged.pop()
            outage = Outage(last.since, max(last.until, outage.until), last.what)
        merged.append(outage)
    return merged

"""What an incident is: how it was opened, what was noted since, how it was closed.

Each is a record of its own, so that two people who write at once lose nothing. The records are read
leniently: fields of later versions are ignored, and what cannot be read is named and passed by.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue

from components.facts.alarm_numbers import Severity

EntryKind: TypeAlias = Literal["note", "status", "diagnosis"]
# What the people outside are told, in the words of the common status pages.
PublicState: TypeAlias = Literal["investigating", "identified", "monitoring", "resolved"]
MAX_ENTRY_CHARACTERS: Final = 10_000
# How names and runs of incidents begin, and the source of their own lines in a timeline.
INCIDENT_PREFIX: Final = "incident"
# Until when somebody answers and how often is told what goes on, by severity, in minutes; None for
# the next working day. Assumptions, as the runbook's page for an incident has them.
RESPONSE_MINUTES: Final[Mapping[Severity, int | None]] = {
    "P0": 15,
    "P1": 30,
    "P2": None,
    "P3": None,
}
UPDATE_MINUTES: Final[Mapping[Severity, int | None]] = {"P0": 30, "P1": 60, "P2": None, "P3": None}


def _require_utc(time: datetime) -> datetime:
    if time.utcoffset() is None:
        raise ValueError("must be a time with its offset")
    return time.astimezone(UTC)


UtcTime: TypeAlias = Annotated[datetime, AfterValidator(_require_utc)]


class IncidentRecord(BaseModel):
    """What every record has: when it was written, and by whom."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1] = 1
    time: UtcTime
    by: str


class TimelineLine(BaseModel):
    """Something that happened, from a source of `ops changes` or from the incident's records."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    time: UtcTime
    source: str
    what: str
    by: str | None = None


class IncidentOpening(IncidentRecord):
    """How it was opened. `alarm` was raised for it, at `alarmed`; `began` is when the trouble did.

    None if there was no alarm, or nobody knows.
    """

    severity: Severity
    title: str
    commander: str
    known: str = ""
    alarm: str | None = None
    alarmed: UtcTime | None = None
    began: UtcTime | None = None


class IncidentEntry(IncidentRecord):
    """Something noted since. What is None stays as it was.

    `public` is the sentence that people outside may read, and `state` the word before it.
    `data` is what a program reads again, such as a diagnosis.
    """

    kind: EntryKind = "note"
    text: str = ""
    severity: Severity | None = None
    commander: str | None = None
    state: PublicState | None = None
    public: str | None = None
    data: dict[str, JsonValue] = {}


class IncidentClosing(IncidentRecord):
    """How it was closed: the cause, what helped, and what is to be done, one action a text.

    `timeline` is what all sources said of the time until then, since most forget it after weeks;
    `unread` are those that could not be read.
    """

    cause: str
    helped: str = ""
    actions: tuple[str, ...] = ()
    timeline: tuple[TimelineLine, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class IncidentGap:
    """A record that cannot be read, by its key in the bucket."""

    key: str
    reason: str


@dataclass(frozen=True)
class Incident:
    """An incident, from its records. `opening` is None if that record cannot be read.

    `is_closed` is true as soon as it was closed, also if how cannot be read.
    """

    name: str
    opening: IncidentOpening | None
    entries: tuple[IncidentEntry, ...]
    closing: IncidentClosing | None
    is_closed: bool
    gaps: tuple[IncidentGap, ...] = ()

    @property
    def title(self) -> str:
        """Its title; what is known of it without one."""
        return self.opening.title if self.opening else "how it was opened cannot be read"

    @property
    def severity(self) -> Severity | None:
        """The severity that it was given last."""
        given = [entry.severity for entry in self.entries if entry.severity is not None]
        return given[-1] if given else self.opening.severity if self.opening else None

    @property
    def commander(self) -> str | None:
        """Who leads it now."""
        given = [entry.commander for entry in self.entries if entry.commander is not None]
        return given[-1] if given else self.opening.commander if self.opening else None

    @property
    def opened_at(self) -> datetime:
        """When it was opened; without the record, the time in its name."""
        return self.opening.time if self.opening else parse_incident_time(self.name)

    @property
    def began(self) -> datetime | None:
        """When the trouble began, as far as anybody knows."""
        return self.opening.began if self.opening else None

    @property
    def closed_at(self) -> datetime | None:
        """When it was closed; None if it is open or the record cannot be read."""
        return self.closing.time if self.closing else None

    @property
    def public_entries(self) -> tuple[IncidentEntry, ...]:
        """What people outside were told, the newest last."""
        return tuple(entry for entry in self.entries if entry.public)


def parse_incident_time(name: str) -> datetime:
    """When an incident was opened, from its name. Raises ValueError if it has no time."""
    day, clock = name.split("-")[1:3]
    return datetime.strptime(f"{day}{clock}", "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def sort_entries(entries: Iterable[tuple[str, IncidentEntry]]) -> tuple[IncidentEntry, ...]:
    """Entries by their keys in order: of one second, by key, so that everybody sees the same."""
    return tuple(entry for _, entry in sorted(entries, key=lambda keyed: (keyed[1].time, keyed[0])))

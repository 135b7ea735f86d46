"""What a look of `ops diagnose` is, and what it is asked. A reader never raises for what it reads.

A reader that cannot read all of it returns the facts that it has, and a gap for each thing that it
has not; what it raises itself becomes one gap that names it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

from botocore.exceptions import BotoCoreError, ClientError

from ops.changes.model import ChangeEvent, SourceName, Timeline
from ops.changes.timeline import SOURCE_NAMES, read_timeline
from ops.cli.time_span import TimeSpan
from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.run_context import StackContext
from ops.diagnose.facts import Fact, FactGap, Facts
from ops.outputs import Outputs

READ_ERRORS = (OpsError, ClientError, BotoCoreError)


@dataclass
class TimelineCache:
    """The changes of the span, read once for all readers."""

    lock: Lock = field(default_factory=Lock)
    timeline: Timeline | None = None


@dataclass(frozen=True)
class DiagnosisRequest:
    """What is diagnosed: a stack, and when. `span` ends at the time that is asked about.

    `is_past` is set if that is not now: what AWS only knows of now is then left out.
    """

    context: StackContext
    span: TimeSpan
    now: datetime
    is_past: bool = False
    program: Path | None = None
    cache: TimelineCache = field(default_factory=TimelineCache, compare=False)
    sources: tuple[SourceName, ...] = SOURCE_NAMES

    @property
    def outputs(self) -> Outputs:
        """The stack's outputs."""
        return self.context.outputs

    @property
    def aws(self) -> Aws:
        """The stack's AWS."""
        return self.context.aws

    @property
    def at(self) -> datetime:
        """The time that is asked about, UTC."""
        return self.span.until

    @property
    def prefix(self) -> str:
        """How the names of the stack's resources begin."""
        return f"{self.outputs.stack.project}-{self.outputs.stack.stack}"

    def read_changes(self) -> Timeline:
        """What changed in the span; the first reader that asks reads it, the others wait."""
        with self.cache.lock:
            if self.cache.timeline is None:
                self.cache.timeline = read_timeline(
                    self.context, self.span, self.now, names=self.sources, program=self.program
                )
            return self.cache.timeline

    def is_recent(self, time: datetime, minutes: float) -> bool:
        """True if a time is at most so many minutes before the time that is asked about."""
        return self.at - timedelta(minutes=minutes) <= time <= self.at


def describe_read_error(error: Exception) -> str:
    """An error of a read on one line."""
    return " ".join(str(error).split())


@dataclass
class FactCollector:
    """Facts and gaps of one look while it reads: what one read misses, the others still say."""

    source: str
    facts: list[Fact] = field(default_factory=list)
    gaps: list[FactGap] = field(default_factory=list)

    @contextmanager
    def note_gap(self, subject: str, *parts: str) -> Iterator[None]:
        """Turns an error of a read into a gap that names what was read."""
        try:
            yield
        except READ_ERRORS as error:
            self.note_reason(f"{subject} could not be read: {describe_read_error(error)}", *parts)

    def note_reason(self, reason: str, *parts: str, is_failure: bool = True) -> None:
        """Adds a gap."""
        self.gaps.append(FactGap(self.source, reason, parts, is_failure))

    def add(
        self,
        key: str,
        part: str,
        text: str,
        *,
        since: datetime | None = None,
        value: float | None = None,
        subject: str | None = None,
        actor: str | None = None,
        command: str | None = None,
        change: ChangeEvent | None = None,
    ) -> None:
        """Adds a fact of this look. A `change` that brought it about says since when, and who."""
        if change is not None:
            since, actor = change.time, change.actor
        self.facts.append(Fact(key, part, text, self.source, since, value, subject, actor, command))

    def build_facts(self) -> Facts:
        """What was read."""
        return Facts(tuple(self.facts), tuple(self.gaps))

"""What changed: events of all sources in one order, and what could not be read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from ops.cli.time_span import TimeSpan
from ops.core.parts import STACK_PART, FixedPartName, list_service_parts
from ops.core.run_context import StackContext
from ops.core.times import format_utc
from ops.outputs import Outputs

SourceName = Literal[
    "runs",
    "pulumi",
    "deployments",
    "service-events",
    "refreshes",
    "scaling",
    "database",
    "cache",
    "secrets",
    "alarms",
    "cloudtrail",
]
# Parts beside the services that every stack has.
EVERY_STACKS_PARTS: Final[tuple[FixedPartName, ...]] = ("database", "network", "alarms", STACK_PART)


@dataclass(frozen=True)
class ChangeEvent:
    """One thing that happened. `actor` is who did it, None if the source does not say.

    `outcome` is how it ended, in the source's word; `subject` the thing's own name, and `command`
    the command that shows more.
    """

    time: datetime
    source: SourceName
    part: str
    what: str
    actor: str | None = None
    outcome: str | None = None
    subject: str | None = None
    command: str | None = None

    def build_json(self) -> dict[str, object]:
        """Its fields for `--output json`."""
        return {
            "time": format_utc(self.time.timestamp()),
            "source": self.source,
            "part": self.part,
            "what": self.what,
            "by": self.actor,
            "outcome": self.outcome,
            "subject": self.subject,
            "command": self.command,
        }


@dataclass(frozen=True)
class SourceGap:
    """What of a source is not known, and why. `is_failure` is False if nothing has it any more."""

    source: SourceName
    reason: str
    is_failure: bool = True


@dataclass(frozen=True)
class SourceAnswer:
    """What a source said of a span."""

    events: tuple[ChangeEvent, ...] = ()
    gaps: tuple[SourceGap, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """The events of a span, the oldest first, and what of it is not known."""

    span: TimeSpan
    sources: tuple[SourceName, ...]
    events: tuple[ChangeEvent, ...]
    gaps: tuple[SourceGap, ...]

    @property
    def failed_sources(self) -> list[SourceName]:
        """The sources that could not be read, or not whole."""
        return list(dict.fromkeys(gap.source for gap in self.gaps if gap.is_failure))

    def select(self, *, actor: str | None = None, part: str | None = None) -> "Timeline":
        """The events of an actor, if the source names one, and of a part."""
        events = tuple(
            event
            for event in self.events
            if (actor is None or actor.lower() in (event.actor or "").lower())
            and (part is None or event.part == part)
        )
        return Timeline(self.span, self.sources, events, self.gaps)


@dataclass(frozen=True)
class SourceRequest:
    """What a source is asked: of which stack, and when."""

    context: StackContext
    span: TimeSpan
    now: datetime
    program: Any = None  # the folder of the stack's program, a Path, for Pulumi

    @property
    def outputs(self) -> Outputs:
        """The stack's outputs."""
        return self.context.outputs

    @property
    def prefix(self) -> str:
        """How the names of the stack's resources begin."""
        return f"{self.outputs.stack.project}-{self.outputs.stack.stack}"

    def is_within(self, time: datetime) -> bool:
        """True if a time is in the span."""
        return self.span.since <= time <= self.span.until


Reader: TypeAlias = Callable[[SourceRequest], SourceAnswer]


@dataclass(frozen=True)
class ChangeSource:
    """A source: how it is read, and the calls to AWS that this takes.

    `days` is how long it keeps events; None if for good.
    """

    name: SourceName
    read: Reader
    apis: tuple[str, ...]
    days: int | None = None
    exists: Callable[[Outputs], bool] = field(default=lambda _: True)


def build_answer(
    request: SourceRequest, events: Iterable[ChangeEvent], *gaps: SourceGap
) -> SourceAnswer:
    """An answer of the events that are in the span."""
    return SourceAnswer(tuple(event for event in events if request.is_within(event.time)), gaps)


def list_change_parts(outputs: Outputs) -> dict[str, str]:
    """The parts that events can belong to: their names, by what is typed."""
    optional_parts: dict[FixedPartName, object] = {
        "load-balancer": outputs.load_balancer,
        "fleet": outputs.fleet,
        "cache": outputs.cache,
    }
    names: list[str] = [
        *EVERY_STACKS_PARTS,
        *(name for name, part in optional_parts.items() if part is not None),
        *list_service_parts(outputs),
    ]
    return {name: name for name in sorted(names)}

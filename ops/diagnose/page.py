"""A diagnosis as an HTML page, with the hour before drawn as a lane for each part."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ops.core.page_templates import render_page
from ops.core.times import format_local_and_utc, format_local_second
from ops.diagnose.causes import CAUSES
from ops.diagnose.diagnosis import Diagnosis
from ops.diagnose.facts import Fact, FactGap
from ops.diagnose.ranking import RankedCause
from ops.diagnose.report import (
    describe_cause,
    describe_confidence,
    describe_verdict,
    format_command,
)
from ops.outputs import Outputs

TICKS: Final = 7  # of the axis: every ten minutes of an hour
_POINT_PERCENT: Final = 0.5  # the width of what has no duration
_CHANGE_SOURCES: Final = frozenset(
    {"runs", "pulumi", "deployments", "refreshes", "secrets", "cloudtrail"}
)


@dataclass(frozen=True)
class PageRow:
    """A row of a table."""

    label: str
    text: str
    when: str
    source: str


@dataclass(frozen=True)
class PageCause:
    """A cause as the page shows it."""

    title: str
    confidence: str
    since: str
    command: str
    refutation: str
    remedy: str
    rows: tuple[PageRow, ...]


@dataclass(frozen=True)
class PageEvent:
    """An event of the timeline."""

    when: str
    part: str
    what: str
    actor: str | None
    outcome: str | None


@dataclass(frozen=True)
class LaneMark:
    """Something on a lane: where it begins and how wide it is, in percent, and its text."""

    left: float
    width: float
    style: str
    text: str


@dataclass(frozen=True)
class Lane:
    """The hour of one part."""

    part: str
    marks: tuple[LaneMark, ...]


@dataclass(frozen=True)
class DiagnosisPage:
    """What the template shows."""

    stack: str
    at: str
    about: str | None
    verdict: str
    since: str
    is_known: bool
    causes: tuple[PageCause, ...]
    symptoms: tuple[PageRow, ...]
    ticks: tuple[str, ...]
    lanes: tuple[Lane, ...]
    events: tuple[PageEvent, ...]
    gaps: tuple[FactGap, ...]


def render_diagnosis_page(outputs: Outputs, diagnosis: Diagnosis, about: str | None) -> str:
    """The whole page. What AWS or a program wrote is escaped."""
    page = build_diagnosis_page(outputs, diagnosis, about)
    return render_page("diagnosis.html.j2", page=page)


def build_diagnosis_page(
    outputs: Outputs, diagnosis: Diagnosis, about: str | None
) -> DiagnosisPage:
    """What the page shows."""
    span = diagnosis.span
    step = (span.until - span.since) / (TICKS - 1)
    times = (span.since + number * step for number in range(TICKS))
    return DiagnosisPage(
        stack=f"{outputs.stack.project} {outputs.stack.stack}",
        at=format_local_and_utc(span.until),
        about=about,
        verdict=describe_verdict(diagnosis),
        since=_format_since(diagnosis.since),
        is_known=diagnosis.is_known,
        causes=tuple(_build_cause(outputs, cause) for cause in diagnosis.causes),
        symptoms=tuple(_build_row(fact.part, fact) for fact in diagnosis.symptoms),
        ticks=tuple(f"{time.astimezone():%H:%M %Z}" for time in times),
        lanes=tuple(_list_lanes(diagnosis)),
        events=tuple(
            PageEvent(
                format_local_second(event.time), event.part, event.what, event.actor, event.outcome
            )
            for event in diagnosis.events
        ),
        gaps=diagnosis.gaps,
    )


def _build_cause(outputs: Outputs, cause: RankedCause) -> PageCause:
    rows = [_build_row("because", fact) for fact in cause.evidence]
    rows += [_build_row("against", fact) for fact in cause.against]
    rows += [_build_row("after", cause.trigger)] if cause.trigger is not None else []
    return PageCause(
        describe_cause(cause),
        describe_confidence(cause),
        _format_since(cause.since),
        format_command(outputs, cause),
        cause.rule.refutation,
        CAUSES[cause.cause].remedy,
        tuple(rows),
    )


def _build_row(label: str, fact: Fact) -> PageRow:
    when = format_local_second(fact.since) if fact.since is not None else "now"
    return PageRow(label, fact.text, when, fact.source)


def _format_since(time: datetime | None) -> str:
    return "" if time is None else format_local_and_utc(time)


def _list_lanes(diagnosis: Diagnosis) -> list[Lane]:
    """A lane for each part that something happened to or is wrong with, the most marks first."""
    marks: dict[str, list[LaneMark]] = {}
    for event in diagnosis.events:
        style = "change" if event.source in _CHANGE_SOURCES else "event"
        mark = _build_mark(diagnosis, event.time, None, style, event.what)
        marks.setdefault(event.part, []).append(mark)
    wrong = dict.fromkeys(
        (*diagnosis.symptoms, *(fact for cause in diagnosis.causes for fact in cause.evidence))
    )
    for fact in wrong:
        if fact.since is not None:
            mark = _build_mark(diagnosis, fact.since, diagnosis.span.until, "back", fact.text)
            marks.setdefault(fact.part, []).insert(0, mark)
    lanes = [Lane(part, tuple(items)) for part, items in marks.items()]
    return sorted(lanes, key=lambda lane: (-len(lane.marks), lane.part))


def _build_mark(
    diagnosis: Diagnosis, begin: datetime, end: datetime | None, style: str, text: str
) -> LaneMark:
    span = diagnosis.span
    left = max(0.0, (begin - span.since).total_seconds() / span.seconds * 100)
    width = _POINT_PERCENT if end is None else (end - begin).total_seconds() / span.seconds * 100
    left = min(left, 100 - _POINT_PERCENT)
    width = max(_POINT_PERCENT, min(width, 100 - left))
    return LaneMark(left, width, style, f"{begin.astimezone():%H:%M %Z} {text}")

"""A diagnosis as a person reads it: what is wrong, why, what to type, what happened before."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ops.changes.model import ChangeEvent
from ops.core.parts import list_service_parts
from ops.core.times import format_local_and_utc, format_utc
from ops.diagnose.causes import CAUSES
from ops.diagnose.diagnosis import Diagnosis
from ops.diagnose.facts import Fact, FactGap
from ops.diagnose.ranking import RankedCause, get_confidence_words
from ops.outputs import Outputs

LINE_WIDTH: Final = 80
LABEL_COLUMNS: Final = 12
MAX_FACT_CHARACTERS: Final = 220
SHOWN_CAUSES: Final = 5
SHOWN_FACTS: Final = 5
SHOWN_SYMPTOMS: Final = 8
SHOWN_EVENTS: Final = 12
_ONE_TASK_PATTERN: Final = re.compile(r"\b1 tasks\b")  # ECS: "has started 1 tasks"


@dataclass(frozen=True)
class ReportLine:
    """A line of the report, and how it looks on a terminal."""

    text: str
    style: str = ""


def list_report_lines(outputs: Outputs, diagnosis: Diagnosis) -> Iterator[ReportLine]:
    """The whole report, folded at 80 columns."""
    yield from _list_verdict_lines(diagnosis)
    for number, cause in enumerate(diagnosis.causes[:SHOWN_CAUSES], 1):
        yield ReportLine("")
        yield from _list_cause_lines(outputs, number, cause)
    if len(diagnosis.causes) > SHOWN_CAUSES:
        yield ReportLine(f"{len(diagnosis.causes) - SHOWN_CAUSES} less likely ones: --output json")
    if diagnosis.causes and diagnosis.not_explained:
        yield from _list_facts("not explained by any of these", diagnosis.not_explained, "yellow")
    yield from _list_event_lines(diagnosis.events)
    yield from _list_gap_lines(diagnosis.gaps)


def format_command(outputs: Outputs, cause: RankedCause) -> str:
    """The command of a cause, with the names of its part and of what was seen."""
    service = list_service_parts(outputs).get(cause.part, "NAME")
    subject = next((fact.subject for fact in cause.evidence if fact.subject), "NAME")
    return cause.command.format(part=cause.part, service=service, subject=subject)


def format_moment(time: datetime | None) -> str:
    """A time for a sentence, local and UTC; `unknown` if it is."""
    return "unknown" if time is None else format_local_and_utc(time)


def describe_verdict(diagnosis: Diagnosis) -> str:
    """Whether something is wrong, in a few words."""
    if diagnosis.causes:
        return "something is wrong"
    if diagnosis.symptoms:
        return "something is wrong, and no cause was found"
    if diagnosis.is_known:
        return "nothing is wrong"
    return "nothing is wrong in what could be read: the rest is unknown"


def describe_cause(cause: RankedCause) -> str:
    """A cause and its part, as a sentence."""
    return f"{CAUSES[cause.cause].title}: {cause.part}"


def describe_confidence(cause: RankedCause) -> str:
    """A confidence in words and as a number."""
    return f"{get_confidence_words(cause.confidence)} ({cause.confidence:.2f})"


def build_diagnosis_json(outputs: Outputs, diagnosis: Diagnosis) -> dict[str, Any]:
    """The fields of `--output json`."""
    return {
        **diagnosis.span.build_json(),
        "wrongSince": _format_json_time(diagnosis.since),
        "symptoms": [_build_fact_json(fact) for fact in diagnosis.symptoms],
        "items": [_build_cause_json(outputs, cause) for cause in diagnosis.causes],
        "notExplained": [fact.key for fact in diagnosis.not_explained],
        "timeline": [event.build_json() for event in diagnosis.events],
        "notRead": [
            {
                "source": gap.source,
                "reason": gap.reason,
                "parts": list(gap.parts),
                "failed": gap.is_failure,
            }
            for gap in diagnosis.gaps
        ],
    }


def _list_verdict_lines(diagnosis: Diagnosis) -> Iterator[ReportLine]:
    if not diagnosis.causes and not diagnosis.symptoms:
        yield ReportLine(describe_verdict(diagnosis), "green" if diagnosis.is_known else "yellow")
        return
    since = f", since {format_moment(diagnosis.since)}" if diagnosis.since else ""
    if diagnosis.symptoms:
        yield from _list_facts(f"wrong{since}", diagnosis.symptoms, "bold", SHOWN_SYMPTOMS)
    if not diagnosis.causes:
        yield ReportLine("")
        yield ReportLine("no cause was found: nothing that was read explains it", "yellow")


def _list_cause_lines(outputs: Outputs, number: int, cause: RankedCause) -> Iterator[ReportLine]:
    yield from _fold(f"{number}. ", describe_cause(cause), "bold", indent=3)
    since = f", since {format_moment(cause.since)}" if cause.since else ""
    yield from _fold("   ", f"{describe_confidence(cause)}{since}", indent=3)
    for label, facts in (("because", cause.evidence), ("against", cause.against)):
        for index, fact in enumerate(facts[:SHOWN_FACTS]):
            yield from _list_labelled(label if index == 0 else "", _describe_fact(fact))
        if len(facts) > SHOWN_FACTS:
            yield from _list_labelled("", f"and {len(facts) - SHOWN_FACTS} more")
    if cause.trigger is not None:
        yield from _list_labelled("after", _describe_fact(cause.trigger))
    if cause.explained_by is not None:
        title = CAUSES[cause.explained_by].title
        yield from _list_labelled("follows", f"it may only follow from this: {title}")
    if cause.gaps:
        names = ", ".join(dict.fromkeys(gap.source for gap in cause.gaps))
        yield from _list_labelled("unread", f"{names}, which could say more")
    yield from _list_labelled("refuted if", cause.rule.refutation)
    yield from _list_labelled("to mend", CAUSES[cause.cause].remedy)
    # On a line of its own, never folded: it is copied.
    yield ReportLine(f"   {'then':{LABEL_COLUMNS - 1}}{format_command(outputs, cause)}", "cyan")


def _list_facts(
    title: str, facts: Sequence[Fact], style: str, limit: int = SHOWN_FACTS
) -> Iterator[ReportLine]:
    yield ReportLine("")
    yield ReportLine(f"{title}:", style)
    for fact in facts[:limit]:
        yield from _fold("   ", f"{fact.part}: {_describe_fact(fact)}", indent=5)
    if len(facts) > limit:
        yield ReportLine(f"   and {len(facts) - limit} more")


def _list_event_lines(events: Sequence[ChangeEvent]) -> Iterator[ReportLine]:
    if not events:
        return
    groups = select_shown_events(events)
    count = sum(len(group) for group in groups)
    yield ReportLine("")
    more = f", {count} of {len(events)} events (all: ops changes)" if count < len(events) else ""
    yield ReportLine(f"before it{more}:", "bold")
    for group in groups:
        event = group[0]
        actor = f" by {event.actor}" if event.actor else ""
        outcome = f" ({event.outcome})" if event.outcome else ""
        stamp = f"{event.time.astimezone():%H:%M:%S %Z}"
        times = f", {len(group)} times until {group[-1].time.astimezone():%H:%M}"
        text = _shorten(f"{event.part}: {format_event(event.what)}{actor}{outcome}")
        repeated = times if len(group) > 1 else ""
        yield from _fold(f"   {stamp}  ", f"{text}{repeated}", indent=5 + len(stamp))


def format_event(what: str) -> str:
    """AWS's words of an event as a part of a line: without a full stop, and one thing singular."""
    return _ONE_TASK_PATTERN.sub("1 task", what.rstrip().removesuffix("."))


def select_shown_events(events: Sequence[ChangeEvent]) -> list[list[ChangeEvent]]:
    """The newest events in the order of time, equal ones together; alarms if there is room."""
    groups: dict[tuple[str, str, str | None], list[ChangeEvent]] = {}
    for event in events:
        groups.setdefault((event.part, event.what, event.actor), []).append(event)
    others = [group for group in groups.values() if group[0].source != "alarms"]
    alarms = [group for group in groups.values() if group[0].source == "alarms"]
    shown = others[-SHOWN_EVENTS:]
    room = SHOWN_EVENTS - len(shown)
    shown += alarms[-room:] if room else []
    return sorted(shown, key=lambda group: group[0].time)


def _list_gap_lines(gaps: Sequence[FactGap]) -> Iterator[ReportLine]:
    if not gaps:
        return
    yield ReportLine("")
    yield ReportLine("could not be read, which lowers the confidence:", "yellow")
    for gap in gaps:
        yield from _fold("   ", f"{gap.source}: {_shorten(gap.reason)}", "yellow", indent=5)


def _list_labelled(label: str, text: str) -> Iterator[ReportLine]:
    yield from _fold(f"   {label:{LABEL_COLUMNS - 1}}", text, indent=LABEL_COLUMNS + 2)


def _fold(first: str, text: str, style: str = "", *, indent: int) -> Iterator[ReportLine]:
    for line in textwrap.wrap(
        text,
        LINE_WIDTH,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield ReportLine(line, style)


def _describe_fact(fact: Fact) -> str:
    since = f" [{fact.since.astimezone():%H:%M %Z}]" if fact.since is not None else ""
    return f"{_shorten(fact.text)}{since}"


def _shorten(text: str) -> str:
    flat_text = " ".join(text.split())
    return textwrap.shorten(flat_text, MAX_FACT_CHARACTERS, placeholder=" ...")


def _build_cause_json(outputs: Outputs, cause: RankedCause) -> dict[str, Any]:
    return {
        "cause": cause.cause,
        "kind": CAUSES[cause.cause].kind,
        "part": cause.part,
        "title": CAUSES[cause.cause].title,
        "confidence": round(cause.confidence, 3),
        "confidenceWords": get_confidence_words(cause.confidence),
        "since": _format_json_time(cause.since),
        "evidence": _build_facts_json(cause.evidence),
        "against": _build_facts_json(cause.against),
        "trigger": _build_fact_json(cause.trigger) if cause.trigger is not None else None,
        "followsFrom": cause.explained_by,
        "notRead": list(dict.fromkeys(gap.source for gap in cause.gaps)),
        "refutedIf": cause.rule.refutation,
        "remedy": CAUSES[cause.cause].remedy,
        "command": format_command(outputs, cause),
        "ruleSource": cause.rule.source,
    }


def _build_facts_json(facts: Iterable[Fact]) -> list[dict[str, Any]]:
    return [_build_fact_json(fact) for fact in facts]


def _build_fact_json(fact: Fact) -> dict[str, Any]:
    return {
        "key": fact.key,
        "part": fact.part,
        "text": fact.text,
        "source": fact.source,
        "since": _format_json_time(fact.since),
        "value": fact.value,
        "subject": fact.subject,
        "by": fact.actor,
        "command": fact.command,
    }


def _format_json_time(time: datetime | None) -> str | None:
    return None if time is None else format_utc(time.timestamp())

"""The report of an incident, of a closed one its post-mortem: as data, in Markdown, as HTML."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ops.cli.durations import format_duration
from ops.cli.markdown import escape_markup
from ops.core.page_templates import render_page
from ops.core.times import format_utc, format_utc_minute
from ops.incident.contacts import list_contact_facts, sort_contacts
from ops.incident.model import RESPONSE_MINUTES, Incident
from ops.incident.timeline import IncidentTimeline
from ops.outputs import ContactEntry, Outputs

_UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class IncidentTimes:
    """How long each part took, in seconds; None if it is not known or has not ended.

    Detection is from the beginning to the alarm (to the opening, if no alarm was raised), response
    from the alarm to the opening, repair from the opening to the close, total from the first to the
    last of them. `target` is the response that the severity asks for.
    """

    detection: float | None
    response: float | None
    repair: float | None
    total: float | None
    target: float | None

    @property
    def is_response_in_time(self) -> bool | None:
        """Whether the target was met; None if either is not known."""
        if self.response is None or self.target is None:
            return None
        return self.response <= self.target


@dataclass(frozen=True)
class IncidentReport:
    """What a report says."""

    incident: Incident
    stack: str
    times: IncidentTimes
    timeline: IncidentTimeline
    contacts: tuple[ContactEntry, ...] = ()


def build_incident_report(
    outputs: Outputs, incident: Incident, timeline: IncidentTimeline
) -> IncidentReport:
    """Builds the report of an incident of the stack.

    It has whom to call while the incident is open. A post-mortem has not: it is shown to many, and
    whom the settings name by then may be others.
    """
    return IncidentReport(
        incident,
        f"{outputs.stack.project} {outputs.stack.stack}",
        measure_incident(incident),
        timeline,
        () if incident.is_closed else tuple(sort_contacts(outputs.alarms.contacts)),
    )


def measure_incident(incident: Incident) -> IncidentTimes:
    """The times of an incident, from the alarm that began it, its opening and its close."""
    opening = incident.opening
    began = opening.began if opening else None
    alarmed = opening.alarmed if opening else None
    opened, closed = incident.opened_at, incident.closed_at
    minutes = RESPONSE_MINUTES[opening.severity] if opening else None
    return IncidentTimes(
        detection=_measure(began, alarmed or opened),
        response=_measure(alarmed, opened),
        repair=_measure(opened, closed),
        total=_measure(began or alarmed or opened, closed),
        target=None if minutes is None else minutes * 60.0,
    )


def _measure(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return max(0.0, (end - start).total_seconds())


def format_span(seconds: float | None) -> str:
    """A time taken, or that it is not known."""
    return _UNKNOWN if seconds is None else format_duration(seconds)


def list_facts(report: IncidentReport) -> list[tuple[str, str]]:
    """What is known of an incident, by what it is, in the order of a report."""
    incident, times = report.incident, report.times
    opening, closing = incident.opening, incident.closing
    response = format_span(times.response)
    if times.is_response_in_time is not None and times.target is not None:
        verdict = "in time" if times.is_response_in_time else "late"
        response += f" ({verdict}: {format_duration(times.target)} for {_get_severity(report)})"
    facts = [
        ("state", "closed" if incident.is_closed else "open"),
        ("severity", incident.severity or _UNKNOWN),
        ("commander", incident.commander or _UNKNOWN),
        *((name.lower(), value) for name, value in list_contact_facts(report.contacts)),
        ("known", opening.known if opening else ""),
        ("alarm", (opening.alarm or "") if opening else ""),
        ("began", _format_time(incident.began)),
        ("opened", format_utc_minute(incident.opened_at.timestamp())),
        ("closed", _format_time(incident.closed_at) if incident.is_closed else ""),
        ("detection", format_span(times.detection)),
        ("response", response),
        ("repair", format_span(times.repair) if incident.is_closed else "not yet"),
        ("total", format_span(times.total) if incident.is_closed else "not yet"),
        ("cause", closing.cause if closing else (_UNKNOWN if incident.is_closed else "")),
        ("helped", closing.helped if closing else ""),
    ]
    return [(name, value) for name, value in facts if value]


def build_report_json(report: IncidentReport) -> dict[str, object]:
    """The fields of a report for `--output json`; times taken are seconds."""
    incident, times = report.incident, report.times
    opening, closing = incident.opening, incident.closing
    return {
        "incident": incident.name,
        "stack": report.stack,
        "title": incident.title,
        "state": "closed" if incident.is_closed else "open",
        "severity": incident.severity,
        "commander": incident.commander,
        "contacts": [
            {
                "name": contact.name,
                "reach": contact.reach,
                "afterMinutes": contact.after_minutes,
            }
            for contact in report.contacts
        ],
        "known": opening.known if opening else None,
        "alarm": opening.alarm if opening else None,
        "began": _format_json_time(incident.began),
        "alarmed": _format_json_time(opening.alarmed if opening else None),
        "opened": _format_json_time(incident.opened_at),
        "closed": _format_json_time(incident.closed_at),
        "detectionSeconds": times.detection,
        "responseSeconds": times.response,
        "responseTargetSeconds": times.target,
        "responseInTime": times.is_response_in_time,
        "repairSeconds": times.repair,
        "totalSeconds": times.total,
        "cause": closing.cause if closing else None,
        "helped": closing.helped if closing else None,
        "actions": list(closing.actions) if closing else [],
        "notRead": list(report.timeline.gaps),
        "items": [
            {
                "time": format_utc(line.time.timestamp()),
                "source": line.source,
                "by": line.by,
                "what": line.what,
            }
            for line in report.timeline.lines
        ],
    }


def render_markdown(report: IncidentReport) -> str:
    """The report in Markdown, in which no text of a person or of AWS is markup."""
    return "\n".join(_list_markdown_lines(report)) + "\n"


def _list_markdown_lines(report: IncidentReport) -> Iterator[str]:
    incident = report.incident
    yield f"# {escape_markup(incident.title)}"
    yield ""
    yield f"`{incident.name}`, {escape_markup(report.stack)}"
    yield ""
    yield "| | |"
    yield "|---|---|"
    for name, value in list_facts(report):
        yield f"| {name} | {escape_markup(value)} |"
    actions = incident.closing.actions if incident.closing else ()
    if actions:
        yield ""
        yield "## Actions"
        yield ""
        for action in actions:
            yield f"- [ ] {escape_markup(action)}"
    yield ""
    yield "## Timeline"
    yield ""
    yield "| time | source | by | what |"
    yield "|---|---|---|---|"
    for line in report.timeline.lines:
        time = f"{line.time:%Y-%m-%d %H:%M:%S} UTC"
        yield (
            f"| {time} | {escape_markup(line.source)} | {escape_markup(line.by or '')} | "
            f"{escape_markup(line.what)} |"
        )
    if report.timeline.gaps:
        yield ""
        yield "## What is missing"
        yield ""
        for gap in report.timeline.gaps:
            yield f"- {escape_markup(gap)}"


def render_incident_page(report: IncidentReport) -> str:
    """The report as one self-contained HTML page."""
    return render_page(
        "incident.html.j2",
        report=report,
        facts=list_facts(report),
        actions=report.incident.closing.actions if report.incident.closing else (),
    )


def _get_severity(report: IncidentReport) -> str:
    return report.incident.opening.severity if report.incident.opening else _UNKNOWN


def _format_time(time: datetime | None) -> str:
    return _UNKNOWN if time is None else format_utc_minute(time.timestamp())


def _format_json_time(time: datetime | None) -> str | None:
    return None if time is None else format_utc(time.timestamp())

"""The plans of an incident: a record is written, then what it says is announced.

They only write records, so they need no lock: an incident is opened while another run repairs.
Each object is written once. What was announced cannot be taken back, so nothing has an undo.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from components.facts.alarm_numbers import Severity
from ops.core.counts import format_count
from ops.core.engine import get_person
from ops.core.plan import Plan, Step
from ops.core.plan_kind import PlanKind
from ops.core.record_step import (
    build_record_step,
    format_record_body,
    mark_as_record,
    show_text,
)
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.incident.announcement import (
    Announcement,
    build_announcement_step,
    get_topic_level,
)
from ops.incident.contacts import list_contact_facts
from ops.incident.model import (
    RESPONSE_MINUTES,
    UPDATE_MINUTES,
    Incident,
    IncidentEntry,
    IncidentOpening,
    PublicState,
    TimelineLine,
)
from ops.incident.object_keys import get_closing_key, get_entry_key, get_opening_key
from ops.outputs import Outputs

# Of the record: what is too much to agree to.
TIMELINE: Final = "TIMELINE"
UNREAD: Final = "UNREAD"
BEGAN: Final = "BEGAN"
CAPTURED: Final = (TIMELINE, UNREAD, BEGAN)


def build_open_plan(outputs: Outputs, opening: IncidentOpening, run: str) -> Plan:
    """Builds the opening of an incident, which has the name of its run."""
    fields = opening.model_dump(mode="json", exclude={"version", "time", "by", "began"})
    severity = opening.severity
    announcement = Announcement(
        incident=run,
        level=get_topic_level(severity),
        title=f"{severity} incident opened: {opening.title}",
        facts=[
            ("Stack", f"{outputs.stack.project} {outputs.stack.stack}"),
            ("Commander", opening.commander),
            ("Known", opening.known),
            ("Alarm", opening.alarm or ""),
            ("Answer", describe_response(severity)),
            *list_contact_facts(outputs.alarms.contacts),
        ],
        next_steps=[f"ops incident status {run}", f'ops incident note "TEXT" --incident {run}'],
    )
    plan = _build_plan(
        outputs,
        run,
        "incident open",
        _build_record_step(outputs, run, get_opening_key(run), {**fields, BEGAN: None}),
        build_announcement_step(outputs, announcement),
        changes=[f"an incident of {severity} is open, led by {opening.commander}"],
        notes=[
            f"the {announcement.level} topic is told",
            "it ends with `ops incident close`; opening it cannot be undone",
        ],
        arguments=f"{shlex.quote(opening.title)} --severity {severity}",
    )
    began = json.dumps(opening.began.isoformat() if opening.began else None)
    # "15 minutes ago" is agreed to, not a time.
    return plan.model_copy(update={"captured": {**plan.captured, BEGAN: began}})


def build_note_plan(
    outputs: Outputs, incident: Incident, entry: IncidentEntry, run: str, *, is_announced: bool
) -> Plan:
    """Builds a note; it is announced if it changes who leads or how severe it is, or on request."""
    changed = [
        *([f"severity {entry.severity}"] if entry.severity else []),
        *([f"commander {entry.commander}"] if entry.commander else []),
    ]
    severity = entry.severity or incident.severity
    has_risen = entry.severity is not None and entry.severity < (incident.severity or "P3")
    announcement = Announcement(
        incident=incident.name,
        level=get_topic_level(severity) if has_risen else "warn",
        title=f"{severity or 'unknown'} incident: {incident.title}",
        facts=[
            ("Stack", f"{outputs.stack.project} {outputs.stack.stack}"),
            ("Now", ", ".join(changed)),
            ("Note", entry.text),
            ("Commander", entry.commander or incident.commander or ""),
            *(list_contact_facts(outputs.alarms.contacts) if has_risen else []),
        ],
        next_steps=[f"ops incident status {incident.name}"],
    )
    is_told = is_announced or bool(changed)
    return _build_entry_plan(
        outputs,
        incident,
        entry,
        run,
        "incident note",
        *([build_announcement_step(outputs, announcement)] if is_told else []),
        changes=[f"one note more{''.join(f', {change}' for change in changed)}"],
        notes=[f"the {announcement.level} topic is told"] if is_told else ["nobody is told"],
    )


def build_public_status_plan(
    outputs: Outputs, incident: Incident, entry: IncidentEntry, run: str
) -> Plan:
    """Builds a sentence for the people outside."""
    announcement = Announcement(
        incident=incident.name,
        level="warn",
        title=f"{incident.severity or 'unknown'} incident: {incident.title}",
        facts=[
            ("Stack", f"{outputs.stack.project} {outputs.stack.stack}"),
            ("Public status", f"{entry.state}: {entry.public}"),
        ],
        next_steps=[f"ops incident status {incident.name} --to status.html"],
    )
    return _build_entry_plan(
        outputs,
        incident,
        entry,
        run,
        "incident status",
        build_announcement_step(outputs, announcement),
        changes=[f"the public status is {entry.state}: {entry.public}"],
        notes=[
            "people outside read it once `ops incident status --to FILE` has written the page, and "
            "the page is where they look",
        ],
    )


def build_close_plan(
    outputs: Outputs,
    incident: Incident,
    closing: Mapping[str, Any],
    timeline: Sequence[TimelineLine],
    unread: Sequence[str],
    run: str,
    *,
    final_status: IncidentEntry | None = None,
) -> Plan:
    """Builds the closing, with what all sources say of the incident until now."""
    actions: Sequence[str] = closing["actions"]
    announcement = Announcement(
        incident=incident.name,
        level="warn",
        title=f"{incident.severity or 'unknown'} incident closed: {incident.title}",
        facts=[
            ("Stack", f"{outputs.stack.project} {outputs.stack.stack}"),
            ("Cause", closing["cause"]),
            ("Helped", closing["helped"]),
            ("Actions", "; ".join(actions)),
        ],
        next_steps=[f"ops incident report {incident.name}"],
    )
    body = {**closing, TIMELINE: None, UNREAD: None}
    steps = [_build_record_step(outputs, run, get_closing_key(incident.name), body)]
    if final_status is not None:
        steps.insert(0, _build_entry_step(outputs, run, incident, final_status))
    plan = _build_plan(
        outputs,
        run,
        "incident close",
        *steps,
        build_announcement_step(outputs, announcement),
        changes=[f"{incident.name} is closed: {closing['cause']}"],
        notes=[
            f"{format_count(len(actions), 'action')} to follow",
            "the record has its timeline, from all sources, as it is now",
            "a closed incident is not opened again; open another",
        ],
        arguments=f"{incident.name} --cause {shlex.quote(closing['cause'])}",
    )
    lines = [line.model_dump(mode="json") for line in timeline]
    return plan.model_copy(
        update={
            "captured": {
                **plan.captured,
                TIMELINE: json.dumps(lines),
                UNREAD: json.dumps(list(unread)),
            }
        }
    )


def describe_response(severity: Severity) -> str:
    """Until when somebody answers, and how often is told what goes on."""
    response, update = RESPONSE_MINUTES[severity], UPDATE_MINUTES[severity]
    if response is None or update is None:
        return "by the next working day"
    return f"within {response} minutes, then news every {update} minutes"


def build_entry(
    kind: str,
    now: datetime,
    *,
    text: str = "",
    severity: Severity | None = None,
    commander: str | None = None,
    state: PublicState | None = None,
    public: str | None = None,
) -> IncidentEntry:
    """An entry by whoever runs the command."""
    return IncidentEntry.model_validate(
        {
            "time": now.astimezone(UTC),
            "by": get_person(),
            "kind": kind,
            "text": text,
            "severity": severity,
            "commander": commander,
            "state": state,
            "public": public,
        }
    )


def _build_entry_plan(
    outputs: Outputs,
    incident: Incident,
    entry: IncidentEntry,
    run: str,
    kind: PlanKind,
    *announcements: Step,
    changes: Sequence[str],
    notes: Sequence[str],
) -> Plan:
    return _build_plan(
        outputs,
        run,
        kind,
        _build_entry_step(outputs, run, incident, entry),
        *announcements,
        changes=changes,
        notes=notes,
        arguments=(
            f"{incident.name} --public {shlex.quote(entry.public or '')} --state {entry.state}"
            if kind == "incident status"
            else f"{shlex.quote(entry.text)} --incident {incident.name}"
        ),
    )


def _build_entry_step(outputs: Outputs, run: str, incident: Incident, entry: IncidentEntry) -> Step:
    fields = entry.model_dump(mode="json", exclude={"version", "time", "by"}, exclude_none=True)
    key = get_entry_key(incident.name, run)
    return _build_record_step(outputs, run, key, fields, name="entry")


def _build_record_step(
    outputs: Outputs, run: str, key: str, fields: Mapping[str, Any], *, name: str = "record"
) -> Step:
    """Writes an object that was not there. Its time is the plan's start."""
    bucket = outputs.backups.operations_bucket
    named = {field: value for field, value in fields.items() if field not in CAPTURED}
    body = format_record_body(named, [field for field in CAPTURED if field in fields])
    return build_record_step(bucket, key, body, run, name=name)


def _build_plan(
    outputs: Outputs,
    run: str,
    kind: PlanKind,
    *steps: Step,
    changes: Sequence[str],
    notes: Sequence[str],
    arguments: str,
) -> Plan:
    plan = build_stack_plan(
        outputs,
        run,
        kind,
        *steps,
        changes=[show_text(change) for change in changes],
        losses=(),
        cost=NO_COST,
        notes=notes,
        arguments=show_text(arguments),
    )
    return mark_as_record(plan)

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
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.plan_kind import PlanKind
from ops.core.s3 import HEAD_NOT_FOUND_CODE
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.core.start_time import StartTime
from ops.incident.announcement import (
    Announcement,
    build_announcement_step,
    get_topic_level,
    hide_placeholders,
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

RECORD_TIMEOUT_SECONDS: Final = 300
# Of the record: by whom it is written, and what is too much to agree to.
PERSON: Final = "PERSON"
TIMELINE: Final = "TIMELINE"
UNREAD: Final = "UNREAD"
BEGAN: Final = "BEGAN"
CAPTURED: Final = (TIMELINE, UNREAD, BEGAN)
STARTED: Final = "AT"
# Two records of one second keep their order.
MICROSECOND_FORM: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


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
    return Step(
        name=name,
        description=f"write {key} in {bucket}",
        action=Call(
            api="s3.put_object",
            params={
                "Bucket": bucket,
                "Key": key,
                "Body": _format_body(fields),
                "ContentType": "application/json",
                "IfNoneMatch": "*",
                "Metadata": {"run": run},
            },
        ),
        goal=Wait(
            read=Call(
                api="s3.head_object",
                params={"Bucket": bucket, "Key": key},
                expected_errors=(HEAD_NOT_FOUND_CODE,),
            ),
            met={"Metadata.run": run},
            every=5,
            within=RECORD_TIMEOUT_SECONDS,
        ),
    )


def _format_body(fields: Mapping[str, Any]) -> str:
    """The JSON of a record, with what is filled in when the plan starts."""
    named = {key: value for key, value in fields.items() if key not in CAPTURED}
    captured = [key for key in CAPTURED if key in fields]
    body = hide_placeholders(json.dumps(named, sort_keys=True))[1:-1]
    parts = ['"version": 1', f'"time": "${{{STARTED}}}"', f'"by": ${{{PERSON}}}', body]
    parts += [f'"{key.lower()}": ${{{key}}}' for key in captured]
    return f"{{{', '.join(parts)}}}"


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
        changes=[_show(change) for change in changes],
        losses=(),
        cost=NO_COST,
        notes=notes,
        arguments=_show(arguments),
    )
    return plan.model_copy(
        update={
            "only_records": True,
            "captured": {PERSON: json.dumps(get_person())},
            "times": {STARTED: StartTime(form=MICROSECOND_FORM)},
        }
    )


def _show(text: str) -> str:
    """A person's text in a plan's own words, in which nothing is filled in later."""
    return text.replace("${", "$ {")

"""A diagnosis in the timeline of the incident that is open."""

from datetime import datetime
from typing import Final

from ops.core.engine import get_person
from ops.core.run_context import StackContext
from ops.diagnose.diagnosis import Diagnosis
from ops.diagnose.report import SHOWN_CAUSES, build_diagnosis_json, list_report_lines
from ops.incident.model import MAX_ENTRY_CHARACTERS, IncidentEntry
from ops.incident.store import add_incident_entry, resolve_incident

# Of a diagnosis, what the incident keeps as data: the timeline is in the incident already.
SHARED_FIELDS: Final = ("since", "until", "wrongSince", "items", "notRead")


def find_open_incident(context: StackContext) -> str:
    """The incident that is open. Raises UsageError if there is none, or if several are."""
    return resolve_incident(context, None, may_be_closed=False)


def share_diagnosis(
    context: StackContext, incident: str, diagnosis: Diagnosis, now: datetime
) -> None:
    """Writes the report to an incident. Raises OpsError if it may not have been written."""
    lines = [line.text for line in list_report_lines(context.outputs, diagnosis)]
    body = build_diagnosis_json(context.outputs, diagnosis)
    data = {name: body[name] for name in SHARED_FIELDS}
    data["items"] = data["items"][:SHOWN_CAUSES]
    entry = IncidentEntry(
        time=now,
        by=get_person(),
        kind="diagnosis",
        text="\n".join(lines)[:MAX_ENTRY_CHARACTERS],
        data=data,
    )
    add_incident_entry(context, incident, entry)

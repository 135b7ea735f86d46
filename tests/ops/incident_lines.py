"""Lines of `ops incident` that no procedure stands for."""

from collections.abc import Mapping
from typing import Final

from tests.ops.procedures import alarms, incident
from tests.ops.typed_line import TypedLine

INCIDENT_LINES: Final[Mapping[str, tuple[TypedLine, ...]]] = {
    "incident close": (
        TypedLine("incident close --cause test --yes", incident.put_changed_stack_in_incident),
    ),
    "incident issues": (
        TypedLine(
            "incident issues",
            incident.put_changed_stack_in_incident,
            lines_before=("incident close --cause test --yes",),
        ),
    ),
    "incident list": (TypedLine("incident list", incident.put_open_incident),),
    "incident open": (
        TypedLine(
            f"incident open Slow --severity P2 --alarm {alarms.ALARM_NAMES['P1'][0]} --yes",
            incident.put_stack_and_topics,
        ),
    ),
    "incident report": (TypedLine("incident report", incident.put_changed_stack_in_incident),),
    "incident status": (TypedLine("incident status", incident.put_open_incident),),
}

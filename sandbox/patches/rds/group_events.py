"""RDS: the events of parameter groups, one for each parameter that is changed."""

from typing import Any

from moto.rds.models import DBParameterGroup, Event, RDSBackend

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()
# RDS-EVENT-0037 of RDS User Guide, "Amazon RDS event categories and event messages".
PARAMETER_EVENT = "DB_PARAMETER_UPDATED"


@patch.add_change
def add_parameter_event() -> None:
    Event.EVENT_MAP[PARAMETER_EVENT] = {"Categories": ["configuration change"], "Message": ""}
    DBParameterGroup.event_source_type = "db-parameter-group"  # type: ignore[attr-defined]


@patch.wrap(RDSBackend, "modify_db_parameter_group")
def modify_with_events(
    original: Any, backend: RDSBackend, name: str, parameters: Any
) -> DBParameterGroup:
    group: DBParameterGroup = original(backend, name, parameters)
    for parameter in parameters:
        event = Event(PARAMETER_EVENT, group)  # type: ignore[arg-type]
        event.message = (
            f"Updated parameter {parameter['ParameterName']} to {parameter['ParameterValue']} "
            f"with apply method {parameter.get('ApplyMethod', 'immediate')}"
        )
        backend.events.append(event)
    return group

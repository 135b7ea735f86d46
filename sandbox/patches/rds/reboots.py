"""RDS: reboots, failovers that move the zone, and the events of both."""

from datetime import datetime, timedelta
from typing import Any, Final

from moto.rds.models import DBInstance, Event, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch
from sandbox.patches.rds.changes import REBOOT_SECONDS
from sandbox.patches.rds.instances import get_secondary_zone, start_phases
from sandbox.patches.request_times import parse_request_time

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Simulated seconds: "Failover times are typically 60-120 seconds" (RDS User Guide, Multi-AZ DB
# instance deployments).
MULTI_AZ_FAILOVER_SECONDS: Final = 90
# Messages of RDS User Guide, "Amazon RDS event categories and event messages".
REBOOT_EVENTS: Final = {
    "DB_INSTANCE_SHUTDOWN": ("availability", "DB instance shutdown"),
    "DB_INSTANCE_RESTARTED": ("availability", "DB instance restarted"),
    "MULTI_AZ_FAILOVER_START": ("failover", "Multi-AZ instance failover started."),
    "MULTI_AZ_FAILOVER_FINISH": ("failover", "Multi-AZ instance failover completed"),
}


@patch.add_change
def add_reboot_events() -> None:
    for name, (category, message) in REBOOT_EVENTS.items():
        Event.EVENT_MAP[name] = {"Categories": [category], "Message": message}


@patch.wrap(Event, "__init__")
def set_event_time(original: Any, event: Event, *args: Any, **kwargs: Any) -> None:
    """At the sandbox's time."""
    original(event, *args, **kwargs)
    event.date = truncate_to_milliseconds(get_sandbox_clock().now())


def truncate_to_milliseconds(time: datetime) -> datetime:
    """As precise as RDS tells of an event."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def add_later_event(instance: DBInstance, kind: str, delay_seconds: float = 0) -> None:
    """An event, so many simulated seconds from now."""
    instance.add_event(kind)
    instance.backend.events[-1].date = truncate_to_milliseconds(
        max(get_sandbox_clock().get_completion_time(delay_seconds), get_sandbox_clock().now())
    )


@patch.wrap(RDSResponse, "reboot_db_instance")
def reboot_with_failover(original: Any, response: RDSResponse) -> Any:
    """With a failover, the standby's zone becomes the primary's when it is over."""
    backend: RDSBackend = response.backend
    is_failover = bool(response.params.get("ForceFailover"))
    instance = backend.describe_db_instances(response.params["DBInstanceIdentifier"])[0]
    if is_failover and not instance.multi_az:
        raise AwsError(
            "InvalidParameterCombination",
            "Force failover cannot be specified since the instance is not configured for MultiAZ.",
        )
    answer = original(response)
    seconds = MULTI_AZ_FAILOVER_SECONDS if is_failover else REBOOT_SECONDS
    if is_failover:
        fail_over_until(instance, seconds)
        start_phases(instance, ("rebooting", seconds))
        add_later_event(instance, "MULTI_AZ_FAILOVER_START")
    else:
        add_later_event(instance, "DB_INSTANCE_SHUTDOWN")
    add_later_event(instance, "DB_INSTANCE_RESTARTED", seconds)
    if is_failover:
        add_later_event(instance, "MULTI_AZ_FAILOVER_FINISH", seconds)
    return answer


def fail_over_until(instance: DBInstance, seconds: float) -> None:
    """Moves the primary to its standby's zone, so many simulated seconds from now."""
    zones = (get_standby_zone(instance), instance.availability_zone)
    instance.sandbox_failover = (zones, get_sandbox_clock().get_completion_time(seconds))  # type: ignore[attr-defined]


@patch.wrap(RDSBackend, "describe_db_instances")
def describe_after_failovers(
    original: Any, backend: RDSBackend, *args: Any, **kwargs: Any
) -> list[DBInstance]:
    """Moves the zone of instances whose failover is over."""
    for instance in backend.databases.values():
        zones, until = getattr(instance, "sandbox_failover", (None, None))
        if zones is not None and until is not None and not is_in_future(until):
            instance.availability_zone, instance.sandbox_standby = zones  # type: ignore[attr-defined]
            instance.sandbox_failover = (None, None)  # type: ignore[attr-defined]
    instances: list[DBInstance] = original(backend, *args, **kwargs)
    return instances


def get_standby_zone(instance: DBInstance) -> str | None:
    """The standby's zone: after a failover, where the primary was."""
    moved_zone = getattr(instance, "sandbox_standby", None)
    return moved_zone if instance.multi_az and moved_zone else get_secondary_zone(instance)


@patch.add_change
def add_standby_zone() -> None:
    DBInstance.SecondaryAvailabilityZone = property(get_standby_zone)  # type: ignore[attr-defined]


@patch.replace_operation(RDSResponse, "DescribeEvents")
def describe_db_events(response: RDSResponse, params: ApiRecord) -> ApiRecord:
    """Of the last hour unless a time is given, the oldest first, a hundred a page."""
    backend: RDSBackend = response.backend
    now = get_sandbox_clock().now()
    source, kind = params.get("SourceIdentifier"), params.get("SourceType")
    events = backend.describe_events(source_identifier=source, source_type=kind)
    since = parse_request_time(params.get("StartTime")) or now - timedelta(
        minutes=params.get("Duration") or 60
    )
    until = min(parse_request_time(params.get("EndTime")) or now, now)
    categories = set(params.get("EventCategories") or ())
    selected_events = [
        event
        for event in events
        if since <= event.date <= until
        and (not categories or categories & set(event.event_categories))
    ]
    selected_events.sort(key=lambda event: event.date)
    first, size = int(params.get("Marker") or 0), int(params.get("MaxRecords") or 100)
    next_marker = {"Marker": str(first + size)} if len(selected_events) > first + size else {}
    return {"Events": selected_events[first : first + size], **next_marker}

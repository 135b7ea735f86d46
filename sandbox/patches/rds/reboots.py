"""RDS: reboots, failovers that move the zone, and the events that tell of both."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.rds.models import DBInstance, Event, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused
from sandbox.patches.rds.changes import REBOOT
from sandbox.patches.rds.instances import begin, secondary

mend = Mend()
Record = dict[str, Any]
# Simulated seconds: "Failover times are typically 60-120 seconds" (RDS User Guide, Multi-AZ DB
# instance deployments).
FAILOVER: Final = 90
# Messages of RDS User Guide, "Amazon RDS event categories and event messages".
EVENTS: Final = {
    "DB_INSTANCE_SHUTDOWN": ("availability", "DB instance shutdown"),
    "DB_INSTANCE_RESTARTED": ("availability", "DB instance restarted"),
    "MULTI_AZ_FAILOVER_START": ("failover", "Multi-AZ instance failover started."),
    "MULTI_AZ_FAILOVER_FINISH": ("failover", "Multi-AZ instance failover completed"),
}


@mend.also
def known_events() -> None:
    for name, (category, message) in EVENTS.items():
        Event.EVENT_MAP[name] = {"Categories": [category], "Message": message}


@mend.around(Event, "__init__")
def happens(original: Any, event: Event, *args: Any, **given: Any) -> None:
    """At the sandbox's time."""
    original(event, *args, **given)
    event.date = milliseconds(clock().now())


def milliseconds(at: datetime) -> datetime:
    """As precise as RDS tells of an event."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _tell(instance: DBInstance, kind: str, after: float = 0) -> None:
    """An event, so many simulated seconds from now."""
    instance.add_event(kind)
    instance.backend.events[-1].date = milliseconds(max(clock().ready(after), clock().now()))


@mend.around(RDSResponse, "reboot_db_instance")
def reboot(original: Any, response: RDSResponse) -> Any:
    """With a failover, the standby's zone becomes the primary's when it is over."""
    backend: RDSBackend = response.backend
    forced = bool(response.params.get("ForceFailover"))
    instance = backend.describe_db_instances(response.params["DBInstanceIdentifier"])[0]
    if forced and not instance.multi_az:
        raise Refused(
            "InvalidParameterCombination",
            "Force failover cannot be specified since the instance is not configured for MultiAZ.",
        )
    answer = original(response)
    takes = FAILOVER if forced else REBOOT
    if forced:
        zones = (secondary_of(instance), instance.availability_zone)
        instance.mended_failover = (zones, clock().ready(takes))  # type: ignore[attr-defined]
        begin(instance, ("rebooting", takes))
        _tell(instance, "MULTI_AZ_FAILOVER_START")
    else:
        _tell(instance, "DB_INSTANCE_SHUTDOWN")
    _tell(instance, "DB_INSTANCE_RESTARTED", takes)
    if forced:
        _tell(instance, "MULTI_AZ_FAILOVER_FINISH", takes)
    return answer


@mend.around(RDSBackend, "describe_db_instances")
def describe(original: Any, backend: RDSBackend, *args: Any, **given: Any) -> list[DBInstance]:
    """With the failovers that are over."""
    for instance in backend.databases.values():
        zones, until = getattr(instance, "mended_failover", (None, None))
        if zones is not None and until is not None and not pending(until):
            instance.availability_zone, instance.mended_standby = zones  # type: ignore[attr-defined]
            instance.mended_failover = (None, None)  # type: ignore[attr-defined]
    found: list[DBInstance] = original(backend, *args, **given)
    return found


def secondary_of(instance: DBInstance) -> str | None:
    """The standby's zone: after a failover, where the primary was."""
    moved = getattr(instance, "mended_standby", None)
    return moved if instance.multi_az and moved else secondary(instance)


@mend.also
def standby() -> None:
    DBInstance.SecondaryAvailabilityZone = property(secondary_of)  # type: ignore[attr-defined]


@mend.operation(RDSResponse, "DescribeEvents")
def events(response: RDSResponse, params: Record) -> Record:
    """Of the last hour unless a time is given, the oldest first."""
    backend: RDSBackend = response.backend
    now = clock().now()
    source, kind = params.get("SourceIdentifier"), params.get("SourceType")
    found = backend.describe_events(source_identifier=source, source_type=kind)
    since = _time(params.get("StartTime")) or now - timedelta(minutes=params.get("Duration") or 60)
    until = min(_time(params.get("EndTime")) or now, now)
    wanted = set(params.get("EventCategories") or ())
    shown = [
        event
        for event in found
        if since <= event.date <= until and (not wanted or wanted & set(event.event_categories))
    ]
    return {"Events": sorted(shown, key=lambda event: event.date)}


def _time(given: Any) -> datetime | None:
    if isinstance(given, str):
        given = datetime.fromisoformat(given.replace("Z", "+00:00"))
    if given is None or given.tzinfo is not None:
        return given  # type: ignore[no-any-return]
    return given.replace(tzinfo=UTC)  # type: ignore[no-any-return]

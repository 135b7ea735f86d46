"""Failover and reboot of the database: each is confirmed by its effect and never sent twice.

RDS accepts no token for a reboot, and a second reboot is a second outage. If a killed run may have
sent one, it is not sent again.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from components.facts.database import REBOOT_TIME_SOURCE
from ops.core.actions import Actions
from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.database.events import FAILOVER_FAILURES, build_failure_reports
from ops.database.instance import (
    DatabaseInstance,
    build_ready_wait,
    describe_instance_call,
    rds_call,
    require_takes,
)
from ops.database.statuses import (
    DATABASE_STATUS_PATH,
    STEADY,
    Change,
    build_failed_conditions,
    build_status_condition,
    list_statuses_taking,
)
from ops.outputs import Outputs

AVAILABILITY_ZONE_PATH: Final = "DBInstances[0].AvailabilityZone"
TYPICAL_FAILOVER_SECONDS: Final = 120
FAILOVER_TIME_SOURCE: Final = "RDS User Guide, Multi-AZ DB instance deployments: 60-120 s"
TYPICAL_REBOOT_SECONDS: Final = 60
RESTART_EVENT_EXPRESSION: Final = "contains(Events[].Message, 'DB instance restarted')"
SHUTDOWN_EVENT_EXPRESSION: Final = "contains(Events[].Message, 'DB instance shutdown')"


def build_database_failover_plan(outputs: Outputs, instance: DatabaseInstance, run: str) -> Plan:
    """Builds the plan that fails over to the standby, confirmed by the new availability zone.

    Raises OpsError unless the instance is Multi-AZ and RDS takes a reboot now.
    """
    if not instance.multi_az or instance.standby_zone is None:
        raise OpsError(
            f"{instance.identifier} is not Multi-AZ, so it has no standby to fail over to",
            "ops db reboot",
        )
    require_takes(instance, "to fail over", Change.REBOOT, Change.MODIFY)
    step = Step(
        name="failover",
        description=f"fail {instance.identifier} over from {instance.zone} to "
        f"{instance.standby_zone}",
        action=_build_reboot_call(outputs, instance.identifier, force_failover=True),
        ready=Wait(
            read=describe_instance_call(outputs, instance.identifier),
            met={
                **build_status_condition(
                    list_statuses_taking(Change.REBOOT, Change.MODIFY), "ready"
                ),
                AVAILABILITY_ZONE_PATH: instance.zone,
            },
            failed=build_failed_conditions(),
            within=900,
        ),
        goal=Wait(
            read=describe_instance_call(outputs, instance.identifier),
            met={AVAILABILITY_ZONE_PATH: instance.standby_zone, **STEADY},
            # Another process's reboot also matches this; only the new zone counts as success.
            begun={
                AVAILABILITY_ZONE_PATH: instance.standby_zone,
                DATABASE_STATUS_PATH: "rebooting",
            },
            failed=build_failed_conditions(),
            within=1800,
            typical=TYPICAL_FAILOVER_SECONDS,
            source=FAILOVER_TIME_SOURCE,
            reports=build_failure_reports(outputs, instance.identifier, FAILOVER_FAILURES),
        ),
        downtime=TYPICAL_FAILOVER_SECONDS,
    )
    notes = (
        "connections drop and clients must reconnect; committed data is kept",
        "RDS may take a few minutes to show the new zone",
        "failing back would be a second outage",
    )
    return build_stack_plan(
        outputs,
        run,
        "db failover",
        step,
        changes=[f"zone of the primary: {instance.zone} -> {instance.standby_zone}"],
        losses=(),
        cost=NO_COST,
        notes=notes,
    )


def build_database_reboot_plan(
    outputs: Outputs, instance: DatabaseInstance, events_start: str, run: str
) -> Plan:
    """Builds the plan that reboots an instance, confirmed by an event after `events_start`.

    The second step waits until the instance is available, which it is only after the event.
    Raises OpsError unless RDS takes a reboot now.
    """
    require_takes(instance, "to be rebooted", Change.REBOOT)
    description = f"reboot {instance.identifier} in {instance.zone}"
    reboot_step = build_reboot_step(
        outputs, instance.identifier, events_start, "reboot", description
    )
    describe_call = describe_instance_call(outputs, instance.identifier)
    available_step = Step(
        name="rest",
        description=f"wait until {instance.identifier} is available and its parameters are in sync",
        action=describe_call,
        goal=Wait(
            read=describe_call,
            met={
                "DBInstances[0].DBParameterGroups[0].ParameterApplyStatus": "in-sync",
                **STEADY,
            },
            failed=build_failed_conditions(),
            reports=build_failure_reports(outputs, instance.identifier),
            within=1800,
        ),
    )
    notes = ("connections drop and clients must reconnect",)
    return build_stack_plan(
        outputs,
        run,
        "db reboot",
        reboot_step,
        available_step,
        changes=["parameters that wait for a reboot take effect"],
        losses=(),
        cost=NO_COST,
        notes=notes,
    )


def build_reboot_step(
    outputs: Outputs, identifier: str, events_start: str, name: str, description: str
) -> Step:
    """Builds a reboot, confirmed by an event after `events_start`."""
    return Step(
        name=name,
        description=description,
        action=_build_reboot_call(outputs, identifier, force_failover=False),
        ready=build_ready_wait(outputs, identifier, Change.REBOOT).model_copy(
            update={"met": build_status_condition(list_statuses_taking(Change.REBOOT), "ready")}
        ),
        goal=Wait(
            read=_describe_events_call(outputs, identifier, events_start),
            met={RESTART_EVENT_EXPRESSION: True},
            begun={SHUTDOWN_EVENT_EXPRESSION: True},
            reports=build_failure_reports(outputs, identifier),
            within=1800,
            typical=TYPICAL_REBOOT_SECONDS,
            source=REBOOT_TIME_SOURCE,
        ),
        downtime=TYPICAL_REBOOT_SECONDS,
    )


def build_pending_reboot_step(outputs: Outputs, instance: DatabaseInstance, name: str) -> Step:
    """Reboots only if parameters are pending; does nothing if something else already rebooted it.

    Confirmed by the parameters being in sync.
    """
    return Step(
        name=name,
        description=f"reboot {instance.identifier} if its parameters still need it",
        action=rds_call(
            outputs,
            "rds.reboot_db_instance",
            {"DBInstanceIdentifier": instance.identifier},
            repeatable=False,
        ),
        goal=Wait(
            read=describe_instance_call(outputs, instance.identifier),
            met={
                "DBInstances[0].DBParameterGroups[0].ParameterApplyStatus": "in-sync",
                **STEADY,
            },
            begun={DATABASE_STATUS_PATH: "rebooting"},
            reports=build_failure_reports(outputs, instance.identifier),
            within=1800,
            typical=TYPICAL_REBOOT_SECONDS,
            source=REBOOT_TIME_SOURCE,
        ),
        downtime=TYPICAL_REBOOT_SECONDS,
    )


def get_reboot_events_start(aws: Aws, outputs: Outputs, identifier: str, now: datetime) -> str:
    """Returns the time right after the last restart event, by AWS's clock, in ISO 8601.

    A wrong local clock cannot make an old restart look new. Without an event it is the
    start of yesterday, UTC, so that the plan's hash stays the same during the day.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    response: Any = Actions(aws)(
        _describe_events_call(outputs, identifier, _format_time(midnight)), {}
    )
    restarts = [event["Date"] for event in response["Events"] if "restarted" in event["Message"]]
    if not restarts:
        return _format_time(midnight)
    last_restart_time = datetime.fromisoformat(max(restarts).replace("Z", "+00:00"))
    return _format_time(last_restart_time + timedelta(milliseconds=1))


def _build_reboot_call(outputs: Outputs, identifier: str, *, force_failover: bool) -> Call:
    return rds_call(
        outputs,
        "rds.reboot_db_instance",
        {"DBInstanceIdentifier": identifier, "ForceFailover": force_failover},
        repeatable=False,
    )


def _describe_events_call(outputs: Outputs, identifier: str, events_start: str) -> Call:
    return rds_call(
        outputs,
        "rds.describe_events",
        {
            "SourceIdentifier": identifier,
            "SourceType": "db-instance",
            "EventCategories": ["availability"],
            "StartTime": events_start,
        },
    )


def _format_time(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")

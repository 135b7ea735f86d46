"""Failover and reboot of the database: each is proved by its effect, and never done twice.

RDS takes no token for a reboot, and a second one is a second outage: where a kill leaves it in
doubt whether one was sent, it is not sent again.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from components.facts.database import REBOOT_TIME_SOURCE
from ops.core.actions import Actions
from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database.instance import DATABASE_STATUS_PATH, DatabaseInstance
from ops.outputs import Outputs

AVAILABILITY_ZONE_PATH: Final = "DBInstances[0].AvailabilityZone"
TYPICAL_FAILOVER_SECONDS: Final = 120
FAILOVER_TIME_SOURCE: Final = "RDS User Guide, Multi-AZ DB instance deployments: 60-120 s"
TYPICAL_REBOOT_SECONDS: Final = 60
RESTART_EVENT_EXPRESSION: Final = "contains(Events[].Message, 'DB instance restarted')"
SHUTDOWN_EVENT_EXPRESSION: Final = "contains(Events[].Message, 'DB instance shutdown')"


def build_database_failover_plan(outputs: Outputs, instance: DatabaseInstance, run: str) -> Plan:
    """The standby becomes the primary, which is proved by the zone: a status would not tell."""
    if not instance.multi_az or instance.standby_zone is None:
        raise OpsError(
            f"{instance.identifier} is not Multi-AZ: there is no standby to fail over to",
            "ops db reboot",
        )
    database.require_available(instance, "to fail over")
    step = Step(
        name="failover",
        description=f"fail {instance.identifier} over from {instance.zone} to "
        f"{instance.standby_zone}",
        action=_build_reboot_call(outputs, instance, force_failover=True),
        ready=Wait(
            read=database.describe_instance_call(outputs, instance.identifier),
            met={DATABASE_STATUS_PATH: "available", AVAILABILITY_ZONE_PATH: instance.zone},
            within=900,
        ),
        goal=Wait(
            read=database.describe_instance_call(outputs, instance.identifier),
            met={DATABASE_STATUS_PATH: "available", AVAILABILITY_ZONE_PATH: instance.standby_zone},
            # Another's reboot is taken for ours here; without the zone it is never success.
            begun={
                AVAILABILITY_ZONE_PATH: instance.standby_zone,
                DATABASE_STATUS_PATH: "rebooting",
            },
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            within=1800,
            typical=TYPICAL_FAILOVER_SECONDS,
            source=FAILOVER_TIME_SOURCE,
        ),
        downtime=TYPICAL_FAILOVER_SECONDS,
    )
    notes = (
        "connections drop and must be made anew; no committed row is lost",
        "RDS may show the new zone some minutes after the standby has taken over",
        "there is no undo: going back would be a second outage",
    )
    return build_stack_plan(outputs, run, "db failover", step, notes=notes)


def build_database_reboot_plan(
    outputs: Outputs, instance: DatabaseInstance, events_start: str, run: str
) -> Plan:
    """The server is started again in its zone, which is proved by an event after `since`.

    The second step only looks: the restart is told of before the instance is available.
    """
    database.require_available(instance, "to be rebooted")
    reboot_step = Step(
        name="reboot",
        description=f"reboot {instance.identifier} in {instance.zone}",
        action=_build_reboot_call(outputs, instance, force_failover=False),
        goal=Wait(
            read=_describe_events_call(outputs, instance.identifier, events_start),
            met={RESTART_EVENT_EXPRESSION: True},
            begun={SHUTDOWN_EVENT_EXPRESSION: True},
            within=1800,
            typical=TYPICAL_REBOOT_SECONDS,
            source=REBOOT_TIME_SOURCE,
        ),
        downtime=TYPICAL_REBOOT_SECONDS,
    )
    describe_call = database.describe_instance_call(outputs, instance.identifier)
    available_step = Step(
        name="rest",
        description=f"see {instance.identifier} available with its parameters in sync",
        action=describe_call,
        goal=Wait(
            read=describe_call,
            met={
                DATABASE_STATUS_PATH: "available",
                "DBInstances[0].DBParameterGroups[0].ParameterApplyStatus": "in-sync",
            },
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            within=1800,
        ),
    )
    notes = ("connections drop and must be made anew; there is no undo",)
    return build_stack_plan(outputs, run, "db reboot", reboot_step, available_step, notes=notes)


def build_pending_reboot_step(outputs: Outputs, instance: DatabaseInstance, name: str) -> Step:
    """The server is started again only where its parameters wait for it: proved by their state.

    So it is none where another act has started it already.
    """
    return Step(
        name=name,
        description=f"reboot {instance.identifier} where its parameters wait for it still",
        action=database.rds_call(
            outputs,
            "rds.reboot_db_instance",
            {"DBInstanceIdentifier": instance.identifier},
            repeatable=False,
        ),
        goal=Wait(
            read=database.describe_instance_call(outputs, instance.identifier),
            met={
                DATABASE_STATUS_PATH: "available",
                "DBInstances[0].DBParameterGroups[0].ParameterApplyStatus": "in-sync",
            },
            begun={DATABASE_STATUS_PATH: "rebooting"},
            within=1800,
            typical=TYPICAL_REBOOT_SECONDS,
            source=REBOOT_TIME_SOURCE,
        ),
        downtime=TYPICAL_REBOOT_SECONDS,
    )


def get_reboot_events_start(aws: Aws, outputs: Outputs, identifier: str, now: datetime) -> str:
    """From when on a restart is a new one: right after the last that RDS tells of.

    By AWS's own times, so that a wrong clock here takes no old restart for ours. Where RDS tells
    of none it is a midnight, so that the plan's hash does not change with each look.
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


def _build_reboot_call(
    outputs: Outputs, instance: DatabaseInstance, *, force_failover: bool
) -> Call:
    return database.rds_call(
        outputs,
        "rds.reboot_db_instance",
        {"DBInstanceIdentifier": instance.identifier, "ForceFailover": force_failover},
        repeatable=False,
    )


def _describe_events_call(outputs: Outputs, identifier: str, events_start: str) -> Call:
    return database.rds_call(
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

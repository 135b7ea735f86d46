"""Failover and reboot of the database: each is proved by its effect, and never done twice.

RDS takes no token for a reboot, and a second one is a second outage: where a kill leaves it in
doubt whether one was sent, it is not sent again.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from ops.core.actions import Actions
from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database.instance import STATUS, Instance
from ops.outputs import Outputs

ZONE: Final = "DBInstances[0].AvailabilityZone"
FAILOVER: Final = 120
FAILOVER_SOURCE: Final = "RDS User Guide, Multi-AZ DB instance deployments: 60-120 s"
REBOOT: Final = 60
REBOOT_SOURCE: Final = "an assumption, AWS states none: recovery takes longer after many writes"
RESTARTED: Final = "contains(Events[].Message, 'DB instance restarted')"
SHUT_DOWN: Final = "contains(Events[].Message, 'DB instance shutdown')"


def failover(outputs: Outputs, found: Instance, run: str) -> Plan:
    """The standby becomes the primary, which is proved by the zone: a status would not tell."""
    if not found.multi_az or found.standby is None:
        raise OpsError(
            f"{found.identifier} is not Multi-AZ: there is no standby to fail over to",
            "ops db reboot",
        )
    database.settled(found, "to fail over")
    step = Step(
        name="failover",
        says=f"fail {found.identifier} over from {found.zone} to {found.standby}",
        do=_reboot(outputs, found, failover=True),
        ready=Wait(
            read=database.looking(outputs, found.identifier),
            met={STATUS: "available", ZONE: found.zone},
            within=900,
        ),
        goal=Wait(
            read=database.looking(outputs, found.identifier),
            met={STATUS: "available", ZONE: found.standby},
            # Another's reboot is taken for ours here; without the zone it is never success.
            begun={ZONE: found.standby, STATUS: "rebooting"},
            failed={STATUS: list(database.BROKEN)},
            within=1800,
            typical=FAILOVER,
            source=FAILOVER_SOURCE,
        ),
        downtime=FAILOVER,
    )
    notes = (
        "connections drop and must be made anew; no committed row is lost",
        "RDS may show the new zone some minutes after the standby has taken over",
        "there is no undo: going back would be a second outage",
    )
    return build_stack_plan(outputs, run, "db failover", step, notes=notes)


def reboot(outputs: Outputs, found: Instance, since: str, run: str) -> Plan:
    """The server is started again in its zone, which is proved by an event after `since`.

    The second step only looks: the restart is told of before the instance is available.
    """
    database.settled(found, "to be rebooted")
    restart = Step(
        name="reboot",
        says=f"reboot {found.identifier} in {found.zone}",
        do=_reboot(outputs, found, failover=False),
        goal=Wait(
            read=_events(outputs, found.identifier, since),
            met={RESTARTED: True},
            begun={SHUT_DOWN: True},
            within=1800,
            typical=REBOOT,
            source=REBOOT_SOURCE,
        ),
        downtime=REBOOT,
    )
    looking = database.looking(outputs, found.identifier)
    rest = Step(
        name="rest",
        says=f"see {found.identifier} available with its parameters in sync",
        do=looking,
        goal=Wait(
            read=looking,
            met={
                STATUS: "available",
                "DBInstances[0].DBParameterGroups[0].ParameterApplyStatus": "in-sync",
            },
            failed={STATUS: list(database.BROKEN)},
            within=1800,
        ),
    )
    notes = ("connections drop and must be made anew; there is no undo",)
    return build_stack_plan(outputs, run, "db reboot", restart, rest, notes=notes)


def in_effect(outputs: Outputs, found: Instance, name: str) -> Step:
    """The server is started again only where its parameters wait for it: proved by their state.

    So it is none where another act has started it already.
    """
    return Step(
        name=name,
        says=f"reboot {found.identifier} where its parameters wait for it still",
        do=database.where(
            outputs,
            "rds.reboot_db_instance",
            {"DBInstanceIdentifier": found.identifier},
            repeatable=False,
        ),
        goal=Wait(
            read=database.looking(outputs, found.identifier),
            met={
                STATUS: "available",
                "DBInstances[0].DBParameterGroups[0].ParameterApplyStatus": "in-sync",
            },
            begun={STATUS: "rebooting"},
            within=1800,
            typical=REBOOT,
            source=REBOOT_SOURCE,
        ),
        downtime=REBOOT,
    )


def last_restart(aws: Aws, outputs: Outputs, identifier: str, now: datetime) -> str:
    """From when on a restart is a new one: right after the last that RDS tells of.

    By AWS's own times, so that a wrong clock here takes no old restart for ours. Where RDS tells
    of none it is a midnight, so that the plan's hash does not change with each look.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    seen: Any = Actions(aws)(_events(outputs, identifier, _text(midnight)), {})
    restarts = [e["Date"] for e in seen["Events"] if "restarted" in e["Message"]]
    if not restarts:
        return _text(midnight)
    last = datetime.fromisoformat(max(restarts).replace("Z", "+00:00"))
    return _text(last + timedelta(milliseconds=1))


def _reboot(outputs: Outputs, found: Instance, *, failover: bool) -> Call:
    return database.where(
        outputs,
        "rds.reboot_db_instance",
        {"DBInstanceIdentifier": found.identifier, "ForceFailover": failover},
        repeatable=False,
    )


def _events(outputs: Outputs, identifier: str, since: str) -> Call:
    return database.where(
        outputs,
        "rds.describe_events",
        {
            "SourceIdentifier": identifier,
            "SourceType": "db-instance",
            "EventCategories": ["availability"],
            "StartTime": since,
        },
    )


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""`ops db failover` and `ops db reboot`: a second one would be a second outage."""

from datetime import UTC, datetime
from typing import Final

from ops.core.plan import Plan
from ops.database import failover
from ops.database import instance as database
from tests.ops.db_stage import put, seen
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage

NAME: Final = "bulwark-test-database"


def failing_over(on: Stage) -> Plan:
    return failover.build_database_failover_plan(
        on.outputs, database.get_primary(on.aws, on.outputs), "failover-1"
    )


def rebooting(on: Stage) -> Plan:
    found = database.get_primary(on.aws, on.outputs)
    now = datetime.fromtimestamp(on.clock.now(), UTC)
    since = failover.get_reboot_events_start(on.aws, on.outputs, NAME, now)
    return failover.build_database_reboot_plan(on.outputs, found, since, "reboot-1")


def told(on: Stage) -> list[str]:
    """What RDS has said of restarts and failovers."""
    on.clock.sleep(600)
    events = on.client("rds").describe_events(
        SourceIdentifier=NAME, SourceType="db-instance", Duration=1440
    )["Events"]
    return [e["Message"] for e in events if {"failover", "availability"} & {*e["EventCategories"]}]


def zones(on: Stage) -> tuple[str, str]:
    """Where the primary is, and its standby."""
    found = seen(on)
    return found["AvailabilityZone"], found["SecondaryAvailabilityZone"]


PROCEDURES: Final = (
    Procedure(
        "db failover",
        "",
        put,
        failing_over,
        lambda on: (told(on), zones(on)),
        doubts=frozenset({"failover"}),
    ),
    Procedure("db reboot", "", put, rebooting, told, doubts=frozenset({"reboot"})),
)

"""`ops db failover` and `ops db reboot`: a second one would be a second outage."""

from datetime import UTC, datetime
from typing import Final

from ops.core.plan import Plan
from ops.database import failover
from ops.database import instance as database
from tests.ops.db_stage import describe_database, put_database
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage

PRIMARY_IDENTIFIER: Final = "bulwark-test-database"


def plan_failover(stage: Stage) -> Plan:
    return failover.build_database_failover_plan(
        stage.outputs, database.get_primary(stage.aws, stage.outputs), "failover-1"
    )


def plan_reboot(stage: Stage) -> Plan:
    instance = database.get_primary(stage.aws, stage.outputs)
    now = datetime.fromtimestamp(stage.clock.now(), UTC)
    since = failover.get_reboot_events_start(stage.aws, stage.outputs, PRIMARY_IDENTIFIER, now)
    return failover.build_database_reboot_plan(stage.outputs, instance, since, "reboot-1")


def list_restart_messages(stage: Stage) -> list[str]:
    """What RDS has said of restarts and failovers."""
    stage.clock.sleep(600)
    events = stage.client("rds").describe_events(
        SourceIdentifier=PRIMARY_IDENTIFIER, SourceType="db-instance", Duration=1440
    )["Events"]
    return [
        event["Message"]
        for event in events
        if {"failover", "availability"} & {*event["EventCategories"]}
    ]


def get_zones(stage: Stage) -> tuple[str, str]:
    """Where the primary is, and its standby."""
    instance = describe_database(stage)
    return instance["AvailabilityZone"], instance["SecondaryAvailabilityZone"]


PROCEDURES: Final = (
    Procedure(
        "db failover",
        "",
        put_database,
        plan_failover,
        lambda stage: (list_restart_messages(stage), get_zones(stage)),
        doubtful_steps=frozenset({"failover"}),
    ),
    Procedure(
        "db reboot",
        "",
        put_database,
        plan_reboot,
        list_restart_messages,
        doubtful_steps=frozenset({"reboot"}),
    ),
)

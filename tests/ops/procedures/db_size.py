"""`ops db resize` and `ops db storage`."""

from typing import Final

from ops.core.plan import Plan
from ops.database import instance as database
from ops.database import resize as resizing
from ops.database import storage
from tests.ops.db_stage import describe_database, put_database
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage


def plan_resize(stage: Stage) -> Plan:
    instance = database.get_primary(stage.aws, stage.outputs)
    return resizing.build_database_resize_plan(stage.outputs, instance, "db.m7g.large", "resize-1")


def plan_storage(stage: Stage) -> Plan:
    return storage.build_storage_plan(
        stage.outputs, database.get_primary(stage.aws, stage.outputs), 40, None, "storage-1"
    )


def collect_settled_size_facts(stage: Stage) -> tuple[object, ...]:
    """The same once nothing is on its way."""
    stage.clock.sleep(7200)
    return collect_size_facts(stage)


def collect_size_facts(stage: Stage) -> tuple[object, ...]:
    manual = stage.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    instance = describe_database(stage)
    snapshot_states = [
        (snapshot["DBSnapshotIdentifier"], snapshot["Status"]) for snapshot in manual
    ]
    return (
        instance["DBInstanceClass"],
        instance["AllocatedStorage"],
        instance["DBInstanceStatus"],
        snapshot_states,
    )


PROCEDURES: Final = (
    Procedure("db resize", "db.m7g.large", put_database, plan_resize, collect_settled_size_facts),
    Procedure("db storage", "40", put_database, plan_storage, collect_settled_size_facts),
)

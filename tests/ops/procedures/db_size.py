"""`ops db resize` and `ops db storage`."""

from typing import Final

from ops.core.plan import Plan
from ops.database import instance as database
from ops.database import resize as resizing
from tests.ops.db_stage import put, seen
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage


def resized(on: Stage) -> Plan:
    found = database.get_primary(on.aws, on.outputs)
    return resizing.build_database_resize_plan(on.outputs, found, "db.m7g.large", "resize-1")


def grown(on: Stage) -> Plan:
    return resizing.build_storage_growth_plan(
        on.outputs, database.get_primary(on.aws, on.outputs), 40, "storage-1"
    )


def rested(on: Stage) -> tuple[object, ...]:
    """The same once nothing is on its way."""
    on.clock.sleep(7200)
    return facts(on)


def facts(on: Stage) -> tuple[object, ...]:
    manual = on.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    found = seen(on)
    saved = [(s["DBSnapshotIdentifier"], s["Status"]) for s in manual]
    return found["DBInstanceClass"], found["AllocatedStorage"], found["DBInstanceStatus"], saved


PROCEDURES: Final = (
    Procedure("db resize", "db.m7g.large", put, resized, rested),
    Procedure("db storage", "40", put, grown, rested),
)

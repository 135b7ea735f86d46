"""`ops db snapshot create`, `copy` and `prune`."""

from datetime import UTC, datetime
from typing import Final

from ops.core.plan import Plan
from ops.database import instance as database
from ops.database import snapshots
from tests.ops.db_stage import put
from tests.ops.procedures import Procedure
from tests.ops.stage import RECOVERY, REGION, Stage

NAME: Final = "bulwark-test-database"


def saved(on: Stage, *runs: str) -> None:
    """The primary, and a snapshot of each of these runs, a day apart."""
    put(on)
    for run in runs:
        on.client("rds").create_db_snapshot(
            DBInstanceIdentifier=NAME,
            DBSnapshotIdentifier=f"{NAME}-{run}",
            Tags=[{"Key": snapshots.DATABASE_RUN_TAG, "Value": run}],
        )
        on.clock.sleep(86400)


def made(on: Stage, region: str = REGION) -> list[tuple[str, str]]:
    """The manual snapshots of a region and their states."""
    listed = on.client("rds", region).describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    return sorted((s["DBSnapshotIdentifier"], s["Status"]) for s in listed)


def planned(on: Stage) -> Plan:
    return snapshots.build_database_snapshot_plan(
        on.outputs, database.get_primary(on.aws, on.outputs), "run-1"
    )


def begun(on: Stage) -> Plan:
    instance = database.get_primary(on.aws, on.outputs)
    return snapshots.build_database_snapshot_plan(on.outputs, instance, "run-1", wait=False)


def copying(on: Stage) -> Plan:
    source = snapshots.select_snapshot(snapshots.list_snapshots(on.aws, on.outputs, REGION), None)
    return snapshots.build_database_snapshot_copy_plan(on.outputs, source, "copy-1")


def pruning(on: Stage) -> Plan:
    listed = snapshots.list_snapshots(on.aws, on.outputs, REGION)
    now = datetime.fromtimestamp(on.clock.now(), UTC)
    return snapshots.build_database_snapshot_prune_plan(
        on.outputs, snapshots.list_prunable(listed, 1, 0, now), "prune-1"
    )


def rested(on: Stage) -> object:
    """The snapshots of both regions once all is whole."""
    on.clock.sleep(7200)
    return made(on), made(on, RECOVERY)


PROCEDURES: Final = (
    Procedure("db snapshot create", "", put, planned, rested),
    Procedure("db snapshot create", "--no-wait", put, begun, rested),
    Procedure("db snapshot copy", "", lambda on: saved(on, "run-1"), copying, rested),
    Procedure(
        "db snapshot prune",
        "--keep 1 --older-than 0",
        lambda on: saved(on, "run-1", "run-2", "run-3"),
        pruning,
        rested,
    ),
)

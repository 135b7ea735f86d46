"""`ops db snapshot create`, `copy` and `prune`."""

from datetime import UTC, datetime
from typing import Final

from ops.core.plan import Plan
from ops.database import instance as database
from ops.database import snapshots
from tests.ops.db_stage import put_database
from tests.ops.procedures import Procedure
from tests.ops.stage import RECOVERY_REGION, REGION, Stage

PRIMARY_IDENTIFIER: Final = "bulwark-test-database"


def put_database_snapshots(on: Stage, *runs: str) -> None:
    """The primary, and a snapshot of each of these runs, a day apart."""
    put_database(on)
    for run in runs:
        on.client("rds").create_db_snapshot(
            DBInstanceIdentifier=PRIMARY_IDENTIFIER,
            DBSnapshotIdentifier=f"{PRIMARY_IDENTIFIER}-{run}",
            Tags=[{"Key": snapshots.DATABASE_RUN_TAG, "Value": run}],
        )
        on.clock.sleep(86400)


def list_manual_snapshots(on: Stage, region: str = REGION) -> list[tuple[str, str]]:
    """The manual snapshots of a region and their states."""
    snapshot_list = on.client("rds", region).describe_db_snapshots(SnapshotType="manual")[
        "DBSnapshots"
    ]
    return sorted(
        (snapshot["DBSnapshotIdentifier"], snapshot["Status"]) for snapshot in snapshot_list
    )


def plan_snapshot_create(on: Stage) -> Plan:
    return snapshots.build_database_snapshot_plan(
        on.outputs, database.get_primary(on.aws, on.outputs), "run-1"
    )


def plan_unwaited_snapshot(on: Stage) -> Plan:
    instance = database.get_primary(on.aws, on.outputs)
    return snapshots.build_database_snapshot_plan(on.outputs, instance, "run-1", wait=False)


def plan_snapshot_copy(on: Stage) -> Plan:
    source = snapshots.select_snapshot(snapshots.list_snapshots(on.aws, on.outputs, REGION), None)
    return snapshots.build_database_snapshot_copy_plan(on.outputs, source, "copy-1")


def plan_snapshot_prune(on: Stage) -> Plan:
    snapshot_list = snapshots.list_snapshots(on.aws, on.outputs, REGION)
    now = datetime.fromtimestamp(on.clock.now(), UTC)
    return snapshots.build_database_snapshot_prune_plan(
        on.outputs, snapshots.list_prunable(snapshot_list, 1, 0, now), "prune-1"
    )


def collect_snapshot_facts(on: Stage) -> object:
    """The snapshots of both regions once all is whole."""
    on.clock.sleep(7200)
    return list_manual_snapshots(on), list_manual_snapshots(on, RECOVERY_REGION)


PROCEDURES: Final = (
    Procedure("db snapshot create", "", put_database, plan_snapshot_create, collect_snapshot_facts),
    Procedure(
        "db snapshot create",
        "--no-wait",
        put_database,
        plan_unwaited_snapshot,
        collect_snapshot_facts,
    ),
    Procedure(
        "db snapshot copy",
        "",
        lambda stage: put_database_snapshots(stage, "run-1"),
        plan_snapshot_copy,
        collect_snapshot_facts,
    ),
    Procedure(
        "db snapshot prune",
        "--keep 1 --older-than 0",
        lambda stage: put_database_snapshots(stage, "run-1", "run-2", "run-3"),
        plan_snapshot_prune,
        collect_snapshot_facts,
    ),
)

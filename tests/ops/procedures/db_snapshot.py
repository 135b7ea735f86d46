"""`ops db snapshot create`, `copy` and `prune`."""

from datetime import UTC, datetime
from typing import Final

from ops.core.plan import RUN_TAG, Plan
from ops.database import instance as database
from ops.database import snapshots
from tests.ops.db_stage import put_database
from tests.ops.procedures import Procedure
from tests.ops.stage import RECOVERY_REGION, REGION, Stage

PRIMARY_IDENTIFIER: Final = "bulwark-test-database"


def put_database_snapshots(stage: Stage, *runs: str) -> None:
    """The primary, and a snapshot of each of these runs, a day apart."""
    put_database(stage)
    put_snapshots(stage, *runs)


def put_snapshots(stage: Stage, *runs: str) -> None:
    """A snapshot of the primary of each of these runs, a day apart."""
    for run in runs:
        stage.client("rds").create_db_snapshot(
            DBInstanceIdentifier=PRIMARY_IDENTIFIER,
            DBSnapshotIdentifier=f"{PRIMARY_IDENTIFIER}-{run}",
            Tags=[{"Key": RUN_TAG, "Value": run}],
        )
        stage.clock.sleep(86400)


def list_manual_snapshots(stage: Stage, region: str = REGION) -> list[tuple[str, str]]:
    """The manual snapshots of a region and their states."""
    snapshot_list = stage.client("rds", region).describe_db_snapshots(SnapshotType="manual")[
        "DBSnapshots"
    ]
    return sorted(
        (snapshot["DBSnapshotIdentifier"], snapshot["Status"]) for snapshot in snapshot_list
    )


def plan_snapshot_create(stage: Stage) -> Plan:
    return snapshots.build_database_snapshot_plan(
        stage.outputs, database.get_primary(stage.aws, stage.outputs), "run-1"
    )


def plan_unwaited_snapshot(stage: Stage) -> Plan:
    instance = database.get_primary(stage.aws, stage.outputs)
    return snapshots.build_database_snapshot_plan(stage.outputs, instance, "run-1", wait=False)


def plan_snapshot_copy(stage: Stage) -> Plan:
    source = snapshots.select_snapshot(
        snapshots.list_snapshots(stage.aws, stage.outputs, REGION), None
    )
    return snapshots.build_database_snapshot_copy_plan(stage.outputs, source, "copy-1")


def put_unencrypted_snapshot(stage: Stage) -> None:
    put_database(stage, StorageEncrypted=False)
    put_snapshots(stage, "run-1")


def plan_encrypted_copy(stage: Stage) -> Plan:
    source = snapshots.select_snapshot(
        snapshots.list_snapshots(stage.aws, stage.outputs, REGION), None
    )
    return snapshots.build_database_snapshot_copy_plan(
        stage.outputs, source, "copy-1", encrypt=True
    )


def plan_snapshot_prune(stage: Stage) -> Plan:
    snapshot_list = snapshots.list_snapshots(stage.aws, stage.outputs, REGION)
    now = datetime.fromtimestamp(stage.clock.now(), UTC)
    return snapshots.build_database_snapshot_prune_plan(
        stage.outputs, snapshots.list_prunable(snapshot_list, 1, 0, now), "prune-1"
    )


def collect_snapshot_facts(stage: Stage) -> object:
    """The snapshots of both regions once all is whole."""
    stage.clock.sleep(7200)
    return list_manual_snapshots(stage), list_manual_snapshots(stage, RECOVERY_REGION)


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
        "db snapshot copy",
        "--encrypt",
        put_unencrypted_snapshot,
        plan_encrypted_copy,
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

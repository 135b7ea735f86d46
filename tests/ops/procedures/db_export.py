"""`ops db snapshot export`."""

import json
from typing import Final

from ops.core.plan import Plan
from ops.database import snapshot_export as exporting
from ops.database import snapshots
from tests.ops.db_stage import put_database as put_database
from tests.ops.procedures import Procedure
from tests.ops.stage import REGION, Stage

EXPORTED_SNAPSHOT: Final = "bulwark-test-database-saved"


def put_export_role(stage: Stage) -> None:
    """The role and the key, and outputs that name them."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    stage.client("iam").create_role(
        RoleName=str(stage.outputs.backups.export_role_arn).rpartition("/")[2],
        AssumeRolePolicyDocument=trust,
    )
    key = stage.client("kms").create_key()["KeyMetadata"]["Arn"]
    stack_part = stage.outputs.stack.model_copy(update={"data_key_arn": key})
    stage.outputs = stage.outputs.model_copy(update={"stack": stack_part})


def put_export_snapshot(stage: Stage) -> None:
    stage.client("rds").create_db_snapshot(
        DBInstanceIdentifier=stage.outputs.database.identifier,
        DBSnapshotIdentifier=EXPORTED_SNAPSHOT,
    )
    stage.clock.sleep(3600)


def put_export_world(stage: Stage) -> None:
    put_database(stage)
    put_export_role(stage)
    stage.client("s3").create_bucket(
        Bucket=stage.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    put_export_snapshot(stage)


def plan_export(stage: Stage) -> Plan:
    snapshot_list = snapshots.list_snapshots(stage.aws, stage.outputs, REGION)
    snapshot = snapshots.select_snapshot(snapshot_list, EXPORTED_SNAPSHOT)
    return exporting.build_database_snapshot_export_plan(
        stage.outputs, snapshot, ("app.public.orders",), "export-1"
    )


def collect_export_facts(stage: Stage) -> tuple[object, ...]:
    stage.clock.sleep(7200)
    tasks = stage.client("rds").describe_export_tasks()["ExportTasks"]
    listed = stage.client("s3").list_objects_v2(
        Bucket=stage.outputs.backups.operations_bucket, Prefix="exports/"
    )
    return (
        [(task["ExportTaskIdentifier"], task["Status"], task["ExportOnly"]) for task in tasks],
        [item["Key"] for item in listed.get("Contents", ())],
    )


PROCEDURES: Final = (
    Procedure(
        "db snapshot export", EXPORTED_SNAPSHOT, put_export_world, plan_export, collect_export_facts
    ),
)

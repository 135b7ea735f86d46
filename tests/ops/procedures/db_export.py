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


def put_export_role(on: Stage) -> None:
    """The role and the key, and outputs that name them."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    on.client("iam").create_role(
        RoleName=str(on.outputs.backups.export_role_arn).rpartition("/")[2],
        AssumeRolePolicyDocument=trust,
    )
    key = on.client("kms").create_key()["KeyMetadata"]["Arn"]
    stack_part = on.outputs.stack.model_copy(update={"data_key_arn": key})
    on.outputs = on.outputs.model_copy(update={"stack": stack_part})


def put_export_snapshot(on: Stage) -> None:
    on.client("rds").create_db_snapshot(
        DBInstanceIdentifier=on.outputs.database.identifier, DBSnapshotIdentifier=EXPORTED_SNAPSHOT
    )
    on.clock.sleep(3600)


def put_export_world(on: Stage) -> None:
    put_database(on)
    put_export_role(on)
    on.client("s3").create_bucket(
        Bucket=on.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    put_export_snapshot(on)


def plan_export(on: Stage) -> Plan:
    snapshot_list = snapshots.list_snapshots(on.aws, on.outputs, REGION)
    snapshot = snapshots.select_snapshot(snapshot_list, EXPORTED_SNAPSHOT)
    return exporting.build_database_snapshot_export_plan(
        on.outputs, snapshot, ("app.public.orders",), "export-1"
    )


def collect_export_facts(on: Stage) -> tuple[object, ...]:
    on.clock.sleep(7200)
    tasks = on.client("rds").describe_export_tasks()["ExportTasks"]
    listed = on.client("s3").list_objects_v2(
        Bucket=on.outputs.backups.operations_bucket, Prefix="exports/"
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

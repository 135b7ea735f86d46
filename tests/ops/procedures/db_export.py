"""`ops db snapshot export`."""

import json
from typing import Final

from ops.core.plan import Plan
from ops.database import snapshot_export as exporting
from ops.database import snapshots
from tests.ops.db_stage import put as put_database
from tests.ops.procedures import Procedure
from tests.ops.stage import REGION, Stage

SNAPSHOT: Final = "bulwark-test-database-saved"


def put_role(on: Stage) -> None:
    """The role and the key, and outputs that name them."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    on.client("iam").create_role(
        RoleName=str(on.outputs.backups.export_role_arn).rpartition("/")[2],
        AssumeRolePolicyDocument=trust,
    )
    key = on.client("kms").create_key()["KeyMetadata"]["Arn"]
    part = on.outputs.stack.model_copy(update={"data_key_arn": key})
    on.outputs = on.outputs.model_copy(update={"stack": part})


def put_snapshot(on: Stage) -> None:
    on.client("rds").create_db_snapshot(
        DBInstanceIdentifier=on.outputs.database.identifier, DBSnapshotIdentifier=SNAPSHOT
    )
    on.clock.sleep(3600)


def put(on: Stage) -> None:
    put_database(on)
    put_role(on)
    on.client("s3").create_bucket(
        Bucket=on.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    put_snapshot(on)


def planned(on: Stage) -> Plan:
    listed = snapshots.list_snapshots(on.aws, on.outputs, REGION)
    one = snapshots.select_snapshot(listed, SNAPSHOT)
    return exporting.build_database_snapshot_export_plan(
        on.outputs, one, ("app.public.orders",), "export-1"
    )


def facts(on: Stage) -> tuple[object, ...]:
    on.clock.sleep(7200)
    tasks = on.client("rds").describe_export_tasks()["ExportTasks"]
    listed = on.client("s3").list_objects_v2(
        Bucket=on.outputs.backups.operations_bucket, Prefix="exports/"
    )
    return (
        [(t["ExportTaskIdentifier"], t["Status"], t["ExportOnly"]) for t in tasks],
        [one["Key"] for one in listed.get("Contents", ())],
    )


PROCEDURES: Final = (Procedure("db snapshot export", SNAPSHOT, put, planned, facts),)

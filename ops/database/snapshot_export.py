"""A snapshot's data as Parquet files in the operations bucket: to analyse, not to restore."""

import re
from collections.abc import Sequence
from typing import Final

from ops.core.errors import OpsError, UsageError
from ops.core.plan import JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database.snapshots import Snapshot
from ops.outputs import EXPORTS_PREFIX, Outputs

EXPORT_STATUS_PATH: Final = "ExportTasks[0].Status"
EXPORT_FAILURE_PATH: Final = "ExportTasks[0].FailureCause"
# COMPLETE, or the status with how many percent there are: what a person is shown meanwhile.
EXPORT_PROGRESS_EXPRESSION: Final = (
    "ExportTasks[0] | (Status == 'COMPLETE' && Status || "
    "Status && join(' ', [Status, to_string(PercentProgress)]))"
)
EXPORT_NOT_FOUND: Final = "ExportTaskNotFound"
TYPICAL_SNAPSHOT_EXPORT_SECONDS: Final = 30 * 60
SNAPSHOT_EXPORT_TIME_SOURCE: Final = (
    "an assumption, AWS states none: it restores the whole database first"
)
# Behind the database: a schema, or a table in it. Source: API reference, StartExportTask
EXPORT_TABLE_PATTERN: Final = re.compile(r"[\w$]+(\.[\w$]+){0,2}")


def parse_export_tables(outputs: Outputs, text: str | None) -> tuple[str, ...]:
    """What --tables names, each as RDS wants it. Raises UsageError.

    A table is `schema.table`, or `table` of the schema public.
    """
    if text is None:
        return ()
    tables = []
    for name in text.split(","):
        name = name.strip()
        if not EXPORT_TABLE_PATTERN.fullmatch(name) or name.count(".") > 1:
            raise UsageError(f"--tables is {text!r}, must be tables, like orders,public.parts")
        qualified_name = name if "." in name else f"public.{name}"
        tables.append(f"{outputs.database.database}.{qualified_name}")
    return tuple(dict.fromkeys(tables))


def build_database_snapshot_export_plan(
    outputs: Outputs, snapshot: Snapshot, tables: Sequence[str], run: str, *, wait: bool = True
) -> Plan:
    """The snapshot's tables, or only some, are in the bucket; without `wait`, it has begun.

    Not undone: files stay.
    """
    role_arn, key_arn = outputs.backups.export_role_arn, outputs.stack.data_key_arn
    if role_arn is None or key_arn is None:
        raise OpsError(
            "the stack has no role and key for exports, which RDS takes with a key of one's own "
            "only: turn encryption with own keys on, and deploy"
        )
    if snapshot.status != "available":
        raise OpsError(f"{snapshot.name} is {snapshot.status}, it must be available")
    params: JsonObject = {
        "ExportTaskIdentifier": run,
        "SourceArn": snapshot.arn,
        "S3BucketName": outputs.backups.operations_bucket,
        "S3Prefix": EXPORTS_PREFIX.rstrip("/"),
        "IamRoleArn": role_arn,
        "KmsKeyId": key_arn,
        **({"ExportOnly": list(tables)} if tables else {}),
    }
    step = Step(
        name="export",
        description=f"export {', '.join(tables) or 'all'} of {snapshot.name} to "
        f"{get_export_location(outputs, run)}",
        action=database.rds_call(
            outputs, "rds.start_export_task", params, "ExportTaskAlreadyExists"
        ),
        goal=Wait(
            read=database.rds_call(
                outputs,
                "rds.describe_export_tasks",
                {"ExportTaskIdentifier": run},
                EXPORT_NOT_FOUND,
            ),
            # Why it failed stands among what is wanted, so that it is said.
            met={"ExportTasks[0].SourceArn": snapshot.arn, EXPORT_FAILURE_PATH: None}
            | ({EXPORT_PROGRESS_EXPRESSION: "COMPLETE"} if wait else {}),
            begun={f"contains(['STARTING', 'IN_PROGRESS'], {EXPORT_STATUS_PATH} || '')": True},
            failed={EXPORT_STATUS_PATH: ["FAILED", "CANCELED"]},
            every=120,
            within=24 * 3600 if wait else 600,
            typical=TYPICAL_SNAPSHOT_EXPORT_SECONDS if wait else None,
            source=SNAPSHOT_EXPORT_TIME_SOURCE if wait else None,
        ),
    )
    notes = (
        "the database itself is not touched; what is exported is charged by the GB, and kept in "
        "the recovery region too, where there is one",
        "an account runs five exports at once (RDS quotas)",
        "an export cannot be restored from; it stays in the bucket until it is deleted there",
    )
    return build_stack_plan(outputs, run, "db snapshot export", step, notes=notes)


def get_export_location(outputs: Outputs, run: str) -> str:
    """Where an export is."""
    return f"s3://{outputs.backups.operations_bucket}/{EXPORTS_PREFIX}{run}/"

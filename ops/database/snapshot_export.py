"""Exports a snapshot as Parquet files to the operations bucket, for analysis only."""

import re
from collections.abc import Sequence
from typing import Final

from ops.core.errors import OpsError, UsageError
from ops.core.plan import JsonObject, Plan, Step, Wait
from ops.core.stack_plan import NOT_PRICED, build_stack_plan
from ops.database.instance import rds_call
from ops.database.snapshots import Snapshot
from ops.outputs import EXPORTS_PREFIX, Outputs

EXPORT_STATUS_PATH: Final = "ExportTasks[0].Status"
EXPORT_FAILURE_PATH: Final = "ExportTasks[0].FailureCause"
# COMPLETE, or the status and the percent done, which is shown as progress.
EXPORT_PROGRESS_EXPRESSION: Final = (
    "ExportTasks[0] | (Status == 'COMPLETE' && Status || "
    "Status && join(' ', [Status, to_string(PercentProgress)]))"
)
EXPORT_NOT_FOUND: Final = "ExportTaskNotFound"
TYPICAL_SNAPSHOT_EXPORT_SECONDS: Final = 30 * 60
SNAPSHOT_EXPORT_TIME_SOURCE: Final = (
    "an assumption, AWS gives no figure: RDS restores the whole database first"
)
# A schema or a table, without the database. Source: API reference, StartExportTask
EXPORT_TABLE_PATTERN: Final = re.compile(r"[\w$]+(\.[\w$]+){0,2}")


def parse_export_tables(outputs: Outputs, text: str | None) -> tuple[str, ...]:
    """Parses --tables into `database.schema.table` names, without duplicates.

    A name without a schema is in public. Raises UsageError for a malformed name.
    """
    if text is None:
        return ()
    tables = []
    for name in text.split(","):
        name = name.strip()
        if not EXPORT_TABLE_PATTERN.fullmatch(name) or name.count(".") > 1:
            raise UsageError(
                f"--tables must be table names, like orders,public.parts, not {text!r}"
            )
        qualified_name = name if "." in name else f"public.{name}"
        tables.append(f"{outputs.database.database}.{qualified_name}")
    return tuple(dict.fromkeys(tables))


def build_database_snapshot_export_plan(
    outputs: Outputs, snapshot: Snapshot, tables: Sequence[str], run: str, *, wait: bool = True
) -> Plan:
    """Builds the plan that exports a snapshot, or some of its tables, to the bucket.

    Without `wait` it ends once the export has started. There is no undo: files stay. Raises
    OpsError if the stack has no key for exports or the snapshot is not available.
    """
    role_arn, key_arn = outputs.backups.export_role_arn, outputs.stack.data_key_arn
    if role_arn is None or key_arn is None:
        raise OpsError(
            "the stack has no role and key for exports, and RDS needs a customer managed key: turn "
            "on encryption with own keys and deploy"
        )
    if snapshot.status != "available":
        raise OpsError(f"{snapshot.name} is {snapshot.status}; it must be available")
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
        description=f"export {', '.join(tables) or 'all tables'} of {snapshot.name} to "
        f"{get_export_location(outputs, run)}",
        action=rds_call(outputs, "rds.start_export_task", params, "ExportTaskAlreadyExists"),
        goal=Wait(
            read=rds_call(
                outputs,
                "rds.describe_export_tasks",
                {"ExportTaskIdentifier": run},
                EXPORT_NOT_FOUND,
            ),
            # The failure cause is a condition, so that it is shown if the export fails.
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
        "an account can run five exports at a time (RDS quotas)",
        "an export cannot be restored; it stays in the bucket until you delete it",
    )
    return build_stack_plan(
        outputs,
        run,
        "db snapshot export",
        step,
        changes=["one export more in the bucket; the database is not touched"],
        losses=(),
        cost=f"{NOT_PRICED}: by the GB, and for the copy in the recovery region if there is one",
        notes=notes,
    )


def get_export_location(outputs: Outputs, run: str) -> str:
    """Returns the S3 address of an export."""
    return f"s3://{outputs.backups.operations_bucket}/{EXPORTS_PREFIX}{run}/"

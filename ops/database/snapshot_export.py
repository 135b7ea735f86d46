"""A snapshot's data as Parquet files in the operations bucket: to analyse, not to restore."""

import re
from collections.abc import Sequence
from typing import Final

from ops.core.errors import OpsError, UsageError
from ops.core.plan import Plan, State, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database.snapshots import Snapshot
from ops.outputs import EXPORTS, Outputs

STATUS: Final = "ExportTasks[0].Status"
WHY: Final = "ExportTasks[0].FailureCause"
# COMPLETE, or the status with how many percent there are: what a person is shown meanwhile.
PROGRESS: Final = (
    "ExportTasks[0] | (Status == 'COMPLETE' && Status || "
    "Status && join(' ', [Status, to_string(PercentProgress)]))"
)
ABSENT: Final = "ExportTaskNotFound"
TYPICAL: Final = 30 * 60
ASSUMED: Final = "an assumption, AWS states none: it restores the whole database first"
# Behind the database: a schema, or a table in it. Source: API reference, StartExportTask
PART: Final = re.compile(r"[\w$]+(\.[\w$]+){0,2}")


def parts(outputs: Outputs, text: str | None) -> tuple[str, ...]:
    """What --tables names, each as RDS wants it. Raises UsageError.

    A table is `schema.table`, or `table` of the schema public.
    """
    if text is None:
        return ()
    found = []
    for name in text.split(","):
        name = name.strip()
        if not PART.fullmatch(name) or name.count(".") > 1:
            raise UsageError(f"--tables is {text!r}, may be tables, like orders,public.parts")
        whole = name if "." in name else f"public.{name}"
        found.append(f"{outputs.database.database}.{whole}")
    return tuple(dict.fromkeys(found))


def export(
    outputs: Outputs, snapshot: Snapshot, only: Sequence[str], run: str, *, wait: bool = True
) -> Plan:
    """The snapshot's tables, or only some, are in the bucket; without `wait`, it has begun.

    Not undone: files stay.
    """
    role, key = outputs.backups.export_role_arn, outputs.stack.data_key_arn
    if role is None or key is None:
        raise OpsError(
            "the stack has no role and key for exports, which RDS takes with a key of one's own "
            "only: turn encryption with own keys on, and deploy"
        )
    if snapshot.status != "available":
        raise OpsError(f"{snapshot.name} is {snapshot.status}, it must be available")
    params: State = {
        "ExportTaskIdentifier": run,
        "SourceArn": snapshot.arn,
        "S3BucketName": outputs.backups.operations_bucket,
        "S3Prefix": EXPORTS.rstrip("/"),
        "IamRoleArn": role,
        "KmsKeyId": key,
        **({"ExportOnly": list(only)} if only else {}),
    }
    step = Step(
        name="export",
        says=f"export {', '.join(only) or 'all'} of {snapshot.name} to {place(outputs, run)}",
        do=database.where(outputs, "rds.start_export_task", params, "ExportTaskAlreadyExists"),
        goal=Wait(
            read=database.where(
                outputs, "rds.describe_export_tasks", {"ExportTaskIdentifier": run}, ABSENT
            ),
            # Why it failed stands among what is wanted, so that it is said.
            met={"ExportTasks[0].SourceArn": snapshot.arn, WHY: None}
            | ({PROGRESS: "COMPLETE"} if wait else {}),
            begun={f"contains(['STARTING', 'IN_PROGRESS'], {STATUS} || '')": True},
            failed={STATUS: ["FAILED", "CANCELED"]},
            every=120,
            within=24 * 3600 if wait else 600,
            typical=TYPICAL if wait else None,
            source=ASSUMED if wait else None,
        ),
    )
    notes = (
        "the database itself is not touched; what is exported is charged by the GB, and kept in "
        "the recovery region too, where there is one",
        "an account runs five exports at once (RDS quotas)",
        "an export cannot be restored from; it stays in the bucket until it is deleted there",
    )
    return build_stack_plan(outputs, run, "db snapshot export", step, notes=notes)


def place(outputs: Outputs, run: str) -> str:
    """Where an export is."""
    return f"s3://{outputs.backups.operations_bucket}/{EXPORTS}{run}/"

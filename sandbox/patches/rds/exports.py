"""RDS: exports of snapshots take time, with AWS's own statuses."""

import json
from typing import Any, Final

from moto.iam.models import iam_backends
from moto.rds.models import ExportTask, RDSBackend
from moto.s3.models import s3_backends

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Simulated seconds: assumptions (AWS states none).
EXPORT_START_SECONDS, EXPORT_RUN_SECONDS = 2 * 60, 20 * 60
RUNNING_EXPORT_STATUSES: Final = ("STARTING", "IN_PROGRESS")
EXPORT_QUOTA: Final = 5  # at once in an account and region: RDS User Guide, quotas


@patch.wrap(ExportTask, "__init__")
def start_export_phases(original: Any, task: ExportTask, *args: Any) -> None:
    original(task, *args)
    attributes = vars(task)
    attributes["sandbox_phases"] = (
        ("STARTING", get_sandbox_clock().get_completion_time(EXPORT_START_SECONDS)),
        (
            "IN_PROGRESS",
            get_sandbox_clock().get_completion_time(EXPORT_START_SECONDS + EXPORT_RUN_SECONDS),
        ),
    )
    attributes["sandbox_written"] = False


def _get_status(task: ExportTask) -> str:
    attributes = vars(task)
    passing_statuses = (
        status for status, until in attributes.get("sandbox_phases", ()) if is_in_future(until)
    )
    status = next(passing_statuses, attributes.get("sandbox_status", "COMPLETE"))
    if status == "COMPLETE" and not attributes.get("sandbox_written", True):
        attributes["sandbox_written"] = True
        _write_export_info(task)
    return str(status)


def _set_status(task: ExportTask, status: str) -> None:
    vars(task)["sandbox_status"] = status.upper()


@patch.add_change
def add_export_status() -> None:
    ExportTask.status = property(_get_status, _set_status)  # type: ignore[assignment]
    ExportTask.PercentProgress = property(_get_percent)  # type: ignore[attr-defined]


def _get_percent(task: ExportTask) -> int:
    """The progress in percent, linear from the start of writing."""
    if task.status != "IN_PROGRESS":
        return 100 if task.status == "COMPLETE" else 0
    (_, started_at), (_, until) = vars(task)["sandbox_phases"]
    return int(100 * (get_sandbox_clock().now() - started_at) / (until - started_at))


def _write_export_info(task: ExportTask) -> None:
    """Writes the export's info file; the data are not written."""
    backend = s3_backends[task.backend.account_id]["aws"]
    identifier = str(task.export_task_identifier)
    name = f"{task.s3_prefix}/{identifier}/export_info_{identifier}.json"
    info = {"exportTaskIdentifier": identifier, "status": "COMPLETE"}
    backend.put_object(str(task.s3_bucket), name.lstrip("/"), json.dumps(info).encode())


@patch.wrap(RDSBackend, "start_export_task")
def start_export_task(original: Any, backend: RDSBackend, params: ApiRecord) -> ExportTask:
    """Refused without the role or the bucket, or if five exports are in progress."""
    identifier = params["export_task_identifier"]
    if identifier not in backend.export_tasks:
        running = [t for t in backend.export_tasks.values() if t.status in RUNNING_EXPORT_STATUSES]
        if len(running) >= EXPORT_QUOTA:
            raise AwsError("ExportTaskLimitReachedFault", "You have reached the limit of exports.")
        roles = iam_backends[backend.account_id]["aws"].roles.values()
        if params["iam_role_arn"] not in {role.arn for role in roles}:
            raise AwsError("IamRoleNotFound", f"{params['iam_role_arn']} does not exist.")
        buckets = s3_backends[backend.account_id]["aws"].buckets
        if params["s3_bucket_name"] not in buckets:
            raise AwsError("InvalidS3BucketFault", f"{params['s3_bucket_name']} is no bucket.")
    task: ExportTask = original(backend, params)
    return task

"""RDS: exports of snapshots take their time, and say so under AWS's own names."""

import json
from typing import Any, Final

from moto.iam.models import iam_backends
from moto.rds.models import ExportTask, RDSBackend
from moto.s3.models import s3_backends

from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused

mend = Mend()
Record = dict[str, Any]
# Simulated seconds: assumptions (AWS states none).
STARTS, EXPORTS = 2 * 60, 20 * 60
RUNNING: Final = ("STARTING", "IN_PROGRESS")
QUOTA: Final = 5  # at once in an account and region: RDS User Guide, quotas


@mend.around(ExportTask, "__init__")
def started(original: Any, task: ExportTask, *args: Any) -> None:
    original(task, *args)
    own = vars(task)
    own["mended_phases"] = (
        ("STARTING", clock().ready(STARTS)),
        ("IN_PROGRESS", clock().ready(STARTS + EXPORTS)),
    )
    own["mended_written"] = False


def _status(task: ExportTask) -> str:
    own = vars(task)
    passing = (status for status, until in own.get("mended_phases", ()) if pending(until))
    status = next(passing, own.get("mended_status", "COMPLETE"))
    if status == "COMPLETE" and not own.get("mended_written", True):
        own["mended_written"] = True
        _write(task)
    return str(status)


def _set_status(task: ExportTask, status: str) -> None:
    vars(task)["mended_status"] = status.upper()


@mend.also
def describe() -> None:
    ExportTask.status = property(_status, _set_status)  # type: ignore[assignment]
    ExportTask.PercentProgress = property(_percent)  # type: ignore[attr-defined]


def _percent(task: ExportTask) -> int:
    """How far it is, evenly from the moment that it writes."""
    if task.status != "IN_PROGRESS":
        return 100 if task.status == "COMPLETE" else 0
    (_, began), (_, until) = vars(task)["mended_phases"]
    return int(100 * (clock().now() - began) / (until - began))


def _write(task: ExportTask) -> None:
    """The file that tells of the export; the data are not written here."""
    backend = s3_backends[task.backend.account_id]["aws"]
    own = str(task.export_task_identifier)
    name = f"{task.s3_prefix}/{own}/export_info_{own}.json"
    told = {"exportTaskIdentifier": own, "status": "COMPLETE"}
    backend.put_object(str(task.s3_bucket), name.lstrip("/"), json.dumps(told).encode())


@mend.around(RDSBackend, "start_export_task")
def start(original: Any, backend: RDSBackend, given: Record) -> ExportTask:
    """By a role that is there, to a bucket that is there, five at once."""
    identifier = given["export_task_identifier"]
    if identifier not in backend.export_tasks:
        running = [t for t in backend.export_tasks.values() if t.status in RUNNING]
        if len(running) >= QUOTA:
            raise Refused("ExportTaskLimitReachedFault", "You have reached the limit of exports.")
        roles = iam_backends[backend.account_id]["aws"].roles.values()
        if given["iam_role_arn"] not in {role.arn for role in roles}:
            raise Refused("IamRoleNotFound", f"{given['iam_role_arn']} does not exist.")
        buckets = s3_backends[backend.account_id]["aws"].buckets
        if given["s3_bucket_name"] not in buckets:
            raise Refused("InvalidS3BucketFault", f"{given['s3_bucket_name']} is no bucket.")
    made: ExportTask = original(backend, given)
    return made

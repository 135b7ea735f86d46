"""RDS: snapshots take time; each operation is refused in the wrong state."""

from datetime import datetime
from typing import Any

from moto.rds.models import DBSnapshot, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch
from sandbox.patches.rds.instances import start_phases
from sandbox.patches.rds.states import STEADY_STATES

patch = ServicePatch()
# Simulated seconds. Assumptions from practice (AWS states none): a small instance's snapshot
# takes 2 minutes, during which the instance is "backing-up", and its copy between regions 10.
SNAPSHOT_SECONDS, SNAPSHOT_COPY_SECONDS = 2 * 60, 10 * 60


@patch.wrap(DBSnapshot, "__init__")
def set_snapshot_time(original: Any, snapshot: DBSnapshot, *args: Any, **kwargs: Any) -> None:
    """Made at the sandbox's time."""
    original(snapshot, *args, **kwargs)
    is_original = snapshot.original_snapshot_create_time == snapshot.created
    snapshot.created = get_sandbox_clock().now()
    if is_original:
        snapshot.original_snapshot_create_time = snapshot.created
    snapshot.encrypted = bool(snapshot.storage_encrypted)


def _get_status(snapshot: DBSnapshot) -> str:
    until: datetime | None = vars(snapshot).get("sandbox_until")
    if until is not None and is_in_future(until):
        return "creating"
    return str(vars(snapshot).get("sandbox_status", "available"))


def _set_status(snapshot: DBSnapshot, status: str) -> None:
    vars(snapshot)["sandbox_status"] = status


@patch.add_change
def add_snapshot_status() -> None:
    DBSnapshot.status = property(_get_status, _set_status)  # type: ignore[assignment]
    DBSnapshot.PercentProgress = property(_get_percent)  # type: ignore[attr-defined]


def _get_percent(snapshot: DBSnapshot) -> int:
    """The estimated data that has been transferred (API reference, DBSnapshot).

    Assumed: linear in time, and 100 only once it is available.
    """
    until: datetime | None = vars(snapshot).get("sandbox_until")
    if until is None or not is_in_future(until):
        return 100 if snapshot.status == "available" else 0
    passed = (get_sandbox_clock().now() - snapshot.created) / (until - snapshot.created)
    return min(99, max(0, int(100 * passed)))


@patch.wrap(RDSResponse, "create_db_snapshot")
def create_db_snapshot(original: Any, response: RDSResponse) -> Any:
    """Of an instance that is available, which is backing up meanwhile.

    That one whose volume is loaded takes it too is an assumption: the API reference names
    `available` and `storage-optimization`.
    """
    backend: RDSBackend = response.backend
    instance = backend.describe_db_instances(response.params["DBInstanceIdentifier"])[0]
    if response.params["DBSnapshotIdentifier"].lower() not in backend.database_snapshots:
        if instance.status not in STEADY_STATES:
            raise AwsError(
                "InvalidDBInstanceState",
                f"Cannot create a snapshot because the database instance "
                f"{instance.db_instance_identifier} is not currently in the available state.",
            )
        answer = original(response)
        start_phases(instance, ("backing-up", SNAPSHOT_SECONDS))
        _start_snapshot(backend, response.params["DBSnapshotIdentifier"], SNAPSHOT_SECONDS)
        return answer
    return original(response)


@patch.wrap(RDSResponse, "copy_db_snapshot")
def copy_db_snapshot(original: Any, response: RDSResponse) -> Any:
    """Of a whole snapshot; an encrypted one needs a key where it goes to."""
    backend: RDSBackend = response.backend
    params = response.params
    source = backend.get_db_snapshot(params["SourceDBSnapshotIdentifier"])
    if source.status != "available":
        raise AwsError(
            "InvalidDBSnapshotState",
            f"Cannot copy the snapshot {source.db_snapshot_identifier}: it is {source.status}.",
        )
    is_cross_region = source.region != backend.region_name
    if source.encrypted and is_cross_region and not params.get("KmsKeyId"):
        raise AwsError(
            "InvalidParameterCombination",
            "An encrypted snapshot is copied between regions with a KmsKeyId of the target region.",
        )
    answer = original(response)
    copy = _start_snapshot(
        backend,
        params["TargetDBSnapshotIdentifier"],
        SNAPSHOT_COPY_SECONDS if is_cross_region else SNAPSHOT_SECONDS,
    )
    copy.SourceDBSnapshotIdentifier = source.arn  # type: ignore[attr-defined]
    copy.SourceRegion = source.region if is_cross_region else None  # type: ignore[attr-defined]
    return answer


def _start_snapshot(backend: RDSBackend, name: str, seconds: float) -> DBSnapshot:
    snapshot = backend.database_snapshots.get(name) or backend.database_snapshots[name.lower()]
    snapshot.sandbox_until = get_sandbox_clock().get_completion_time(seconds)  # type: ignore[attr-defined]
    return snapshot


@patch.wrap(RDSResponse, "delete_db_snapshot")
def delete_db_snapshot(original: Any, response: RDSResponse) -> Any:
    name = response.params["DBSnapshotIdentifier"]
    snapshot = response.backend.database_snapshots.get(name)
    if snapshot is not None and snapshot.status != "available":
        raise AwsError(
            "InvalidDBSnapshotState", f"{name} is {snapshot.status}, it cannot be deleted now."
        )
    return original(response)


def put_backup_service_snapshot(
    account: str, region: str, instance_identifier: str, name: str
) -> DBSnapshot:
    """Adds a recovery point of AWS Backup, which is a snapshot of a type of its own.

    Its name begins with `awsbackup:`, and lists without that type do not have it: API reference,
    DescribeDBSnapshots.
    """
    backend = rds_backends[account][region]
    snapshot: DBSnapshot = backend.create_db_snapshot(
        instance_identifier, f"awsbackup:{name}", snapshot_type="awsbackup"
    )
    return snapshot

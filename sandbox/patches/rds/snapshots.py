"""RDS: snapshots take their time, and are made, copied and deleted only when they may be."""

from datetime import datetime
from typing import Any

from moto.rds.models import DBSnapshot, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused
from sandbox.patches.rds.instances import begin

mend = Mend()
# Simulated seconds. Assumptions from practice (AWS states none): a small instance's snapshot
# takes 2 minutes, during which the instance is "backing-up", and its copy between regions 10.
SNAPSHOT, COPY = 2 * 60, 10 * 60


@mend.around(DBSnapshot, "__init__")
def create(original: Any, snapshot: DBSnapshot, *args: Any, **given: Any) -> None:
    """Made at the sandbox's time."""
    original(snapshot, *args, **given)
    own = snapshot.original_snapshot_create_time == snapshot.created
    snapshot.created = clock().now()
    if own:
        snapshot.original_snapshot_create_time = snapshot.created
    snapshot.encrypted = bool(snapshot.storage_encrypted)


def _status(snapshot: DBSnapshot) -> str:
    until: datetime | None = vars(snapshot).get("mended_until")
    if until is not None and pending(until):
        return "creating"
    return str(vars(snapshot).get("mended_status", "available"))


def _set_status(snapshot: DBSnapshot, status: str) -> None:
    vars(snapshot)["mended_status"] = status


@mend.also
def describe() -> None:
    DBSnapshot.status = property(_status, _set_status)  # type: ignore[assignment]
    DBSnapshot.PercentProgress = property(  # type: ignore[attr-defined]
        lambda it: 100 if it.status == "available" else 0
    )


@mend.around(RDSResponse, "create_db_snapshot")
def taken(original: Any, response: RDSResponse) -> Any:
    """Of an instance that is available, which is backing up meanwhile."""
    backend: RDSBackend = response.backend
    instance = backend.describe_db_instances(response.params["DBInstanceIdentifier"])[0]
    if response.params["DBSnapshotIdentifier"].lower() not in backend.database_snapshots:
        if instance.status not in ("available", "storage-optimization"):
            raise Refused(
                "InvalidDBInstanceState",
                f"Cannot create a snapshot because the database instance "
                f"{instance.db_instance_identifier} is not currently in the available state.",
            )
        answer = original(response)
        begin(instance, ("backing-up", SNAPSHOT))
        _of(backend, response.params["DBSnapshotIdentifier"], SNAPSHOT)
        return answer
    return original(response)


@mend.around(RDSResponse, "copy_db_snapshot")
def copied(original: Any, response: RDSResponse) -> Any:
    """Of a whole snapshot; an encrypted one needs a key where it goes to."""
    backend: RDSBackend = response.backend
    given = response.params
    source = backend.get_db_snapshot(given["SourceDBSnapshotIdentifier"])
    if source.status != "available":
        raise Refused(
            "InvalidDBSnapshotState",
            f"Cannot copy the snapshot {source.db_snapshot_identifier}: it is {source.status}.",
        )
    elsewhere = source.region != backend.region_name
    if source.encrypted and elsewhere and not given.get("KmsKeyId"):
        raise Refused(
            "InvalidParameterCombination",
            "An encrypted snapshot is copied between regions with a KmsKeyId of the target region.",
        )
    answer = original(response)
    copy = _of(backend, given["TargetDBSnapshotIdentifier"], COPY if elsewhere else SNAPSHOT)
    copy.SourceDBSnapshotIdentifier = source.arn  # type: ignore[attr-defined]
    copy.SourceRegion = source.region if elsewhere else None  # type: ignore[attr-defined]
    return answer


def _of(backend: RDSBackend, name: str, seconds: float) -> DBSnapshot:
    snapshot = backend.database_snapshots.get(name) or backend.database_snapshots[name.lower()]
    snapshot.mended_until = clock().ready(seconds)  # type: ignore[attr-defined]
    return snapshot


@mend.around(RDSResponse, "delete_db_snapshot")
def deleted(original: Any, response: RDSResponse) -> Any:
    name = response.params["DBSnapshotIdentifier"]
    snapshot = response.backend.database_snapshots.get(name)
    if snapshot is not None and snapshot.status != "available":
        raise Refused(
            "InvalidDBSnapshotState", f"{name} is {snapshot.status}, it cannot be deleted now."
        )
    return original(response)

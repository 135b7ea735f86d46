"""RDS: what a restored instance is, which is not what its source was; and how many there may be.

A restore takes AWS's defaults for whatever it is not told: the default groups, no standby, no
protection. Its volume is filled from the backup after it is available.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from moto.rds.models import DBInstance, DBSnapshot, Event, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse

from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused, kept
from sandbox.patches.rds.changes import RESET
from sandbox.patches.rds.instances import BACK_UP, STANDBY, begin
from sandbox.patches.rds.reboots import milliseconds

mend = Mend()
Record = dict[str, Any]
# Simulated seconds until a restored instance takes connections. An assumption, AWS states none.
RESTORE: Final = 12 * 60
# MiB a second at which a volume is filled from a backup. An assumption: the least rate that Amazon
# EBS lets one ask for (EBS User Guide, "Initialize Amazon EBS volumes"); RDS states none.
FILLED: Final = 100
# "By default, you can have up to a total of 40 DB instances": RDS User Guide, quotas.
MOST: Final = 40
# What a restore takes from its source where it is not told otherwise (API reference,
# RestoreDBInstanceToPointInTime and RestoreDBInstanceFromDBSnapshot).
TAKEN: Final = (
    "engine",
    "engine_version",
    "db_instance_class",
    "allocated_storage",
    "storage_type",
    "iops",
    "storage_throughput",
    "storage_encrypted",
    "kms_key_id",
    "port",
    "db_name",
    "master_username",
    "license_model",
    "backup_retention_period",
    "preferred_backup_window",
)
# Messages of RDS User Guide, "Amazon RDS event categories and event messages".
EVENTS: Final = {"MASTER_RESET": ("configuration change", "Reset master credentials")}


@mend.also
def known_events() -> None:
    for name, (category, message) in EVENTS.items():
        Event.EVENT_MAP[name] = {"Categories": [category], "Message": message}


@mend.around(RDSBackend, "restore_db_instance_from_db_snapshot")
def from_snapshot(
    _: Any, backend: RDSBackend, from_snapshot_id: str, overrides: Mapping[str, Any]
) -> DBInstance:
    if from_snapshot_id.startswith("arn:"):
        from_snapshot_id = from_snapshot_id.split(":", 6)[-1]
    snapshot = backend.describe_db_snapshots(
        db_instance_identifier=None, db_snapshot_identifier=from_snapshot_id
    )[0]
    if snapshot.status != "available":
        raise Refused(
            "InvalidDBSnapshotState", f"The snapshot {from_snapshot_id} is {snapshot.status}."
        )
    own = _of(snapshot)
    return made(backend, own, overrides, overrides["db_instance_identifier"])


def _of(snapshot: DBSnapshot) -> Record:
    """What is taken from a snapshot: its own size and key."""
    return taken(snapshot.database) | {
        "kms_key_id": snapshot.kms_key_id,
        "storage_encrypted": snapshot.encrypted,
        "allocated_storage": snapshot.allocated_storage,
    }


@mend.around(RDSBackend, "restore_db_instance_to_point_in_time")
def to_time(
    _: Any,
    backend: RDSBackend,
    source_db_identifier: str,
    target_db_identifier: str,
    overrides: Mapping[str, Any],
) -> DBInstance:
    source = backend.describe_db_instances(source_db_identifier)[0]
    return made(backend, taken(source), overrides, target_db_identifier)


def taken(source: DBInstance) -> Record:
    """What is taken from an instance."""
    return {key: getattr(source, key, None) for key in TAKEN}


def made(backend: RDSBackend, own: Record, given: Mapping[str, Any], identifier: str) -> DBInstance:
    """A new instance: what it takes from its source, and what it is told, even where that is no."""
    told = {key: value for key, value in given.items() if value is not None}
    for ours in (
        "db_snapshot_identifier",
        "source_db_instance_identifier",
        "restore_time",
        "target_db_instance_identifier",
        "use_latest_restorable_time",
        "source_dbi_resource_id",
        "source_db_instance_automated_backups_arn",
    ):
        told.pop(ours, None)
    least = int(str(own["allocated_storage"]))
    if int(str(told.get("allocated_storage", least))) < least:
        raise Refused(
            "InvalidParameterValue",
            "The allocated storage size can't be less than the source snapshot or backup size.",
        )
    most = told.pop("max_allocated_storage", None)
    props = {"multi_az": False, "deletion_protection": False, **own, **told}
    new = backend.create_db_instance({**props, "db_instance_identifier": identifier.lower()})
    if most is not None:
        new.max_allocated_storage = most
    seconds = RESTORE + (STANDBY if new.multi_az else 0)
    begin(new, ("creating", seconds), ("backing-up", _back_up(new)))
    filled = int(new.allocated_storage) * 1024 / FILLED
    new.mended_filled = clock().ready(seconds + filled)  # type: ignore[attr-defined]
    return new


def _back_up(instance: DBInstance) -> int:
    return BACK_UP if instance.backup_retention_period else 0


@mend.also
def filling() -> None:
    """Shown only while the volume is filled, as the API reference says."""
    DBInstance.StorageOperationStatus = property(_filling)  # type: ignore[attr-defined]


def _filling(instance: DBInstance) -> str | None:
    until: datetime | None = getattr(instance, "mended_filled", None)
    return "Initializing" if until is not None and pending(until) else None


@mend.around(RDSBackend, "modify_db_instance")
def reset(original: Any, backend: RDSBackend, name: str, given: Any) -> DBInstance:
    """Another master password is told of when it is the server's."""
    word = given.get("master_user_password")
    changed: DBInstance = original(backend, name, given)
    if word:
        changed.add_event("MASTER_RESET")
        backend.events[-1].date = milliseconds(clock().ready(RESET))
    return changed


def limit(account: str, region: str, most: int) -> None:
    """Lets there be so many DB instances in a region."""
    _quotas(rds_backends[account][region])["DBInstances"] = most


def _quotas(backend: RDSBackend) -> dict[str, int]:
    return kept(backend, "quotas", lambda: {"DBInstances": MOST})


@mend.around(RDSBackend, "create_db_instance")
def counted(original: Any, backend: RDSBackend, db_kwargs: Any) -> DBInstance:
    if len(backend.databases) >= _quotas(backend)["DBInstances"]:
        raise Refused("InstanceQuotaExceeded", "DB Instance quota exceeded")
    made: DBInstance = original(backend, db_kwargs)
    return made


@mend.operation(RDSResponse, "DescribeAccountAttributes")
def attributes(response: RDSResponse, _: Record) -> Record:
    used = {"DBInstances": len(response.backend.databases)}
    return {
        "AccountQuotas": [
            {"AccountQuotaName": name, "Used": used[name], "Max": most}
            for name, most in _quotas(response.backend).items()
        ]
    }

"""RDS: what a restored instance is, which is not what its source was; and how many there may be.

A restore takes AWS's defaults for what is not given: the default groups, no standby, no
protection. Its volume is filled from the backup after it is available.
"""

from collections.abc import Mapping
from typing import Any, Final

from moto.rds.models import DBInstance, DBSnapshot, Event, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import AwsError, ServicePatch, backend_state
from sandbox.patches.rds.changes import PASSWORD_RESET_SECONDS
from sandbox.patches.rds.instances import (
    BACKUP_SECONDS,
    STANDBY_SECONDS,
    get_storage_operation,
    start_phases,
)
from sandbox.patches.rds.reboots import truncate_to_milliseconds

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Simulated seconds until a restored instance takes connections. An assumption, AWS states none.
RESTORE_SECONDS: Final = 12 * 60
# MiB a second at which a volume is filled from a backup. An assumption: the least rate that Amazon
# EBS lets one ask for (EBS User Guide, "Initialize Amazon EBS volumes"); RDS states none.
FILL_MIB_PER_SECOND: Final = 100
# "By default, you can have up to a total of 40 DB instances": RDS User Guide, quotas.
DEFAULT_INSTANCE_QUOTA: Final = 40
# What a restore takes from its source by default (API reference,
# RestoreDBInstanceToPointInTime and RestoreDBInstanceFromDBSnapshot).
RESTORED_ATTRIBUTES: Final = (
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
PASSWORD_RESET_EVENTS: Final = {
    "MASTER_RESET": ("configuration change", "Reset master credentials")
}


@patch.add_change
def add_password_reset_events() -> None:
    for name, (category, message) in PASSWORD_RESET_EVENTS.items():
        Event.EVENT_MAP[name] = {"Categories": [category], "Message": message}


@patch.replace(RDSBackend, "restore_db_instance_from_db_snapshot")
def restore_from_snapshot(
    backend: RDSBackend, from_snapshot_id: str, overrides: Mapping[str, Any]
) -> DBInstance:
    if from_snapshot_id.startswith("arn:"):
        from_snapshot_id = from_snapshot_id.split(":", 6)[-1]
    snapshot = backend.describe_db_snapshots(
        db_instance_identifier=None, db_snapshot_identifier=from_snapshot_id
    )[0]
    if snapshot.status != "available":
        raise AwsError(
            "InvalidDBSnapshotState", f"The snapshot {from_snapshot_id} is {snapshot.status}."
        )
    settings = _get_snapshot_settings(snapshot)
    return create_restored_instance(
        backend, settings, overrides, overrides["db_instance_identifier"]
    )


def _get_snapshot_settings(snapshot: DBSnapshot) -> ApiRecord:
    """What is taken from a snapshot: its own size and key."""
    return get_restored_settings(snapshot.database) | {
        "kms_key_id": snapshot.kms_key_id,
        "storage_encrypted": snapshot.encrypted,
        "allocated_storage": snapshot.allocated_storage,
    }


@patch.replace(RDSBackend, "restore_db_instance_to_point_in_time")
def restore_to_time(
    backend: RDSBackend,
    source_db_identifier: str,
    target_db_identifier: str,
    overrides: Mapping[str, Any],
) -> DBInstance:
    source = backend.describe_db_instances(source_db_identifier)[0]
    return create_restored_instance(
        backend, get_restored_settings(source), overrides, target_db_identifier
    )


def get_restored_settings(source: DBInstance) -> ApiRecord:
    """What is taken from an instance."""
    return {key: getattr(source, key, None) for key in RESTORED_ATTRIBUTES}


def create_restored_instance(
    backend: RDSBackend, settings: ApiRecord, overrides: Mapping[str, Any], identifier: str
) -> DBInstance:
    """Creates an instance from the source's settings and those given, even if false."""
    requested = {key: value for key, value in overrides.items() if value is not None}
    for restore_parameter in (
        "db_snapshot_identifier",
        "source_db_instance_identifier",
        "restore_time",
        "target_db_instance_identifier",
        "use_latest_restorable_time",
        "source_dbi_resource_id",
        "source_db_instance_automated_backups_arn",
    ):
        requested.pop(restore_parameter, None)
    min_storage = int(str(settings["allocated_storage"]))
    if int(str(requested.get("allocated_storage", min_storage))) < min_storage:
        raise AwsError(
            "InvalidParameterValue",
            "The allocated storage size can't be less than the source snapshot or backup size.",
        )
    max_storage = requested.pop("max_allocated_storage", None)
    props = {"multi_az": False, "deletion_protection": False, **settings, **requested}
    instance = backend.create_db_instance({**props, "db_instance_identifier": identifier.lower()})
    if max_storage is not None:
        instance.max_allocated_storage = max_storage
    seconds = RESTORE_SECONDS + (STANDBY_SECONDS if instance.multi_az else 0)
    start_phases(instance, ("creating", seconds), ("backing-up", _get_backup_seconds(instance)))
    fill_seconds = int(instance.allocated_storage) * 1024 / FILL_MIB_PER_SECOND
    instance.sandbox_filled = get_sandbox_clock().get_completion_time(seconds + fill_seconds)  # type: ignore[attr-defined]
    return instance


def _get_backup_seconds(instance: DBInstance) -> int:
    return BACKUP_SECONDS if instance.backup_retention_period else 0


@patch.add_change
def add_storage_operation() -> None:
    """Shown only while something goes on with the volume, as the API reference says."""
    DBInstance.StorageOperationStatus = property(get_storage_operation)  # type: ignore[attr-defined]


@patch.wrap(RDSBackend, "modify_db_instance")
def announce_password_reset(
    original: Any, backend: RDSBackend, name: str, params: Any
) -> DBInstance:
    """Adds the event of a new master password when it takes effect."""
    password = params.get("master_user_password")
    instance: DBInstance = original(backend, name, params)
    if password:
        instance.add_event("MASTER_RESET")
        backend.events[-1].date = truncate_to_milliseconds(
            get_sandbox_clock().get_completion_time(PASSWORD_RESET_SECONDS)
        )
    return instance


def set_instance_quota(account: str, region: str, quota: int) -> None:
    """Sets the quota of DB instances in a region."""
    _get_quotas(rds_backends[account][region])["DBInstances"] = quota


def _get_quotas(backend: RDSBackend) -> dict[str, int]:
    return backend_state(backend, "quotas", lambda: {"DBInstances": DEFAULT_INSTANCE_QUOTA})


@patch.wrap(RDSBackend, "create_db_instance")
def create_within_quota(original: Any, backend: RDSBackend, db_kwargs: Any) -> DBInstance:
    if len(backend.databases) >= _get_quotas(backend)["DBInstances"]:
        raise AwsError("InstanceQuotaExceeded", "DB Instance quota exceeded")
    instance: DBInstance = original(backend, db_kwargs)
    return instance


@patch.add_operation(RDSResponse, "DescribeAccountAttributes")
def describe_account_attributes(response: RDSResponse, _: ApiRecord) -> ApiRecord:
    """API reference, AccountQuota: what counts, and its names; default limits of RDS's quotas."""
    backend: RDSBackend = response.backend
    manual = [s for s in backend.database_snapshots.values() if s.snapshot_type == "manual"]
    quotas = {
        "DBInstances": (len(backend.databases), _get_quotas(backend)["DBInstances"]),
        "ManualSnapshots": (len(manual), 100),
        "AllocatedStorage": (
            sum(int(instance.allocated_storage) for instance in backend.databases.values()),
            100_000,
        ),
        "DBParameterGroups": (len(backend.db_parameter_groups), 50),
        "DBSubnetGroups": (len(backend.subnet_groups), 50),
    }
    return {
        "AccountQuotas": [
            {"AccountQuotaName": name, "Used": used, "Max": limit}
            for name, (used, limit) in quotas.items()
        ]
    }

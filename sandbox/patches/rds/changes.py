"""RDS: modifying, replicating, promoting, rebooting and deleting DB instances."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moto.rds.models import DBInstance, RDSBackend

from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused, kept
from sandbox.patches.rds.instances import BACK_UP, CREATE, DELETE, EXTRAS, begin, full_version

mend = Mend()
Record = dict[str, Any]
# What waits for the maintenance window unless ApplyImmediately: RDS user guide, "Settings for DB
# instances". Parameter as moto spells it, and its name under PendingModifiedValues.
DEFERRED: Mapping[str, str] = {
    "db_instance_class": "DBInstanceClass",
    "allocated_storage": "AllocatedStorage",
    "storage_type": "StorageType",
    "storage_throughput": "StorageThroughput",
    "iops": "Iops",
    "engine_version": "EngineVersion",
    "multi_az": "MultiAZ",
    "backup_retention_period": "BackupRetentionPeriod",
    "ca_certificate_identifier": "CACertificateIdentifier",
    "enable_iam_database_authentication": "IAMDatabaseAuthenticationEnabled",
    "new_db_instance_identifier": "DBInstanceIdentifier",
}
# Simulated seconds of "modifying", the longest that applies; assumptions as in rds_instances.
TAKES: Mapping[str, int] = {
    "db_instance_class": 6 * 60,
    "engine_version": 10 * 60,
    "multi_az": 5 * 60,
    "allocated_storage": 5 * 60,
    # "about ten minutes": RDS User Guide, "Renaming a DB instance".
    "new_db_instance_identifier": 10 * 60,
}
MODIFY, REBOOT = 2 * 60, 60
RESET = 30  # a password, which is changed at once whatever ApplyImmediately says
# What a replica takes from its primary where it is not told otherwise.
INHERITED = (
    "engine",
    "engine_version",
    "db_instance_class",
    "port",
    "db_name",
    "allocated_storage",
    "storage_type",
    "storage_encrypted",
    "license_model",
    "auto_minor_version_upgrade",
    "master_username",
    "preferred_maintenance_window",
    "preferred_backup_window",
    "iops",
    "copy_tags_to_snapshot",
    "ca_certificate_identifier",
)


def _leaving(backend: RDSBackend) -> dict[str, tuple[DBInstance, datetime]]:
    """The instances that are being deleted, and until when."""
    leaving: dict[str, tuple[DBInstance, datetime]] = kept(backend, "leaving", dict)
    for name in [n for n, (_, until) in leaving.items() if not pending(until)]:
        del leaving[name]
    return leaving


@mend.around(RDSBackend, "describe_db_instances")
def describe(
    original: Any,
    backend: RDSBackend,
    db_instance_identifier: str | None = None,
    filters: Any = None,
) -> list[DBInstance]:
    """With those that are being deleted."""
    leaving = _leaving(backend)
    if not leaving:
        found: list[DBInstance] = original(backend, db_instance_identifier, filters)
        return found
    before = backend.databases
    backend.databases = {**before, **{name: it for name, (it, _) in leaving.items()}}
    try:
        return list(original(backend, db_instance_identifier, filters))
    finally:
        backend.databases = before


def _available(backend: RDSBackend, name: str) -> DBInstance:
    found = backend.describe_db_instances(name)[0]
    if found.status != "available":
        raise Refused("InvalidDBInstanceState", f"Instance {name} is not in available state.")
    return found


def _vacant(backend: RDSBackend, name: str) -> None:
    if name in backend.databases or name in _leaving(backend):
        raise Refused("DBInstanceAlreadyExists", "DB instance already exists")


@mend.around(RDSBackend, "create_db_instance")
def create(original: Any, backend: RDSBackend, db_kwargs: Any) -> DBInstance:
    _vacant(backend, db_kwargs["db_instance_identifier"])
    made: DBInstance = original(backend, db_kwargs)
    return made


@mend.around(RDSBackend, "modify_db_instance")
def modify(original: Any, backend: RDSBackend, name: str, given: Any) -> DBInstance:
    instance = backend.describe_db_instances(name)[0]
    if instance.db_cluster_identifier is not None:
        clustered: DBInstance = original(backend, name, given)
        return clustered
    # Protection and tags may change in any state; the rest only of an available instance.
    if set(given) - {"db_instance_identifier", "deletion_protection", "apply_immediately"}:
        _available(backend, name)
    wanted = given.get("new_db_instance_identifier")
    if wanted:
        _vacant(backend, wanted.lower())
        given["new_db_instance_identifier"] = wanted.lower()
    if given.get("engine_version") and instance.engine == "postgres":
        given["engine_version"] = full_version(given["engine_version"])
    immediate = given.get("apply_immediately")
    waiting: Record = dict(getattr(instance, "mended_deferred", {}))
    for key in DEFERRED:
        if given.get(key) is None:
            continue
        if immediate or _same(instance, key, given[key]):
            waiting.pop(key, None)
        else:
            waiting[key] = given.pop(key)
    if immediate:  # what was waiting goes along
        for key, value in waiting.items():
            given[key] = value
        waiting = {}
    instance.mended_deferred = waiting  # type: ignore[attr-defined]
    instance.mended_pending = {DEFERRED[k]: v for k, v in waiting.items()}  # type: ignore[attr-defined]
    if given.get("db_port_number"):
        given["port"] = given.pop("db_port_number")
    for parameter, shown, _ in EXTRAS:
        if given.get(parameter) is not None:
            setattr(instance, shown, given.pop(parameter))
    seconds = max(
        [TAKES.get(key, MODIFY) for key in given if not _same(instance, key, given[key])] or [0]
    )
    group = given.get("db_parameter_group_name")
    if group and group != instance.db_parameter_group_name:
        instance.mended_reboot_wanted = True  # type: ignore[attr-defined]
    word = given.get("master_user_password")
    changed: DBInstance = original(backend, name, given)
    if word and seconds <= MODIFY:
        _resetting(changed)
    elif seconds:
        begin(changed, ("renaming" if wanted else "modifying", seconds))
    return changed


def _resetting(instance: DBInstance) -> None:
    """The new password is shown to be pending, hidden, until it is the server's."""
    begin(instance, ("resetting-master-credentials", RESET))
    instance.mended_reset = clock().ready(RESET)  # type: ignore[attr-defined]


@mend.also
def describe_pending() -> None:
    DBInstance.PendingModifiedValues = property(_waiting)  # type: ignore[attr-defined]


def _waiting(instance: DBInstance) -> Record:
    until = getattr(instance, "mended_reset", None)
    reset = {"MasterUserPassword": "****"} if until is not None and pending(until) else {}
    return {**getattr(instance, "mended_pending", {}), **reset}


def _same(instance: DBInstance, key: str, value: Any) -> bool:
    """Whether an instance already is as it is told to be."""
    if key in ("apply_immediately", "db_instance_identifier", "allow_major_version_upgrade"):
        return True
    if key == "master_user_password":
        return False
    return bool(str(getattr(instance, key, None)).lower() == str(value).lower())


@mend.around(RDSBackend, "create_db_instance_read_replica")
def replicate(original: Any, backend: RDSBackend, given: Any) -> DBInstance:
    """moto copies the primary object, lists, resource id and all; a replica is its own instance."""
    primary = backend.find_db_from_id(given["source_db_instance_identifier"])
    if primary.status != "available" or not primary.backup_retention_period:
        raise Refused(
            "InvalidDBInstanceState",
            "Automated backups are not enabled for this database instance, or it is not available.",
        )
    same_region = primary.region == backend.region_name
    inherited: Record = {key: getattr(primary, key) for key in INHERITED}
    if same_region:
        inherited |= {
            "kms_key_id": primary.kms_key_id,
            "db_parameter_group_name": primary.db_parameter_group_name,
            "db_subnet_group_name": primary._db_subnet_group_name,
        }
    asked = {key: given[key] for key in given if given[key] is not None}
    props = {**inherited, "backup_retention_period": 0, "multi_az": False, **asked}
    for gone in ("pre_signed_url", "source_region", "use_default_processor_features"):
        props.pop(gone, None)
    props["source_db_instance_identifier"] = (
        primary.db_instance_identifier if same_region else primary.db_instance_arn
    )
    replica = backend.create_db_instance(props)
    replica.set_as_replica()
    primary.add_replica(replica)
    begin(replica, ("creating", CREATE))
    return replica


def _unlink(backend: RDSBackend, replica: DBInstance) -> None:
    """A replica becomes an instance of its own."""
    primary = backend.find_db_from_id(str(replica.source_db_instance_identifier))
    names = (replica.db_instance_identifier, replica.db_instance_arn)
    primary.replicas = [name for name in primary.replicas if name not in names]
    replica.is_replica, replica.source_db_instance_identifier = False, None


@mend.around(RDSBackend, "promote_read_replica")
def promote(original: Any, backend: RDSBackend, given: Any) -> DBInstance:
    replica = _available(backend, given["db_instance_identifier"])
    if not replica.is_replica:
        raise Refused("InvalidDBInstanceState", "DB Instance is not a read replica.")
    _unlink(backend, replica)
    replica.is_replica = True  # moto's own part asks for it
    promoted: DBInstance = original(backend, given)
    begin(promoted, ("modifying", MODIFY), ("backing-up", BACK_UP))
    return promoted


@mend.around(RDSBackend, "reboot_db_instance")
def reboot(original: Any, backend: RDSBackend, name: str) -> DBInstance:
    instance = _available(backend, name)
    instance.mended_reboot_wanted = False  # type: ignore[attr-defined]
    begin(instance, ("rebooting", REBOOT))
    found: DBInstance = original(backend, name)
    return found


@mend.around(RDSBackend, "delete_db_instance")
def delete(
    original: Any,
    backend: RDSBackend,
    db_instance_identifier: str,
    final_db_snapshot_identifier: str | None = None,
    skip_final_snapshot: bool | None = False,
    delete_automated_backups: bool | None = True,
) -> DBInstance:
    """A primary lets its replica go, and its replicas stand alone; then it is being deleted."""
    name, final = db_instance_identifier, final_db_snapshot_identifier
    if name in _leaving(backend):
        raise Refused("InvalidDBInstanceState", f"Instance {name} is already being deleted.")
    instance = backend.describe_db_instances(name)[0]
    if final and final in backend.database_snapshots:
        raise Refused(
            "DBSnapshotAlreadyExists",
            f"Cannot create the snapshot because a snapshot with the identifier {final} already "
            "exists.",
        )
    if not final and not skip_final_snapshot and not instance.is_replica:
        raise Refused(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )
    if not instance.deletion_protection:
        for replica in [r for r in backend.databases.values() if _of(r, instance)]:
            _unlink(backend, replica)
    gone: DBInstance = original(backend, name, final, skip_final_snapshot, delete_automated_backups)
    _leaving(backend)[name] = (gone, clock().ready(DELETE))
    return gone


def _of(replica: DBInstance, primary: DBInstance) -> bool:
    source = replica.source_db_instance_identifier
    return replica.is_replica and source in (
        primary.db_instance_identifier,
        primary.db_instance_arn,
    )

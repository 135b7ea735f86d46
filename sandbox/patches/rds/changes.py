"""RDS: modifying, replicating, promoting, rebooting and deleting DB instances."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moto.rds.models import DBInstance, RDSBackend

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch, backend_state
from sandbox.patches.rds.instances import (
    BACKUP_SECONDS,
    EXTRA_ATTRIBUTES,
    INSTANCE_CREATE_SECONDS,
    INSTANCE_DELETE_SECONDS,
    get_full_postgres_version,
    start_phases,
)
from sandbox.patches.rds.states import (
    STEADY_STATES,
    STORAGE_PARAMETERS,
    require_modifiable,
    require_state,
    start_optimization,
)

patch = ServicePatch()
ApiRecord = dict[str, Any]
# What waits for the maintenance window unless ApplyImmediately: RDS user guide, "Settings for DB
# instances". Parameter as moto spells it, and its name under PendingModifiedValues.
DEFERRED_PARAMETERS: Mapping[str, str] = {
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
MODIFY_SECONDS_BY_PARAMETER: Mapping[str, int] = {
    "db_instance_class": 6 * 60,
    "engine_version": 10 * 60,
    "multi_az": 5 * 60,
    "allocated_storage": 5 * 60,
    # "about ten minutes": RDS User Guide, "Renaming a DB instance".
    "new_db_instance_identifier": 10 * 60,
}
MODIFY_SECONDS, REBOOT_SECONDS = 2 * 60, 60
PASSWORD_RESET_SECONDS = 30  # a password, which is changed at once whatever ApplyImmediately says
# What a replica takes from its primary by default.
INHERITED_ATTRIBUTES = (
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


def _get_leaving_instances(backend: RDSBackend) -> dict[str, tuple[DBInstance, datetime]]:
    """The instances that are being deleted, and the end of the deletion."""
    leaving_instances: dict[str, tuple[DBInstance, datetime]] = backend_state(
        backend, "leaving", dict
    )
    for name in [n for n, (_, until) in leaving_instances.items() if not is_in_future(until)]:
        del leaving_instances[name]
    return leaving_instances


@patch.wrap(RDSBackend, "describe_db_instances")
def describe_with_leaving_instances(
    original: Any,
    backend: RDSBackend,
    db_instance_identifier: str | None = None,
    filters: Any = None,
) -> list[DBInstance]:
    """Includes instances that are being deleted."""
    leaving_instances = _get_leaving_instances(backend)
    if not leaving_instances:
        instances: list[DBInstance] = original(backend, db_instance_identifier, filters)
        return instances
    before = backend.databases
    backend.databases = {
        **before,
        **{name: instance for name, (instance, _) in leaving_instances.items()},
    }
    try:
        return list(original(backend, db_instance_identifier, filters))
    finally:
        backend.databases = before


def _get_steady_instance(backend: RDSBackend, name: str) -> DBInstance:
    instance = backend.describe_db_instances(name)[0]
    require_state(instance, *STEADY_STATES)
    return instance


def _require_unused_identifier(backend: RDSBackend, name: str) -> None:
    if name in backend.databases or name in _get_leaving_instances(backend):
        raise AwsError("DBInstanceAlreadyExists", "DB instance already exists")


@patch.wrap(RDSBackend, "create_db_instance")
def create_with_unused_identifier(original: Any, backend: RDSBackend, db_kwargs: Any) -> DBInstance:
    _require_unused_identifier(backend, db_kwargs["db_instance_identifier"])
    instance: DBInstance = original(backend, db_kwargs)
    return instance


@patch.wrap(RDSBackend, "modify_db_instance")
def modify_or_defer(original: Any, backend: RDSBackend, name: str, params: Any) -> DBInstance:
    instance = backend.describe_db_instances(name)[0]
    if instance.db_cluster_identifier is not None:
        cluster_member: DBInstance = original(backend, name, params)
        return cluster_member
    # Protection and tags may change in any state; the rest only where the state allows it.
    if set(params) - {"db_instance_identifier", "deletion_protection", "apply_immediately"}:
        require_modifiable(instance, params)
    new_identifier = params.get("new_db_instance_identifier")
    if new_identifier:
        _require_unused_identifier(backend, new_identifier.lower())
        params["new_db_instance_identifier"] = new_identifier.lower()
    if params.get("preferred_maintenance_window"):  # as at creation, which moto does
        params["preferred_maintenance_window"] = params["preferred_maintenance_window"].lower()
    if params.get("engine_version") and instance.engine == "postgres":
        params["engine_version"] = get_full_postgres_version(params["engine_version"])
    immediate = params.get("apply_immediately")
    deferred: ApiRecord = dict(getattr(instance, "sandbox_deferred", {}))
    for key in DEFERRED_PARAMETERS:
        if params.get(key) is None:
            continue
        if immediate or _is_unchanged(instance, key, params[key]):
            deferred.pop(key, None)
        else:
            deferred[key] = params.pop(key)
    if immediate:  # pending changes are applied too
        for key, value in deferred.items():
            params[key] = value
        deferred = {}
    instance.sandbox_deferred = deferred  # type: ignore[attr-defined]
    instance.sandbox_pending = {DEFERRED_PARAMETERS[k]: v for k, v in deferred.items()}  # type: ignore[attr-defined]
    if params.get("db_port_number"):
        params["port"] = params.pop("db_port_number")
    for parameter, attribute, _ in EXTRA_ATTRIBUTES:
        if params.get(parameter) is not None:
            setattr(instance, attribute, params.pop(parameter))
    seconds = max(
        [
            MODIFY_SECONDS_BY_PARAMETER.get(key, MODIFY_SECONDS)
            for key in params
            if not _is_unchanged(instance, key, params[key])
        ]
        or [0]
    )
    group = params.get("db_parameter_group_name")
    if group and group != instance.db_parameter_group_name:
        instance.sandbox_reboot_pending = True  # type: ignore[attr-defined]
    password = params.get("master_user_password")
    if any(params.get(k) and not _is_unchanged(instance, k, params[k]) for k in STORAGE_PARAMETERS):
        start_optimization(instance, seconds)
    modified_instance: DBInstance = original(backend, name, params)
    if password and seconds <= MODIFY_SECONDS:
        _start_password_reset(modified_instance)
    elif seconds:
        start_phases(modified_instance, ("renaming" if new_identifier else "modifying", seconds))
    return modified_instance


def _start_password_reset(instance: DBInstance) -> None:
    """Shows the new password as pending, hidden, until it takes effect."""
    start_phases(instance, ("resetting-master-credentials", PASSWORD_RESET_SECONDS))
    instance.sandbox_reset = get_sandbox_clock().get_completion_time(PASSWORD_RESET_SECONDS)  # type: ignore[attr-defined]


@patch.add_change
def add_pending_values() -> None:
    DBInstance.PendingModifiedValues = property(_get_pending_values)  # type: ignore[attr-defined]


def _get_pending_values(instance: DBInstance) -> ApiRecord:
    until = getattr(instance, "sandbox_reset", None)
    reset = {"MasterUserPassword": "****"} if until is not None and is_in_future(until) else {}
    return {**getattr(instance, "sandbox_pending", {}), **reset}


def _is_unchanged(instance: DBInstance, key: str, value: Any) -> bool:
    """True if an instance already has this value."""
    if key in ("apply_immediately", "db_instance_identifier", "allow_major_version_upgrade"):
        return True
    if key == "master_user_password":
        return False
    return bool(str(getattr(instance, key, None)).lower() == str(value).lower())


@patch.replace(RDSBackend, "create_db_instance_read_replica")
def create_independent_replica(backend: RDSBackend, params: Any) -> DBInstance:
    """moto copies the primary object, lists, resource id and all; a replica is its own instance."""
    primary = backend.find_db_from_id(params["source_db_instance_identifier"])
    if primary.status not in STEADY_STATES or not primary.backup_retention_period:
        raise AwsError(
            "InvalidDBInstanceState",
            "Automated backups are not enabled for this database instance, or it is not available.",
        )
    same_region = primary.region == backend.region_name
    inherited: ApiRecord = {key: getattr(primary, key) for key in INHERITED_ATTRIBUTES}
    if same_region:
        inherited |= {
            "kms_key_id": primary.kms_key_id,
            "db_parameter_group_name": primary.db_parameter_group_name,
            "db_subnet_group_name": primary._db_subnet_group_name,
        }
    requested = {key: params[key] for key in params if params[key] is not None}
    props = {**inherited, "backup_retention_period": 0, "multi_az": False, **requested}
    for unused in ("pre_signed_url", "source_region", "use_default_processor_features"):
        props.pop(unused, None)
    props["source_db_instance_identifier"] = (
        primary.db_instance_identifier if same_region else primary.db_instance_arn
    )
    replica = backend.create_db_instance(props)
    replica.set_as_replica()
    primary.add_replica(replica)
    start_phases(replica, ("creating", INSTANCE_CREATE_SECONDS))
    return replica


def _unlink_replica(backend: RDSBackend, replica: DBInstance) -> None:
    """A replica becomes an instance of its own."""
    primary = backend.find_db_from_id(str(replica.source_db_instance_identifier))
    names = (replica.db_instance_identifier, replica.db_instance_arn)
    primary.replicas = [name for name in primary.replicas if name not in names]
    replica.is_replica, replica.source_db_instance_identifier = False, None


@patch.wrap(RDSBackend, "promote_read_replica")
def promote_available_replica(original: Any, backend: RDSBackend, params: Any) -> DBInstance:
    replica = _get_steady_instance(backend, params["db_instance_identifier"])
    if not replica.is_replica:
        raise AwsError("InvalidDBInstanceState", "DB Instance is not a read replica.")
    _unlink_replica(backend, replica)
    replica.is_replica = True  # moto's own part asks for it
    promoted_instance: DBInstance = original(backend, params)
    start_phases(promoted_instance, ("modifying", MODIFY_SECONDS), ("backing-up", BACKUP_SECONDS))
    return promoted_instance


@patch.wrap(RDSBackend, "reboot_db_instance")
def reboot_available_instance(original: Any, backend: RDSBackend, name: str) -> DBInstance:
    instance = backend.describe_db_instances(name)[0]
    instance.sandbox_reboot_pending = False  # type: ignore[attr-defined]
    start_phases(instance, ("rebooting", REBOOT_SECONDS))
    rebooted_instance: DBInstance = original(backend, name)
    return rebooted_instance


@patch.wrap(RDSBackend, "delete_db_instance")
def delete_and_unlink_replicas(
    original: Any,
    backend: RDSBackend,
    db_instance_identifier: str,
    final_db_snapshot_identifier: str | None = None,
    skip_final_snapshot: bool | None = False,
    delete_automated_backups: bool | None = True,
) -> DBInstance:
    """Detaches the instance from its primary and its replicas from it, then deletes it."""
    name, snapshot_identifier = db_instance_identifier, final_db_snapshot_identifier
    if name in _get_leaving_instances(backend):
        raise AwsError("InvalidDBInstanceState", f"Instance {name} is already being deleted.")
    instance = backend.describe_db_instances(name)[0]
    if snapshot_identifier and snapshot_identifier in backend.database_snapshots:
        raise AwsError(
            "DBSnapshotAlreadyExists",
            "Cannot create the snapshot because a snapshot with the identifier "
            f"{snapshot_identifier} already "
            "exists.",
        )
    if not snapshot_identifier and not skip_final_snapshot and not instance.is_replica:
        raise AwsError(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )
    if not instance.deletion_protection:
        for replica in [r for r in backend.databases.values() if _is_replica_of(r, instance)]:
            _unlink_replica(backend, replica)
    deleted_instance: DBInstance = original(
        backend, name, snapshot_identifier, skip_final_snapshot, delete_automated_backups
    )
    _get_leaving_instances(backend)[name] = (
        deleted_instance,
        get_sandbox_clock().get_completion_time(INSTANCE_DELETE_SECONDS),
    )
    return deleted_instance


def _is_replica_of(replica: DBInstance, primary: DBInstance) -> bool:
    source = replica.source_db_instance_identifier
    return replica.is_replica and source in (
        primary.db_instance_identifier,
        primary.db_instance_arn,
    )

"""RDS: automated backups, in the instance's region and replicated to another."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.base_backend import BaseBackend
from moto.core.responses import ActionResult
from moto.moto_api._internal import mock_random
from moto.rds.models import DBInstance, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse

from components.facts.backup_regions import replicates_backups_between
from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch, backend_state
from sandbox.patches.rds.restores import create_restored_instance, get_restored_settings

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Simulated seconds until replicated backups are first usable. Assumption: the first copy of a
# small instance's snapshot takes about ten minutes.
FIRST_COPY_SECONDS = 10 * 60


# Simulated seconds that replicated backups are behind their source's. An assumption: RDS states
# none, practice tells of five to thirty minutes.
REPLICATION_LAG_SECONDS = 5 * 60
# RDS uploads transaction logs every five minutes: RDS User Guide, "Restoring a DB instance to a
# specified time".
LOG_UPLOAD_SECONDS = 5 * 60
# Simulated seconds until uploaded logs can be restored from, so that the latest restorable time is
# one to six minutes behind and never now. An assumption: RDS says "typically within the last five
# minutes" (API reference, LatestRestorableTime of DBInstance).
LOG_AVAILABLE_SECONDS = 60


@patch.add_change
def add_restorable_time() -> None:
    DBInstance.latest_restorable_time = property(_get_latest_restorable_time)  # type: ignore[assignment]


def _get_latest_restorable_time(instance: DBInstance) -> datetime | None:
    """The end of its uploaded logs, at a whole five minutes; None without backups."""
    if not instance.backup_retention_period:
        return None
    deleted_at: datetime | None = getattr(instance, "sandbox_deleted_at", None)
    uploaded = (deleted_at or get_sandbox_clock().now()).timestamp() - LOG_AVAILABLE_SECONDS
    last = max(
        instance.created.replace(tzinfo=UTC).timestamp(), uploaded - uploaded % LOG_UPLOAD_SECONDS
    )
    return datetime.fromtimestamp(last, UTC)


@dataclass(frozen=True)
class RestorableBackup:
    """The automated backups of a restore: instance, earliest and latest time, key."""

    instance: DBInstance
    earliest: datetime
    latest: datetime
    kms_key_id: str | None


def find_backup_origin(backend: RDSBackend, params: Mapping[str, Any]) -> RestorableBackup | None:
    """What a restore names: an instance, one that is gone, or backups that were replicated here.

    None for an instance that is not there, which moto refuses itself.
    """
    arn, resource = (
        params.get(k) for k in ("SourceDBInstanceAutomatedBackupsArn", "SourceDbiResourceId")
    )
    if arn and (record := _get_replicated_backups(backend).get(arn)):
        if is_in_future(record["Ready"]):
            raise AwsError("InvalidDBInstanceAutomatedBackupState", f"{arn} is pending.")
        window = _get_replica_window(record)
        source: DBInstance = record["Source"]
        return RestorableBackup(
            source, window["EarliestTime"], window["LatestTime"], record["KmsKeyId"]
        )
    if arn or resource:
        instances = [*backend.databases.values(), *_get_retained_instances(backend).values()]
        instance = next(
            (x for x in instances if resource == x.dbi_resource_id or arn == _build_backup_arn(x)),
            None,
        )
        if instance is None and arn:
            raise AwsError(
                "DBInstanceAutomatedBackupNotFound", f"Automated backup {arn} not found."
            )
        if instance is None:
            raise AwsError("DBInstanceNotFound", f"DBInstance {resource} not found.")
    else:
        instance = backend.databases.get(params.get("SourceDBInstanceIdentifier") or "")
    if instance is None:
        return None
    last = _get_latest_restorable_time(instance)
    if last is None:
        name = instance.db_instance_identifier
        raise AwsError("PointInTimeRestoreNotEnabled", f"{name} keeps no automated backups.")
    return RestorableBackup(
        instance, instance.created.replace(tzinfo=UTC), last, instance.kms_key_id
    )


def get_restore_time(params: Mapping[str, Any], backup_origin: RestorableBackup) -> datetime:
    """The time that a restore is to, UTC."""
    time = params.get("RestoreTime") or backup_origin.latest
    restore_time: datetime = (
        datetime.fromisoformat(time.replace("Z", "+00:00")) if isinstance(time, str) else time
    )
    return restore_time if restore_time.tzinfo else restore_time.replace(tzinfo=UTC)


@patch.wrap(RDSResponse, "restore_db_instance_to_point_in_time")
def restore_within_window(original: Any, response: RDSResponse) -> Any:
    """Refused unless the time is in the restorable window."""
    params = response.params
    backup_origin = find_backup_origin(response.backend, params)
    if (
        backup_origin is not None
        and not backup_origin.earliest
        <= get_restore_time(params, backup_origin)
        <= backup_origin.latest
    ):
        # The API states the limits, not the code: an assumption.
        raise AwsError(
            "InvalidParameterValue",
            f"{backup_origin.instance.db_instance_identifier} can be restored to a time from "
            f"{backup_origin.earliest:%Y-%m-%dT%H:%M:%SZ} to "
            f"{backup_origin.latest:%Y-%m-%dT%H:%M:%SZ}.",
        )
    if backup_origin is None or params.get("SourceDBInstanceIdentifier"):
        return original(response)
    settings = {
        **get_restored_settings(backup_origin.instance),
        "kms_key_id": backup_origin.kms_key_id,
    }
    name = str(params["TargetDBInstanceIdentifier"])
    return ActionResult(
        {"DBInstance": create_restored_instance(response.backend, settings, params, name)}
    )


@patch.wrap(RDSBackend, "delete_db_instance")
def delete_and_retain_backups(
    original: Any, backend: RDSBackend, *args: Any, **kwargs: Any
) -> DBInstance:
    """Deletes its backups unless they are retained; replicated backups stay."""
    instance: DBInstance = original(backend, *args, **kwargs)
    instance.sandbox_deleted_at = get_sandbox_clock().now()  # type: ignore[attr-defined]
    delete_backups = kwargs.get("delete_automated_backups", args[3] if len(args) > 3 else None)
    if delete_backups is False and instance.backup_retention_period:
        _get_retained_instances(backend)[instance.dbi_resource_id] = instance
    return instance


def _get_retained_instances(backend: BaseBackend) -> dict[str, DBInstance]:
    """Instances that are gone and whose automated backups are kept, by resource id."""
    return backend_state(backend, "retained", dict)


def _get_replicated_backups(backend: BaseBackend) -> dict[str, ApiRecord]:
    """Backups of other regions' instances, by ARN of the backup; kept in the region they go to."""
    return backend_state(backend, "replicated", dict)


def _find_source_instance(backend: RDSBackend, arn: str) -> DBInstance | None:
    """The instance that an ARN names, in whatever region."""
    _, _, _, region, account, kind, name = arn.split(":", 6)
    if kind != "db":
        raise AwsError("InvalidParameterValue", f"{arn} is not the ARN of a DB instance.")
    return rds_backends[account][region].databases.get(name)


def _describe_replicated_backup(record: ApiRecord) -> ApiRecord:
    status = "pending" if is_in_future(record["Ready"]) else "replicating"
    fields = {key: value for key, value in record.items() if key != "Source"}
    return {**fields, "Status": status, "RestoreWindow": _get_replica_window(record)}


def _get_replica_window(record: ApiRecord) -> ApiRecord:
    """Behind that of the source by what the copy takes."""
    last = _get_latest_restorable_time(record["Source"]) or record["Began"]
    return {
        "EarliestTime": record["Began"],
        "LatestTime": max(record["Began"], last - timedelta(seconds=REPLICATION_LAG_SECONDS)),
    }


def _build_backup_arn(instance: DBInstance) -> str:
    """The ARN of the backups of an instance in its own region."""
    arn_prefix = f"arn:aws:rds:{instance.region}:{instance.account_id}:auto-backup"
    return f"{arn_prefix}:ab-{instance.dbi_resource_id[3:].lower()}"


def _describe_own_backup(instance: DBInstance) -> ApiRecord:
    """The backups of an instance in its own region."""
    return {
        **_describe_instance_fields(instance),
        "Status": "retained" if getattr(instance, "sandbox_deleted_at", None) else "active",
        "Region": instance.region,
        "DBInstanceAutomatedBackupsArn": _build_backup_arn(instance),
        "DBInstanceAutomatedBackupsReplications": instance.DBInstanceAutomatedBackupsReplications,  # type: ignore[attr-defined]
        "BackupRetentionPeriod": instance.backup_retention_period,
        "KmsKeyId": instance.kms_key_id,
        "RestoreWindow": {
            "EarliestTime": instance.created.replace(tzinfo=UTC),
            "LatestTime": _get_latest_restorable_time(instance),
        },
    }


def _describe_instance_fields(instance: DBInstance) -> ApiRecord:
    return {
        "DBInstanceArn": instance.db_instance_arn,
        "DBInstanceIdentifier": instance.db_instance_identifier,
        "DbiResourceId": instance.dbi_resource_id,
        "Engine": instance.engine,
        "EngineVersion": instance.engine_version,
        "AllocatedStorage": instance.allocated_storage,
        "StorageType": instance.storage_type,
        "Encrypted": instance.storage_encrypted,
        "Port": instance.port,
        "MasterUsername": instance.master_username,
        "AvailabilityZone": instance.availability_zone,
        "InstanceCreateTime": instance.created,
        "LicenseModel": instance.license_model,
        "OptionGroupName": instance.option_group_name,
        "BackupTarget": "region",
    }


@patch.add_operation(RDSResponse, "StartDBInstanceAutomatedBackupsReplication")
def start_backups_replication(response: RDSResponse, params: ApiRecord) -> ApiRecord:
    backend, source = response.backend, params["SourceDBInstanceArn"]
    instance = _find_source_instance(backend, source)
    if instance is None:
        raise AwsError("DBInstanceNotFound", f"DBInstance {source} not found.")
    if instance.region == backend.region_name:
        raise AwsError("InvalidParameterValue", "The source is in the region of the request.")
    if not replicates_backups_between(instance.region, backend.region_name):
        raise AwsError(  # as boto3#3201 has it
            "InvalidParameterValue", f"Feature is not available in region {backend.region_name}."
        )
    if not instance.backup_retention_period:
        raise AwsError(
            "InvalidDBInstanceState", "Automated backups are not enabled for the source."
        )
    if any(r["DBInstanceArn"] == source for r in _get_replicated_backups(backend).values()):
        raise AwsError(
            "InvalidDBInstanceAutomatedBackupState",
            f"Automated backups of {source} are already replicated to {backend.region_name}.",
        )
    if instance.storage_encrypted and not params.get("KmsKeyId"):
        raise AwsError("InvalidParameterCombination", "Encrypted backups need a KmsKeyId here.")
    arn_prefix = f"arn:aws:rds:{backend.region_name}:{backend.account_id}:auto-backup"
    arn = f"{arn_prefix}:ab-{mock_random.get_random_string(26, lower_case=True)}"
    record = {
        **_describe_instance_fields(instance),
        "Region": instance.region,
        "Source": instance,
        "DBInstanceAutomatedBackupsArn": arn,
        "BackupRetentionPeriod": params.get("BackupRetentionPeriod", 7),
        "KmsKeyId": params.get("KmsKeyId"),
        "Began": get_sandbox_clock().now(),
        "Ready": get_sandbox_clock().get_completion_time(FIRST_COPY_SECONDS),
    }
    _get_replicated_backups(backend)[arn] = record
    links = getattr(instance, "sandbox_replications", [])
    instance.sandbox_replications = [*links, {"DBInstanceAutomatedBackupsArn": arn}]  # type: ignore[attr-defined]
    if params.get("Tags"):
        tags: dict[str, Any] = backend_state(backend, "backup_tags", dict)
        tags[arn] = params["Tags"]
    return {"DBInstanceAutomatedBackup": _describe_replicated_backup(record)}


@patch.add_operation(RDSResponse, "StopDBInstanceAutomatedBackupsReplication")
def stop_backups_replication(response: RDSResponse, params: ApiRecord) -> ApiRecord:
    backend, source = response.backend, params["SourceDBInstanceArn"]
    for arn, record in list(_get_replicated_backups(backend).items()):
        if record["DBInstanceArn"] == source:
            del _get_replicated_backups(backend)[arn]
            _remove_replication_link(_find_source_instance(backend, source), arn)
            return {
                "DBInstanceAutomatedBackup": {
                    **_describe_replicated_backup(record),
                    "Status": "deleting",
                }
            }
    raise AwsError("DBInstanceNotFound", f"Automated backups of {source} are not replicated here.")


def _remove_replication_link(instance: DBInstance | None, arn: str) -> None:
    if instance is not None:
        links = getattr(instance, "sandbox_replications", [])
        instance.sandbox_replications = [  # type: ignore[attr-defined]
            link for link in links if link["DBInstanceAutomatedBackupsArn"] != arn
        ]


@patch.add_operation(RDSResponse, "DeleteDBInstanceAutomatedBackup")
def delete_automated_backup(response: RDSResponse, params: ApiRecord) -> ApiRecord:
    arn = params.get("DBInstanceAutomatedBackupsArn")
    record = _get_replicated_backups(response.backend).pop(arn or "", None)
    if record is None:
        raise AwsError("DBInstanceAutomatedBackupNotFound", f"Automated backup {arn} not found.")
    _remove_replication_link(
        _find_source_instance(response.backend, record["DBInstanceArn"]), str(arn)
    )
    return {
        "DBInstanceAutomatedBackup": {**_describe_replicated_backup(record), "Status": "deleting"}
    }


@patch.replace_operation(RDSResponse, "DescribeDBInstanceAutomatedBackups")
def describe_automated_backups(response: RDSResponse, params: ApiRecord) -> ApiRecord:
    backend = response.backend
    instances = [*backend.databases.values(), *_get_retained_instances(backend).values()]
    own_backups = [
        _describe_own_backup(instance) for instance in instances if instance.backup_retention_period
    ]
    backups = [
        *own_backups,
        *(
            _describe_replicated_backup(record)
            for record in _get_replicated_backups(backend).values()
        ),
    ]
    criteria = {
        key: params[key]
        for key in ("DBInstanceIdentifier", "DbiResourceId", "DBInstanceAutomatedBackupsArn")
        if params.get(key)
    }
    for backup_filter in params.get("Filters") or []:
        key = {"db-instance-id": "DBInstanceIdentifier", "dbi-resource-id": "DbiResourceId"}
        if backup_filter["Name"] == "status":
            backups = [f for f in backups if f["Status"] in backup_filter["Values"]]
        elif backup_filter["Name"] in key:
            backups = [
                f for f in backups if f[key[backup_filter["Name"]]] in backup_filter["Values"]
            ]
    backups = [f for f in backups if all(f[k] == v for k, v in criteria.items())]
    if not backups and "DBInstanceAutomatedBackupsArn" in criteria:
        raise AwsError(
            "DBInstanceAutomatedBackupNotFound",
            f"Automated backup {criteria['DBInstanceAutomatedBackupsArn']} not found.",
        )
    return {"DBInstanceAutomatedBackups": backups}

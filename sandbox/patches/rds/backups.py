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

from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused, kept
from sandbox.patches.rds.restores import made, taken

mend = Mend()
Record = dict[str, Any]
# Simulated seconds until replicated backups are first usable. Assumption: the first copy of a
# small instance's snapshot takes about ten minutes.
FIRST_COPY = 10 * 60


# Simulated seconds that replicated backups are behind their source's. An assumption: RDS states
# none, practice tells of five to thirty minutes.
BEHIND = 5 * 60
# RDS uploads transaction logs every five minutes: RDS User Guide, "Restoring a DB instance to a
# specified time".
UPLOADS = 5 * 60


@mend.also
def restorable() -> None:
    DBInstance.latest_restorable_time = property(_restorable)  # type: ignore[assignment]


def _restorable(instance: DBInstance) -> datetime | None:
    """Up to when its logs are uploaded, in whole five minutes; nothing where none are kept."""
    if not instance.backup_retention_period:
        return None
    gone: datetime | None = getattr(instance, "mended_gone", None)
    now = (gone or clock().now()).timestamp()
    last = max(instance.created.replace(tzinfo=UTC).timestamp(), now - now % UPLOADS)
    return datetime.fromtimestamp(last, UTC)


@dataclass(frozen=True)
class Origin:
    """What automated backups a restore is from: whose, between which times, under which key."""

    instance: DBInstance
    first: datetime
    last: datetime
    key: str | None


def origin(backend: RDSBackend, given: Mapping[str, Any]) -> Origin | None:
    """What a restore names: an instance, one that is gone, or backups that were replicated here.

    None for an instance that is not there, which moto refuses itself.
    """
    arn, resource = (
        given.get(k) for k in ("SourceDBInstanceAutomatedBackupsArn", "SourceDbiResourceId")
    )
    if arn and (record := _replicated(backend).get(arn)):
        if pending(record["Ready"]):
            raise Refused("InvalidDBInstanceAutomatedBackupState", f"{arn} is pending.")
        window = _replica_window(record)
        source: DBInstance = record["Source"]
        return Origin(source, window["EarliestTime"], window["LatestTime"], record["KmsKeyId"])
    if arn or resource:
        all_of = [*backend.databases.values(), *_retained(backend).values()]
        found = next((x for x in all_of if resource == x.dbi_resource_id or arn == _arn(x)), None)
        if found is None and arn:
            raise Refused("DBInstanceAutomatedBackupNotFound", f"Automated backup {arn} not found.")
        if found is None:
            raise Refused("DBInstanceNotFound", f"DBInstance {resource} not found.")
    else:
        found = backend.databases.get(given.get("SourceDBInstanceIdentifier") or "")
    if found is None:
        return None
    last = _restorable(found)
    if last is None:
        name = found.db_instance_identifier
        raise Refused("PointInTimeRestoreNotEnabled", f"{name} keeps no automated backups.")
    return Origin(found, found.created.replace(tzinfo=UTC), last, found.kms_key_id)


def wanted(given: Mapping[str, Any], of: Origin) -> datetime:
    """The time that a restore is to, UTC."""
    at = given.get("RestoreTime") or of.last
    found: datetime = (
        datetime.fromisoformat(at.replace("Z", "+00:00")) if isinstance(at, str) else at
    )
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@mend.around(RDSResponse, "restore_db_instance_to_point_in_time")
def restored(original: Any, response: RDSResponse) -> Any:
    """To a time that there are logs of."""
    given = response.params
    of = origin(response.backend, given)
    if of is not None and not of.first <= wanted(given, of) <= of.last:
        # The API states the limits, not the code: an assumption.
        raise Refused(
            "InvalidParameterValue",
            f"{of.instance.db_instance_identifier} can be restored to a time from "
            f"{of.first:%Y-%m-%dT%H:%M:%SZ} to {of.last:%Y-%m-%dT%H:%M:%SZ}.",
        )
    if of is None or given.get("SourceDBInstanceIdentifier"):
        return original(response)
    own = {**taken(of.instance), "kms_key_id": of.key}
    name = str(given["TargetDBInstanceIdentifier"])
    return ActionResult({"DBInstance": made(response.backend, own, given, name)})


@mend.around(RDSBackend, "delete_db_instance")
def deleted(original: Any, backend: RDSBackend, *args: Any, **given: Any) -> DBInstance:
    """Its backups go along unless they are to be retained; what was replicated stays."""
    gone: DBInstance = original(backend, *args, **given)
    gone.mended_gone = clock().now()  # type: ignore[attr-defined]
    along = given.get("delete_automated_backups", args[3] if len(args) > 3 else None)
    if along is False and gone.backup_retention_period:
        _retained(backend)[gone.dbi_resource_id] = gone
    return gone


def _retained(backend: BaseBackend) -> dict[str, DBInstance]:
    """Instances that are gone and whose automated backups are kept, by resource id."""
    return kept(backend, "retained", dict)


def _replicated(backend: BaseBackend) -> dict[str, Record]:
    """Backups of other regions' instances, by ARN of the backup; kept in the region they go to."""
    return kept(backend, "replicated", dict)


def _source(backend: RDSBackend, arn: str) -> DBInstance | None:
    """The instance that an ARN names, in whatever region."""
    _, _, _, region, account, kind, name = arn.split(":", 6)
    if kind != "db":
        raise Refused("InvalidParameterValue", f"{arn} is not the ARN of a DB instance.")
    return rds_backends[account][region].databases.get(name)


def _shown(record: Record) -> Record:
    status = "pending" if pending(record["Ready"]) else "replicating"
    shown = {key: value for key, value in record.items() if key != "Source"}
    return {**shown, "Status": status, "RestoreWindow": _replica_window(record)}


def _replica_window(record: Record) -> Record:
    """Behind that of the source by what the copy takes."""
    last = _restorable(record["Source"]) or record["Began"]
    return {
        "EarliestTime": record["Began"],
        "LatestTime": max(record["Began"], last - timedelta(seconds=BEHIND)),
    }


def _arn(instance: DBInstance) -> str:
    """The ARN of the backups of an instance in its own region."""
    where = f"arn:aws:rds:{instance.region}:{instance.account_id}:auto-backup"
    return f"{where}:ab-{instance.dbi_resource_id[3:].lower()}"


def _own(instance: DBInstance) -> Record:
    """The backups of an instance in its own region."""
    return {
        **_of(instance),
        "Status": "retained" if getattr(instance, "mended_gone", None) else "active",
        "Region": instance.region,
        "DBInstanceAutomatedBackupsArn": _arn(instance),
        "DBInstanceAutomatedBackupsReplications": instance.DBInstanceAutomatedBackupsReplications,  # type: ignore[attr-defined]
        "BackupRetentionPeriod": instance.backup_retention_period,
        "KmsKeyId": instance.kms_key_id,
        "RestoreWindow": {
            "EarliestTime": instance.created.replace(tzinfo=UTC),
            "LatestTime": _restorable(instance),
        },
    }


def _of(instance: DBInstance) -> Record:
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


@mend.operation(RDSResponse, "StartDBInstanceAutomatedBackupsReplication")
def start(response: RDSResponse, params: Record) -> Record:
    backend, source = response.backend, params["SourceDBInstanceArn"]
    instance = _source(backend, source)
    if instance is None:
        raise Refused("DBInstanceNotFound", f"DBInstance {source} not found.")
    if instance.region == backend.region_name:
        raise Refused("InvalidParameterValue", "The source is in the region of the request.")
    if not instance.backup_retention_period:
        raise Refused("InvalidDBInstanceState", "Automated backups are not enabled for the source.")
    if any(r["DBInstanceArn"] == source for r in _replicated(backend).values()):
        raise Refused(
            "InvalidDBInstanceAutomatedBackupState",
            f"Automated backups of {source} are already replicated to {backend.region_name}.",
        )
    if instance.storage_encrypted and not params.get("KmsKeyId"):
        raise Refused("InvalidParameterCombination", "Encrypted backups need a KmsKeyId here.")
    where = f"arn:aws:rds:{backend.region_name}:{backend.account_id}:auto-backup"
    arn = f"{where}:ab-{mock_random.get_random_string(26, lower_case=True)}"
    record = {
        **_of(instance),
        "Region": instance.region,
        "Source": instance,
        "DBInstanceAutomatedBackupsArn": arn,
        "BackupRetentionPeriod": params.get("BackupRetentionPeriod", 7),
        "KmsKeyId": params.get("KmsKeyId"),
        "Began": clock().now(),
        "Ready": clock().ready(FIRST_COPY),
    }
    _replicated(backend)[arn] = record
    links = getattr(instance, "mended_replications", [])
    instance.mended_replications = [*links, {"DBInstanceAutomatedBackupsArn": arn}]  # type: ignore[attr-defined]
    if params.get("Tags"):
        tags: dict[str, Any] = kept(backend, "backup_tags", dict)
        tags[arn] = params["Tags"]
    return {"DBInstanceAutomatedBackup": _shown(record)}


@mend.operation(RDSResponse, "StopDBInstanceAutomatedBackupsReplication")
def stop(response: RDSResponse, params: Record) -> Record:
    backend, source = response.backend, params["SourceDBInstanceArn"]
    for arn, record in list(_replicated(backend).items()):
        if record["DBInstanceArn"] == source:
            del _replicated(backend)[arn]
            _forget(_source(backend, source), arn)
            return {"DBInstanceAutomatedBackup": {**_shown(record), "Status": "deleting"}}
    raise Refused("DBInstanceNotFound", f"Automated backups of {source} are not replicated here.")


def _forget(instance: DBInstance | None, arn: str) -> None:
    if instance is not None:
        links = getattr(instance, "mended_replications", [])
        instance.mended_replications = [  # type: ignore[attr-defined]
            link for link in links if link["DBInstanceAutomatedBackupsArn"] != arn
        ]


@mend.operation(RDSResponse, "DeleteDBInstanceAutomatedBackup")
def delete(response: RDSResponse, params: Record) -> Record:
    arn = params.get("DBInstanceAutomatedBackupsArn")
    record = _replicated(response.backend).pop(arn or "", None)
    if record is None:
        raise Refused("DBInstanceAutomatedBackupNotFound", f"Automated backup {arn} not found.")
    _forget(_source(response.backend, record["DBInstanceArn"]), str(arn))
    return {"DBInstanceAutomatedBackup": {**_shown(record), "Status": "deleting"}}


@mend.operation(RDSResponse, "DescribeDBInstanceAutomatedBackups")
def describe(response: RDSResponse, params: Record) -> Record:
    backend = response.backend
    all_of = [*backend.databases.values(), *_retained(backend).values()]
    own = [_own(it) for it in all_of if it.backup_retention_period]
    found = [*own, *(_shown(record) for record in _replicated(backend).values())]
    wanted = {
        key: params[key]
        for key in ("DBInstanceIdentifier", "DbiResourceId", "DBInstanceAutomatedBackupsArn")
        if params.get(key)
    }
    for one in params.get("Filters") or []:
        key = {"db-instance-id": "DBInstanceIdentifier", "dbi-resource-id": "DbiResourceId"}
        if one["Name"] == "status":
            found = [f for f in found if f["Status"] in one["Values"]]
        elif one["Name"] in key:
            found = [f for f in found if f[key[one["Name"]]] in one["Values"]]
    found = [f for f in found if all(f[k] == v for k, v in wanted.items())]
    if not found and "DBInstanceAutomatedBackupsArn" in wanted:
        raise Refused(
            "DBInstanceAutomatedBackupNotFound",
            f"Automated backup {wanted['DBInstanceAutomatedBackupsArn']} not found.",
        )
    return {"DBInstanceAutomatedBackups": found}

"""What a lost database can be made from: its backups in a region, and whether they can be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.errors import DeniedError, OpsError, ThrottledError, UsageError
from ops.core.kms import list_key_recovery_commands
from ops.core.plan import JsonObject
from ops.database import instance as database
from ops.outputs import Outputs
from ops.recovery.restore import INSTANCE_QUOTA_NAME

BackupKind = Literal["snapshot", "retained backup", "automated backup"]
# Statuses in which automated backups can be restored: API reference, DBInstanceAutomatedBackup.
RESTORABLE_BACKUP_STATUSES: Final = ("active", "retained", "replicating")
BACKUP_KEY_API: Final = "kms.describe_key"


@dataclass(frozen=True)
class BackupSource:
    """A backup that a database can be made from. `at` is until when it reaches, ISO 8601.

    `key` is the ARN of the key that it is encrypted with; None where it is not.
    """

    kind: BackupKind
    name: str
    latest_time: str
    storage_gib: int
    key_arn: str | None = None


def list_backup_sources(aws: Aws, outputs: Outputs, region: str) -> list[BackupSource]:
    """Whatever backups of the primary are whole in a region, the newest first."""
    params: JsonObject = {"DBInstanceIdentifier": outputs.database.identifier}
    api = "rds.describe_db_snapshots"
    backups = [
        BackupSource(
            "snapshot",
            str(backup["DBSnapshotIdentifier"]),
            str(backup["SnapshotCreateTime"]),
            int(backup.get("AllocatedStorage") or 0),
            backup.get("KmsKeyId"),
        )
        for backup in database.list_in_region(aws, api, "DBSnapshots", params, region)
        if backup.get("Status") == "available"
    ]
    api = "rds.describe_db_instance_automated_backups"
    for backup in database.list_in_region(aws, api, "DBInstanceAutomatedBackups", params, region):
        latest_time = (backup.get("RestoreWindow") or {}).get("LatestTime")
        status = str(backup.get("Status", "")).lower()
        if latest_time and status in RESTORABLE_BACKUP_STATUSES:
            is_retained = status == "retained" and backup.get("Region") == region
            kind: BackupKind = "retained backup" if is_retained else "automated backup"
            name = backup["DbiResourceId" if is_retained else "DBInstanceAutomatedBackupsArn"]
            storage_gib = int(backup.get("AllocatedStorage") or 0)
            backups.append(
                BackupSource(kind, str(name), str(latest_time), storage_gib, backup.get("KmsKeyId"))
            )
    return sorted(backups, key=lambda backup: backup.latest_time, reverse=True)


def select_backup_source(
    backups: Sequence[BackupSource], name: str | None, region: str
) -> BackupSource:
    """The one that --from names, else the newest. Raises UsageError or OpsError."""
    if name is not None:
        named_backup = next((backup for backup in backups if backup.name == name), None)
        if named_backup is None:
            choices = (
                ", ".join(backup.name for backup in backups[:5]) or "none: there is no whole backup"
            )
            raise UsageError(f"--from is {name!r}, must be {choices}")
        return named_backup
    if not backups:
        raise OpsError(
            f"there is no whole backup of the database in {region}: nothing to make it from",
            "ops recover ready",
        )
    return backups[0]


def require_region_instance_quota(aws: Aws, region: str) -> None:
    """Raises OpsError where a region has no room for one more DB instance."""
    response: Any = aws.call("rds.describe_account_attributes", {}, region)
    for quota in response.get("AccountQuotas") or ():
        if quota["AccountQuotaName"] == INSTANCE_QUOTA_NAME and quota["Used"] >= quota["Max"]:
            raise OpsError(
                f"the account has {quota['Used']} DB instances in {region}, which is all that its "
                "quota allows: delete one, or ask Service Quotas for more"
            )


def get_backup_key_warning(aws: Aws, source: BackupSource, region: str) -> str:
    """Why nobody knows whether a backup's key can be used; empty where it can.

    Raises OpsError where it cannot: RDS would restore nothing.
    """
    if source.key_arn is None:
        return ""
    try:
        response: Any = aws.call(BACKUP_KEY_API, {"KeyId": source.key_arn}, region)
        state = str(response["KeyMetadata"]["KeyState"])
    except ClientError as error:
        state = error.response["Error"]["Code"]
    except (DeniedError, ThrottledError) as error:
        return f"nobody knows whether the key of {source.name} can be used: {error}"
    if state != "Enabled":
        raise OpsError(
            f"{source.name} is encrypted with {source.key_arn}, which is {state}: it cannot be "
            "restored, another may be named with --from",
            *list_key_recovery_commands(source.key_arn, state, region),
        )
    return ""

"""Backups from which a lost database can be restored, and if their keys are usable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from botocore.exceptions import ClientError

from ops.alarms.mute_state import parse_time
from ops.core.aws import Aws
from ops.core.errors import CredentialsError, DeniedError, OpsError, ThrottledError, UsageError
from ops.core.kms import DESCRIBE_KEY_API, list_key_recovery_commands
from ops.core.plan import JsonObject
from ops.database.instance import list_in_region
from ops.database.snapshots import SHARED, get_snapshot_data_time, list_snapshot_descriptions
from ops.outputs import Outputs
from ops.recovery.restore_request import RestorableWindow

BackupKind = Literal["snapshot", "retained backup", "automated backup"]
# Statuses in which automated backups can be restored: API reference, DBInstanceAutomatedBackup.
RESTORABLE_BACKUP_STATUSES: Final = ("active", "retained", "replicating")


@dataclass(frozen=True)
class BackupSource:
    """A backup to restore from. `latest_time` is its latest restorable time, ISO 8601.

    `key_arn` is None if it is not encrypted.
    """

    kind: BackupKind
    name: str
    latest_time: str
    storage_gib: int
    key_arn: str | None = None
    earliest_time: str | None = None

    @property
    def latest_datetime(self) -> datetime:
        """Its latest restorable time, UTC."""
        return parse_time(self.latest_time)


SOURCE_COLUMNS: Final = ("newest data", "region", "kind", "backup", "restore with")


def build_source_row(outputs: Outputs, region: str, source: BackupSource) -> dict[str, object]:
    """Builds the table row of a backup, with the command that restores it."""
    if region != outputs.stack.region:
        command = f"ops recover region --from {source.name}"
    elif source.kind == "snapshot":
        # Another account's is listed by its ARN, and chosen by its name.
        command = f"ops recover snapshot {source.name.partition(':snapshot:')[2] or source.name}"
    else:
        command = "ops recover point-in-time --to latest"
    return {
        "newest data": source.latest_time,
        "region": region,
        "kind": source.kind,
        "backup": source.name,
        "restore with": command,
    }


def list_backup_sources(aws: Aws, outputs: Outputs, region: str) -> list[BackupSource]:
    """Lists the complete backups of the primary in a region, the newest data first.

    Snapshots include those of AWS Backup, and those that another account shares, by ARN.
    """
    identifier = outputs.database.identifier
    params: JsonObject = {"DBInstanceIdentifier": identifier}
    backups = [
        BackupSource(
            "snapshot",
            str(backup["DBSnapshotArn" if is_shared(backup) else "DBSnapshotIdentifier"]),
            str(get_snapshot_data_time(backup)),
            int(backup.get("AllocatedStorage") or 0),
            backup.get("KmsKeyId"),
        )
        for backup in list_snapshot_descriptions(aws, identifier, region)
        if backup.get("Status") == "available"
    ]
    api = "rds.describe_db_instance_automated_backups"
    for backup in list_in_region(aws, api, "DBInstanceAutomatedBackups", params, region):
        latest_time = (backup.get("RestoreWindow") or {}).get("LatestTime")
        status = str(backup.get("Status", "")).lower()
        if latest_time and status in RESTORABLE_BACKUP_STATUSES:
            is_retained = status == "retained" and backup.get("Region") == region
            kind: BackupKind = "retained backup" if is_retained else "automated backup"
            name = backup["DbiResourceId" if is_retained else "DBInstanceAutomatedBackupsArn"]
            storage_gib = int(backup.get("AllocatedStorage") or 0)
            earliest_time = (backup.get("RestoreWindow") or {}).get("EarliestTime")
            backups.append(
                BackupSource(
                    kind,
                    str(name),
                    str(latest_time),
                    storage_gib,
                    backup.get("KmsKeyId"),
                    str(earliest_time) if earliest_time else None,
                )
            )
    return sorted(backups, key=lambda backup: backup.latest_datetime, reverse=True)


def is_shared(snapshot: Any) -> bool:
    """True if another account shares the snapshot, which a restore then names by its ARN."""
    return bool(snapshot.get("SnapshotType") == SHARED)


def find_retained_backup(aws: Aws, outputs: Outputs) -> BackupSource | None:
    """Returns the newest automated backup that a deleted primary has left in the stack's region."""
    backups = list_backup_sources(aws, outputs, outputs.stack.region)
    return next((backup for backup in backups if backup.kind == "retained backup"), None)


def get_backup_window(backup: BackupSource) -> RestorableWindow:
    """Returns the times to which a backup can be restored, UTC."""
    latest_time = parse_time(backup.latest_time)
    return RestorableWindow(parse_time(backup.earliest_time or backup.latest_time), latest_time)


def select_backup_source(
    backups: Sequence[BackupSource], name: str | None, region: str
) -> BackupSource:
    """Returns the backup named by --from, or the newest.

    Raises UsageError if the name does not exist, OpsError if there is no backup.
    """
    if name is not None:
        named_backup = next((backup for backup in backups if backup.name == name), None)
        if named_backup is None:
            choices = ", ".join(backup.name for backup in backups[:5])
            raise UsageError(
                f"--from must be {choices}, not {name!r}"
                if choices
                else f"--from is {name!r}, but there is no complete backup in {region}"
            )
        return named_backup
    if not backups:
        raise OpsError(
            f"there is no complete backup of the database in {region} to restore",
            "ops recover ready",
        )
    return backups[0]


def get_backup_key_warning(aws: Aws, source: BackupSource, region: str) -> str:
    """Returns a warning if the key of a backup cannot be checked; empty if it is enabled.

    Raises OpsError if the key is not enabled, since RDS could not restore the backup.
    """
    if source.key_arn is None:
        return ""
    try:
        response: Any = aws.call(DESCRIBE_KEY_API, {"KeyId": source.key_arn}, region)
        state = str(response["KeyMetadata"]["KeyState"])
    except ClientError as error:
        state = error.response["Error"]["Code"]
    except CredentialsError:
        raise
    except (DeniedError, ThrottledError) as error:
        return f"it is unknown whether the key of {source.name} can be used: {error}"
    if state != "Enabled":
        raise OpsError(
            f"{source.name} cannot be restored: its key {source.key_arn} is {state}; choose "
            "another backup with --from",
            *list_key_recovery_commands(source.key_arn, state, region),
        )
    return ""

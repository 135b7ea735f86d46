"""The days that have a backup: AWS Backup's recovery points, or else RDS's automated snapshots.

A backup that expires is deleted, so that a day is judged only if a backup of it would still be
there: not before the shortest time for which those that are there are kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.times import parse_aws_time
from ops.database.health import DB_SNAPSHOTS_API
from ops.fleet.model import list_read_items
from ops.health.backups import BACKUP_VAULT_API, COMPLETED_POINT_STATUSES, RECOVERY_POINTS_API
from ops.outputs import ObjectivesPart, Outputs
from ops.slo.model import ServiceLevel, Spending
from ops.slo.month import Month

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class BackupDays:
    """The days that have a backup, and since when a missing one is known to be missing.

    `began` is when backups began: the age of the vault, or of the instance.
    """

    days: frozenset[date]
    began: datetime
    known_since: datetime
    source: str


def read_backup_days(
    aws: Aws, outputs: Outputs, instance: Mapping[str, Any] | None, now: datetime
) -> BackupDays:
    """Reads the backups that are there. Raises OpsError if there is no vault, or no instance."""
    if outputs.backups.vault is not None:
        return _read_recovery_points(aws, outputs, outputs.backups.vault, now)
    if instance is None:
        raise OpsError(f"there is no DB instance {outputs.database.identifier}")
    params: dict[str, Any] = {
        "DBInstanceIdentifier": outputs.database.identifier,
        "SnapshotType": "automated",
    }
    days = {
        parse_aws_time(item["SnapshotCreateTime"]).date()
        for item in list_read_items(aws, DB_SNAPSHOTS_API, "DBSnapshots", params)
        if item["Status"] == "available" and item.get("SnapshotCreateTime")
    }
    kept_days = int(instance.get("BackupRetentionPeriod") or 0)
    began = parse_aws_time(instance["InstanceCreateTime"])
    known_since = max(now - kept_days * _DAY, began)
    return BackupDays(frozenset(days), began, known_since, "RDS's automated snapshots")


def build_backup_level(
    backups: BackupDays | None,
    month: Month,
    objectives: ObjectivesPart | None,
    gaps: Sequence[str],
) -> ServiceLevel:
    """The days of the month that are over and have a backup, of those that can be judged.

    Days before backups began do not count, nor does the day on which they did: it is not whole.
    """
    began = backups.began if backups is not None else month.since
    days = [day for day in month.list_days() if day >= began]
    known = [day for day in days if backups is not None and day >= backups.known_since]
    missing = [day for day in known if backups is not None and day.date() not in backups.days]
    # A backup that is older than the time that can be judged was made all the same.
    earlier = [
        day
        for day in days
        if backups is not None and day < backups.known_since and day.date() in backups.days
    ]
    judged = len(known) + len(earlier)
    source = backups.source if backups is not None else "backups"
    notes = (
        [f"{len(days) - judged} of {len(days)} days: their backups may have expired since"]
        if judged < len(days) and backups is not None
        else []
    )
    return ServiceLevel(
        name="backups",
        about=f"days that have a backup ({source})",
        unit="days",
        objective=objectives.backup_success_percent if objectives is not None else None,
        good=judged - len(missing),
        bad=len(missing),
        seen=judged / len(days) if days else 1,
        gaps=tuple(gaps),
        notes=tuple(notes),
        spendings=tuple(
            Spending(day, day + _DAY, 1, f"no backup of {day:%Y-%m-%d}") for day in missing
        ),
    )


def _read_recovery_points(aws: Aws, outputs: Outputs, vault: str, now: datetime) -> BackupDays:
    """The points of the database that AWS Backup completed."""
    description: Any = aws.call(BACKUP_VAULT_API, {"BackupVaultName": vault})
    points = [
        point
        for point in list_read_items(
            aws, RECOVERY_POINTS_API, "RecoveryPoints", {"BackupVaultName": vault}
        )
        if point.get("ResourceArn") == outputs.database.arn
        and point["Status"] in COMPLETED_POINT_STATUSES
    ]
    kept = [
        parse_aws_time(delete_at) - parse_aws_time(point["CreationDate"])
        for point in points
        if (delete_at := (point.get("CalculatedLifecycle") or {}).get("DeleteAt"))
    ]
    created = parse_aws_time(description["CreationDate"])
    known_since = max(created, now - min(kept)) if kept else created
    days = frozenset(parse_aws_time(point["CreationDate"]).date() for point in points)
    return BackupDays(days, created, known_since, "AWS Backup's recovery points")

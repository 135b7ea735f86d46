"""What AWS does by itself in the days in which a stack rests: backups, copies, rotations."""

from datetime import timedelta
from typing import Final

from moto.backup.models import backup_backends
from moto.rds.models import rds_backends
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends

from sandbox.aws import ACCOUNT_ID
from sandbox.incidents.world import World
from sandbox.patches.backup.plans import get_recovery_points

BACKUP_AGE: Final = timedelta(hours=5)
ROTATION_AGE: Final = timedelta(days=3)


def do_daily_work(world: World) -> None:
    """Last night's backups are there, and the secrets were rotated some days ago."""
    _date_snapshots(world)
    _put_recovery_points(world)
    _date_rotations(world)


def _date_snapshots(world: World) -> None:
    backend = rds_backends[ACCOUNT_ID][world.region]
    time = world.clock.now() - BACKUP_AGE
    for snapshot in backend.database_snapshots.values():
        if snapshot.snapshot_type == "automated":
            snapshot.created = time
            snapshot.original_snapshot_create_time = time


def _put_recovery_points(world: World) -> None:
    backups, stack = world.outputs.backups, world.outputs.stack
    vaults = {world.region: str(backups.vault)}
    if backups.recovery_vault_arn and stack.recovery_region:
        vaults[stack.recovery_region] = backups.recovery_vault_arn.rpartition(":")[2]
    for region, vault in vaults.items():
        get_recovery_points(backup_backends[ACCOUNT_ID][region], vault).append(
            {
                "RecoveryPointArn": f"arn:aws:rds:{region}:{ACCOUNT_ID}:snapshot:awsbackup:job-1",
                "BackupVaultName": vault,
                "ResourceArn": world.outputs.database.arn,
                "ResourceType": "RDS",
                "Status": "COMPLETED",
                "CreationDate": (world.clock.now() - BACKUP_AGE).timestamp(),
            }
        )


def _date_rotations(world: World) -> None:
    time = (world.clock.now() - ROTATION_AGE).timestamp()
    for secret in secretsmanager_backends[ACCOUNT_ID][world.region].secrets.values():
        if isinstance(secret, FakeSecret) and secret.last_rotation_date:
            secret.last_rotation_date = int(time)
            secret.last_changed_date = int(time)

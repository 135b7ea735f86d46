"""Backups outside the database: AWS Backup's vault, and what is replicated to another region."""

from typing import Final

from components.facts.units import DAY_SECONDS, HOUR_SECONDS
from ops.cli.render import format_duration
from ops.core.checks import (
    REPAIR_COMMAND,
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    build_read,
    compute_age_seconds,
    get_answer_items,
)

REPLICATED_BACKUPS_API = "rds.describe_db_instance_automated_backups"
BACKUP_VAULT_API = "backup.describe_backup_vault"
RECOVERY_POINTS_API = "backup.list_recovery_points_by_backup_vault"
BACKUPS_AREA = "backups"
# AWS's own figure for the lag of replicated backups is 5 to 30 minutes.
MAX_REPLICATION_LAG_SECONDS: Final = HOUR_SECONDS
COMPLETED_POINT_STATUSES: Final = ("COMPLETED", "AVAILABLE")
MAX_RECOVERY_POINT_AGE_SECONDS: Final = (
    DAY_SECONDS + 10 * HOUR_SECONDS
)  # a day, and as long as a job may wait and take
MAX_COPY_AGE_SECONDS: Final = (
    MAX_RECOVERY_POINT_AGE_SECONDS + 6 * HOUR_SECONDS
)  # and as long as a copy may take: an assumption, AWS states none


def check_backup_replication(facts: CheckFacts) -> CheckRoutine:
    """The replicated backups reach to within an hour of now."""
    stack, arn = facts.outputs.stack, facts.outputs.database.replicated_backup_arn
    (answer,) = yield [
        build_read(
            REPLICATED_BACKUPS_API,
            "DBInstanceAutomatedBackups",
            region=stack.recovery_region,
            DBInstanceAutomatedBackupsArn=arn,
            absent_codes=(
                "DBInstanceAutomatedBackupNotFound",
                "DBInstanceAutomatedBackupNotFoundFault",
            ),
        )
    ]
    subject = f"replication to {stack.recovery_region}"
    item = next(iter(get_answer_items(answer)), None)
    if item is None:
        return [CheckFinding("failing", BACKUPS_AREA, subject, "there is none", REPAIR_COMMAND)]
    status, latest_time = item["Status"].lower(), item.get("RestoreWindow", {}).get("LatestTime")
    advice = "ops db snapshot copy"
    if status not in ("active", "replicating") or latest_time is None:
        return [
            CheckFinding(
                "failing", BACKUPS_AREA, subject, f"is {status}, nothing to restore yet", advice
            )
        ]
    lag_seconds = max(compute_age_seconds(facts, latest_time), 0)
    evidence = f"restorable until {latest_time}, {format_duration(lag_seconds)} ago"
    if lag_seconds <= MAX_REPLICATION_LAG_SECONDS:
        return [CheckFinding("ok", BACKUPS_AREA, subject, evidence)]
    return [CheckFinding("failing", BACKUPS_AREA, subject, evidence, advice)]


def check_backup_vault(facts: CheckFacts) -> CheckRoutine:
    """AWS Backup has a recovery point of the last day."""
    name = facts.outputs.backups.vault
    answers = yield [
        build_read(
            BACKUP_VAULT_API, "", BackupVaultName=name, absent_codes=("ResourceNotFoundException",)
        ),
        build_read(
            RECOVERY_POINTS_API,
            "RecoveryPoints",
            BackupVaultName=name,
            ByCreatedAfter=facts.format_time_ago(MAX_RECOVERY_POINT_AGE_SECONDS),
            absent_codes=("ResourceNotFoundException",),
        ),
    ]
    vaults, points = get_answer_items(answers[0]), get_answer_items(answers[1])
    if not vaults:
        return [CheckFinding("failing", BACKUPS_AREA, f"vault {name}", "is gone", REPAIR_COMMAND)]
    completion_times = sorted(
        point["CreationDate"] for point in points if point["Status"] in COMPLETED_POINT_STATUSES
    )
    if completion_times:
        return [
            CheckFinding(
                "ok",
                BACKUPS_AREA,
                f"vault {name}",
                f"last recovery point at {completion_times[-1]}",
            )
        ]
    vault_created = vaults[0].get("CreationDate")
    if (
        vault_created
        and compute_age_seconds(facts, vault_created) <= MAX_RECOVERY_POINT_AGE_SECONDS
    ):
        return [
            CheckFinding("ok", BACKUPS_AREA, f"vault {name}", "is younger than its first backup")
        ]
    evidence = f"no recovery point since {facts.format_time_ago(MAX_RECOVERY_POINT_AGE_SECONDS)}"
    return [
        CheckFinding("failing", BACKUPS_AREA, f"vault {name}", evidence, "ops db snapshot create")
    ]


def check_backup_copies(facts: CheckFacts) -> CheckRoutine:
    """The recovery region's vault has a copy of a recovery point of the last day."""
    stack, arn = facts.outputs.stack, str(facts.outputs.backups.recovery_vault_arn)
    name = arn.rsplit(":", 1)[-1]
    absent_codes = ("ResourceNotFoundException",)
    answers = yield [
        build_read(
            BACKUP_VAULT_API,
            "",
            region=stack.recovery_region,
            BackupVaultName=name,
            absent_codes=absent_codes,
        ),
        build_read(
            RECOVERY_POINTS_API,
            "RecoveryPoints",
            region=stack.recovery_region,
            BackupVaultName=name,
            ByCreatedAfter=facts.format_time_ago(MAX_COPY_AGE_SECONDS),
            absent_codes=absent_codes,
        ),
    ]
    vaults, points = get_answer_items(answers[0]), get_answer_items(answers[1])
    subject = f"copies in {stack.recovery_region}"
    if not vaults:
        return [
            CheckFinding(
                "failing", BACKUPS_AREA, subject, f"the vault {name} is gone", REPAIR_COMMAND
            )
        ]
    completion_times = sorted(
        point["CreationDate"] for point in points if point["Status"] in COMPLETED_POINT_STATUSES
    )
    if completion_times:
        return [
            CheckFinding(
                "ok",
                BACKUPS_AREA,
                subject,
                f"the last at {completion_times[-1]}, in the vault {name}",
            )
        ]
    vault_created = vaults[0].get("CreationDate")
    if vault_created and compute_age_seconds(facts, vault_created) <= MAX_COPY_AGE_SECONDS:
        return [
            CheckFinding(
                "ok", BACKUPS_AREA, subject, f"the vault {name} is younger than its first copy"
            )
        ]
    evidence = f"the vault {name} has none since {facts.format_time_ago(MAX_COPY_AGE_SECONDS)}"
    advice = f"aws backup list-copy-jobs --by-state FAILED --region {stack.region}"
    return [CheckFinding("failing", BACKUPS_AREA, subject, evidence, advice)]

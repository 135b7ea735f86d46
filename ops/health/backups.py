"""Backups outside the database: AWS Backup's vault, and what is replicated to another region."""

from typing import Final

from ops.cli.render import format_duration
from ops.core.checks import DAY, HOUR, Check, Facts, Finding, Looking, age, known, read

REPLICATED = "rds.describe_db_instance_automated_backups"
VAULT = "backup.describe_backup_vault"
POINTS = "backup.list_recovery_points_by_backup_vault"
AREA = "backups"
# AWS's own figure for the lag of replicated backups is 5 to 30 minutes.
LAG: Final = HOUR
DONE: Final = ("COMPLETED", "AVAILABLE")
REPAIR: Final = "pulumi up --refresh"
POINT: Final = DAY + 10 * HOUR  # a day, and as long as a job may wait and take
COPY: Final = POINT + 6 * HOUR  # and as long as a copy may take: an assumption, AWS states none


def replicated(facts: Facts) -> Looking:
    """The replicated backups reach to within an hour of now."""
    stack, arn = facts.outputs.stack, facts.outputs.database.replicated_backup_arn
    (answer,) = yield [
        read(
            REPLICATED,
            "DBInstanceAutomatedBackups",
            region=stack.recovery_region,
            DBInstanceAutomatedBackupsArn=arn,
            absent=("DBInstanceAutomatedBackupNotFound", "DBInstanceAutomatedBackupNotFoundFault"),
        )
    ]
    subject = f"replication to {stack.recovery_region}"
    item = next(iter(known(answer)), None)
    if item is None:
        return [Finding("failing", AREA, subject, "there is none", REPAIR)]
    status, until = item["Status"].lower(), item.get("RestoreWindow", {}).get("LatestTime")
    help_ = "ops db snapshot copy"
    if status not in ("active", "replicating") or until is None:
        return [Finding("failing", AREA, subject, f"is {status}, nothing to restore yet", help_)]
    old = max(age(facts, until), 0)
    evidence = f"restorable until {until}, {format_duration(old)} ago"
    if old <= LAG:
        return [Finding("ok", AREA, subject, evidence)]
    return [Finding("failing", AREA, subject, evidence, help_)]


def vault(facts: Facts) -> Looking:
    """AWS Backup has a recovery point of the last day."""
    name = facts.outputs.backups.vault
    answers = yield [
        read(VAULT, "", BackupVaultName=name, absent=("ResourceNotFoundException",)),
        read(
            POINTS,
            "RecoveryPoints",
            BackupVaultName=name,
            ByCreatedAfter=facts.ago(POINT),
            absent=("ResourceNotFoundException",),
        ),
    ]
    found, points = known(answers[0]), known(answers[1])
    if not found:
        return [Finding("failing", AREA, f"vault {name}", "is gone", REPAIR)]
    done = sorted(p["CreationDate"] for p in points if p["Status"] in DONE)
    if done:
        return [Finding("ok", AREA, f"vault {name}", f"last recovery point at {done[-1]}")]
    made = found[0].get("CreationDate")
    if made and age(facts, made) <= POINT:
        return [Finding("ok", AREA, f"vault {name}", "is younger than its first backup")]
    evidence = f"no recovery point since {facts.ago(POINT)}"
    return [Finding("failing", AREA, f"vault {name}", evidence, "ops db snapshot create")]


def copied(facts: Facts) -> Looking:
    """The recovery region's vault has a copy of a recovery point of the last day."""
    stack, arn = facts.outputs.stack, str(facts.outputs.backups.recovery_vault_arn)
    name = arn.rsplit(":", 1)[-1]
    gone = ("ResourceNotFoundException",)
    answers = yield [
        read(VAULT, "", region=stack.recovery_region, BackupVaultName=name, absent=gone),
        read(
            POINTS,
            "RecoveryPoints",
            region=stack.recovery_region,
            BackupVaultName=name,
            ByCreatedAfter=facts.ago(COPY),
            absent=gone,
        ),
    ]
    found, points = known(answers[0]), known(answers[1])
    subject = f"copies in {stack.recovery_region}"
    if not found:
        return [Finding("failing", AREA, subject, f"the vault {name} is gone", REPAIR)]
    done = sorted(p["CreationDate"] for p in points if p["Status"] in DONE)
    if done:
        return [Finding("ok", AREA, subject, f"the last at {done[-1]}, in the vault {name}")]
    made = found[0].get("CreationDate")
    if made and age(facts, made) <= COPY:
        return [Finding("ok", AREA, subject, f"the vault {name} is younger than its first copy")]
    evidence = f"the vault {name} has none since {facts.ago(COPY)}"
    failed = f"aws backup list-copy-jobs --by-state FAILED --region {stack.region}"
    return [Finding("failing", AREA, subject, evidence, failed)]


CHECKS = (
    Check(
        AREA,
        "replication",
        replicated,
        (REPLICATED,),
        lambda o: o.database.replicated_backup_arn is not None,
    ),
    Check(AREA, "vault", vault, (VAULT, POINTS), lambda o: o.backups.vault is not None),
    Check(
        AREA,
        "copies",
        copied,
        (VAULT, POINTS),
        lambda o: o.backups.recovery_vault_arn is not None and bool(o.stack.recovery_region),
    ),
)

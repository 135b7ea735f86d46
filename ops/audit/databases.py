"""How the databases and the cache that are there are protected, whatever was planned."""

from collections.abc import Mapping
from typing import Any, Final

from ops.audit.model import AuditReport, close_report, get_stack_prefix, is_of_stack
from ops.core.checks import CheckFacts, CheckRoutine, build_read
from ops.core.counts import format_count
from ops.database.instance import parse_tags
from ops.outputs import Outputs

_DATABASES_API: Final = "rds.describe_db_instances"
_CACHES_API: Final = "elasticache.describe_replication_groups"
DATABASE_PROTECTION_KEY: Final = "database-protection"
CACHE_PROTECTION_KEY: Final = "cache-protection"
# FSBP RDS.11: its default for the retention of backups.
LEAST_BACKUP_DAYS: Final = 7


def check_database_protection(facts: CheckFacts) -> CheckRoutine:
    """Judges the stack's instances: reachable, encrypted, backed up, protected from deletion."""
    report, outputs = AuditReport(facts, DATABASE_PROTECTION_KEY, "databases"), facts.outputs
    (answer,) = yield [build_read(_DATABASES_API, "DBInstances")]
    instances = [i for i in report.get_items(answer) if is_stack_database(outputs, i)]
    for instance in instances:
        _judge_database(report, outputs, instance)
    return (
        yield from close_report(
            report,
            f"{format_count(len(instances), 'instance')}: private, encrypted, backed up, protected",
        )
    )


def check_cache_protection(facts: CheckFacts) -> CheckRoutine:
    """Judges the stack's cache: encrypted at rest and in transit, with a token."""
    report, cache = AuditReport(facts, CACHE_PROTECTION_KEY, "cache"), facts.outputs.cache
    assert cache is not None
    (answer,) = yield [
        build_read(
            _CACHES_API,
            "ReplicationGroups",
            ReplicationGroupId=cache.identifier,
            absent_codes=("ReplicationGroupNotFoundFault", "ReplicationGroupNotFound"),
        )
    ]
    modify = (
        f"aws elasticache modify-replication-group --region {facts.outputs.stack.region} "
        f"--replication-group-id {cache.identifier} --apply-immediately"
    )
    for group in report.get_items(answer):
        if not group.get("AtRestEncryptionEnabled"):
            report.add(
                f"{cache.identifier}/at-rest",
                "what it keeps is not encrypted; it can only be made again",
                "pulumi up --replace",
                severity="high",
                reason="FSBP ElastiCache.4",
                subject=cache.identifier,
            )
        if not group.get("TransitEncryptionEnabled"):
            report.add(
                f"{cache.identifier}/in-transit",
                "who listens in the network reads it: no TLS",
                f"{modify} --transit-encryption-enabled --transit-encryption-mode preferred",
                severity="high",
                reason="FSBP ElastiCache.5",
                subject=cache.identifier,
            )
        elif not group.get("AuthTokenEnabled") and not group.get("UserGroupIds"):
            report.add(
                f"{cache.identifier}/token",
                "whoever reaches it may read and write: it asks for no token",
                "ops cache status",
                severity="high",
                reason="FSBP ElastiCache.6",
                subject=cache.identifier,
            )
    return (yield from close_report(report, "encrypted at rest and in transit, with a token"))


def is_stack_database(outputs: Outputs, instance: Mapping[str, Any]) -> bool:
    """True for the primary, its replicas and what was restored: by name and by tags."""
    name, database = str(instance["DBInstanceIdentifier"]), outputs.database
    if name in (database.identifier, *database.replicas):
        return True
    return name.startswith(get_stack_prefix(outputs)) and is_of_stack(
        outputs, parse_tags(instance.get("TagList"))
    )


def _judge_database(report: AuditReport, outputs: Outputs, instance: Mapping[str, Any]) -> None:
    name = str(instance["DBInstanceIdentifier"])
    modify = (
        f"aws rds modify-db-instance --region {outputs.stack.region} "
        f"--db-instance-identifier {name} --apply-immediately"
    )
    if instance.get("PubliclyAccessible"):
        report.add(
            f"{name}/public",
            "it has a public address",
            f"{modify} --no-publicly-accessible",
            severity="critical",
            reason="CIS AWS Foundations 3.0 2.3.3; FSBP RDS.2",
            subject=name,
        )
    if not instance.get("StorageEncrypted"):
        report.add(
            f"{name}/encryption",
            "its storage is not encrypted; only a restore of an encrypted copy mends it",
            "ops db snapshot create",
            severity="critical",
            reason="CIS AWS Foundations 3.0 2.3.1; FSBP RDS.3",
            subject=name,
        )
    if outputs.stack.protect and not instance.get("DeletionProtection"):
        is_primary = name == outputs.database.identifier
        report.add(
            f"{name}/deletion",
            "one call deletes it: it has no deletion protection",
            f"{modify} --deletion-protection",
            severity="high" if is_primary else "low",
            reason="FSBP RDS.8",
            subject=name,
        )
    days = int(instance.get("BackupRetentionPeriod") or 0)
    least = LEAST_BACKUP_DAYS if outputs.stack.profile == "prod" else 1
    if not instance.get("ReadReplicaSourceDBInstanceIdentifier") and days < least:
        report.add(
            f"{name}/backups",
            f"its backups go back {format_count(days, 'day')}, must be at least {least}",
            f"{modify} --backup-retention-period {least}",
            severity="critical" if days == 0 else "high",
            reason="FSBP RDS.11",
            subject=name,
        )

"""How the databases and the cache that are there are protected, whatever was planned."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ops.audit.model import AuditReport, close_report, get_stack_prefix, is_of_stack
from ops.audit.rules import AuditRule, add_broken, build_absence_test
from ops.core.checks import REPAIR_COMMAND, CheckFacts, CheckRoutine, build_read
from ops.core.counts import format_count
from ops.database.instance import parse_tags
from ops.outputs import Outputs

_DATABASES_API: Final = "rds.describe_db_instances"
_CACHES_API: Final = "elasticache.describe_replication_groups"
DATABASE_PROTECTION_KEY: Final = "database-protection"
CACHE_PROTECTION_KEY: Final = "cache-protection"
# FSBP RDS.11: its default for the retention of backups.
LEAST_BACKUP_DAYS: Final = 7
_MODIFY_DATABASE: Final = (
    "aws rds modify-db-instance --region {region} --db-instance-identifier {name} "
    "--apply-immediately "
)
_MODIFY_CACHE: Final = (
    "aws elasticache modify-replication-group --region {region} --replication-group-id {name} "
    "--apply-immediately "
)
_DATABASE_RULES: Final = (
    AuditRule(
        "public",
        lambda instance: bool(instance.get("PubliclyAccessible")),
        "critical",
        "CIS AWS Foundations 3.0 2.3.3; FSBP RDS.2",
        "it has a public address",
        f"{_MODIFY_DATABASE}--no-publicly-accessible",
    ),
    AuditRule(
        "encryption",
        build_absence_test("StorageEncrypted"),
        "critical",
        "CIS AWS Foundations 3.0 2.3.1; FSBP RDS.3",
        "its storage is not encrypted; {way}",
        "{replacement}",
    ),
)
_DELETION_RULE: Final = AuditRule(
    "deletion",
    build_absence_test("DeletionProtection"),
    "low",
    "FSBP RDS.8",
    "one call deletes it: it has no deletion protection",
    f"{_MODIFY_DATABASE}--deletion-protection",
)
_NO_BACKUPS_RULE: Final = AuditRule(
    "backups",
    lambda instance: not _get_backup_days(instance),
    "critical",
    "FSBP RDS.11",
    "its backups go back {days}, must be at least {least}",
    f"{_MODIFY_DATABASE}--backup-retention-period {{least}}",
)
_SHORT_BACKUPS_RULE: Final = replace(
    _NO_BACKUPS_RULE,
    is_broken=lambda instance: 0 < _get_backup_days(instance) < LEAST_BACKUP_DAYS,
    severity="high",
)
_CACHE_RULES: Final = (
    AuditRule(
        "at-rest",
        build_absence_test("AtRestEncryptionEnabled"),
        "high",
        "FSBP ElastiCache.4",
        "what it keeps is not encrypted: ElastiCache encrypts only a new one, so Pulumi makes it "
        "again, empty",
        REPAIR_COMMAND,
    ),
    AuditRule(
        "in-transit",
        build_absence_test("TransitEncryptionEnabled"),
        "high",
        "FSBP ElastiCache.5",
        "who listens in the network reads it: no TLS",
        f"{_MODIFY_CACHE}--transit-encryption-enabled --transit-encryption-mode preferred",
    ),
    AuditRule(
        "token",
        lambda group: (
            bool(group.get("TransitEncryptionEnabled"))
            and not group.get("AuthTokenEnabled")
            and not group.get("UserGroupIds")
        ),
        "high",
        "FSBP ElastiCache.6",
        "whoever reaches it may read and write: it asks for no token",
        "aws secretsmanager rotate-secret --region {region} --secret-id {secret}",
    ),
)


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
    for group in report.get_items(answer):
        add_broken(
            report,
            _CACHE_RULES,
            group,
            cache.identifier,
            region=facts.outputs.stack.region,
            name=cache.identifier,
            secret=cache.secret_arn,
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
    is_primary = name == outputs.database.identifier
    is_replica = bool(instance.get("ReadReplicaSourceDBInstanceIdentifier"))
    is_prod = outputs.stack.profile == "prod"
    least = LEAST_BACKUP_DAYS if is_prod else 1
    way, replacement = _describe_replacement(name, is_primary=is_primary, is_replica=is_replica)
    rules = list(_DATABASE_RULES)
    if outputs.stack.protect:
        rules.append(replace(_DELETION_RULE, severity="high" if is_primary else "low"))
    if not is_replica:
        rules += [_NO_BACKUPS_RULE, *([_SHORT_BACKUPS_RULE] if is_prod else [])]
    add_broken(
        report,
        rules,
        instance,
        name,
        region=outputs.stack.region,
        name=name,
        days=format_count(_get_backup_days(instance), "day"),
        least=least,
        way=way,
        replacement=replacement,
    )


def _describe_replacement(name: str, *, is_primary: bool, is_replica: bool) -> tuple[str, str]:
    """How an instance without encryption is replaced, and what to type first.

    RDS encrypts an instance only when it is made, and a snapshot when it is copied; a replica is
    encrypted if its source is (RDS User Guide, "Limitations of Amazon RDS encrypted DB instances").
    """
    encrypted_copy = "ops db snapshot create && ops db snapshot copy --encrypt"
    if is_replica:
        return "it is as its source is, which is replaced first", encrypted_copy
    if not is_primary:
        return (
            "it is not the primary: delete it once nobody needs it",
            f"ops recover discard {name}",
        )
    return (
        "an encrypted copy of a snapshot takes its place (`ops recover snapshot` of the copy, then "
        "`ops recover promote`), without what is written after the snapshot",
        encrypted_copy,
    )


def _get_backup_days(instance: Mapping[str, Any]) -> int:
    return int(instance.get("BackupRetentionPeriod") or 0)

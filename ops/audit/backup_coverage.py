"""Databases, volumes, file systems and tables that are there and that AWS Backup did not save."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.facts.units import DAY_SECONDS
from ops.audit.databases import is_stack_database
from ops.audit.model import AuditReport, close_report, get_stack_prefix, is_of_stack
from ops.core.checks import CheckFacts, CheckRoutine, build_read, compute_age_seconds
from ops.core.counts import format_count
from ops.database.instance import parse_tags
from ops.outputs import Outputs

_PROTECTED_API: Final = "backup.list_protected_resources"
_DATABASES_API: Final = "rds.describe_db_instances"
_VOLUMES_API: Final = "ec2.describe_volumes"
_FILE_SYSTEMS_API: Final = "efs.describe_file_systems"
_TABLES_API: Final = "dynamodb.list_tables"
_TABLE_API: Final = "dynamodb.describe_table"
BACKUP_COVERAGE_KEY: Final = "backup-coverage"
# AWS Config, rds-last-backup-recovery-point-created: a day by default. A job of the daily plan may
# start and end hours later, so that a day more is given (assumed).
MAX_RECOVERY_POINT_DAYS: Final = 2
_GONE_TABLE_CODES: Final = ("ResourceNotFoundException",)


@dataclass(frozen=True)
class _Resource:
    """What should be saved: its name, its ARN, when it was made, and the control."""

    name: str
    arn: str
    created: str
    reason: str


def check_backup_coverage(facts: CheckFacts) -> CheckRoutine:
    """Judges what holds data by its last recovery point, whatever the plan says.

    A replica holds its source's data, and a disk that goes with its instance holds none to keep.
    """
    report, outputs = AuditReport(facts, BACKUP_COVERAGE_KEY, "recovery points"), facts.outputs
    prefix = get_stack_prefix(outputs)
    protected_answer, databases_answer, volumes_answer, systems_answer, tables_answer = yield [
        build_read(_PROTECTED_API, "Results"),
        build_read(_DATABASES_API, "DBInstances"),
        build_read(_VOLUMES_API, "Volumes"),
        build_read(_FILE_SYSTEMS_API, "FileSystems"),
        build_read(_TABLES_API, "TableNames"),
    ]
    tables = [
        str(name)
        for name in report.get_items(tables_answer, "tables")
        if str(name).startswith(prefix)
    ]
    table_answers = yield [
        build_read(_TABLE_API, "", TableName=name, absent_codes=_GONE_TABLE_CODES)
        for name in tables
    ]
    resources = [
        *(
            _Resource(
                str(item["DBInstanceIdentifier"]),
                str(item["DBInstanceArn"]),
                str(item.get("InstanceCreateTime") or ""),
                "FSBP RDS.26",
            )
            for item in report.get_items(databases_answer, "databases")
            if is_stack_database(outputs, item)
            and not item.get("ReadReplicaSourceDBInstanceIdentifier")
        ),
        *(
            _Resource(
                str(item["VolumeId"]),
                f"arn:aws:ec2:{outputs.stack.region}:{outputs.stack.account}:volume/"
                f"{item['VolumeId']}",
                str(item.get("CreateTime") or ""),
                "FSBP EC2.28",
            )
            for item in report.get_items(volumes_answer, "volumes")
            if _is_kept_volume(outputs, item)
        ),
        *(
            _Resource(
                str(item["FileSystemId"]),
                str(item["FileSystemArn"]),
                str(item.get("CreationTime") or ""),
                "FSBP EFS.2",
            )
            for item in report.get_items(systems_answer, "file systems")
            if is_of_stack(outputs, parse_tags(item.get("Tags")))
        ),
        *(
            _Resource(
                name,
                str(item["Table"]["TableArn"]),
                str(item["Table"].get("CreationDateTime") or ""),
                "FSBP DynamoDB.4",
            )
            for name, answer in zip(tables, table_answers, strict=True)
            for item in report.get_items(answer, name)
        ),
    ]
    saved = {
        str(item["ResourceArn"]): str(item.get("LastBackupTime") or "")
        for item in report.get_items(protected_answer)
    }
    if isinstance(protected_answer, list):
        for resource in resources:
            _judge_resource(report, resource, saved.get(resource.arn, ""))
    looked_at = (
        f"{len(resources)} with data: each is new, or has a recovery point of the last "
        f"{format_count(MAX_RECOVERY_POINT_DAYS, 'day')}"
    )
    return (yield from close_report(report, looked_at))


def _is_kept_volume(outputs: Outputs, volume: Mapping[str, Any]) -> bool:
    return is_of_stack(outputs, parse_tags(volume.get("Tags"))) and not any(
        attachment.get("DeleteOnTermination") for attachment in volume.get("Attachments") or ()
    )


def _judge_resource(report: AuditReport, resource: _Resource, saved: str) -> None:
    facts, backups = report.facts, report.facts.outputs.backups
    limit = MAX_RECOVERY_POINT_DAYS * DAY_SECONDS
    if resource.created and compute_age_seconds(facts, resource.created) <= limit:
        return
    age = compute_age_seconds(facts, saved) if saved else None
    if age is not None and age <= limit:
        return
    days = format_count(int((age or 0) // DAY_SECONDS), "day")
    newest = "no recovery point of it" if age is None else f"one of it, {days} old"
    report.add(
        resource.name,
        f"AWS Backup has {newest}; must be at most "
        f"{format_count(MAX_RECOVERY_POINT_DAYS, 'day')} old",
        f"aws backup start-backup-job --region {facts.outputs.stack.region} "
        f"--backup-vault-name {backups.vault} --resource-arn {resource.arn} "
        f"--iam-role-arn {backups.role_arn}",
        severity="high",
        reason=resource.reason,
        since=saved or resource.created,
    )

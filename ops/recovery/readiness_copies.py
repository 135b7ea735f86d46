"""What the stack can be recovered from: backups, states, outputs, images."""

from typing import Final

from components.facts.units import DAY_SECONDS, HOUR_SECONDS
from ops.cli.render import format_duration
from ops.core.checks import (
    REPAIR_COMMAND,
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    UnknownAnswerError,
    build_read,
    compute_age_seconds,
    get_answer_items,
)
from ops.core.s3 import S3_OBJECTS_API
from ops.database.health import DB_INSTANCES_API, DB_SNAPSHOTS_API
from ops.database.snapshots import get_snapshot_data_time
from ops.health import backups
from ops.outputs import OutputsError, join_parts
from ops.recovery.readiness import RECOVERY_AREA, build_readiness_findings
from ops.state import backup as states

STATE_BACKUP_COMMAND: Final = "ops state backup"
MAX_STATE_COPY_AGE_SECONDS: Final = 7 * DAY_SECONDS
BUCKET_ABSENT_CODES: Final = ("NoSuchBucket", "404")
OUTPUT_PARAMETERS_API: Final = "ssm.get_parameters_by_path"
REGISTRY_API: Final = "ecr.describe_registry"
BUCKET_REPLICATION_API: Final = "s3.get_bucket_replication"
# S3 replicates most objects within 15 minutes: S3 User Guide, "Replication Time Control".
MAX_OBJECT_REPLICATION_SECONDS: Final = HOUR_SECONDS


def check_point_in_time_restore(facts: CheckFacts) -> CheckRoutine:
    """The database can be restored to a point in time."""
    name = facts.outputs.database.identifier
    (answer,) = yield [
        build_read(
            DB_INSTANCES_API,
            "DBInstances",
            DBInstanceIdentifier=name,
            absent_codes=("DBInstanceNotFound", "DBInstanceNotFoundFault"),
        )
    ]
    item = next(iter(get_answer_items(answer)), None)
    latest_time = item.get("LatestRestorableTime") if item else None
    if latest_time is None:
        return build_readiness_findings(
            "failing",
            "restorable here",
            "there is no time to restore it to",
            "ops recover snapshot SNAPSHOT",
        )
    return build_readiness_findings(
        "ok",
        "restorable here",
        f"until {latest_time}, "
        f"{format_duration(max(compute_age_seconds(facts, latest_time), 0))} ago",
    )


def check_recovery_outputs(facts: CheckFacts) -> CheckRoutine:
    """The outputs in the recovery region are those of the stack."""
    stack, path = facts.outputs.stack, facts.outputs.backups.outputs_path
    (answer,) = yield [
        build_read(
            OUTPUT_PARAMETERS_API,
            "Parameters",
            region=stack.recovery_region,
            Path=path,
            Recursive=True,
        )
    ]
    subject = f"outputs in {stack.recovery_region}"
    values = {
        item["Name"].removeprefix(f"{path}/"): item["Value"] for item in get_answer_items(answer)
    }
    if not values:
        return build_readiness_findings(
            "failing", subject, f"there are none at {path}", REPAIR_COMMAND
        )
    try:
        is_same = join_parts(values) == facts.outputs
    except OutputsError as error:
        return build_readiness_findings("failing", subject, str(error), REPAIR_COMMAND)
    evidence = "are those of the stack" if is_same else "are not those of the stack"
    return build_readiness_findings(
        "ok" if is_same else "failing", subject, evidence, REPAIR_COMMAND
    )


def check_state_copies(facts: CheckFacts) -> CheckRoutine:
    """A bucket of operations has a copy of Pulumi's state of the last week."""
    stack, backups_part = facts.outputs.stack, facts.outputs.backups
    places = [(stack.region, backups_part.operations_bucket)]
    if stack.recovery_region and backups_part.recovery_bucket:
        places.append((stack.recovery_region, backups_part.recovery_bucket))
    prefix = states.get_states_prefix(facts.outputs)
    answers = yield [
        build_read(
            S3_OBJECTS_API,
            "Contents",
            region=region,
            Bucket=bucket,
            Prefix=prefix,
            absent_codes=BUCKET_ABSENT_CODES,
        )
        for region, bucket in places
    ]
    findings: list[CheckFinding] = []
    for (region, bucket), answer in zip(places, answers, strict=True):
        subject = f"copy of Pulumi's state in {region}"
        if isinstance(answer, UnknownAnswerError):
            findings += [
                CheckFinding("unknown", RECOVERY_AREA, subject, str(answer), answer.advice)
            ]
            continue
        newest = max((item["LastModified"] for item in answer), default=None)
        if newest is None:
            findings += build_readiness_findings(
                "failing",
                subject,
                f"there is none below {prefix} of {bucket}",
                STATE_BACKUP_COMMAND,
            )
            continue
        age_seconds = max(compute_age_seconds(facts, newest), 0)
        is_recent = age_seconds <= MAX_STATE_COPY_AGE_SECONDS
        findings += build_readiness_findings(
            "ok" if is_recent else "failing",
            subject,
            f"of {format_duration(age_seconds)} ago",
            STATE_BACKUP_COMMAND,
        )
    return findings


def check_recovery_bucket(facts: CheckFacts) -> CheckRoutine:
    """The operations bucket is replicated: states, drills, baselines arrive within an hour."""
    stack, backups_part = facts.outputs.stack, facts.outputs.backups
    absent_codes = (*BUCKET_ABSENT_CODES, "ReplicationConfigurationNotFoundError")
    prefixes = ("states/", "drills/", "baselines/")
    places = (
        (stack.region, backups_part.operations_bucket),
        (stack.recovery_region, backups_part.recovery_bucket),
    )
    answers = yield [
        build_read(
            BUCKET_REPLICATION_API,
            "",
            Bucket=backups_part.operations_bucket,
            absent_codes=absent_codes,
        ),
        *(
            build_read(
                S3_OBJECTS_API,
                "Contents",
                region=region,
                Bucket=name,
                Prefix=prefix,
                absent_codes=BUCKET_ABSENT_CODES,
            )
            for region, name in places
            for prefix in prefixes
        ),
    ]
    subject = f"operations bucket in {stack.recovery_region}"
    configurations = get_answer_items(answers[0])
    rules = configurations[0]["ReplicationConfiguration"]["Rules"] if configurations else ()
    if not any(rule["Status"] == "Enabled" for rule in rules):
        return build_readiness_findings(
            "failing",
            subject,
            f"{backups_part.operations_bucket} is not replicated",
            REPAIR_COMMAND,
        )
    home_objects, recovery_objects = (
        {
            item["Key"]: item["LastModified"]
            for answer in answer_group
            for item in get_answer_items(answer)
        }
        for answer_group in (answers[1 : 1 + len(prefixes)], answers[1 + len(prefixes) :])
    )
    late_keys = sorted(
        key
        for key, modified_time in home_objects.items()
        if key not in recovery_objects
        and compute_age_seconds(facts, modified_time) > MAX_OBJECT_REPLICATION_SECONDS
    )
    if late_keys:
        evidence = (
            f"{len(late_keys)} objects of an hour ago or more are not there, like {late_keys[-1]}"
        )
        command = f"aws s3api get-bucket-replication --bucket {backups_part.operations_bucket}"
        return build_readiness_findings("failing", subject, evidence, command)
    if not recovery_objects:
        return build_readiness_findings("ok", subject, "is replicated; there is nothing in it yet")
    age_seconds = max(compute_age_seconds(facts, max(recovery_objects.values())), 0)
    return build_readiness_findings(
        "ok", subject, f"is replicated, its newest object is of {format_duration(age_seconds)} ago"
    )


def check_recovery_backup(facts: CheckFacts) -> CheckRoutine:
    """The recovery region has a backup that the database can be restored from."""
    stack, name = facts.outputs.stack, facts.outputs.database.identifier
    recovery_region = stack.recovery_region
    snapshots, service_snapshots, automated_backups = yield [
        build_read(
            DB_SNAPSHOTS_API, "DBSnapshots", region=recovery_region, DBInstanceIdentifier=name
        ),
        build_read(
            DB_SNAPSHOTS_API,
            "DBSnapshots",
            region=recovery_region,
            DBInstanceIdentifier=name,
            SnapshotType="awsbackup",
        ),
        build_read(
            backups.REPLICATED_BACKUPS_API,
            "DBInstanceAutomatedBackups",
            region=recovery_region,
            DBInstanceIdentifier=name,
        ),
    ]
    candidates = [
        (str(get_snapshot_data_time(backup)), str(backup["DBSnapshotIdentifier"]))
        for answer in (snapshots, service_snapshots)
        for backup in get_answer_items(answer)
        if backup.get("Status") == "available"
    ]
    for backup in get_answer_items(automated_backups):
        latest_time = (backup.get("RestoreWindow") or {}).get("LatestTime")
        if latest_time:
            candidates.append((str(latest_time), "an automated backup"))
    subject = f"newest backup in {recovery_region}"
    if not candidates:
        return build_readiness_findings("failing", subject, "there is none", "ops db snapshot copy")
    backup_time, backup_name = max(candidates)
    return build_readiness_findings(
        "ok",
        subject,
        f"{backup_name}, of {format_duration(max(compute_age_seconds(facts, backup_time), 0))} ago",
    )


def check_recovery_images(facts: CheckFacts) -> CheckRoutine:
    """The registry with the services' images is replicated to the recovery region."""
    recovery_region = facts.outputs.stack.recovery_region
    (answer,) = yield [build_read(REGISTRY_API, "")]
    rules = (get_answer_items(answer)[0].get("replicationConfiguration") or {}).get("rules") or ()
    regions = {
        destination["region"] for rule in rules for destination in rule.get("destinations") or ()
    }
    subject = f"images in {recovery_region}"
    if recovery_region in regions:
        return build_readiness_findings("ok", subject, "the registry is replicated there")
    return build_readiness_findings(
        "failing",
        subject,
        "the registry is not replicated there: they are to be pushed again",
        "aws ecr put-replication-configuration",
    )

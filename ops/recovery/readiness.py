"""Whether the stack could be recovered now, here and in its recovery region, and how long it takes.

Reads only. What is missing says what brings it about. How long it takes: ops/recovery/estimate.py.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ops.alarms.mute_state import parse_time
from ops.cli.render import format_duration
from ops.core.aws import Aws
from ops.core.check_runner import mark_unknown_in_wrong_account, run_checks, send_read
from ops.core.checks import (
    DAY_SECONDS,
    HOUR_SECONDS,
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    HealthCheck,
    HealthState,
    UnknownAnswerError,
    build_read,
    compute_age_seconds,
    get_answer_items,
)
from ops.core.errors import OpsError
from ops.health import backups
from ops.outputs import Outputs, OutputsError, join_parts
from ops.recovery import drill_history as drills
from ops.recovery.restore import INSTANCE_QUOTA_NAME
from ops.state import backup as states

RECOVERY_AREA: Final = "recovery"
STATE_BACKUP_COMMAND: Final = "ops state backup"
RECOVERY_REPAIR_COMMAND: Final = "pulumi up --refresh"
MAX_STATE_COPY_AGE_SECONDS: Final = 7 * DAY_SECONDS
MAX_RECENT_DRILL_AGE_SECONDS: Final = 31 * DAY_SECONDS
BUCKET_ABSENT_CODES: Final = ("NoSuchBucket", "404")
OUTPUT_PARAMETERS_API: Final = "ssm.get_parameters_by_path"
ACCOUNT_ATTRIBUTES_API: Final = "rds.describe_account_attributes"
LIST_OBJECTS_API: Final = "s3.list_objects_v2"
REGISTRY_API: Final = "ecr.describe_registry"
RECOVERY_KEY_API: Final = "kms.describe_key"
BUCKET_REPLICATION_API: Final = "s3.get_bucket_replication"
STACK_CERTIFICATE_API, ISSUED_CERTIFICATES_API = "acm.describe_certificate", "acm.list_certificates"
# A list leaves out all but RSA_2048 where it is not told (API reference, ListCertificates).
CERTIFICATE_KEY_TYPES: Final = ("RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1")
RECOVERY_SNAPSHOTS_API: Final = "rds.describe_db_snapshots"
# S3 replicates most objects within 15 minutes: S3 User Guide, "Replication Time Control".
MAX_OBJECT_REPLICATION_SECONDS: Final = HOUR_SECONDS


def _build_findings(
    state: HealthState, subject: str, evidence: str, command: str = ""
) -> list[CheckFinding]:
    return [CheckFinding(state, RECOVERY_AREA, subject, evidence, "" if state == "ok" else command)]


def check_recovery_region(facts: CheckFacts) -> CheckRoutine:
    """There is a region to go to."""
    yield []
    recovery_region = facts.outputs.stack.recovery_region
    if recovery_region is None:
        return _build_findings(
            "failing", "recovery region", "none: set recoveryRegion", "pulumi up"
        )
    return _build_findings("ok", "recovery region", recovery_region)


def check_recovery_outputs(facts: CheckFacts) -> CheckRoutine:
    """The stack's outputs can be read in the recovery region, and are those of now."""
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
        return _build_findings(
            "failing", subject, f"there are none at {path}", RECOVERY_REPAIR_COMMAND
        )
    try:
        is_same = join_parts(values) == facts.outputs
    except OutputsError as error:
        return _build_findings("failing", subject, str(error), RECOVERY_REPAIR_COMMAND)
    evidence = "are those of the stack" if is_same else "are not those of the stack"
    return _build_findings(
        "ok" if is_same else "failing", subject, evidence, RECOVERY_REPAIR_COMMAND
    )


def check_recovery_key(facts: CheckFacts) -> CheckRoutine:
    """The key that backups there are encrypted with can be used."""
    stack = facts.outputs.stack
    (answer,) = yield [
        build_read(
            RECOVERY_KEY_API,
            "",
            region=stack.recovery_region,
            KeyId=stack.recovery_key_arn,
            absent_codes=("NotFoundException",),
        )
    ]
    subject = f"key in {stack.recovery_region}"
    item = next(iter(get_answer_items(answer)), None)
    state = item["KeyMetadata"]["KeyState"] if item else "gone"
    return _build_findings(
        "ok" if state == "Enabled" else "failing", subject, f"is {state}", "aws kms enable-key"
    )


def check_instance_quota(facts: CheckFacts) -> CheckRoutine:
    """There may be one more DB instance, in each region that is recovered into."""
    stack = facts.outputs.stack
    regions = [r for r in (stack.region, stack.recovery_region) if r]
    answers = yield [build_read(ACCOUNT_ATTRIBUTES_API, "AccountQuotas", region=r) for r in regions]
    findings: list[CheckFinding] = []
    for region, answer in zip(regions, answers, strict=True):
        subject = f"room for a database in {region}"
        if isinstance(answer, UnknownAnswerError):
            findings += [
                CheckFinding("unknown", RECOVERY_AREA, subject, str(answer), answer.advice)
            ]
            continue
        quota = next(
            (entry for entry in answer if entry["AccountQuotaName"] == INSTANCE_QUOTA_NAME), None
        )
        if quota is None:
            findings += _build_findings(
                "unknown", subject, "RDS does not say how many there may be"
            )
            continue
        is_full = quota["Used"] >= quota["Max"]
        findings += _build_findings(
            "failing" if is_full else "ok",
            subject,
            f"{quota['Used']} of {quota['Max']}",
            "aws service-quotas",
        )
    return findings


def check_state_copies(facts: CheckFacts) -> CheckRoutine:
    """There is a copy of Pulumi's state of the last week that does not go with its backend."""
    stack, backups_part = facts.outputs.stack, facts.outputs.backups
    places = [(stack.region, backups_part.operations_bucket)]
    if stack.recovery_region and backups_part.recovery_bucket:
        places.append((stack.recovery_region, backups_part.recovery_bucket))
    prefix = states.get_states_prefix(facts.outputs)
    answers = yield [
        build_read(
            LIST_OBJECTS_API,
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
            findings += _build_findings(
                "failing",
                subject,
                f"there is none below {prefix} of {bucket}",
                STATE_BACKUP_COMMAND,
            )
            continue
        age_seconds = max(compute_age_seconds(facts, newest), 0)
        is_recent = age_seconds <= MAX_STATE_COPY_AGE_SECONDS
        findings += _build_findings(
            "ok" if is_recent else "failing",
            subject,
            f"of {format_duration(age_seconds)} ago",
            STATE_BACKUP_COMMAND,
        )
    return findings


def check_recovery_bucket(facts: CheckFacts) -> CheckRoutine:
    """What operations keep is in the recovery region too: runs, baselines, drills, states."""
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
                LIST_OBJECTS_API,
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
        return _build_findings(
            "failing",
            subject,
            f"{backups_part.operations_bucket} is not replicated",
            RECOVERY_REPAIR_COMMAND,
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
        return _build_findings("failing", subject, evidence, command)
    if not recovery_objects:
        return _build_findings("ok", subject, "is replicated; there is nothing in it yet")
    age_seconds = max(compute_age_seconds(facts, max(recovery_objects.values())), 0)
    return _build_findings(
        "ok", subject, f"is replicated, its newest object is of {format_duration(age_seconds)} ago"
    )


def check_recovery_backup(facts: CheckFacts) -> CheckRoutine:
    """There is a backup in the recovery region that the database can be made from."""
    stack, name = facts.outputs.stack, facts.outputs.database.identifier
    recovery_region = stack.recovery_region
    snapshots, automated_backups = yield [
        build_read(
            RECOVERY_SNAPSHOTS_API, "DBSnapshots", region=recovery_region, DBInstanceIdentifier=name
        ),
        build_read(
            backups.REPLICATED_BACKUPS_API,
            "DBInstanceAutomatedBackups",
            region=recovery_region,
            DBInstanceIdentifier=name,
        ),
    ]
    candidates = [
        (str(backup["SnapshotCreateTime"]), str(backup["DBSnapshotIdentifier"]))
        for backup in get_answer_items(snapshots)
        if backup.get("Status") == "available"
    ]
    for backup in get_answer_items(automated_backups):
        latest_time = (backup.get("RestoreWindow") or {}).get("LatestTime")
        if latest_time:
            candidates.append((str(latest_time), "an automated backup"))
    subject = f"newest backup in {recovery_region}"
    if not candidates:
        return _build_findings("failing", subject, "there is none", "ops db snapshot copy")
    backup_time, backup_name = max(candidates)
    return _build_findings(
        "ok",
        subject,
        f"{backup_name}, of {format_duration(max(compute_age_seconds(facts, backup_time), 0))} ago",
    )


def check_recovery_certificate(facts: CheckFacts) -> CheckRoutine:
    """A load balancer there can answer by HTTPS: its certificate is made there, or is there."""
    recovery_region, load_balancer = (
        facts.outputs.stack.recovery_region,
        facts.outputs.load_balancer,
    )
    subject = f"certificate in {recovery_region}"
    assert load_balancer is not None
    if load_balancer.zone_id is not None:
        yield []
        return _build_findings(
            "ok", subject, f"is made with a stack there, in the zone {load_balancer.zone_id}"
        )
    stack_answer, candidates_answer = yield [
        build_read(STACK_CERTIFICATE_API, "", CertificateArn=load_balancer.certificate_arn),
        build_read(
            ISSUED_CERTIFICATES_API,
            "CertificateSummaryList",
            region=recovery_region,
            CertificateStatuses=["ISSUED"],
            Includes={"keyTypes": [*CERTIFICATE_KEY_TYPES]},
        ),
    ]
    stack_certificate = get_answer_items(stack_answer)[0]["Certificate"]
    required_names = {
        stack_certificate["DomainName"],
        *(stack_certificate.get("SubjectAlternativeNames") or ()),
    }
    for candidate in get_answer_items(candidates_answer):
        covered_names = {
            candidate["DomainName"],
            *(candidate.get("SubjectAlternativeNameSummaries") or ()),
        }
        if all(
            name in covered_names or f"*.{name.partition('.')[2]}" in covered_names
            for name in required_names
        ):
            return _build_findings("ok", subject, candidate["CertificateArn"])
    evidence = f"none that is issued is for {', '.join(sorted(required_names))}"
    return _build_findings(
        "failing", subject, evidence, f"aws acm request-certificate --region {recovery_region}"
    )


def check_recovery_images(facts: CheckFacts) -> CheckRoutine:
    """The images that the services run are in the recovery region too."""
    recovery_region = facts.outputs.stack.recovery_region
    (answer,) = yield [build_read(REGISTRY_API, "")]
    rules = (get_answer_items(answer)[0].get("replicationConfiguration") or {}).get("rules") or ()
    regions = {
        destination["region"] for rule in rules for destination in rule.get("destinations") or ()
    }
    subject = f"images in {recovery_region}"
    if recovery_region in regions:
        return _build_findings("ok", subject, "the registry is replicated there")
    return _build_findings(
        "failing",
        subject,
        "the registry is not replicated there: they are to be pushed again",
        "aws ecr put-replication-configuration",
    )


def check_point_in_time_restore(facts: CheckFacts) -> CheckRoutine:
    """The database can be restored, to how long ago."""
    name = facts.outputs.database.identifier
    (answer,) = yield [
        build_read(
            "rds.describe_db_instances",
            "DBInstances",
            DBInstanceIdentifier=name,
            absent_codes=("DBInstanceNotFound", "DBInstanceNotFoundFault"),
        )
    ]
    item = next(iter(get_answer_items(answer)), None)
    latest_time = item.get("LatestRestorableTime") if item else None
    if latest_time is None:
        return _build_findings(
            "failing",
            "restorable here",
            "there is no time to restore it to",
            "ops recover snapshot SNAPSHOT",
        )
    return _build_findings(
        "ok",
        "restorable here",
        f"until {latest_time}, "
        f"{format_duration(max(compute_age_seconds(facts, latest_time), 0))} ago",
    )


def _has_recovery_region(outputs: Outputs) -> bool:
    return outputs.stack.recovery_region is not None


READINESS_CHECKS: Final = (
    HealthCheck(RECOVERY_AREA, "recovery region", check_recovery_region, ()),
    HealthCheck(
        RECOVERY_AREA,
        "restorable here",
        check_point_in_time_restore,
        ("rds.describe_db_instances",),
    ),
    HealthCheck(
        RECOVERY_AREA,
        "replication",
        backups.check_backup_replication,
        (backups.REPLICATED_BACKUPS_API,),
        lambda outputs: (
            _has_recovery_region(outputs) and outputs.database.replicated_backup_arn is not None
        ),
    ),
    HealthCheck(
        RECOVERY_AREA,
        "copies",
        backups.check_backup_copies,
        (backups.BACKUP_VAULT_API, backups.RECOVERY_POINTS_API),
        lambda outputs: (
            _has_recovery_region(outputs) and outputs.backups.recovery_vault_arn is not None
        ),
    ),
    HealthCheck(
        RECOVERY_AREA,
        "outputs",
        check_recovery_outputs,
        (OUTPUT_PARAMETERS_API,),
        _has_recovery_region,
    ),
    HealthCheck(
        RECOVERY_AREA,
        "key",
        check_recovery_key,
        (RECOVERY_KEY_API,),
        lambda outputs: (
            _has_recovery_region(outputs) and outputs.stack.recovery_key_arn is not None
        ),
    ),
    HealthCheck(RECOVERY_AREA, "room", check_instance_quota, (ACCOUNT_ATTRIBUTES_API,)),
    HealthCheck(RECOVERY_AREA, "state", check_state_copies, (LIST_OBJECTS_API,)),
    HealthCheck(
        RECOVERY_AREA,
        "source",
        check_recovery_backup,
        (RECOVERY_SNAPSHOTS_API, backups.REPLICATED_BACKUPS_API),
        _has_recovery_region,
    ),
    HealthCheck(
        RECOVERY_AREA,
        "bucket",
        check_recovery_bucket,
        (BUCKET_REPLICATION_API, LIST_OBJECTS_API),
        lambda outputs: (
            _has_recovery_region(outputs) and outputs.backups.recovery_bucket is not None
        ),
    ),
    HealthCheck(
        RECOVERY_AREA,
        "certificate",
        check_recovery_certificate,
        (STACK_CERTIFICATE_API, ISSUED_CERTIFICATES_API),
        lambda outputs: (
            _has_recovery_region(outputs)
            and bool(outputs.load_balancer and outputs.load_balancer.certificate_arn)
        ),
    ),
    HealthCheck(
        RECOVERY_AREA,
        "images",
        check_recovery_images,
        (REGISTRY_API,),
        lambda outputs: (
            _has_recovery_region(outputs)
            and bool(outputs.registry and outputs.registry.repositories)
        ),
    ),
)
READINESS_APIS: Final = tuple(sorted({api for check in READINESS_CHECKS for api in check.apis}))


def check_readiness(outputs: Outputs, aws: Aws, now: datetime) -> list[CheckFinding]:
    """What is there for a recovery, and what is missing."""
    checks = [check for check in READINESS_CHECKS if check.is_applicable(outputs)]
    home_region = outputs.stack.region
    return mark_unknown_in_wrong_account(
        run_checks(
            checks, CheckFacts(outputs, now), lambda request: send_read(aws, request, home_region)
        )
    )


RECENT_DRILL_SUBJECT: Final = "drill of the last month"


def build_drill_finding(
    history: Sequence[drills.DrillRecord] | OpsError, now: datetime
) -> CheckFinding:
    """The newest drill is of the last month, and has met its objectives."""
    command = "ops recover drill"
    if isinstance(history, OpsError):
        advice = history.advice[0] if history.advice else ""
        return CheckFinding("unknown", RECOVERY_AREA, RECENT_DRILL_SUBJECT, str(history), advice)
    if not history:
        return CheckFinding(
            "failing", RECOVERY_AREA, RECENT_DRILL_SUBJECT, "there has been none", command
        )
    newest = history[-1]
    age_seconds = max(now.timestamp() - parse_time(newest.taken).timestamp(), 0)
    evidence = (
        f"{newest.run}, {format_duration(age_seconds)} ago: "
        f"{'; '.join(newest.why) or 'it met its objectives'}"
    )
    is_passed = newest.met and age_seconds <= MAX_RECENT_DRILL_AGE_SECONDS
    return CheckFinding(
        "ok" if is_passed else "failing",
        RECOVERY_AREA,
        RECENT_DRILL_SUBJECT,
        evidence,
        "" if is_passed else command,
    )

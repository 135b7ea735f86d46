"""Upkeep that is easily forgotten: drills, passwords, old snapshots, roles."""

from typing import Final

from pydantic import ValidationError

from components.facts.secret import FIRST_VERSION_STAGE
from components.facts.units import DAY_SECONDS
from ops.cli.render import format_duration
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    ReadRequest,
    build_read,
    compute_age_seconds,
    get_answer_items,
)
from ops.core.s3 import OBJECT_NOT_FOUND_CODES, S3_OBJECT_API, S3_OBJECTS_API
from ops.database.health import DB_SNAPSHOTS_API
from ops.database.instance_in_use import VERSION_LABELS_API
from ops.database.snapshots import list_snapshot_regions
from ops.health.cache import build_replication_group_read
from ops.recovery.drill_history import DRILLS_PREFIX, DrillRecord

GET_ROLE_API: Final = "iam.get_role"
UPKEEP_AREA: Final = "keeping"
MAX_DRILL_AGE_SECONDS: Final = 31 * DAY_SECONDS
MAX_SNAPSHOT_AGE_SECONDS: Final = 90 * DAY_SECONDS
# Maximum age in days if nothing rotates the password: CIS AWS Foundations, credentials unused
# or unchanged for 90 days.
MAX_PASSWORD_AGE_DAYS: Final = 90
ROTATION_GRACE_DAYS: Final = (
    2  # days that a rotation may come later than its rule says: its window, and retries
)
MAX_NAMED_SNAPSHOTS: Final = 3  # snapshots that are named
DRILL_COMMAND: Final = "ops recover drill"


def check_last_drill(facts: CheckFacts) -> CheckRoutine:
    """The newest drill is of the last month, and met its objectives."""
    bucket = facts.outputs.backups.operations_bucket
    (list_answer,) = yield [
        build_read(S3_OBJECTS_API, "Contents", Bucket=bucket, Prefix=DRILLS_PREFIX)
    ]
    keys = sorted(
        str(record["Key"])
        for record in get_answer_items(list_answer)
        if str(record["Key"]).endswith(".json")
    )
    if not keys:
        evidence = f"there is no record in s3://{bucket}/{DRILLS_PREFIX}"
        return [CheckFinding("failing", UPKEEP_AREA, "drill", evidence, DRILL_COMMAND)]
    (object_answer,) = yield [
        build_read(
            S3_OBJECT_API, "", Bucket=bucket, Key=keys[-1], absent_codes=OBJECT_NOT_FOUND_CODES
        )
    ]
    text = get_answer_items(object_answer)
    try:
        record = DrillRecord.model_validate_json(str(text[0]["text"])) if text else None
    except ValidationError as error:
        fields = ", ".join(
            ".".join(map(str, detail["loc"])) or detail["msg"] for detail in error.errors()
        )
        evidence = f"{keys[-1]} is not a drill's record; missing or wrong: {fields}"
        return [CheckFinding("unknown", UPKEEP_AREA, "drill", evidence, DRILL_COMMAND)]
    if record is None:
        return [
            CheckFinding(
                "unknown", UPKEEP_AREA, "drill", f"{keys[-1]} is gone meanwhile", DRILL_COMMAND
            )
        ]
    age_seconds, objectives = compute_age_seconds(facts, record.taken), record.objectives
    evidence = (
        f"{record.run} at {record.taken}: back after {_format_seconds(record.rto_seconds)} of "
        f"{_format_seconds(objectives.rto_seconds)}, lost "
        f"{_format_seconds(record.rpo_seconds)} of {_format_seconds(objectives.rpo_seconds)}"
    )
    problems = [
        *(
            [f"older than {MAX_DRILL_AGE_SECONDS // DAY_SECONDS} days"]
            if age_seconds > MAX_DRILL_AGE_SECONDS
            else []
        ),
        *([f"its objectives were not met ({', '.join(record.why)})"] if not record.met else []),
    ]
    if problems:
        return [
            CheckFinding(
                "failing", UPKEEP_AREA, "drill", f"{'; '.join(problems)}: {evidence}", DRILL_COMMAND
            )
        ]
    return [CheckFinding("ok", UPKEEP_AREA, "drill", evidence)]


def _format_seconds(seconds: float | None) -> str:
    return "not known" if seconds is None else format_duration(seconds)


def check_password_age(facts: CheckFacts) -> CheckRoutine:
    """The database's password is not Pulumi's, and was changed when it should have been."""
    arn = facts.outputs.database.secret_arn
    (answer,) = yield [_build_secret_read(arn)]
    return [_judge_secret(facts, answer, "password", arn, "ops db rotate-password")]


def check_cache_token_age(facts: CheckFacts) -> CheckRoutine:
    """The cache's AUTH token is the secret's, is not Pulumi's, and is not too old.

    A group that was created again has the first token, whatever the secret says.
    """
    assert facts.outputs.cache is not None
    arn = facts.outputs.cache.secret_arn
    secret_answer, group_answer = yield [
        _build_secret_read(arn),
        build_replication_group_read(facts),
    ]
    command = f"aws secretsmanager rotate-secret --secret-id {arn}"
    finding = _judge_secret(facts, secret_answer, "cache token", arn, command)
    groups, secrets = get_answer_items(group_answer), get_answer_items(secret_answer)
    if not groups or not secrets:
        return [finding]  # another check says that the group is gone
    created_at = groups[0].get("ReplicationGroupCreateTime")
    rotated_at = secrets[0].get("LastRotatedDate")
    is_newer_than_token = (
        created_at is not None
        and rotated_at is not None
        and compute_age_seconds(facts, created_at) < compute_age_seconds(facts, rotated_at)
    )
    if is_newer_than_token:
        evidence = (
            f"the group was created at {created_at}, after the last rotation ({rotated_at}): the "
            "secret's token does not open it"
        )
        return [CheckFinding("failing", UPKEEP_AREA, "cache token", evidence, command)]
    return [finding]


def _build_secret_read(arn: str) -> ReadRequest:
    return build_read(
        VERSION_LABELS_API, "", SecretId=arn, absent_codes=("ResourceNotFoundException",)
    )


def _judge_secret(
    facts: CheckFacts, answer: ReadAnswer, title: str, arn: str, command: str
) -> CheckFinding:
    """Judges a secret by the version that is current and by its last rotation."""
    secrets = get_answer_items(answer)
    if not secrets:
        return CheckFinding("failing", UPKEEP_AREA, title, f"{arn} is gone", "pulumi up --refresh")
    secret = secrets[0]
    if any(
        {FIRST_VERSION_STAGE, "AWSCURRENT"} <= set(stages)
        for stages in (secret.get("VersionIdsToStages") or {}).values()
    ):
        evidence = "it is the first one, which Pulumi's state holds: it was never rotated"
        return CheckFinding("failing", UPKEEP_AREA, title, evidence, command)
    changed_at = secret.get("LastRotatedDate") or secret.get("CreatedDate")
    days = (secret.get("RotationRules") or {}).get("AutomaticallyAfterDays")
    is_rotated = bool(secret.get("RotationEnabled"))
    limit_days = int(days) + ROTATION_GRACE_DAYS if is_rotated and days else MAX_PASSWORD_AGE_DAYS
    if changed_at is None:
        return CheckFinding(
            "unknown", UPKEEP_AREA, title, "AWS does not say how old it is", command
        )
    age_seconds = max(compute_age_seconds(facts, changed_at), 0)
    rotation_note = (
        f"rotated each {days} days" if is_rotated and days else "nothing rotates it by itself"
    )
    evidence = f"of {changed_at}, {age_seconds / DAY_SECONDS:.0f} days old; {rotation_note}"
    is_in_time = age_seconds <= limit_days * DAY_SECONDS
    if is_in_time:
        return CheckFinding("ok", UPKEEP_AREA, title, evidence)
    return CheckFinding("failing", UPKEEP_AREA, title, evidence, command)


def check_old_snapshots(facts: CheckFacts) -> CheckRoutine:
    """No manual snapshot is older than 90 days: it costs, and is easily forgotten."""
    name = facts.outputs.database.identifier
    snapshot_regions = list_snapshot_regions(facts.outputs)
    answers = yield [
        build_read(
            DB_SNAPSHOTS_API,
            "DBSnapshots",
            region=region,
            DBInstanceIdentifier=name,
            SnapshotType="manual",
        )
        for region in snapshot_regions
    ]
    manual_snapshots = [
        (str(snapshot["SnapshotCreateTime"]), str(snapshot["DBSnapshotIdentifier"]))
        for answer in answers
        for snapshot in get_answer_items(answer)
        if snapshot.get("SnapshotCreateTime")
    ]
    old_snapshots = sorted(
        snapshot
        for snapshot in manual_snapshots
        if compute_age_seconds(facts, snapshot[0]) > MAX_SNAPSHOT_AGE_SECONDS
    )
    summary = f"{len(manual_snapshots)} were made by hand in {' and '.join(snapshot_regions)}"
    if not old_snapshots:
        return [
            CheckFinding("ok", UPKEEP_AREA, "snapshots", f"{summary}, none is older than 90 days")
        ]
    names = ", ".join(
        f"{name} of {created_at}" for created_at, name in old_snapshots[:MAX_NAMED_SNAPSHOTS]
    )
    evidence = f"{summary}, {len(old_snapshots)} are older than 90 days: {names}"
    evidence += ", ..." if len(old_snapshots) > MAX_NAMED_SNAPSHOTS else ""
    command = "ops db snapshot prune --keep 7 --older-than 90"
    return [CheckFinding("failing", UPKEEP_AREA, "snapshots", evidence, command)]


def check_operation_roles(facts: CheckFacts) -> CheckRoutine:
    """The roles that operate the stack are there."""
    part = facts.outputs.access
    assert part is not None
    arns = (part.reader_role_arn, part.operator_role_arn, part.recoverer_role_arn)
    names = [arn.rpartition("/")[2] for arn in arns]
    answers = yield [
        build_read(GET_ROLE_API, "", RoleName=name, absent_codes=("NoSuchEntity",))
        for name in names
    ]
    missing_roles = [
        role_name
        for role_name, answer in zip(names, answers, strict=True)
        if not get_answer_items(answer)
    ]
    if missing_roles:
        evidence = f"{', '.join(missing_roles)}: missing"
        return [CheckFinding("failing", UPKEEP_AREA, "roles", evidence, "pulumi up --refresh")]
    return [CheckFinding("ok", UPKEEP_AREA, "roles", f"{', '.join(names)} are there")]

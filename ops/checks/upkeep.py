"""Upkeep that is easily forgotten: drills, old snapshots, roles."""

from typing import Final

from pydantic import ValidationError

from components.facts.units import DAY_SECONDS
from ops.checks.secret_age import UPKEEP_AREA
from ops.cli.render import format_duration
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    build_read,
    compute_age_seconds,
    get_answer_items,
)
from ops.core.s3 import OBJECT_NOT_FOUND_CODES, S3_OBJECT_API, S3_OBJECTS_API
from ops.core.stack_scope import list_stack_regions
from ops.database.health import DB_SNAPSHOTS_API
from ops.recovery.drill_history import DRILLS_PREFIX, DrillRecord

GET_ROLE_API: Final = "iam.get_role"
MAX_DRILL_AGE_SECONDS: Final = 31 * DAY_SECONDS
MAX_SNAPSHOT_AGE_SECONDS: Final = 90 * DAY_SECONDS
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


def check_old_snapshots(facts: CheckFacts) -> CheckRoutine:
    """No manual snapshot is older than 90 days: it costs, and is easily forgotten."""
    name = facts.outputs.database.identifier
    snapshot_regions = list_stack_regions(facts.outputs.stack)
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

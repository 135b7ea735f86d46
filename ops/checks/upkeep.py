"""What is only noticed when it is missing: drills, passwords, old snapshots, roles."""

from typing import Final

from pydantic import ValidationError

from ops.checks.model import OBJECT
from ops.cli.render import format_duration
from ops.core.checks import DAY, Check, Facts, Finding, Looking, age, known, read
from ops.database.health import SNAPSHOTS
from ops.database.snapshots import list_snapshot_regions
from ops.recovery.drill_history import PREFIX, Drill

OBJECTS: Final = "s3.list_objects_v2"
DESCRIBED: Final = "secretsmanager.describe_secret"
ROLE: Final = "iam.get_role"
AREA: Final = "keeping"
DRILLED: Final = 31 * DAY
OLD: Final = 90 * DAY
# Days that a password may be old where nothing rotates it: CIS AWS Foundations, credentials unused
# or unchanged for 90 days.
UNROTATED: Final = 90
LATE: Final = 2  # days that a rotation may come later than its rule says: its window, and retries
NAMED: Final = 3  # snapshots that are named
DRILL: Final = "ops recover drill"


def drill(facts: Facts) -> Looking:
    """The newest drill is of the last month, and was as quick and as complete as is asked for."""
    bucket = facts.outputs.backups.operations_bucket
    (listed,) = yield [read(OBJECTS, "Contents", Bucket=bucket, Prefix=PREFIX)]
    keys = sorted(str(one["Key"]) for one in known(listed) if str(one["Key"]).endswith(".json"))
    if not keys:
        evidence = f"there is no record in s3://{bucket}/{PREFIX}"
        return [Finding("failing", AREA, "drill", evidence, DRILL)]
    (found,) = yield [read(OBJECT, "", Bucket=bucket, Key=keys[-1])]
    text = known(found)
    try:
        one = Drill.model_validate_json(str(text[0]["text"])) if text else None
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, e["loc"])) or e["msg"] for e in error.errors())
        evidence = f"{keys[-1]} is no record of a drill: {fields}"
        return [Finding("unknown", AREA, "drill", evidence, DRILL)]
    if one is None:
        return [Finding("unknown", AREA, "drill", f"{keys[-1]} is gone meanwhile", DRILL)]
    old, asked = age(facts, one.taken), one.objectives
    evidence = (
        f"{one.run} at {one.taken}: back after {_said(one.rto_seconds)} of "
        f"{_said(asked.rto_seconds)}, lost {_said(one.rpo_seconds)} of {_said(asked.rpo_seconds)}"
    )
    wrong = [
        *([f"older than {DRILLED // DAY} days"] if old > DRILLED else []),
        *([f"its objectives were not met ({', '.join(one.why)})"] if not one.met else []),
    ]
    if wrong:
        return [Finding("failing", AREA, "drill", f"{'; '.join(wrong)}: {evidence}", DRILL)]
    return [Finding("ok", AREA, "drill", evidence)]


def _said(seconds: float | None) -> str:
    return "not known" if seconds is None else format_duration(seconds)


def password(facts: Facts) -> Looking:
    """The database's password was changed when it should have been."""
    arn = facts.outputs.database.secret_arn
    (answer,) = yield [read(DESCRIBED, "", SecretId=arn, absent=("ResourceNotFoundException",))]
    found = known(answer)
    if not found:
        return [Finding("failing", AREA, "password", f"{arn} is gone", "pulumi up --refresh")]
    secret = found[0]
    changed = secret.get("LastRotatedDate") or secret.get("CreatedDate")
    days = (secret.get("RotationRules") or {}).get("AutomaticallyAfterDays")
    rotated = bool(secret.get("RotationEnabled"))
    limit = int(days) + LATE if rotated and days else UNROTATED
    if changed is None:
        return [
            Finding(
                "unknown",
                AREA,
                "password",
                "AWS does not say how old it is",
                "ops db rotate-password --check",
            )
        ]
    old = max(age(facts, changed), 0)
    how = f"rotated each {days} days" if rotated and days else "nothing rotates it by itself"
    evidence = f"of {changed}, {old / DAY:.0f} days old; {how}"
    if old <= limit * DAY:
        return [Finding("ok", AREA, "password", evidence)]
    return [Finding("failing", AREA, "password", evidence, "ops db rotate-password")]


def snapshots(facts: Facts) -> Looking:
    """No snapshot that somebody made is older than 90 days: it costs, and nobody thinks of it."""
    name = facts.outputs.database.identifier
    places = list_snapshot_regions(facts.outputs)
    answers = yield [
        read(
            SNAPSHOTS, "DBSnapshots", region=where, DBInstanceIdentifier=name, SnapshotType="manual"
        )
        for where in places
    ]
    made = [
        (str(one["SnapshotCreateTime"]), str(one["DBSnapshotIdentifier"]))
        for answer in answers
        for one in known(answer)
        if one.get("SnapshotCreateTime")
    ]
    old = sorted(one for one in made if age(facts, one[0]) > OLD)
    looked = f"{len(made)} were made by hand in {' and '.join(places)}"
    if not old:
        return [Finding("ok", AREA, "snapshots", f"{looked}, none is older than 90 days")]
    names = ", ".join(f"{name} of {when}" for when, name in old[:NAMED])
    evidence = f"{looked}, {len(old)} are older than 90 days: {names}"
    evidence += ", ..." if len(old) > NAMED else ""
    command = "ops db snapshot prune --keep 7 --older-than 90"
    return [Finding("failing", AREA, "snapshots", evidence, command)]


def roles(facts: Facts) -> Looking:
    """The roles that operate the stack are there."""
    part = facts.outputs.access
    assert part is not None
    arns = (part.reader_role_arn, part.operator_role_arn, part.recoverer_role_arn)
    names = [arn.rpartition("/")[2] for arn in arns]
    answers = yield [read(ROLE, "", RoleName=name, absent=("NoSuchEntity",)) for name in names]
    gone = [n for n, answer in zip(names, answers, strict=True) if not known(answer)]
    if gone:
        evidence = f"of {', '.join(names)} there is no {', no '.join(gone)}"
        return [Finding("failing", AREA, "roles", evidence, "pulumi up --refresh")]
    return [Finding("ok", AREA, "roles", f"{', '.join(names)} are there")]


DRILLS: Final = Check(AREA, "drill", drill, (OBJECTS, OBJECT))
PASSWORD: Final = Check(AREA, "password", password, (DESCRIBED,))
OLD_SNAPSHOTS: Final = Check(AREA, "snapshots", snapshots, (SNAPSHOTS,))
ROLES: Final = Check(AREA, "roles", roles, (ROLE,), lambda o: o.access is not None)

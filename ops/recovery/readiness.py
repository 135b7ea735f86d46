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
from ops.recovery.restore import QUOTA
from ops.state import backup as states

AREA: Final = "recovery"
SAVE: Final = "ops state backup"
REPAIR: Final = "pulumi up --refresh"
STATE_AGE: Final = 7 * DAY_SECONDS
DRILLED: Final = 31 * DAY_SECONDS
GONE: Final = ("NoSuchBucket", "404")
PARAMETERS: Final = "ssm.get_parameters_by_path"
ATTRIBUTES: Final = "rds.describe_account_attributes"
LIST: Final = "s3.list_objects_v2"
REGISTRY: Final = "ecr.describe_registry"
KEY: Final = "kms.describe_key"
REPLICATION: Final = "s3.get_bucket_replication"
CERTIFICATE, CERTIFICATES = "acm.describe_certificate", "acm.list_certificates"
# A list leaves out all but RSA_2048 where it is not told (API reference, ListCertificates).
KEY_TYPES: Final = ("RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1")
SNAPSHOTS: Final = "rds.describe_db_snapshots"
# S3 replicates most objects within 15 minutes: S3 User Guide, "Replication Time Control".
REPLICATED: Final = HOUR_SECONDS


def _one(state: HealthState, subject: str, evidence: str, command: str = "") -> list[CheckFinding]:
    return [CheckFinding(state, AREA, subject, evidence, "" if state == "ok" else command)]


def region(facts: CheckFacts) -> CheckRoutine:
    """There is a region to go to."""
    yield []
    there = facts.outputs.stack.recovery_region
    if there is None:
        return _one("failing", "recovery region", "none: set recoveryRegion", "pulumi up")
    return _one("ok", "recovery region", there)


def outputs(facts: CheckFacts) -> CheckRoutine:
    """The stack's outputs can be read in the recovery region, and are those of now."""
    stack, path = facts.outputs.stack, facts.outputs.backups.outputs_path
    (answer,) = yield [
        build_read(
            PARAMETERS, "Parameters", region=stack.recovery_region, Path=path, Recursive=True
        )
    ]
    subject = f"outputs in {stack.recovery_region}"
    found = {
        item["Name"].removeprefix(f"{path}/"): item["Value"] for item in get_answer_items(answer)
    }
    if not found:
        return _one("failing", subject, f"there are none at {path}", REPAIR)
    try:
        same = join_parts(found) == facts.outputs
    except OutputsError as error:
        return _one("failing", subject, str(error), REPAIR)
    said_of = "are those of the stack" if same else "are not those of the stack"
    return _one("ok" if same else "failing", subject, said_of, REPAIR)


def key(facts: CheckFacts) -> CheckRoutine:
    """The key that backups there are encrypted with can be used."""
    stack = facts.outputs.stack
    (answer,) = yield [
        build_read(
            KEY,
            "",
            region=stack.recovery_region,
            KeyId=stack.recovery_key_arn,
            absent_codes=("NotFoundException",),
        )
    ]
    subject = f"key in {stack.recovery_region}"
    item = next(iter(get_answer_items(answer)), None)
    state = item["KeyMetadata"]["KeyState"] if item else "gone"
    return _one(
        "ok" if state == "Enabled" else "failing", subject, f"is {state}", "aws kms enable-key"
    )


def room(facts: CheckFacts) -> CheckRoutine:
    """There may be one more DB instance, in each region that is recovered into."""
    stack = facts.outputs.stack
    regions = [r for r in (stack.region, stack.recovery_region) if r]
    answers = yield [build_read(ATTRIBUTES, "AccountQuotas", region=r) for r in regions]
    found: list[CheckFinding] = []
    for where, answer in zip(regions, answers, strict=True):
        subject = f"room for a database in {where}"
        if isinstance(answer, UnknownAnswerError):
            found += [CheckFinding("unknown", AREA, subject, str(answer), answer.advice)]
            continue
        quota = next((q for q in answer if q["AccountQuotaName"] == QUOTA), None)
        if quota is None:
            found += _one("unknown", subject, "RDS does not say how many there may be")
            continue
        full = quota["Used"] >= quota["Max"]
        found += _one(
            "failing" if full else "ok",
            subject,
            f"{quota['Used']} of {quota['Max']}",
            "aws service-quotas",
        )
    return found


def state(facts: CheckFacts) -> CheckRoutine:
    """There is a copy of Pulumi's state of the last week that does not go with its backend."""
    stack, own = facts.outputs.stack, facts.outputs.backups
    places = [(stack.region, own.operations_bucket)]
    if stack.recovery_region and own.recovery_bucket:
        places.append((stack.recovery_region, own.recovery_bucket))
    prefix = states.get_states_prefix(facts.outputs)
    answers = yield [
        build_read(LIST, "Contents", region=where, Bucket=bucket, Prefix=prefix, absent_codes=GONE)
        for where, bucket in places
    ]
    found: list[CheckFinding] = []
    for (where, bucket), answer in zip(places, answers, strict=True):
        subject = f"copy of Pulumi's state in {where}"
        if isinstance(answer, UnknownAnswerError):
            found += [CheckFinding("unknown", AREA, subject, str(answer), answer.advice)]
            continue
        newest = max((item["LastModified"] for item in answer), default=None)
        if newest is None:
            found += _one("failing", subject, f"there is none below {prefix} of {bucket}", SAVE)
            continue
        old = max(compute_age_seconds(facts, newest), 0)
        good = old <= STATE_AGE
        found += _one("ok" if good else "failing", subject, f"of {format_duration(old)} ago", SAVE)
    return found


def bucket(facts: CheckFacts) -> CheckRoutine:
    """What operations keep is in the recovery region too: runs, baselines, drills, states."""
    stack, own = facts.outputs.stack, facts.outputs.backups
    gone = (*GONE, "ReplicationConfigurationNotFoundError")
    newest = ("states/", "drills/", "baselines/")
    places = ((stack.region, own.operations_bucket), (stack.recovery_region, own.recovery_bucket))
    answers = yield [
        build_read(REPLICATION, "", Bucket=own.operations_bucket, absent_codes=gone),
        *(
            build_read(
                LIST, "Contents", region=where, Bucket=name, Prefix=prefix, absent_codes=GONE
            )
            for where, name in places
            for prefix in newest
        ),
    ]
    subject = f"operations bucket in {stack.recovery_region}"
    found = get_answer_items(answers[0])
    rules = found[0]["ReplicationConfiguration"]["Rules"] if found else ()
    if not any(rule["Status"] == "Enabled" for rule in rules):
        return _one("failing", subject, f"{own.operations_bucket} is not replicated", REPAIR)
    here, there = (
        {item["Key"]: item["LastModified"] for answer in some for item in get_answer_items(answer)}
        for some in (answers[1 : 1 + len(newest)], answers[1 + len(newest) :])
    )
    late = sorted(
        key
        for key, at in here.items()
        if key not in there and compute_age_seconds(facts, at) > REPLICATED
    )
    if late:
        evidence = f"{len(late)} objects of an hour ago or more are not there, like {late[-1]}"
        look = f"aws s3api get-bucket-replication --bucket {own.operations_bucket}"
        return _one("failing", subject, evidence, look)
    if not there:
        return _one("ok", subject, "is replicated; there is nothing in it yet")
    old = max(compute_age_seconds(facts, max(there.values())), 0)
    return _one("ok", subject, f"is replicated, its newest object is of {format_duration(old)} ago")


def source(facts: CheckFacts) -> CheckRoutine:
    """There is a backup in the recovery region that the database can be made from."""
    stack, name = facts.outputs.stack, facts.outputs.database.identifier
    there = stack.recovery_region
    snapshots, automated = yield [
        build_read(SNAPSHOTS, "DBSnapshots", region=there, DBInstanceIdentifier=name),
        build_read(
            backups.REPLICATED_BACKUPS_API,
            "DBInstanceAutomatedBackups",
            region=there,
            DBInstanceIdentifier=name,
        ),
    ]
    found = [
        (str(one["SnapshotCreateTime"]), str(one["DBSnapshotIdentifier"]))
        for one in get_answer_items(snapshots)
        if one.get("Status") == "available"
    ]
    for one in get_answer_items(automated):
        until = (one.get("RestoreWindow") or {}).get("LatestTime")
        if until:
            found.append((str(until), "an automated backup"))
    subject = f"newest backup in {there}"
    if not found:
        return _one("failing", subject, "there is none", "ops db snapshot copy")
    at, what = max(found)
    return _one(
        "ok", subject, f"{what}, of {format_duration(max(compute_age_seconds(facts, at), 0))} ago"
    )


def certificate(facts: CheckFacts) -> CheckRoutine:
    """A load balancer there can answer by HTTPS: its certificate is made there, or is there."""
    there, part = facts.outputs.stack.recovery_region, facts.outputs.load_balancer
    subject = f"certificate in {there}"
    assert part is not None
    if part.zone_id is not None:
        yield []
        return _one("ok", subject, f"is made with a stack there, in the zone {part.zone_id}")
    own, listed = yield [
        build_read(CERTIFICATE, "", CertificateArn=part.certificate_arn),
        build_read(
            CERTIFICATES,
            "CertificateSummaryList",
            region=there,
            CertificateStatuses=["ISSUED"],
            Includes={"keyTypes": [*KEY_TYPES]},
        ),
    ]
    names = get_answer_items(own)[0]["Certificate"]
    wanted = {names["DomainName"], *(names.get("SubjectAlternativeNames") or ())}
    for one in get_answer_items(listed):
        covered = {one["DomainName"], *(one.get("SubjectAlternativeNameSummaries") or ())}
        if all(name in covered or f"*.{name.partition('.')[2]}" in covered for name in wanted):
            return _one("ok", subject, one["CertificateArn"])
    evidence = f"none that is issued is for {', '.join(sorted(wanted))}"
    return _one("failing", subject, evidence, f"aws acm request-certificate --region {there}")


def images(facts: CheckFacts) -> CheckRoutine:
    """The images that the services run are in the recovery region too."""
    there = facts.outputs.stack.recovery_region
    (answer,) = yield [build_read(REGISTRY, "")]
    rules = (get_answer_items(answer)[0].get("replicationConfiguration") or {}).get("rules") or ()
    regions = {d["region"] for rule in rules for d in rule.get("destinations") or ()}
    subject = f"images in {there}"
    if there in regions:
        return _one("ok", subject, "the registry is replicated there")
    return _one(
        "failing",
        subject,
        "the registry is not replicated there: they are to be pushed again",
        "aws ecr put-replication-configuration",
    )


def backups_days(facts: CheckFacts) -> CheckRoutine:
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
    until = item.get("LatestRestorableTime") if item else None
    if until is None:
        return _one(
            "failing",
            "restorable here",
            "there is no time to restore it to",
            "ops recover snapshot SNAPSHOT",
        )
    return _one(
        "ok",
        "restorable here",
        f"until {until}, {format_duration(max(compute_age_seconds(facts, until), 0))} ago",
    )


def _remote(of: Outputs) -> bool:
    return of.stack.recovery_region is not None


CHECKS: Final = (
    HealthCheck(AREA, "recovery region", region, ()),
    HealthCheck(AREA, "restorable here", backups_days, ("rds.describe_db_instances",)),
    HealthCheck(
        AREA,
        "replication",
        backups.check_backup_replication,
        (backups.REPLICATED_BACKUPS_API,),
        lambda o: _remote(o) and o.database.replicated_backup_arn is not None,
    ),
    HealthCheck(
        AREA,
        "copies",
        backups.check_backup_copies,
        (backups.BACKUP_VAULT_API, backups.RECOVERY_POINTS_API),
        lambda o: _remote(o) and o.backups.recovery_vault_arn is not None,
    ),
    HealthCheck(AREA, "outputs", outputs, (PARAMETERS,), _remote),
    HealthCheck(
        AREA, "key", key, (KEY,), lambda o: _remote(o) and o.stack.recovery_key_arn is not None
    ),
    HealthCheck(AREA, "room", room, (ATTRIBUTES,)),
    HealthCheck(AREA, "state", state, (LIST,)),
    HealthCheck(AREA, "source", source, (SNAPSHOTS, backups.REPLICATED_BACKUPS_API), _remote),
    HealthCheck(
        AREA,
        "bucket",
        bucket,
        (REPLICATION, LIST),
        lambda o: _remote(o) and o.backups.recovery_bucket is not None,
    ),
    HealthCheck(
        AREA,
        "certificate",
        certificate,
        (CERTIFICATE, CERTIFICATES),
        lambda o: _remote(o) and bool(o.load_balancer and o.load_balancer.certificate_arn),
    ),
    HealthCheck(
        AREA,
        "images",
        images,
        (REGISTRY,),
        lambda o: _remote(o) and bool(o.registry and o.registry.repositories),
    ),
)
APIS: Final = tuple(sorted({api for check in CHECKS for api in check.apis}))


def ready(of: Outputs, aws: Aws, now: datetime) -> list[CheckFinding]:
    """What is there for a recovery, and what is missing."""
    checks = [check for check in CHECKS if check.is_applicable(of)]
    home = of.stack.region
    return mark_unknown_in_wrong_account(
        run_checks(checks, CheckFacts(of, now), lambda one: send_read(aws, one, home))
    )


DRILL: Final = "drill of the last month"


def drilled(history: Sequence[drills.Drill] | OpsError, now: datetime) -> CheckFinding:
    """The newest drill is of the last month, and has met its objectives."""
    help_ = "ops recover drill"
    if isinstance(history, OpsError):
        advice = history.advice[0] if history.advice else ""
        return CheckFinding("unknown", AREA, DRILL, str(history), advice)
    if not history:
        return CheckFinding("failing", AREA, DRILL, "there has been none", help_)
    newest = history[-1]
    old = max(now.timestamp() - parse_time(newest.taken).timestamp(), 0)
    evidence = f"{newest.run}, {format_duration(old)} ago: {'; '.join(newest.why) or 'it met its objectives'}"
    good = newest.met and old <= DRILLED
    return CheckFinding("ok" if good else "failing", AREA, DRILL, evidence, "" if good else help_)

"""Whether the stack could be recovered now, here and in its recovery region, and how long it takes.

Reads only. What is missing says what brings it about; the estimate says of each figure where it is
from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ops import drills, states
from ops.aws import Aws
from ops.health import backups
from ops.health.model import (
    DAY,
    Check,
    Facts,
    Finding,
    Looking,
    State,
    UnknownError,
    age,
    known,
    read,
)
from ops.health.runner import elsewhere, run, send
from ops.muted import parsed
from ops.outputs import Outputs, OutputsError, join
from ops.restoring import FILLED, QUOTA, TYPICAL
from ops.show import said

AREA: Final = "recovery"
SAVE: Final = "ops state backup"
STATE_AGE: Final = 7 * DAY
DRILLED: Final = 31 * DAY
# Seconds until a stack of this size is up in a region where nothing of it is. An assumption: the
# provider's own waits, of which the database's are counted apart (a balancer takes three minutes,
# NAT gateways two, services five).
DEPLOY: Final = 15 * 60
GONE: Final = ("NoSuchBucket", "404")
PARAMETERS: Final = "ssm.get_parameters_by_path"
ATTRIBUTES: Final = "rds.describe_account_attributes"
LIST: Final = "s3.list_objects_v2"
REGISTRY: Final = "ecr.describe_registry"
KEY: Final = "kms.describe_key"


@dataclass(frozen=True)
class Estimate:
    """One phase of a recovery: seconds, and who says so."""

    way: str
    phase: str
    seconds: float | None
    source: str


def _one(state: State, subject: str, evidence: str, command: str = "") -> list[Finding]:
    return [Finding(state, AREA, subject, evidence, "" if state == "ok" else command)]


def region(facts: Facts) -> Looking:
    """There is a region to go to."""
    yield []
    there = facts.outputs.stack.recovery_region
    if there is None:
        return _one("failing", "recovery region", "none: set recoveryRegion", "pulumi up")
    return _one("ok", "recovery region", there)


def outputs(facts: Facts) -> Looking:
    """The stack's outputs can be read in the recovery region, and are those of now."""
    stack, path = facts.outputs.stack, facts.outputs.backups.outputs_path
    (answer,) = yield [
        read(PARAMETERS, "Parameters", region=stack.recovery_region, Path=path, Recursive=True)
    ]
    subject = f"outputs in {stack.recovery_region}"
    found = {item["Name"].removeprefix(f"{path}/"): item["Value"] for item in known(answer)}
    if not found:
        return _one("failing", subject, f"there are none at {path}", "pulumi up --refresh")
    try:
        same = join(found) == facts.outputs
    except OutputsError as error:
        return _one("failing", subject, str(error), "pulumi up --refresh")
    said_of = "are those of the stack" if same else "are not those of the stack"
    return _one("ok" if same else "failing", subject, said_of, "pulumi up --refresh")


def key(facts: Facts) -> Looking:
    """The key that backups there are encrypted with can be used."""
    stack = facts.outputs.stack
    (answer,) = yield [
        read(KEY, "", region=stack.recovery_region, KeyId=stack.recovery_key_arn,
             absent=("NotFoundException",))
    ]  # fmt: skip
    subject = f"key in {stack.recovery_region}"
    item = next(iter(known(answer)), None)
    state = item["KeyMetadata"]["KeyState"] if item else "gone"
    return _one("ok" if state == "Enabled" else "failing", subject, f"is {state}",
                "aws kms enable-key")  # fmt: skip


def room(facts: Facts) -> Looking:
    """There may be one more DB instance, in each region that is recovered into."""
    stack = facts.outputs.stack
    regions = [r for r in (stack.region, stack.recovery_region) if r]
    answers = yield [read(ATTRIBUTES, "AccountQuotas", region=r) for r in regions]
    found: list[Finding] = []
    for where, answer in zip(regions, answers, strict=True):
        subject = f"room for a database in {where}"
        if isinstance(answer, UnknownError):
            found += [Finding("unknown", AREA, subject, str(answer), answer.advice)]
            continue
        quota = next((q for q in answer if q["AccountQuotaName"] == QUOTA), None)
        if quota is None:
            found += _one("unknown", subject, "RDS does not say how many there may be")
            continue
        full = quota["Used"] >= quota["Max"]
        found += _one("failing" if full else "ok", subject,
                      f"{quota['Used']} of {quota['Max']}", "aws service-quotas")  # fmt: skip
    return found


def state(facts: Facts) -> Looking:
    """There is a copy of Pulumi's state of the last week that does not go with its backend."""
    stack, own = facts.outputs.stack, facts.outputs.backups
    places = [(stack.region, own.operations_bucket)]
    if stack.recovery_region and own.recovery_bucket:
        places.append((stack.recovery_region, own.recovery_bucket))
    prefix = states.folder(facts.outputs)
    answers = yield [
        read(LIST, "Contents", region=where, Bucket=bucket, Prefix=prefix, absent=GONE)
        for where, bucket in places
    ]
    found: list[Finding] = []
    for (where, bucket), answer in zip(places, answers, strict=True):
        subject = f"copy of Pulumi's state in {where}"
        if isinstance(answer, UnknownError):
            found += [Finding("unknown", AREA, subject, str(answer), answer.advice)]
            continue
        newest = max((item["LastModified"] for item in answer), default=None)
        if newest is None:
            found += _one("failing", subject, f"there is none below {prefix} of {bucket}", SAVE)
            continue
        old = max(age(facts, newest), 0)
        good = old <= STATE_AGE
        found += _one("ok" if good else "failing", subject, f"of {said(old)} ago", SAVE)
    return found


def images(facts: Facts) -> Looking:
    """The images that the services run are in the recovery region too."""
    there = facts.outputs.stack.recovery_region
    (answer,) = yield [read(REGISTRY, "")]
    rules = (known(answer)[0].get("replicationConfiguration") or {}).get("rules") or ()
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


def backups_days(facts: Facts) -> Looking:
    """The database can be restored, to how long ago."""
    name = facts.outputs.database.identifier
    (answer,) = yield [
        read("rds.describe_db_instances", "DBInstances", DBInstanceIdentifier=name,
             absent=("DBInstanceNotFound", "DBInstanceNotFoundFault"))
    ]  # fmt: skip
    item = next(iter(known(answer)), None)
    until = item.get("LatestRestorableTime") if item else None
    if until is None:
        return _one("failing", "restorable here", "there is no time to restore it to",
                    "ops recover snapshot SNAPSHOT")  # fmt: skip
    return _one("ok", "restorable here", f"until {until}, {said(max(age(facts, until), 0))} ago")


def _remote(of: Outputs) -> bool:
    return of.stack.recovery_region is not None


CHECKS: Final = (
    Check(AREA, "recovery region", region, ()),
    Check(AREA, "restorable here", backups_days, ("rds.describe_db_instances",)),
    Check(
        AREA, "replication", backups.replicated, (backups.REPLICATED,),
        lambda o: _remote(o) and o.database.replicated_backup_arn is not None,
    ),
    Check(
        AREA, "copies", backups.copied, (backups.VAULT, backups.POINTS),
        lambda o: _remote(o) and o.backups.recovery_vault_arn is not None,
    ),
    Check(AREA, "outputs", outputs, (PARAMETERS,), _remote),
    Check(AREA, "key", key, (KEY,), lambda o: _remote(o) and o.stack.recovery_key_arn is not None),
    Check(AREA, "room", room, (ATTRIBUTES,)),
    Check(AREA, "state", state, (LIST,)),
    Check(
        AREA, "images", images, (REGISTRY,),
        lambda o: _remote(o) and bool(o.registry and o.registry.repositories),
    ),
)  # fmt: skip
APIS: Final = tuple(sorted({api for check in CHECKS for api in check.apis}))


def ready(of: Outputs, aws: Aws, now: datetime) -> list[Finding]:
    """What is there for a recovery, and what is missing."""
    checks = [check for check in CHECKS if check.applies(of)]
    home = of.stack.region
    return elsewhere(run(checks, Facts(of, now), lambda one: send(aws, one, home)))


def drilled(history: Sequence[drills.Drill], now: datetime) -> Finding:
    """The newest drill is of the last month, and has met its objectives."""
    subject, help_ = "drill of the last month", "ops recover drill"
    if not history:
        return Finding("failing", AREA, subject, "there has been none", help_)
    newest = history[-1]
    old = max(now.timestamp() - parsed(newest.taken).timestamp(), 0)
    evidence = f"{newest.run}, {said(old)} ago: {'; '.join(newest.why) or 'it met its objectives'}"
    good = newest.met and old <= DRILLED
    return Finding("ok" if good else "failing", AREA, subject, evidence, "" if good else help_)


def estimates(
    of: Outputs, history: Sequence[drills.Drill], seen: dict[str, Any] | None,
    replica: dict[str, Any] | None, now: datetime,
) -> list[Estimate]:  # fmt: skip
    """How long a recovery takes as things stand, and what would be lost.

    `seen` is the primary as RDS describes it, `replica` its backups in the recovery region; None
    where they are not there.
    """
    timed = [d for d in history if d.outcome == "done" and d.rto_seconds is not None]
    newest = timed[-1] if timed else None
    storage = float((seen or {}).get("AllocatedStorage") or 0)
    restore = newest.rto_seconds if newest else float(TYPICAL)
    source = f"the drill {newest.run}" if newest else "an assumption: there has been no drill"
    found = [
        Estimate("here", "RTO: until a query is answered", restore, source),
        Estimate("here", "until its volume is filled", storage * 1024 / FILLED or None,
                 f"{storage:.0f} GiB at {FILLED} MiB/s, an assumption"),
        _lost("here", (seen or {}).get("LatestRestorableTime"), now, "the latest restorable time"),
    ]  # fmt: skip
    if of.stack.recovery_region:
        until = ((replica or {}).get("RestoreWindow") or {}).get("LatestTime")
        found += [
            Estimate(
                of.stack.recovery_region, "RTO: the stack deployed, and a query answered",
                DEPLOY + (restore or 0),
                f"an assumption of {said(DEPLOY)} for the deployment, and {source}",
            ),
            _lost(of.stack.recovery_region, until, now, "the replicated backups' latest time"),
        ]  # fmt: skip
    return found


def _lost(way: str, until: str | None, now: datetime, source: str) -> Estimate:
    lag = None if until is None else max(now.timestamp() - parsed(until).timestamp(), 0)
    return Estimate(way, "RPO: writes that would be lost", lag, source)

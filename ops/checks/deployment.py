"""What must hold before a deployment, and after it."""

from typing import Final

from ops.alarms.health import ALARMS, reads, states
from ops.checks.model import OBJECT, since
from ops.cli.render import format_duration
from ops.core.checks import (
    CUT,
    DAY,
    Check,
    Facts,
    Finding,
    Looking,
    UnknownError,
    age,
    chunks,
    iso,
    known,
    read,
)
from ops.core.lock import LOCK_ABSENT_CODES, LOCK_KEY, LockRecord
from ops.database.health import INSTANCES, described, primary
from ops.fleet.health import REFRESHES
from ops.health.logs import FILTER, groups, shown
from ops.outputs import Outputs
from ops.services.health import SERVICES

AREA: Final = "deploying"
RECENT: Final = 10 * 60  # RDS ships logs every five minutes: two of them
GRAVE: Final = ("P0", "P1")
# An instance refresh that goes on. Source: API reference, InstanceRefresh.
GOING: Final = ("Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress")


def lock(facts: Facts) -> Looking:
    """Nobody changes the stack."""
    bucket = facts.outputs.backups.operations_bucket
    (answer,) = yield [read(OBJECT, "", Bucket=bucket, Key=LOCK_KEY, absent=LOCK_ABSENT_CODES)]
    found = known(answer)
    if not found:
        return [Finding("ok", AREA, "lock", f"s3://{bucket}/{LOCK_KEY} is not there")]
    try:
        held = LockRecord.model_validate_json(str(found[0]["text"]))
    except ValueError:
        evidence = f"s3://{bucket}/{LOCK_KEY} is there, and is no lock"
        return [Finding("unknown", AREA, "lock", evidence, "ops lock show")]
    who = f"{held.holder} for {held.run}: {held.reason}"
    if held.until <= facts.now.timestamp():
        return [Finding("ok", AREA, "lock", f"it was over at {iso(held.until)}, of {who}")]
    evidence = f"held by {who}, until {iso(held.until)}"
    return [Finding("failing", AREA, "lock", evidence, "ops lock show")]


def services(facts: Facts) -> Looking:
    """No service is being deployed."""
    part = facts.outputs.services
    assert part is not None
    names = sorted(part.services)
    answers = yield [
        read(
            SERVICES,
            "services",
            cluster=part.cluster,
            services=some,
            absent=("ClusterNotFoundException",),
        )
        for some in chunks(names, 10)
    ]
    found = {str(one["serviceName"]): one for answer in answers for one in known(answer)}
    findings = [
        Finding("failing", AREA, name, "is gone", "pulumi up --refresh")
        for name in names
        if name not in found
    ]
    for name, one in sorted(found.items()):
        deployments = one.get("deployments", ())
        going = [d for d in deployments if d.get("rolloutState") == "IN_PROGRESS"]
        if going or len(deployments) > 1:
            evidence = f"{len(deployments)} deployments, {len(going)} of them under way"
            command = f"ops service events --service {name}"
            findings.append(Finding("failing", AREA, name, evidence, command))
    if findings:
        return findings
    return [Finding("ok", AREA, "services", f"none of {len(names)} is being deployed")]


def refresh(facts: Facts) -> Looking:
    """The fleet's instances are not being replaced."""
    part = facts.outputs.fleet
    assert part is not None
    (answer,) = yield [
        read(
            REFRESHES,
            "InstanceRefreshes",
            AutoScalingGroupName=part.group,
            newest=("StartTime", facts.ago(DAY)),
        )
    ]
    going = [one["Status"] for one in known(answer) if one["Status"] in GOING]
    if going:
        evidence = f"an instance refresh is {going[0]}"
        return [Finding("failing", AREA, part.group, evidence, "ops fleet refresh status")]
    return [Finding("ok", AREA, part.group, "no instance refresh goes on")]


def grave(facts: Facts) -> Looking:
    """No alarm is raised for which somebody would be woken."""
    answers = yield reads(facts.outputs)
    described_ = [item for answer in answers for item in known(answer)]
    alarms = [a for a in states(facts.outputs, described_) if a.severity in GRAVE]
    raised = [a for a in alarms if a.state == "ALARM"]
    if raised:
        return [
            Finding(
                "failing", AREA, f"{a.severity} {a.name}", f"since {a.since}: {a.reason}", a.command
            )
            for a in raised
        ]
    missing = _missing(facts.outputs, {a.name for a in alarms}, GRAVE)
    if missing:
        evidence = f"{len(missing)} are not there: {', '.join(missing[:3])}"
        return [Finding("unknown", AREA, "alarms", evidence, "pulumi up --refresh")]
    evidence = f"none of {len(alarms)} alarms of {' and '.join(GRAVE)} is raised"
    return [Finding("ok", AREA, "alarms", evidence)]


def _missing(outputs: Outputs, there: set[str], severities: tuple[str, ...]) -> list[str]:
    listed = outputs.alarms.names.items()
    return sorted({n for s, names in listed if s in severities for n in names} - there)


def restorable(facts: Facts) -> Looking:
    """The database can be restored to ten minutes ago: what the deployment breaks can be had."""
    (answer,) = yield [described(facts)]
    item = primary(facts, known(answer))
    time = item.get("LatestRestorableTime") if item else None
    if item is None or time is None:
        evidence = "the instance is gone" if item is None else "there is no backup yet"
        return [Finding("failing", AREA, "restorable", evidence, "ops db snapshot create")]
    old = max(age(facts, time), 0)
    evidence = f"until {time}, {format_duration(old)} ago"
    if old <= RECENT:
        return [Finding("ok", AREA, "restorable", evidence)]
    return [Finding("failing", AREA, "restorable", evidence, "ops db snapshot create")]


def new_alarms(facts: Facts) -> Looking:
    """No alarm has been raised since."""
    answers = yield reads(facts.outputs)
    described_ = [item for answer in answers for item in known(answer)]
    alarms = list(states(facts.outputs, described_))
    raised = [a for a in alarms if a.state == "ALARM"]
    new = [a for a in raised if a.since >= facts.ago(since(facts))]
    if new:
        return [
            Finding(
                "failing", AREA, f"{a.severity} {a.name}", f"since {a.since}: {a.reason}", a.command
            )
            for a in new
        ]
    missing = _missing(facts.outputs, {a.name for a in alarms}, tuple(facts.outputs.alarms.names))
    if missing:
        evidence = f"{len(missing)} are not there: {', '.join(missing[:3])}"
        return [Finding("unknown", AREA, "alarms", evidence, "pulumi up --refresh")]
    evidence = f"none of {len(alarms)} was raised in the last {format_duration(since(facts))}"
    evidence += f", {len(raised)} were before" if raised else ""
    return [Finding("ok", AREA, "alarms", evidence)]


def errors(facts: Facts) -> Looking:
    """No line of the logs since then is an error. All groups are looked at."""
    there = list(groups(facts.outputs))
    answers = yield [group.read(facts, since(facts)) for group in there]
    back = format_duration(since(facts))
    findings: list[Finding] = []
    for group, answer in zip(there, answers, strict=True):
        subject = f"errors of {group.of}"
        if isinstance(answer, UnknownError):
            findings.append(Finding("unknown", AREA, subject, str(answer), answer.advice))
            continue
        lines = [item for item in answer if item != CUT]
        if lines:
            newest = max(lines, key=lambda line: int(line["timestamp"]))
            when = iso(int(newest["timestamp"]) // 1000)
            evidence = f"{len(lines)} in the last {back}, the newest at {when}: "
            evidence += shown(str(newest["message"]))
            findings.append(Finding("failing", AREA, subject, evidence, group.help))
        elif len(lines) < len(answer):
            evidence = f"the group has more lines of the last {back} than were looked through"
            findings.append(Finding("unknown", AREA, subject, evidence, group.help))
    if findings:
        return findings
    evidence = f"of {len(there)} log groups none has one in the last {back}"
    return [Finding("ok", AREA, "errors", evidence)]


LOCK: Final = Check(AREA, "lock", lock, (OBJECT,))
DEPLOYED: Final = Check(AREA, "services", services, (SERVICES,), lambda o: o.services is not None)
REFRESHED: Final = Check(AREA, "fleet", refresh, (REFRESHES,), lambda o: o.fleet is not None)
GRAVE_ALARMS: Final = Check(AREA, "alarms", grave, (ALARMS,))
RESTORABLE: Final = Check(AREA, "restorable", restorable, (INSTANCES,))
NEW_ALARMS: Final = Check(AREA, "new alarms", new_alarms, (ALARMS,))
ERRORS: Final = Check(AREA, "errors", errors, (FILTER,), lambda o: any(groups(o)))

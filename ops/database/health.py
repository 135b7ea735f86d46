"""The DB instances: status, standby, storage, maintenance, restore, backups, certificate."""

from typing import Final

from ops.cli.render import format_duration
from ops.core.checks import (
    DAY,
    HOUR,
    Check,
    Facts,
    Finding,
    Item,
    Looking,
    Read,
    State,
    age,
    known,
    read,
)
from ops.core.metrics import METRICS, latest, metric, values

INSTANCES = "rds.describe_db_instances"
MAINTENANCE = "rds.describe_pending_maintenance_actions"
SNAPSHOTS = "rds.describe_db_snapshots"
AREA = "database"
# In these the instance serves (RDS User Guide, "Viewing DB instance status").
SERVING: Final = frozenset(
    {
        "available",
        "backing-up",
        "configuring-enhanced-monitoring",
        "configuring-iam-database-auth",
        "configuring-log-exports",
        "modifying",
        "storage-config-upgrade",
        "storage-initialization",
        "storage-optimization",
    }
)
RESTORABLE: Final = 15 * 60  # RDS ships logs every five minutes: three are missing
BACKUP: Final = DAY + 2 * HOUR  # a day, and the window and the time that a backup takes
FORCED: Final = 7 * DAY  # maintenance that comes by itself within a week is to be planned
EXPIRES: Final = 30 * DAY
GIB: Final = 1024**3
LOW: Final = 10  # per cent of free storage, as the alarm has it


def described(facts: Facts) -> Read:
    """The read that most checks of this file share: the primary and its replicas."""
    names = [facts.outputs.database.identifier, *facts.outputs.database.replicas]
    return read(INSTANCES, "DBInstances", Filters=[{"Name": "db-instance-id", "Values": names}])


def primary(facts: Facts, items: list[Item]) -> Item | None:
    """The primary among what was described."""
    name = facts.outputs.database.identifier
    return next((item for item in items if item["DBInstanceIdentifier"] == name), None)


def _one(state: State, subject: str, evidence: str, command: str = "") -> list[Finding]:
    return [Finding(state, AREA, subject, evidence, "" if state == "ok" else command)]


def status(facts: Facts) -> Looking:
    """The primary and each replica serve."""
    (answer,) = yield [described(facts)]
    found = {item["DBInstanceIdentifier"]: item for item in known(answer)}
    findings: list[Finding] = []
    for name in (facts.outputs.database.identifier, *facts.outputs.database.replicas):
        item = found.get(name)
        state = item["DBInstanceStatus"] if item else "gone"
        broken = [
            f"replication is {info.get('Status')}"
            for info in (item or {}).get("StatusInfos", ())
            if not info.get("Normal", True)
        ]
        good = state in SERVING and not broken
        evidence = "; ".join([state, *broken])
        findings += _one("ok" if good else "failing", name, evidence, "ops db status")
    return findings


def standby(facts: Facts) -> Looking:
    """Where the stack wants a standby in another zone there is one."""
    (answer,) = yield [described(facts)]
    item = primary(facts, known(answer))
    if item is None:
        return []  # `status` says that it is gone
    here, there = item.get("AvailabilityZone"), item.get("SecondaryAvailabilityZone")
    if item["MultiAZ"]:
        return _one("ok", "standby", f"in {there}, the primary in {here}")
    return _one("failing", "standby", f"there is none, only the primary in {here}", "pulumi up")


def parameters(facts: Facts) -> Looking:
    """What the parameter groups say is what the instances run with."""
    (answer,) = yield [described(facts)]
    waiting = [
        f"{item['DBInstanceIdentifier']}: {group['ParameterApplyStatus']}"
        for item in known(answer)
        for group in item.get("DBParameterGroups", ())
        if group["ParameterApplyStatus"] not in ("in-sync", "applying")
    ]
    if waiting:
        return _one("failing", "parameters", "; ".join(waiting), "ops db parameters")
    return _one("ok", "parameters", "in sync")


def maintenance(facts: Facts) -> Looking:
    """No maintenance will begin by itself within a week."""
    database = facts.outputs.database
    answers = yield [described(facts), read(MAINTENANCE, "PendingMaintenanceActions")]
    ours = {item["DBInstanceArn"] for item in known(answers[0])} | {database.arn}
    waiting: list[str] = []
    soon: list[str] = []
    for resource in known(answers[1]):
        if resource["ResourceIdentifier"] not in ours:
            continue
        for action in resource.get("PendingMaintenanceActionDetails", ()):
            dates = (
                action.get(key)
                for key in ("ForcedApplyDate", "AutoAppliedAfterDate", "CurrentApplyDate")
            )
            due = min(filter(None, dates), default=None)
            text = f"{action['Action']} {f'on {due}' if due else 'when you choose'}"
            (soon if due and -age(facts, due) < FORCED else waiting).append(text)
    changes = next(
        (
            ", ".join(sorted(item["PendingModifiedValues"]))
            for item in known(answers[0])
            if item.get("PendingModifiedValues")
        ),
        "",
    )
    if changes:
        waiting.append(f"changes in the next window: {changes}")
    if soon:
        evidence = "; ".join([*soon, *waiting])
        return _one("failing", "maintenance", evidence, "ops db upgrade")
    return _one("ok", "maintenance", "; ".join(waiting) or "none is pending")


def storage(facts: Facts) -> Looking:
    """At least a tenth of the storage is free."""
    name = facts.outputs.database.identifier
    free = metric("AWS/RDS", "FreeStorageSpace", "Minimum", DBInstanceIdentifier=name)
    answers = yield [described(facts), values([free], facts)]
    item, found = primary(facts, known(answers[0])), latest(known(answers[1]))
    if item is None:
        return []
    allocated, most = item["AllocatedStorage"], item.get("MaxAllocatedStorage")
    if free.id not in found:
        return _one(
            "unknown", "storage", "no metric of free storage in the last 15 minutes", "ops usage"
        )
    percent = 100 * found[free.id] / (allocated * GIB)
    grows = f", grows to {most} GiB by itself" if most else ""
    evidence = f"{percent:.0f} % of {allocated} GiB is free{grows}"
    return _one("ok" if percent >= LOW else "failing", "storage", evidence, "ops db storage GIB")


def restorable(facts: Facts) -> Looking:
    """The database can be restored to a quarter of an hour ago."""
    (answer,) = yield [described(facts)]
    item = primary(facts, known(answer))
    if item is None:
        return []
    time = item.get("LatestRestorableTime")
    if time is None:
        return _one(
            "failing",
            "latest restorable time",
            "there is none: no backup yet, or backups are off",
            "ops db snapshot create",
        )
    old = age(facts, time)
    evidence = f"{time}, {format_duration(max(old, 0))} ago"
    good = old <= RESTORABLE
    return _one("ok" if good else "failing", "latest restorable time", evidence, "ops db status")


def backups(facts: Facts) -> Looking:
    """There is an automated backup of the last day."""
    name = facts.outputs.database.identifier
    answers = yield [
        described(facts),
        read(SNAPSHOTS, "DBSnapshots", DBInstanceIdentifier=name, SnapshotType="automated"),
    ]
    item = primary(facts, known(answers[0]))
    times = sorted(
        snapshot["SnapshotCreateTime"]
        for snapshot in known(answers[1])
        if snapshot["Status"] == "available"
    )
    if times and age(facts, times[-1]) <= BACKUP:
        return _one("ok", "backup of the last day", f"at {times[-1]}, {len(times)} are kept")
    if item and age(facts, item["InstanceCreateTime"]) <= BACKUP:
        return _one("ok", "backup of the last day", "the instance is younger than a day")
    evidence = f"the last is of {times[-1]}" if times else "there is none at all"
    return _one("failing", "backup of the last day", evidence, "ops db snapshot create")


def certificate(facts: Facts) -> Looking:
    """The server's certificate holds for another month."""
    (answer,) = yield [described(facts)]
    item = primary(facts, known(answer))
    if item is None:
        return []
    details = item.get("CertificateDetails") or {}
    until, authority = details.get("ValidTill"), details.get("CAIdentifier", "an unknown CA")
    if until is None:
        return _one(
            "unknown",
            "server certificate",
            f"of {authority}, AWS does not say until when",
            "ops db status",
        )
    good = -age(facts, until) > EXPIRES
    evidence = f"of {authority}, until {until}"
    return _one("ok" if good else "failing", "server certificate", evidence, "ops db reboot")


CHECKS = (
    Check(AREA, "status", status, (INSTANCES,)),
    Check(AREA, "standby", standby, (INSTANCES,), lambda o: o.database.multi_az),
    Check(AREA, "parameters", parameters, (INSTANCES,)),
    Check(AREA, "maintenance", maintenance, (INSTANCES, MAINTENANCE)),
    Check(AREA, "storage", storage, (INSTANCES, METRICS)),
    Check(AREA, "latest restorable time", restorable, (INSTANCES,)),
    Check(AREA, "backup of the last day", backups, (INSTANCES, SNAPSHOTS)),
    Check(AREA, "server certificate", certificate, (INSTANCES,)),
)

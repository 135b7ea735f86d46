"""The DB instances: status, standby, storage, maintenance, restore, backups, certificate."""

import ssl
from datetime import timedelta
from typing import Final

from components.facts.units import DAY_SECONDS, GIB_BYTES, HOUR_SECONDS
from ops.cli.render import format_duration
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    HealthState,
    ReadRequest,
    ResponseItem,
    build_read,
    compute_age_seconds,
    get_answer_items,
)
from ops.core.errors import UsageError
from ops.core.metrics import (
    build_metric_query,
    build_metric_read,
    get_latest_values,
)
from ops.core.times import parse_aws_time
from ops.database.pending_actions import APPLY_COMMAND, PENDING_ACTIONS_API, get_due_date
from ops.database.sql.tls import BUNDLE_COMMANDS, list_trusted_authorities
from ops.database.statuses import SERVING_STATUSES

DB_INSTANCES_API = "rds.describe_db_instances"
DB_SNAPSHOTS_API = "rds.describe_db_snapshots"
DATABASE_AREA = "database"
MAX_RESTORABLE_AGE_SECONDS: Final = (
    15 * 60
)  # RDS ships logs every five minutes; three shipments are missing
MAX_BACKUP_AGE_SECONDS: Final = (
    DAY_SECONDS + 2 * HOUR_SECONDS
)  # a day, plus the backup window and the time a backup takes
FORCED_MAINTENANCE_SECONDS: Final = (
    7 * DAY_SECONDS
)  # AWS applies the maintenance by itself within a week: plan it
MIN_SERVER_CERTIFICATE_SECONDS: Final = 30 * DAY_SECONDS
MIN_AUTHORITY_TIME: Final = timedelta(days=365)
MIN_FREE_STORAGE_PERCENT: Final = 10  # percent of free storage; the same as the alarm


def build_instances_read(facts: CheckFacts) -> ReadRequest:
    """Builds the read of the primary and its replicas that most checks share."""
    names = [facts.outputs.database.identifier, *facts.outputs.database.replicas]
    return build_read(
        DB_INSTANCES_API, "DBInstances", Filters=[{"Name": "db-instance-id", "Values": names}]
    )


def find_primary_item(facts: CheckFacts, items: list[ResponseItem]) -> ResponseItem | None:
    """Returns the primary among the described instances, or None."""
    name = facts.outputs.database.identifier
    return next((item for item in items if item["DBInstanceIdentifier"] == name), None)


def _build_findings(
    state: HealthState, subject: str, evidence: str, command: str = ""
) -> list[CheckFinding]:
    return [CheckFinding(state, DATABASE_AREA, subject, evidence, "" if state == "ok" else command)]


def check_instance_status(facts: CheckFacts) -> CheckRoutine:
    """Checks that the primary and each replica serve."""
    (answer,) = yield [build_instances_read(facts)]
    items_by_name = {item["DBInstanceIdentifier"]: item for item in get_answer_items(answer)}
    findings: list[CheckFinding] = []
    for name in (facts.outputs.database.identifier, *facts.outputs.database.replicas):
        item = items_by_name.get(name)
        state = item["DBInstanceStatus"] if item else "gone"
        replication_problems = [
            f"replication is {info.get('Status')}"
            for info in (item or {}).get("StatusInfos", ())
            if not info.get("Normal", True)
        ]
        is_serving = state in SERVING_STATUSES and not replication_problems
        evidence = "; ".join([state, *replication_problems])
        findings += _build_findings(
            "ok" if is_serving else "failing", name, evidence, "ops db status"
        )
    return findings


def check_standby(facts: CheckFacts) -> CheckRoutine:
    """Checks that a Multi-AZ stack has its standby."""
    (answer,) = yield [build_instances_read(facts)]
    item = find_primary_item(facts, get_answer_items(answer))
    if item is None:
        return []  # `status` reports that it is gone
    primary_zone, standby_zone = item.get("AvailabilityZone"), item.get("SecondaryAvailabilityZone")
    if item["MultiAZ"]:
        return _build_findings(
            "ok", "standby", f"in {standby_zone}; the primary is in {primary_zone}"
        )
    return _build_findings(
        "failing", "standby", f"no standby; the primary is in {primary_zone}", "pulumi up"
    )


def check_parameters_applied(facts: CheckFacts) -> CheckRoutine:
    """Checks that the instances run with the values of their parameter groups."""
    (answer,) = yield [build_instances_read(facts)]
    unapplied = [
        f"{item['DBInstanceIdentifier']}: {group['ParameterApplyStatus']}"
        for item in get_answer_items(answer)
        for group in item.get("DBParameterGroups", ())
        if group["ParameterApplyStatus"] not in ("in-sync", "applying")
    ]
    if unapplied:
        return _build_findings("failing", "parameters", "; ".join(unapplied), "ops db parameters")
    return _build_findings("ok", "parameters", "in sync")


def check_pending_maintenance(facts: CheckFacts) -> CheckRoutine:
    """Checks that AWS applies no maintenance by itself within a week."""
    database = facts.outputs.database
    answers = yield [
        build_instances_read(facts),
        build_read(PENDING_ACTIONS_API, "PendingMaintenanceActions"),
    ]
    instance_arns = {item["DBInstanceArn"] for item in get_answer_items(answers[0])} | {
        database.arn
    }
    pending_actions: list[str] = []
    forced_actions: list[str] = []
    for resource in get_answer_items(answers[1]):
        if resource["ResourceIdentifier"] not in instance_arns:
            continue
        for action in resource.get("PendingMaintenanceActionDetails", ()):
            due_date = get_due_date(action)
            text = f"{action['Action']} {f'on {due_date}' if due_date else 'when you apply it'}"
            (
                forced_actions
                if due_date and -compute_age_seconds(facts, due_date) < FORCED_MAINTENANCE_SECONDS
                else pending_actions
            ).append(text)
    pending_changes = next(
        (
            ", ".join(sorted(item["PendingModifiedValues"]))
            for item in get_answer_items(answers[0])
            if item.get("PendingModifiedValues")
        ),
        "",
    )
    if pending_changes:
        pending_actions.append(f"changes in the next window: {pending_changes}")
    if forced_actions:
        evidence = "; ".join([*forced_actions, *pending_actions])
        return _build_findings("failing", "maintenance", evidence, APPLY_COMMAND)
    return _build_findings("ok", "maintenance", "; ".join(pending_actions) or "nothing pending")


def check_free_storage(facts: CheckFacts) -> CheckRoutine:
    """Checks that at least a tenth of the storage is free."""
    name = facts.outputs.database.identifier
    free_metric = build_metric_query(
        "AWS/RDS", "FreeStorageSpace", "Minimum", DBInstanceIdentifier=name
    )
    answers = yield [build_instances_read(facts), build_metric_read([free_metric], facts)]
    item, latest_values = (
        find_primary_item(facts, get_answer_items(answers[0])),
        get_latest_values(get_answer_items(answers[1])),
    )
    if item is None:
        return []
    allocated_gib, max_gib = item["AllocatedStorage"], item.get("MaxAllocatedStorage")
    if free_metric.id not in latest_values:
        return _build_findings(
            "unknown", "storage", "no free-storage metric in the last 15 minutes", "ops usage"
        )
    free_percent = 100 * latest_values[free_metric.id] / (allocated_gib * GIB_BYTES)
    growth_note = f", grows automatically to {max_gib} GiB" if max_gib else ""
    evidence = f"{free_percent:.0f} % of {allocated_gib} GiB is free{growth_note}"
    return _build_findings(
        "ok" if free_percent >= MIN_FREE_STORAGE_PERCENT else "failing",
        "storage",
        evidence,
        "ops db storage GIB",
    )


def check_latest_restorable_time(facts: CheckFacts) -> CheckRoutine:
    """Checks that the database can be restored to 15 minutes ago."""
    (answer,) = yield [build_instances_read(facts)]
    item = find_primary_item(facts, get_answer_items(answer))
    if item is None:
        return []
    restorable_time = item.get("LatestRestorableTime")
    if restorable_time is None:
        return _build_findings(
            "failing",
            "latest restorable time",
            "none: no backup yet, or backups are off",
            "ops db snapshot create",
        )
    age_seconds = compute_age_seconds(facts, restorable_time)
    evidence = f"{restorable_time}, {format_duration(max(age_seconds, 0))} ago"
    is_recent = age_seconds <= MAX_RESTORABLE_AGE_SECONDS
    return _build_findings(
        "ok" if is_recent else "failing", "latest restorable time", evidence, "ops db status"
    )


def check_automated_backups(facts: CheckFacts) -> CheckRoutine:
    """Checks that there is an automated backup from the last day."""
    name = facts.outputs.database.identifier
    answers = yield [
        build_instances_read(facts),
        build_read(
            DB_SNAPSHOTS_API, "DBSnapshots", DBInstanceIdentifier=name, SnapshotType="automated"
        ),
    ]
    item = find_primary_item(facts, get_answer_items(answers[0]))
    times = sorted(
        snapshot["SnapshotCreateTime"]
        for snapshot in get_answer_items(answers[1])
        if snapshot["Status"] == "available"
    )
    if times and compute_age_seconds(facts, times[-1]) <= MAX_BACKUP_AGE_SECONDS:
        return _build_findings("ok", "backup of the last day", f"at {times[-1]}; {len(times)} kept")
    if item and compute_age_seconds(facts, item["InstanceCreateTime"]) <= MAX_BACKUP_AGE_SECONDS:
        return _build_findings(
            "ok", "backup of the last day", "the instance is less than a day old"
        )
    evidence = f"the last one is from {times[-1]}" if times else "there is no backup"
    return _build_findings("failing", "backup of the last day", evidence, "ops db snapshot create")


def check_server_certificate(facts: CheckFacts) -> CheckRoutine:
    """Checks that the server's certificate is valid for another month, its authorities a year."""
    (answer,) = yield [build_instances_read(facts)]
    item = find_primary_item(facts, get_answer_items(answer))
    if item is None:
        return []
    details = item.get("CertificateDetails") or {}
    return [*_check_certificate_expiry(facts, details), *check_trusted_authorities(facts)]


def _check_certificate_expiry(facts: CheckFacts, details: ResponseItem) -> list[CheckFinding]:
    expiry, authority = details.get("ValidTill"), details.get("CAIdentifier", "an unknown CA")
    if expiry is None:
        return _build_findings(
            "unknown",
            "server certificate",
            f"from {authority}; AWS does not report when it expires",
            "ops db status",
        )
    is_valid = -compute_age_seconds(facts, expiry) > MIN_SERVER_CERTIFICATE_SECONDS
    evidence = f"from {authority}, valid until {parse_aws_time(str(expiry)):%Y-%m-%d %H:%M} UTC"
    return _build_findings(
        "ok" if is_valid else "failing", "server certificate", evidence, "ops db reboot"
    )


def check_trusted_authorities(facts: CheckFacts) -> list[CheckFinding]:
    """Checks that no authority by which `ops` verifies the server expires within a year."""
    subject, command = "trusted authorities", BUNDLE_COMMANDS[0]
    try:
        authorities = list_trusted_authorities()
    except (UsageError, ssl.SSLError) as error:
        return _build_findings("unknown", subject, f"they cannot be read: {error}", command)
    if authorities is None:
        return []
    if not authorities:
        return _build_findings("unknown", subject, "PGSSLROOTCERT's file has none", command)
    expiring = [
        f"{authority.name} {'expires' if authority.expiry > facts.now else 'expired'} on "
        f"{authority.expiry:%Y-%m-%d}"
        for authority in sorted(authorities, key=lambda authority: authority.expiry)
        if authority.expiry - facts.now < MIN_AUTHORITY_TIME
    ]
    if expiring:
        more = f", and {len(expiring) - 1} more" if len(expiring) > 1 else ""
        evidence = f"{expiring[0]}{more}; `ops` then refuses servers that it signed"
        return _build_findings("failing", subject, evidence, command)
    first = min(authorities, key=lambda authority: authority.expiry)
    evidence = f"all {len(authorities)} are valid until {first.expiry:%Y-%m-%d} or longer"
    return _build_findings("ok", subject, evidence)

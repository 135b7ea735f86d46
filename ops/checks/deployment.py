"""What must hold before a deployment, and after it."""

from typing import Final

from components.facts.alarm_numbers import PAGING_SEVERITIES
from components.facts.units import DAY_SECONDS
from ops.alarms.health import build_alarm_reads, parse_alarm_states
from ops.checks.model import get_lookback_seconds
from ops.cli.render import format_duration
from ops.core.checks import (
    TRUNCATED,
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    UnknownAnswerError,
    build_read,
    compute_age_seconds,
    format_epoch_time,
    get_answer_items,
    split_into_chunks,
)
from ops.core.lock import LOCK_KEY, LockRecord, describe_process, is_process_alive
from ops.core.s3 import OBJECT_NOT_FOUND_CODES, S3_OBJECT_API
from ops.core.scaling_apis import INSTANCE_REFRESHES_API
from ops.database.health import build_instances_read, find_primary_item
from ops.fleet.refresh_statuses import UNFINISHED_REFRESH_STATUSES
from ops.health.logs import list_log_groups, redact_line
from ops.outputs import Outputs
from ops.services.health import SERVICES_API

DEPLOYMENT_AREA: Final = "deploying"
MAX_RESTORABLE_LAG_SECONDS: Final = 10 * 60  # RDS ships logs every five minutes: two of them


def check_lock(facts: CheckFacts) -> CheckRoutine:
    """Nobody holds the lock of the stack."""
    bucket = facts.outputs.backups.operations_bucket
    (answer,) = yield [
        build_read(
            S3_OBJECT_API, "", Bucket=bucket, Key=LOCK_KEY, absent_codes=OBJECT_NOT_FOUND_CODES
        )
    ]
    objects = get_answer_items(answer)
    if not objects:
        return [
            CheckFinding(
                "ok", DEPLOYMENT_AREA, "lock", f"nobody holds it (s3://{bucket}/{LOCK_KEY})"
            )
        ]
    try:
        record = LockRecord.model_validate_json(str(objects[0]["text"]))
    except ValueError:
        evidence = f"s3://{bucket}/{LOCK_KEY} is there, and is no lock"
        return [CheckFinding("unknown", DEPLOYMENT_AREA, "lock", evidence, "ops lock show")]
    holder_text = f"{record.holder} for {record.run}: {record.reason}"
    if record.until <= facts.now.timestamp():
        return [
            CheckFinding(
                "ok",
                DEPLOYMENT_AREA,
                "lock",
                f"it was over at {format_epoch_time(record.until)}, of {holder_text}",
            )
        ]
    evidence = (
        f"held by {holder_text}, until {format_epoch_time(record.until)}{describe_process(record)}"
    )
    command = f"ops runs resume {record.run}" if is_process_alive(record) is False else ""
    return [CheckFinding("failing", DEPLOYMENT_AREA, "lock", evidence, command or "ops lock show")]


def check_no_deployment(facts: CheckFacts) -> CheckRoutine:
    """No service is being deployed."""
    part = facts.outputs.services
    assert part is not None
    names = sorted(part.services)
    answers = yield [
        build_read(
            SERVICES_API,
            "services",
            cluster=part.cluster,
            services=name_chunk,
            absent_codes=("ClusterNotFoundException",),
        )
        for name_chunk in split_into_chunks(names, 10)
    ]
    items_by_name = {
        str(item["serviceName"]): item for answer in answers for item in get_answer_items(answer)
    }
    findings = [
        CheckFinding("failing", DEPLOYMENT_AREA, name, "is gone", "pulumi up --refresh")
        for name in names
        if name not in items_by_name
    ]
    for name, item in sorted(items_by_name.items()):
        deployments = item.get("deployments", ())
        active_deployments = [
            deployment
            for deployment in deployments
            if deployment.get("rolloutState") == "IN_PROGRESS"
        ]
        if active_deployments or len(deployments) > 1:
            evidence = (
                f"{len(deployments)} deployments, {len(active_deployments)} of them under way"
            )
            command = f"ops service events --service {name}"
            findings.append(CheckFinding("failing", DEPLOYMENT_AREA, name, evidence, command))
    if findings:
        return findings
    return [
        CheckFinding("ok", DEPLOYMENT_AREA, "services", f"none of {len(names)} is being deployed")
    ]


def check_no_refresh(facts: CheckFacts) -> CheckRoutine:
    """The fleet's instances are not being replaced."""
    part = facts.outputs.fleet
    assert part is not None
    (answer,) = yield [
        build_read(
            INSTANCE_REFRESHES_API,
            "InstanceRefreshes",
            AutoScalingGroupName=part.group,
            newest_since=("StartTime", facts.format_time_ago(DAY_SECONDS)),
        )
    ]
    active_statuses = [
        instance_refresh["Status"]
        for instance_refresh in get_answer_items(answer)
        if instance_refresh["Status"] in UNFINISHED_REFRESH_STATUSES
    ]
    if active_statuses:
        evidence = f"an instance refresh is {active_statuses[0]}"
        return [
            CheckFinding(
                "failing", DEPLOYMENT_AREA, part.group, evidence, "ops fleet refresh status"
            )
        ]
    return [CheckFinding("ok", DEPLOYMENT_AREA, part.group, "no instance refresh goes on")]


def check_grave_alarms(facts: CheckFacts) -> CheckRoutine:
    """No alarm of P0 or P1 is raised."""
    answers = yield build_alarm_reads(facts.outputs)
    alarm_items = [item for answer in answers for item in get_answer_items(answer)]
    alarms = [
        alarm
        for alarm in parse_alarm_states(facts.outputs, alarm_items)
        if alarm.severity in PAGING_SEVERITIES
    ]
    raised_alarms = [alarm for alarm in alarms if alarm.state == "ALARM"]
    if raised_alarms:
        return [
            CheckFinding(
                "failing",
                DEPLOYMENT_AREA,
                f"{alarm.severity} {alarm.name}",
                f"since {alarm.since}: {alarm.reason}",
                alarm.command,
            )
            for alarm in raised_alarms
        ]
    missing = _list_missing_alarms(
        facts.outputs, {alarm.name for alarm in alarms}, PAGING_SEVERITIES
    )
    if missing:
        evidence = f"{len(missing)} are not there: {', '.join(missing[:3])}"
        return [CheckFinding("unknown", DEPLOYMENT_AREA, "alarms", evidence, "pulumi up --refresh")]
    evidence = f"none of {len(alarms)} alarms of {' and '.join(PAGING_SEVERITIES)} is raised"
    return [CheckFinding("ok", DEPLOYMENT_AREA, "alarms", evidence)]


def _list_missing_alarms(
    outputs: Outputs, present_names: set[str], severities: tuple[str, ...]
) -> list[str]:
    alarm_names = outputs.alarms.names.items()
    return sorted(
        {name for severity, names in alarm_names if severity in severities for name in names}
        - present_names
    )


def check_restorable(facts: CheckFacts) -> CheckRoutine:
    """The database can be restored to ten minutes ago, so a deployment's damage can be undone."""
    (answer,) = yield [build_instances_read(facts)]
    item = find_primary_item(facts, get_answer_items(answer))
    restorable_time = item.get("LatestRestorableTime") if item else None
    if item is None or restorable_time is None:
        evidence = "the instance is gone" if item is None else "there is no backup yet"
        return [
            CheckFinding(
                "failing", DEPLOYMENT_AREA, "restorable", evidence, "ops db snapshot create"
            )
        ]
    age_seconds = max(compute_age_seconds(facts, restorable_time), 0)
    evidence = f"until {restorable_time}, {format_duration(age_seconds)} ago"
    if age_seconds <= MAX_RESTORABLE_LAG_SECONDS:
        return [CheckFinding("ok", DEPLOYMENT_AREA, "restorable", evidence)]
    return [
        CheckFinding("failing", DEPLOYMENT_AREA, "restorable", evidence, "ops db snapshot create")
    ]


def check_new_alarms(facts: CheckFacts) -> CheckRoutine:
    """No alarm was raised after the deployment."""
    answers = yield build_alarm_reads(facts.outputs)
    alarm_items = [item for answer in answers for item in get_answer_items(answer)]
    alarms = list(parse_alarm_states(facts.outputs, alarm_items))
    raised_alarms = [alarm for alarm in alarms if alarm.state == "ALARM"]
    newly_raised = [
        alarm
        for alarm in raised_alarms
        if alarm.since >= facts.format_time_ago(get_lookback_seconds(facts))
    ]
    if newly_raised:
        return [
            CheckFinding(
                "failing",
                DEPLOYMENT_AREA,
                f"{alarm.severity} {alarm.name}",
                f"since {alarm.since}: {alarm.reason}",
                alarm.command,
            )
            for alarm in newly_raised
        ]
    missing = _list_missing_alarms(
        facts.outputs, {alarm.name for alarm in alarms}, tuple(facts.outputs.alarms.names)
    )
    if missing:
        evidence = f"{len(missing)} are not there: {', '.join(missing[:3])}"
        return [CheckFinding("unknown", DEPLOYMENT_AREA, "alarms", evidence, "pulumi up --refresh")]
    evidence = (
        f"none of {len(alarms)} was raised in the last "
        f"{format_duration(get_lookback_seconds(facts))}"
    )
    evidence += f", {len(raised_alarms)} were before" if raised_alarms else ""
    return [CheckFinding("ok", DEPLOYMENT_AREA, "alarms", evidence)]


def check_new_log_errors(facts: CheckFacts) -> CheckRoutine:
    """No line of the logs after the deployment is an error. Reads all groups."""
    log_groups = list(list_log_groups(facts.outputs))
    answers = yield [
        group.build_errors_read(facts, get_lookback_seconds(facts)) for group in log_groups
    ]
    lookback_text = format_duration(get_lookback_seconds(facts))
    findings: list[CheckFinding] = []
    for group, answer in zip(log_groups, answers, strict=True):
        subject = f"errors of {group.owner}"
        if isinstance(answer, UnknownAnswerError):
            findings.append(
                CheckFinding("unknown", DEPLOYMENT_AREA, subject, str(answer), answer.advice)
            )
            continue
        lines = [item for item in answer if item != TRUNCATED]
        if lines:
            newest_line = max(lines, key=lambda line: int(line["timestamp"]))
            newest_time = format_epoch_time(int(newest_line["timestamp"]) // 1000)
            evidence = f"{len(lines)} in the last {lookback_text}, the newest at {newest_time}: "
            evidence += redact_line(str(newest_line["message"]))
            findings.append(
                CheckFinding("failing", DEPLOYMENT_AREA, subject, evidence, group.tail_command)
            )
        elif len(lines) < len(answer):
            evidence = f"the group has more lines of the last {lookback_text} than were read"
            findings.append(
                CheckFinding("unknown", DEPLOYMENT_AREA, subject, evidence, group.tail_command)
            )
    if findings:
        return findings
    evidence = f"of {len(log_groups)} log groups none has one in the last {lookback_text}"
    return [CheckFinding("ok", DEPLOYMENT_AREA, "errors", evidence)]

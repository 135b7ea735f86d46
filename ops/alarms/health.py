"""Health checks of the stack's alarms: which are raised, and the command for each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from components.facts.alarm_commands import find_alarm_command
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadRequest,
    build_read,
    get_answer_items,
)
from ops.outputs import Outputs

ALARMS_API: Final = "cloudwatch.describe_alarms"
MUTE_RULE_GONE_CODES: Final = ("ResourceNotFoundException", "ResourceNotFound")
# Error codes of an operation that a region does not have.
UNKNOWN_OPERATION_CODES: Final = ("UnknownOperationException", "UnknownOperation", "InvalidAction")
ALARMS_AREA = "alarms"


@dataclass(frozen=True)
class AlarmState:
    """One alarm. `muted` if its actions are disabled.

    `command` is the registry's for its key; empty if the registry has no such alarm.
    """

    name: str
    severity: str
    state: str
    since: str
    muted: bool
    reason: str
    command: str


def format_alarm_prefix(outputs: Outputs) -> str:
    """What the names of the stack's alarms begin with, up to the hyphen before the key."""
    return f"{outputs.stack.project}-{outputs.stack.stack}"


def build_alarm_reads(outputs: Outputs) -> list[ReadRequest]:
    """Builds the reads of the stack's metric and composite alarms, 100 per page."""
    prefix = f"{format_alarm_prefix(outputs)}-"
    return [
        build_read(
            ALARMS_API, f"{kind}s", AlarmTypes=[kind], AlarmNamePrefix=prefix, MaxRecords=100
        )
        for kind in ("MetricAlarm", "CompositeAlarm")
    ]


def parse_alarm_states(outputs: Outputs, alarm_items: list[dict[str, Any]]) -> Iterator[AlarmState]:
    """Yields the alarms of the outputs that exist, the most severe first."""
    items_by_name = {item["AlarmName"]: item for item in alarm_items}
    for severity, names in sorted(outputs.alarms.names.items()):
        for name in sorted(names):
            if (item := items_by_name.get(name)) is not None:
                yield AlarmState(
                    name,
                    severity,
                    item["StateValue"],
                    item.get("StateUpdatedTimestamp", ""),
                    not item.get("ActionsEnabled", True),
                    item.get("StateReason") or "",
                    find_alarm_command(name, format_alarm_prefix(outputs)) or "",
                )


def check_raised_alarms(facts: CheckFacts) -> CheckRoutine:
    """Checks that all alarms of the outputs exist and that none is raised."""
    outputs = facts.outputs
    answers = yield build_alarm_reads(outputs)
    alarm_items = [item for answer in answers for item in get_answer_items(answer)]
    alarms = list(parse_alarm_states(outputs, alarm_items))
    contract_names = [name for names in outputs.alarms.names.values() for name in names]
    missing = sorted(set(contract_names) - {alarm.name for alarm in alarms})
    findings = [
        CheckFinding(
            "failing",
            ALARMS_AREA,
            f"{alarm.severity} {alarm.name}",
            f"since {alarm.since}: {alarm.reason}",
            alarm.command,
        )
        for alarm in alarms
        if alarm.state == "ALARM"
    ]
    if missing:
        shown_names = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        evidence = f"{len(missing)} of {len(contract_names)} are missing: {shown_names}"
        findings.append(
            CheckFinding("failing", ALARMS_AREA, "alarms", evidence, "pulumi up --refresh")
        )
    if findings:
        return findings
    evidence = f"no alarm of {len(contract_names)} is raised"
    return [CheckFinding("ok", ALARMS_AREA, "alarms", evidence)]

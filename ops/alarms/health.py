"""Health checks of the stack's alarms: which are raised, and the command for each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

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
ALARMS_AREA = "alarms"
# The end of every description that the registry writes.
ALARM_COMMAND_PATTERN: Final = re.compile(r"Run: (ops .+?)\.?$")


@dataclass(frozen=True)
class AlarmState:
    """One alarm. `muted` if its actions are disabled; `command` is from its description."""

    name: str
    severity: str
    state: str
    since: str
    muted: bool
    reason: str
    command: str


def build_alarm_reads(outputs: Outputs) -> list[ReadRequest]:
    """Builds the reads of the stack's metric and composite alarms, 100 per page."""
    prefix = f"{outputs.stack.project}-{outputs.stack.stack}-"
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
                command_match = ALARM_COMMAND_PATTERN.search(item.get("AlarmDescription") or "")
                yield AlarmState(
                    name,
                    severity,
                    item["StateValue"],
                    item.get("StateUpdatedTimestamp", ""),
                    not item.get("ActionsEnabled", True),
                    item.get("StateReason") or "",
                    command_match[1] if command_match else "ops alarms list",
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

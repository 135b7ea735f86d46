"""The stack's alarms: which are raised, by severity, and the command that each one names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ops.core.checks import Check, Facts, Finding, Looking, Read, known, read
from ops.outputs import Outputs

ALARMS: Final = "cloudwatch.describe_alarms"
AREA = "alarms"
# How the registry ends the description of every alarm.
COMMAND: Final = re.compile(r"Run: (ops .+?)\.?$")


@dataclass(frozen=True)
class AlarmState:
    """One alarm as it is. `muted`: it would tell nobody. `command` is what its description says."""

    name: str
    severity: str
    state: str
    since: str
    muted: bool
    reason: str
    command: str


def reads(outputs: Outputs) -> list[Read]:
    """Metric alarms and composites of the stack, 100 to a page. Each in a chain of its own."""
    prefix = f"{outputs.stack.project}-{outputs.stack.stack}-"
    return [
        read(ALARMS, f"{kind}s", AlarmTypes=[kind], AlarmNamePrefix=prefix, MaxRecords=100)
        for kind in ("MetricAlarm", "CompositeAlarm")
    ]


def states(outputs: Outputs, described: list[dict[str, Any]]) -> Iterator[AlarmState]:
    """The alarms of the contract that are there, the most severe first."""
    found = {item["AlarmName"]: item for item in described}
    for severity, names in sorted(outputs.alarms.names.items()):
        for name in sorted(names):
            if (item := found.get(name)) is not None:
                run = COMMAND.search(item.get("AlarmDescription") or "")
                yield AlarmState(
                    name,
                    severity,
                    item["StateValue"],
                    item.get("StateUpdatedTimestamp", ""),
                    not item.get("ActionsEnabled", True),
                    item.get("StateReason") or "",
                    run[1] if run else "ops alarms list",
                )


def raised(facts: Facts) -> Looking:
    """No alarm that tells somebody is raised, and all of the contract are there."""
    outputs = facts.outputs
    answers = yield reads(outputs)
    described = [item for answer in answers for item in known(answer)]
    alarms = list(states(outputs, described))
    wanted = [name for names in outputs.alarms.names.values() for name in names]
    missing = sorted(set(wanted) - {a.name for a in alarms})
    findings = [
        Finding(
            "failing", AREA, f"{a.severity} {a.name}", f"since {a.since}: {a.reason}", a.command
        )
        for a in alarms
        if a.state == "ALARM"
    ]
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        evidence = f"{len(missing)} of {len(wanted)} are not there: {shown}"
        findings.append(Finding("failing", AREA, "alarms", evidence, "pulumi up --refresh"))
    if findings:
        return findings
    blind = sum(a.state == "INSUFFICIENT_DATA" for a in alarms)
    muted = sum(a.muted for a in alarms)
    evidence = f"none of {len(wanted)} is raised"
    evidence += f", {blind} have no data" if blind else ""
    evidence += f", {muted} are muted" if muted else ""
    return [Finding("ok", AREA, "alarms", evidence)]


CHECKS = (Check(AREA, "alarms", raised, (ALARMS,)),)

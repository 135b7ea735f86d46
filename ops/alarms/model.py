"""The stack's alarms as they are."""

from datetime import datetime
from typing import Final

from ops.alarms.health import ALARMS, AlarmState, reads, states
from ops.core.aws import Aws
from ops.core.check_runner import run, send
from ops.core.checks import Check, Facts, Finding, Looking, known
from ops.core.errors import OpsError
from ops.outputs import Outputs

# Raised first; without data one cannot tell; then those that are well.
ORDER: Final = {"ALARM": 0, "INSUFFICIENT_DATA": 1, "OK": 2}


def listed(outputs: Outputs, aws: Aws, now: datetime) -> list[AlarmState]:
    """The alarms of the contract. Raises OpsError where AWS does not tell: never an empty list."""
    found: list[AlarmState] = []

    def look(_: Facts) -> Looking:
        answers = yield reads(outputs)
        found.extend(states(outputs, [item for answer in answers for item in known(answer)]))
        return []

    check = Check("alarms", "list", look, (ALARMS,))
    unknown: list[Finding] = run(
        [check], Facts(outputs, now), lambda read: send(aws, read, outputs.stack.region)
    )
    if unknown:
        raise OpsError(unknown[0].evidence, *filter(None, [unknown[0].command]))
    return sorted(found, key=lambda a: (ORDER.get(a.state, 1), a.severity, a.name))

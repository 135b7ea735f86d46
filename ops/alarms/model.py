"""The current states of the stack's alarms."""

from datetime import datetime
from typing import Final

from ops.alarms.health import ALARMS_API, AlarmState, build_alarm_reads, parse_alarm_states
from ops.core.aws import Aws
from ops.core.check_runner import run_checks, send_read
from ops.core.checks import CheckFacts, CheckFinding, CheckRoutine, HealthCheck, get_answer_items
from ops.core.errors import OpsError
from ops.outputs import Outputs

# Sort order: raised, without data, ok.
STATE_ORDER: Final = {"ALARM": 0, "INSUFFICIENT_DATA": 1, "OK": 2}


def list_alarm_states(outputs: Outputs, aws: Aws, now: datetime) -> list[AlarmState]:
    """Lists the states of the alarms in the outputs. Raises OpsError if AWS cannot be read."""
    alarm_states: list[AlarmState] = []

    def read_alarm_states(_: CheckFacts) -> CheckRoutine:
        answers = yield build_alarm_reads(outputs)
        alarm_states.extend(
            parse_alarm_states(
                outputs, [item for answer in answers for item in get_answer_items(answer)]
            )
        )
        return []

    check = HealthCheck("alarms", "list", read_alarm_states, (ALARMS_API,))
    findings: list[CheckFinding] = run_checks(
        [check], CheckFacts(outputs, now), lambda read: send_read(aws, read, outputs.stack.region)
    )
    if findings:
        raise OpsError(findings[0].evidence, *filter(None, [findings[0].command]))
    return sorted(
        alarm_states,
        key=lambda alarm_state: (
            STATE_ORDER.get(alarm_state.state, 1),
            alarm_state.severity,
            alarm_state.name,
        ),
    )

"""Whether the stack could be recovered now, here and in its recovery region.

Reads only. What is missing names the command that brings it about. The checks are in
readiness_copies.py and readiness_region.py; how long a recovery takes is in estimate.py.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from components.facts.units import DAY_SECONDS
from ops.alarms.mute_state import parse_time
from ops.cli.render import format_duration
from ops.core.aws import Aws
from ops.core.check_runner import mark_unknown_in_wrong_account, run_checks, send_read
from ops.core.checks import CheckFacts, CheckFinding, HealthState
from ops.core.errors import OpsError
from ops.health.registry import select_health_checks
from ops.outputs import Outputs
from ops.recovery import drill_history as drills

RECOVERY_AREA: Final = "recovery"
MAX_RECENT_DRILL_AGE_SECONDS: Final = 31 * DAY_SECONDS
RECENT_DRILL_SUBJECT: Final = "drill of the last month"


def build_readiness_findings(
    state: HealthState, subject: str, evidence: str, command: str = ""
) -> list[CheckFinding]:
    """One finding of a recovery, in a list. If it is ok, no command is needed."""
    return [CheckFinding(state, RECOVERY_AREA, subject, evidence, "" if state == "ok" else command)]


def check_readiness(outputs: Outputs, aws: Aws, now: datetime) -> list[CheckFinding]:
    """Returns the findings of the checks of `ops recover ready` on a stack."""
    checks = [
        check for check in select_health_checks("recover-ready") if check.is_applicable(outputs)
    ]
    home_region = outputs.stack.region
    return mark_unknown_in_wrong_account(
        run_checks(
            checks, CheckFacts(outputs, now), lambda request: send_read(aws, request, home_region)
        )
    )


def build_drill_finding(
    history: Sequence[drills.DrillRecord] | OpsError, now: datetime
) -> CheckFinding:
    """The newest drill is of the last month, and has met its objectives."""
    command = "ops recover drill"
    if isinstance(history, OpsError):
        advice = history.advice[0] if history.advice else ""
        return CheckFinding("unknown", RECOVERY_AREA, RECENT_DRILL_SUBJECT, str(history), advice)
    if not history:
        return CheckFinding(
            "failing", RECOVERY_AREA, RECENT_DRILL_SUBJECT, "there has been none", command
        )
    newest = history[-1]
    age_seconds = max(now.timestamp() - parse_time(newest.taken).timestamp(), 0)
    evidence = (
        f"{newest.run}, {format_duration(age_seconds)} ago: "
        f"{'; '.join(newest.why) or 'it met its objectives'}"
    )
    is_passed = newest.met and age_seconds <= MAX_RECENT_DRILL_AGE_SECONDS
    return CheckFinding(
        "ok" if is_passed else "failing",
        RECOVERY_AREA,
        RECENT_DRILL_SUBJECT,
        evidence,
        "" if is_passed else command,
    )

"""The checks of the alarms. Pure data; the routines are in ops/alarms/health.py."""

from typing import Final

from ops.core.check_record import HEALTH_REPORTS, Check

CHECKS: Final = (
    Check(
        key="alarms-raised",
        area="alarms",
        title="alarms",
        failure="An alarm that notifies somebody is raised, or an alarm of the stack is gone.",
        calls=("cloudwatch.describe_alarms",),
        routine="ops.alarms.health:check_raised_alarms",
        reports=HEALTH_REPORTS,
        lines=("alarms",),
    ),
)

"""The checks of the alarms. Pure data; the routines are in this folder."""

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
    # Not in a baseline: both are as they are for a time only.
    Check(
        key="alarms-data",
        area="alarms",
        title="alarm data",
        failure="An alarm has no data, so that it cannot be raised.",
        calls=("cloudwatch.describe_alarms",),
        routine="ops.alarms.notifications:check_alarm_data",
        reports=("health",),
        lines=("alarms",),
    ),
    Check(
        key="alarms-notifications",
        area="alarms",
        title="notifications",
        failure="An alarm is muted, or nobody is subscribed to a topic, so that nobody hears it.",
        calls=(
            "cloudwatch.describe_alarms",
            "cloudwatch.list_alarm_mute_rules",
            "cloudwatch.get_alarm_mute_rule",
            "sns.list_subscriptions_by_topic",
        ),
        routine="ops.alarms.notifications:check_alarm_notifications",
        reports=("health",),
        lines=("alarms",),
    ),
)

"""What the commands of `ops alarms` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.permissions.call_sets import CHANGE, MUTED, RECORD

DECLARATIONS: Final = (
    Declaration(
        "alarms list",
        role="reader",
        calls=(
            *MUTED,
            *RECORD,
        ),
    ),
    Declaration(
        "alarms mute",
        role="operator",
        calls=(
            *CHANGE,
            *MUTED,
            "cloudwatch.put_alarm_mute_rule",
            "cloudwatch.delete_alarm_mute_rule",
            "cloudwatch.disable_alarm_actions",
            "cloudwatch.enable_alarm_actions",
        ),
        needs={"--reason": "test", "--for": "60", "--severity": "P2"},
        bad={
            "ALARM": ("nonsense",),
            "--for": ("soon", "0"),
            "--until": ("soon", "2001-01-01T00:00Z"),
            "--key": ("nonsense",),
            "--component": ("nonsense",),
        },
        judged_by_aws={
            "ALARM": "which alarms there are",
            "--key": "which alarms there are",
            "--component": "which alarms there are",
        },
    ),
    Declaration(
        "alarms unmute",
        role="operator",
        calls=(
            *CHANGE,
            *MUTED,
            "cloudwatch.delete_alarm_mute_rule",
            "cloudwatch.enable_alarm_actions",
        ),
        bad={"RUN": ("nonsense",)},
        judged_by_aws={"RUN": "which mutes there are"},
    ),
)

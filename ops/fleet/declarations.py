"""What the commands of `ops fleet` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.core.quota_apis import DEFAULT_QUOTA_API, ONLY_WITHOUT_APPLIED_QUOTA, ROOM_CALLS
from ops.permissions.call_sets import CHANGE, REFRESHED, REFRESHES

ONLY_IF_REPLACED: Final = "only of an instance that the group has replaced: its test sees it"

DECLARATIONS: Final = (
    Declaration(
        "fleet activities",
        role="reader",
        calls=("autoscaling.describe_scaling_activities",),
    ),
    Declaration(
        "fleet ami",
        role="reader",
        calls=(
            "autoscaling.describe_auto_scaling_groups",
            "ec2.describe_images",
            "ec2.describe_launch_template_versions",
            "ssm.get_parameter",
        ),
    ),
    Declaration(
        "fleet console",
        role="operator",
        calls=(
            "autoscaling.describe_auto_scaling_groups",
            "autoscaling.describe_scaling_activities",
            "ec2.get_console_output",
        ),
        unseen={"autoscaling.describe_scaling_activities": ONLY_IF_REPLACED},
        needs={"INSTANCE": "i-0123456789abcdef0"},
        bad={"INSTANCE": ("nonsense", "i-0123456789abcdef0")},
        judged_by_aws={"INSTANCE": "which instances there are"},
    ),
    Declaration(
        "fleet deploy",
        role="operator",
        calls=(
            *CHANGE,
            *REFRESHES,
            "ecr.describe_images",
            "elbv2.describe_target_health",
            "ssm.get_parameter",
            "ssm.put_parameter",
        ),
        needs={"IMAGE": "{fleet_image}:v2"},
        bad={"IMAGE": ("nonsense!:x", "app", "{fleet_image}:no-such")},
        judged_by_aws={"IMAGE": "which images there are"},
    ),
    Declaration(
        "fleet instances",
        role="reader",
        calls=(
            "autoscaling.describe_auto_scaling_groups",
            "ec2.describe_instances",
            "elbv2.describe_target_health",
            "ssm.get_parameter",
        ),
    ),
    Declaration(
        "fleet limits",
        role="reader",
        calls=("autoscaling.describe_auto_scaling_groups",),
        needs={"--max": "9"},
    ),
    Declaration(
        "fleet limits --max",
        role="operator",
        calls=(
            *CHANGE,
            "autoscaling.describe_auto_scaling_groups",
            "autoscaling.update_auto_scaling_group",
        ),
    ),
    Declaration(
        "fleet refresh cancel",
        role="operator",
        calls=(
            *CHANGE,
            *REFRESHED,
            "autoscaling.cancel_instance_refresh",
        ),
    ),
    Declaration(
        "fleet refresh rollback",
        role="operator",
        calls=(
            *CHANGE,
            *REFRESHED,
            "autoscaling.rollback_instance_refresh",
        ),
    ),
    Declaration(
        "fleet refresh start",
        role="operator",
        calls=(
            *CHANGE,
            *REFRESHES,
        ),
        bad={"--template-version": ("nine", "0", "$Latest", "99")},
        judged_by_aws={"--template-version": "which versions there are"},
    ),
    Declaration(
        "fleet refresh status",
        role="reader",
        calls=("autoscaling.describe_instance_refreshes",),
    ),
    Declaration(
        "fleet run",
        role="operator",
        calls=(
            *CHANGE,
            "autoscaling.describe_auto_scaling_groups",
            "ssm.send_command",
            "ssm.list_commands",
            "ssm.list_command_invocations",
            "ssm.get_command_invocation",
        ),
        needs={"COMMAND": "uptime"},
        bad={
            "--instance": ("nonsense", "i-0123456789abcdef0"),
            "--max-concurrency": ("many", "0", "101%"),
            "--max-errors": ("many", "-1", "101%"),
        },
        never_bad={
            "COMMAND": "any command; an empty one is tested in tests/ops/fleet/test_run_command.py"
        },
        judged_by_aws={"--instance": "which instances there are"},
    ),
    Declaration(
        "fleet session",
        role="operator",
        calls=(
            "autoscaling.describe_auto_scaling_groups",
            "autoscaling.describe_scaling_activities",
        ),
        unseen={"autoscaling.describe_scaling_activities": ONLY_IF_REPLACED},
        needs={"INSTANCE": "i-0123456789abcdef0"},
        bad={"INSTANCE": ("nonsense", "i-0123456789abcdef0")},
        judged_by_aws={"INSTANCE": "which instances there are"},
    ),
    Declaration(
        "fleet scale",
        role="operator",
        calls=(
            *CHANGE,
            "autoscaling.describe_auto_scaling_groups",
            "autoscaling.describe_scaling_activities",
            "autoscaling.set_desired_capacity",
            "elbv2.describe_target_health",
            *ROOM_CALLS,
        ),
        needs={"COUNT": "3"},
        bad={"COUNT": ("many", "9999", "1.5")},
        unseen={DEFAULT_QUOTA_API: ONLY_WITHOUT_APPLIED_QUOTA},
    ),
)

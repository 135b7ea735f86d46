"""What the commands of `ops patch` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls
from ops.permissions.call_sets import CHANGE, REFRESHES

# What is read of the instances' patches.
PATCH_READS: Final = (
    "autoscaling.describe_auto_scaling_groups",
    "ssm.describe_instance_information",
    "ssm.describe_instance_patch_states",
    "ssm.describe_instance_patches",
)
# What tells which AMI is newer, and which CVEs it closes.
AMI_READS: Final = (
    "ec2.describe_images",
    "ec2.describe_instances",
    "ec2.describe_launch_template_versions",
    "ssm.describe_available_patches",
    "ssm.get_parameter",
)
RUN_PATCHING: Final = ("ssm.list_commands", "ssm.send_command")

DECLARATIONS: Final = (
    Declaration(
        "patch apply",
        role="operator",
        calls=(
            *CHANGE,
            *PATCH_READS,
            *AMI_READS,
            *REFRESHES,
            "ec2.create_launch_template_version",
            "elbv2.describe_target_health",
        ),
        bad={
            "--ami": ("nonsense", "ami-1", "ami-0123456789abcdef0"),
        },
        judged_by_aws={"--ami": "which AMIs there are"},
    ),
    Declaration(
        "patch apply --in-place",
        role="operator",
        calls=(
            *CHANGE,
            *PATCH_READS,
            *AMI_READS,
            *RUN_PATCHING,
            "autoscaling.describe_instance_refreshes",
            "autoscaling.describe_scaling_activities",
            "autoscaling.enter_standby",
            "autoscaling.exit_standby",
            "elbv2.describe_target_health",
        ),
    ),
    Declaration(
        "patch scan",
        role="operator",
        calls=(*CHANGE, *PATCH_READS, *RUN_PATCHING),
    ),
    Declaration(
        "patch status",
        role="reader",
        calls=list_view_calls("patches"),
    ),
)

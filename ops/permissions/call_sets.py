"""AWS calls that several commands share, in boto3's spelling."""

from typing import Final

# Every command may read the stack's outputs from Parameter Store (ops/cli/selection.py).
OUTPUTS_CALLS: Final = ("ssm.get_parameters_by_path",)

# The record of a run and the lock; whose credentials these are (ops/core/run.py).
RECORD: Final = ("s3.get_object", "s3.list_objects_v2")

CHANGE: Final = (*RECORD, "s3.put_object", "s3.delete_object", "sts.get_caller_identity")

# By SQL. The password grants full access, so read-only roles never get it. RDS gives a replica's
# address.
SQL: Final = ("secretsmanager.get_secret_value", "rds.describe_db_instances")

# Which instance services are sent to: said in the plans that change the primary.
IN_USE: Final = ("secretsmanager.describe_secret",)

DEPLOYS: Final = (
    "ecs.describe_services",
    "ecs.describe_task_definition",
    "ecs.update_service",
    "ecs.list_service_deployments",
    "ecs.describe_service_deployments",
    "ecs.describe_service_revisions",
)

WHY_STOPPED: Final = ("ecs.list_tasks", "ecs.describe_tasks")

MUTED: Final = (
    "cloudwatch.describe_alarms",
    "cloudwatch.list_alarm_mute_rules",
    "cloudwatch.get_alarm_mute_rule",
)

REFRESHED: Final = (
    "autoscaling.describe_auto_scaling_groups",
    "autoscaling.describe_instance_refreshes",
)

REFRESHES: Final = (
    *REFRESHED,
    "ec2.describe_launch_template_versions",
    "autoscaling.describe_scaling_activities",
    "autoscaling.start_instance_refresh",
    "autoscaling.cancel_instance_refresh",
)

# What follows every restore, and what undoes it.
RESTORES: Final = (
    "rds.describe_db_instances",
    "rds.describe_account_attributes",
    "rds.describe_events",
    "rds.modify_db_instance",
    "rds.delete_db_instance",
    "secretsmanager.get_secret_value",
)

# What a stack can be made from again.
BACKUPS: Final = (
    "kms.describe_key",
    "rds.describe_account_attributes",
    "rds.describe_db_instance_automated_backups",
    "rds.describe_db_instances",
    "rds.describe_db_snapshots",
)

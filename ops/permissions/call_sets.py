"""AWS calls that several commands make, in boto3's spelling. Pure data."""

from typing import Final

# The record of a run and the lock; whose credentials these are (ops/core/run.py).
RECORD: Final = ("s3.get_object", "s3.list_objects_v2")

CHANGE: Final = (*RECORD, "s3.put_object", "s3.delete_object", "sts.get_caller_identity")

# By SQL. Whoever has the password may everything in the database, so that nobody who only looks
# is given it; a replica is asked for its address.
SQL: Final = ("secretsmanager.get_secret_value", "rds.describe_db_instances")

DEPLOYS: Final = (
    "ecs.describe_services",
    "ecs.describe_task_definition",
    "ecs.update_service",
    "ecs.list_service_deployments",
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
    "autoscaling.start_instance_refresh",
    "autoscaling.cancel_instance_refresh",
)

# What must hold before a deployment.
PRE_DEPLOY: Final = (
    "application-autoscaling.describe_scalable_targets",
    "application-autoscaling.describe_scaling_activities",
    "autoscaling.describe_auto_scaling_groups",
    "autoscaling.describe_instance_refreshes",
    "cloudwatch.describe_alarms",
    "ecs.describe_services",
    "rds.describe_db_instances",
    "s3.get_object",
    "sts.get_caller_identity",
)

# What every restore does after it, and what undoes it.
RESTORES: Final = (
    "rds.describe_db_instances",
    "rds.describe_account_attributes",
    "rds.describe_events",
    "rds.modify_db_instance",
    "rds.delete_db_instance",
    "secretsmanager.get_secret_value",
)

# What a stack can be made again from, and whether it can.
BACKUPS: Final = (
    "kms.describe_key",
    "rds.describe_account_attributes",
    "rds.describe_db_instance_automated_backups",
    "rds.describe_db_instances",
    "rds.describe_db_snapshots",
)

# What `ops check daily` looks at, and what `ops health` and the longer lists do beside it.
DAILY: Final = (
    "application-autoscaling.describe_scalable_targets",
    "application-autoscaling.describe_scaling_activities",
    "autoscaling.describe_auto_scaling_groups",
    "autoscaling.describe_instance_refreshes",
    "autoscaling.describe_scaling_activities",
    "backup.describe_backup_vault",
    "backup.list_recovery_points_by_backup_vault",
    "cloudwatch.describe_alarms",
    "cloudwatch.get_metric_data",
    "ec2.describe_instance_status",
    "ec2.describe_instances",
    "ec2.describe_nat_gateways",
    "ec2.describe_vpcs",
    "ecs.describe_services",
    "ecs.describe_tasks",
    "ecs.list_tasks",
    "elasticache.describe_replication_groups",
    "elbv2.describe_load_balancers",
    "elbv2.describe_target_health",
    "logs.filter_log_events",
    "rds.describe_db_instances",
    "rds.describe_db_snapshots",
    "sts.get_caller_identity",
)

HEALTH: Final = (
    *DAILY,
    "acm.describe_certificate",
    "rds.describe_db_instance_automated_backups",
    "rds.describe_pending_maintenance_actions",
)

# And what else a baseline is made of.
STATE: Final = (
    *HEALTH,
    "ec2.describe_launch_template_versions",
    "ecs.describe_task_definition",
    "rds.describe_db_parameters",
    "ssm.get_parameter",
)

"""AWS calls that several commands share, in boto3's spelling."""

from typing import Final

# Journals and the lock (ops/core/run.py).
RECORD: Final = ("s3.get_object", "s3.list_objects_v2")

CHANGE: Final = (*RECORD, "s3.put_object", "s3.delete_object", "sts.get_caller_identity")

# SQL. The password grants full access, so read-only roles never get it. The address of a replica
# is read from RDS.
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

# Checks before a deployment.
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

# Common to every restore and its undo.
RESTORES: Final = (
    "rds.describe_db_instances",
    "rds.describe_account_attributes",
    "rds.describe_events",
    "rds.modify_db_instance",
    "rds.delete_db_instance",
    "secretsmanager.get_secret_value",
)

# Reads of backups for a rebuild.
BACKUPS: Final = (
    "kms.describe_key",
    "rds.describe_account_attributes",
    "rds.describe_db_instance_automated_backups",
    "rds.describe_db_instances",
    "rds.describe_db_snapshots",
)

# Reads of `ops check daily`; `ops health` and the other checklists add to them.
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

# Reads of a baseline.
STATE: Final = (
    *HEALTH,
    "ec2.describe_launch_template_versions",
    "ecs.describe_task_definition",
    "rds.describe_db_parameters",
    "ssm.get_parameter",
)

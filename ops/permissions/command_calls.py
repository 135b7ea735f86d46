"""What each command calls: one line a command, in boto3's spelling.

Where a command looks without an option and changes with it, the option has a line of its own.

tests/ops/permissions/test_recorded_calls.py runs every command and records its calls: a call that
is not here fails the test, and so does one that is here and never made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["reader", "operator", "recoverer"]
# Each may what the one before may.
ROLES: Final[tuple[Role, ...]] = ("reader", "operator", "recoverer")
MEANS: Final[Mapping[Role, str]] = {
    "reader": "looks: every command that changes nothing",
    "operator": "changes: and whatever can be changed back or made again",
    "recoverer": "restores and deletes: and whatever does away with something for good",
}

# Every command may read the stack's outputs from Parameter Store (ops/cli/selection.py).
OUTPUTS: Final = ("ssm.get_parameters_by_path",)
# The record of a run and the lock; whose credentials these are (ops/core/run.py).
RECORD: Final = ("s3.get_object", "s3.list_objects_v2")
CHANGE: Final = (*RECORD, "s3.put_object", "s3.delete_object", "sts.get_caller_identity")


@dataclass(frozen=True)
class Needs:
    """The least role that may a command, and what it calls beside the stack's outputs."""

    role: Role
    apis: tuple[str, ...]


def reads(*apis: str) -> Needs:
    """A command that changes nothing."""
    return Needs("reader", apis)


def changes(*apis: str) -> Needs:
    """A command that carries out a plan."""
    return Needs("operator", (*CHANGE, *apis))


def recovers(*apis: str) -> Needs:
    """A command that restores, or does away with something for good."""
    return Needs("recoverer", (*CHANGE, *apis))


# By SQL. Whoever has the password may everything in the database, so that nobody who only looks
# is given it; a replica is asked for its address.
SQL: Final = ("secretsmanager.get_secret_value", "rds.describe_db_instances")
ASKS: Final = Needs("operator", SQL)
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

COMMANDS: Final[Mapping[str, Needs]] = {
    "alarms list": reads(*MUTED, *RECORD),
    "alarms mute": changes(
        *MUTED,
        "cloudwatch.put_alarm_mute_rule",
        "cloudwatch.delete_alarm_mute_rule",
        "cloudwatch.disable_alarm_actions",
        "cloudwatch.enable_alarm_actions",
    ),
    "alarms unmute": changes(
        *MUTED, "cloudwatch.delete_alarm_mute_rule", "cloudwatch.enable_alarm_actions"
    ),
    "baseline capture": changes(*STATE, "s3.head_object"),
    "baseline capture --to": reads(*STATE),
    "baseline compare": reads(*STATE, *RECORD),
    "baseline list": reads("s3.list_objects_v2"),
    "check daily": reads(*DAILY),
    "check monthly": reads(*HEALTH, *RECORD, "iam.get_role", "secretsmanager.describe_secret"),
    "check post-deploy": reads(
        "autoscaling.describe_instance_refreshes",
        "cloudwatch.describe_alarms",
        "cloudwatch.get_metric_data",
        "ecs.describe_services",
        "ecs.describe_tasks",
        "ecs.list_tasks",
        "elbv2.describe_target_health",
        "logs.filter_log_events",
        "sts.get_caller_identity",
    ),
    "check pre-deploy": reads(*PRE_DEPLOY),
    "check weekly": reads(*HEALTH),
    "db activity": ASKS,
    "db bloat": ASKS,
    # The last two by the AWS CLI: with it, whoever has the lines may type them.
    "db connect": Needs(
        "operator",
        (
            "autoscaling.describe_auto_scaling_groups",
            "ecs.describe_services",
            "ecs.describe_tasks",
            "ecs.list_tasks",
            "rds.describe_db_instances",
            "ssm.start_session",
            "secretsmanager.get_secret_value",
        ),
    ),
    "db failover": changes("rds.describe_db_instances", "rds.reboot_db_instance"),
    "db indexes": ASKS,
    "db kill": recovers(*SQL),
    "db kill-idle": recovers(*SQL),
    "db locks": ASKS,
    "db parameters": reads("rds.describe_db_instances", "rds.describe_db_parameters"),
    "db parameters --set": changes(
        "rds.describe_db_instances",
        "rds.describe_db_parameters",
        "rds.modify_db_parameter_group",
        "rds.reset_db_parameter_group",
    ),
    "db reboot": changes(
        "rds.describe_db_instances", "rds.describe_events", "rds.reboot_db_instance"
    ),
    # Undone, it deletes what it made: a replica, and never the primary (resources.py).
    "db replica add": changes(
        "rds.describe_db_instances",
        "rds.describe_orderable_db_instance_options",
        "rds.create_db_instance_read_replica",
        "rds.modify_db_instance",
        "rds.delete_db_instance",
    ),
    "db replica remove": recovers(
        "rds.describe_db_instances", "rds.modify_db_instance", "rds.delete_db_instance"
    ),
    "db resize": changes(
        "rds.describe_db_instances",
        "rds.describe_orderable_db_instance_options",
        "rds.create_db_snapshot",
        "rds.describe_db_snapshots",
        "rds.modify_db_instance",
    ),
    "db rotate-password": changes(
        *SQL,
        "secretsmanager.describe_secret",
        "secretsmanager.rotate_secret",
        "ecs.describe_services",
        "ecs.list_service_deployments",
        "ecs.update_service",
    ),
    "db size": ASKS,
    "db slow": ASKS,
    "db snapshot copy": changes("rds.copy_db_snapshot", "rds.describe_db_snapshots"),
    "db snapshot create": changes(
        "rds.create_db_snapshot", "rds.describe_db_instances", "rds.describe_db_snapshots"
    ),
    "db snapshot export": changes(
        "rds.start_export_task", "rds.describe_export_tasks", "rds.describe_db_snapshots"
    ),
    "db snapshot list": reads("rds.describe_db_snapshots"),
    "db snapshot prune": recovers("rds.delete_db_snapshot", "rds.describe_db_snapshots"),
    "db status": reads("rds.describe_db_instances"),
    "db storage": changes(
        "rds.describe_db_instances",
        "rds.create_db_snapshot",
        "rds.describe_db_snapshots",
        "rds.modify_db_instance",
    ),
    "db upgrade": changes(
        "rds.describe_db_engine_versions",
        "rds.describe_db_instances",
        "rds.describe_db_parameters",
        "rds.describe_db_parameter_groups",
        "rds.describe_db_snapshots",
        "rds.create_db_snapshot",
        "rds.create_db_parameter_group",
        "rds.modify_db_parameter_group",
        "rds.modify_db_instance",
    ),
    "db vacuum": changes("secretsmanager.get_secret_value"),
    # Looks before it, and saves; by Pulumi with whatever the program of the stack is deployed with.
    "deploy": changes(
        *PRE_DEPLOY, "rds.create_db_snapshot", "rds.describe_db_snapshots", "s3.head_object"
    ),
    "fleet activities": reads("autoscaling.describe_scaling_activities"),
    "fleet deploy": changes(
        *REFRESHES,
        "ecr.describe_images",
        "elbv2.describe_target_health",
        "ssm.get_parameter",
        "ssm.put_parameter",
    ),
    "fleet instances": reads(
        "autoscaling.describe_auto_scaling_groups",
        "ec2.describe_instances",
        "elbv2.describe_target_health",
        "ssm.get_parameter",
    ),
    "fleet limits": reads("autoscaling.describe_auto_scaling_groups"),
    "fleet limits --max": changes(
        "autoscaling.describe_auto_scaling_groups", "autoscaling.update_auto_scaling_group"
    ),
    "fleet refresh cancel": changes(*REFRESHED, "autoscaling.cancel_instance_refresh"),
    "fleet refresh rollback": changes(*REFRESHED, "autoscaling.rollback_instance_refresh"),
    "fleet refresh start": changes(*REFRESHES),
    "fleet refresh status": reads("autoscaling.describe_instance_refreshes"),
    "fleet run": changes(
        "autoscaling.describe_auto_scaling_groups",
        "ssm.send_command",
        "ssm.list_commands",
        "ssm.list_command_invocations",
        "ssm.get_command_invocation",
    ),
    "fleet scale": changes(
        "autoscaling.describe_auto_scaling_groups",
        "autoscaling.set_desired_capacity",
        "elbv2.describe_target_health",
    ),
    "health": reads(*HEALTH),
    "lock break": changes(),
    "lock show": reads("s3.get_object"),
    "maintenance run": changes(
        *MUTED,
        *SQL,
        "cloudwatch.put_alarm_mute_rule",
        "cloudwatch.delete_alarm_mute_rule",
        "cloudwatch.disable_alarm_actions",
        "cloudwatch.enable_alarm_actions",
        "cloudwatch.put_metric_alarm",
        "cloudwatch.set_alarm_state",
        "cloudwatch.delete_alarms",
        "cloudwatch.describe_alarm_history",
        "ecs.describe_services",
        "rds.create_db_snapshot",
        "rds.describe_db_engine_versions",
        "rds.describe_db_parameters",
        "rds.describe_db_snapshots",
        "rds.describe_events",
        "rds.modify_db_instance",
        "rds.modify_db_parameter_group",
        "rds.reset_db_parameter_group",
        "rds.reboot_db_instance",
    ),
    "maintenance status": reads(
        *MUTED, *RECORD, "rds.describe_db_instances", "rds.describe_pending_maintenance_actions"
    ),
    "outputs show": reads(),
    "permissions": reads(),
    "recover compare": ASKS,
    "recover discard": recovers(
        "rds.describe_db_instances",
        "rds.create_db_snapshot",
        "rds.describe_db_snapshots",
        "rds.modify_db_instance",
        "rds.delete_db_instance",
    ),
    "recover drill": recovers(
        *RESTORES,
        "cloudwatch.describe_alarms",
        "rds.describe_db_instance_automated_backups",
        "rds.restore_db_instance_to_point_in_time",
    ),
    # What has ended without a record is recorded.
    "recover drills": Needs("operator", (*RECORD, "s3.put_object")),
    "recover failover": changes("rds.describe_db_instances", "rds.reboot_db_instance"),
    "recover list": reads("rds.describe_db_instances"),
    "recover point-in-time": recovers(
        *RESTORES,
        "rds.describe_db_instance_automated_backups",
        "rds.restore_db_instance_to_point_in_time",
    ),
    "recover promote": recovers(
        "rds.describe_db_instances",
        "rds.describe_events",
        "rds.modify_db_instance",
        "secretsmanager.describe_secret",
        "secretsmanager.get_secret_value",
        "secretsmanager.put_secret_value",
        "secretsmanager.update_secret_version_stage",
        "secretsmanager.cancel_rotate_secret",
        "secretsmanager.rotate_secret",
        "ecs.describe_services",
        "ecs.list_service_deployments",
        "ecs.update_service",
    ),
    "recover ready": reads(
        *RECORD,
        *BACKUPS,
        "acm.describe_certificate",
        "acm.list_certificates",
        "backup.describe_backup_vault",
        "backup.list_recovery_points_by_backup_vault",
        "ecr.describe_registry",
        "s3.get_bucket_replication",
    ),
    # And whatever the program of the stack is deployed with, by Pulumi; whoever may that, may read
    # a saved state from the copy of the bucket as well, and with --sql what `ops db size` reads.
    "recover rebuild": recovers(*BACKUPS),
    "recover region": recovers(*BACKUPS, "acm.describe_certificate"),
    "recover reconcile": reads("rds.describe_db_instances"),
    "recover replica promote": recovers("rds.describe_db_instances", "rds.promote_read_replica"),
    "recover snapshot": recovers(
        *RESTORES, "rds.describe_db_snapshots", "rds.restore_db_instance_from_db_snapshot"
    ),
    "runs list": reads(*RECORD),
    "runs note": Needs("operator", (*RECORD, "s3.put_object", "sts.get_caller_identity")),
    "runs report": reads(*RECORD),
    # And what the run's own command calls: a role carries on what it may begin.
    "runs resume": changes(),
    "runs show": reads(*RECORD),
    "runs undo": changes(),
    "service autoscaling": changes(
        "application-autoscaling.describe_scalable_targets",
        "application-autoscaling.register_scalable_target",
        "ecs.describe_services",
    ),
    "service deploy": changes(
        *DEPLOYS, *WHY_STOPPED, "ecr.describe_images", "ecs.register_task_definition"
    ),
    "service events": reads("ecs.describe_services"),
    # The last by the AWS CLI: with it, whoever has the line may run it.
    "service exec": Needs(
        "operator",
        ("ecs.describe_services", "ecs.describe_tasks", "ecs.list_tasks", "ecs.execute_command"),
    ),
    "service limits": reads(
        "application-autoscaling.describe_scalable_targets", "ecs.describe_services"
    ),
    "service list": reads("ecs.describe_services", "ecs.describe_task_definition"),
    "service maintenance off": changes("elbv2.describe_rules", "elbv2.modify_rule"),
    "service maintenance on": changes("elbv2.describe_rules", "elbv2.modify_rule"),
    "service restart": changes(
        "ecs.describe_services", "ecs.list_service_deployments", "ecs.update_service", *WHY_STOPPED
    ),
    "service revisions": reads(
        "ecr.describe_images",
        "ecs.describe_service_revisions",
        "ecs.describe_services",
        "ecs.describe_task_definition",
        "ecs.list_service_deployments",
    ),
    "service rollback": changes(*DEPLOYS, *WHY_STOPPED, "ecr.describe_images"),
    "service scale": changes(
        "application-autoscaling.describe_scalable_targets",
        "ecs.describe_services",
        "ecs.update_service",
    ),
    "service tasks": reads("ecs.describe_services", "ecs.describe_tasks", "ecs.list_tasks"),
    "state backup": changes("s3.head_object"),
    "state drift": reads(),
    "state fetch": Needs("operator", RECORD),
    "state list": reads("s3.list_objects_v2"),
    "state restore": recovers("s3.head_object"),
    "usage": reads("cloudwatch.get_metric_data", "rds.describe_db_instances"),
}

# Commands that call nothing of a stack in AWS. What stands before any stack is made by whoever
# administers the account, who wants no permission made for it.
LOCAL: Final = frozenset(
    {
        "bootstrap",
        "cost estimate",
        "github comment",
        "github issue",
        "preview-report",
        "sandbox",
        "state digest",
        "state previewed",
    }
)

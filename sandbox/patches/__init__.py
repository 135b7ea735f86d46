"""Patches of moto where it differs from AWS: a folder or a file for each service.

`apply_patches()` must run before any server or mock starts.
"""

from functools import cache
from importlib import import_module
from typing import Final

from sandbox.patches.patching import ServicePatch

# In the order of application: a later patch may wrap what an earlier one wraps.
MODULES: Final = (
    "cloudtrail",  # before those that replace how calls are answered
    "cloudtrail_trails",
    "acm",
    "aws_health",
    "cloudwatch.alarm_rules",
    "autoscaling.groups",
    "autoscaling.activities",
    "autoscaling.application_autoscaling",
    "autoscaling.instances",
    "autoscaling.catch_up",
    "autoscaling.refresh_calls",
    "autoscaling.refreshes",
    "autoscaling.schedule",
    "autoscaling.standby",
    "backup.jobs",
    "backup.plans",
    "backup.restore_testing",
    "elasticache.events",
    "elasticache.groups",
    "elasticache.nodes",
    "ce.usage",
    "ce.anomalies",
    "ce.commitments",
    "cloudwatch.alarms",
    "cloudwatch.alarm_history",
    "ec2.console",
    "ec2.instance_status",
    "ec2.network",
    "ec2.routes",
    "ecr",
    "ecs.services",
    "ecs.deployments",
    "ecs.history",
    "ecs.targets",
    "ecs.tasks",
    "elasticache.replication_groups",
    "elbv2.load_balancers",
    "elbv2.listener_certificates",
    "elbv2.instances",
    "elbv2.targets",
    "config_rules",
    "guardduty",
    "inspector",
    "iam",
    "iam_last_access",
    "iam_simulation",
    "kms",
    "lambda_functions",
    "ec2.launch_templates",
    "logs.events",
    "logs.group_keys",
    "logs.live_tail",
    "logs.query_definitions",
    "logs.queries",
    "ecs.single_tasks",
    "cloudwatch.metrics",
    "cloudwatch.mute_rules",
    "performance_insights.service",
    "rds.backups",
    "rds.changes",
    "rds.exports",
    "rds.groups",
    "rds.instances",
    "rds.maintenance",
    "rds.orderable_options",
    "rds.parameters",
    "rds.reboots",
    "rds.group_events",
    "rds.given_up",
    "rds.states",
    "rds.restores",
    "ec2.service_interfaces",
    "rds.servers",
    "rds.exported_logs",
    "rds.snapshots",
    "rds.versions",
    "s3.buckets",
    "s3.policies",
    "secretsmanager.secrets",
    "secretsmanager.rotation",
    "security_hub",
    "service_quotas",
    "ec2.security_groups",
    "sns",
    "ssm.associations",
    "ssm.commands",
    "ssm.parameters",
    "ssm.patch_states",
    "ssm.tags",
    "serialization",
)


@cache
def list_patches() -> tuple[ServicePatch, ...]:
    """All patches, in the order of application."""
    modules = (import_module(f"{__name__}.{name}") for name in MODULES)
    return tuple(
        module.patch for module in modules if isinstance(vars(module).get("patch"), ServicePatch)
    )


def apply_patches() -> None:
    """Patches moto in this process. Calling it again changes nothing."""
    for patch in list_patches():
        patch.apply()

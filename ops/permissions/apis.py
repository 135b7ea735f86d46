"""The IAM actions that each AWS call of operations takes, and what it takes them on.

Sources: the Service Authorization Reference, "Actions, resources, and condition keys for ..." of
each service, for the actions and what they can be narrowed to; beside it what the API reference of
an operation asks for, and what AWS's own errors name. A call that is not here is an error: its line
belongs here, with the resources that it acts on in resources.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

Condition: TypeAlias = tuple[str, str, tuple[str, ...]]  # operator, key, values as templates


@dataclass(frozen=True)
class Grant:
    """One action, the names of the resources that it acts on, and on what condition."""

    action: str
    on: tuple[str, ...]
    when: tuple[Condition, ...] = ()


def on(action: str, *resources: str, when: tuple[Condition, ...] = ()) -> Grant:
    """An action on these resources."""
    return Grant(action, resources, when)


def anywhere(action: str, *when: Condition) -> Grant:
    """An action that AWS does not narrow to resources."""
    return Grant(action, ("everywhere",), when)


def via(service: str) -> tuple[Condition, ...]:
    """Only through a service, in one of the stack's regions: for the use of keys."""
    return (
        (
            "StringEquals",
            "kms:ViaService",
            (
                f"{service}.{{region}}.amazonaws.com",
                f"{service}.{{recovery_region}}.amazonaws.com",
            ),
        ),
    )


def passed_to(service: str) -> tuple[Condition, ...]:
    """Only to a service: for the passing of roles."""
    return (("StringEquals", "iam:PassedToService", (service,)),)


# Everything that AWS has no resource level for is asked for in the stack's regions only.
IN_ITS_REGIONS: Final[Condition] = (
    "StringEquals",
    "aws:RequestedRegion",
    ("{region}", "{recovery_region}"),
)
IN_CLUSTER: Final[Condition] = (
    "ArnEquals",
    "ecs:cluster",
    ("arn:{partition}:ecs:{region}:{account}:cluster/{prefix}",),
)
OF_ECS: Final[Condition] = ("StringEquals", "application-autoscaling:service-namespace", ("ecs",))
# Session Manager asks for the document too, also where none is named: no shell on an instance
# (Systems Manager User Guide, "Enforce a session document permission check").
THROUGH_DOCUMENT: Final[Condition] = ("BoolIfExists", "ssm:SessionDocumentAccessCheck", ("true",))
OF_THE_STACK: Final[tuple[Condition, ...]] = (
    ("StringEquals", "ssm:resourceTag/Project", ("{project}",)),
    ("StringEquals", "ssm:resourceTag/Environment", ("{stack}",)),
)
# What is launched from a template, and from one of the stack's own.
FROM_TEMPLATE: Final[Condition] = (
    "ArnLike",
    "ec2:LaunchTemplate",
    ("arn:{partition}:ec2:{region}:{account}:launch-template/*",),
)
TEMPLATE_OF_THE_STACK: Final[tuple[Condition, ...]] = (
    ("StringEquals", "ec2:ResourceTag/Project", ("{project}",)),
    ("StringEquals", "ec2:ResourceTag/Environment", ("{stack}",)),
)
AT_LAUNCH: Final[Condition] = ("StringEquals", "ec2:CreateAction", ("RunInstances",))
REGISTERED: Final[Condition] = ("StringEquals", "ecs:CreateAction", ("RegisterTaskDefinition",))
# Creating with tags is tagging as well (RDS User Guide, "Tagging Amazon RDS resources").
TAGS_SNAPSHOT: Final = on("rds:AddTagsToResource", "snapshots")
# Whoever starts tasks hands them their roles (ECS Developer Guide, "Amazon ECS IAM roles").
PASS_TASK_ROLES: Final = on("iam:PassRole", "task roles", when=passed_to("ecs-tasks.amazonaws.com"))
# What operations keep in their bucket.
KEPT: Final = ("runs", "lock", "baselines", "drills", "states")
DECRYPT: Final = on("kms:Decrypt", "data key", when=via("s3"))
GRANTS_OF_KEYS: Final = (
    on("kms:CreateGrant", "keys", when=via("rds")),
    on("kms:DescribeKey", "keys", when=via("rds")),
)

# Calls that take no permission at all.
FREE: Final = frozenset({"sts.get_caller_identity"})  # STS API reference: even where it is denied

APIS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "acm.describe_certificate": (
        on("acm:DescribeCertificate", "certificate", "certificates there"),
    ),
    "acm.list_certificates": (anywhere("acm:ListCertificates"),),
    "application-autoscaling.describe_scalable_targets": (
        anywhere("application-autoscaling:DescribeScalableTargets"),
    ),
    "application-autoscaling.describe_scaling_activities": (
        anywhere("application-autoscaling:DescribeScalingActivities"),
    ),
    # It looks at the service, and proves that the caller may change it (Application Auto Scaling
    # User Guide, "Identity-based policy examples").
    "application-autoscaling.register_scalable_target": (
        on("application-autoscaling:RegisterScalableTarget", "scalable targets", when=(OF_ECS,)),
        on("ecs:DescribeServices", "services"),
        on("ecs:UpdateService", "services"),
    ),
    "autoscaling.cancel_instance_refresh": (on("autoscaling:CancelInstanceRefresh", "fleet"),),
    "autoscaling.describe_auto_scaling_groups": (
        anywhere("autoscaling:DescribeAutoScalingGroups"),
    ),
    "autoscaling.describe_instance_refreshes": (anywhere("autoscaling:DescribeInstanceRefreshes"),),
    "autoscaling.describe_scaling_activities": (anywhere("autoscaling:DescribeScalingActivities"),),
    "autoscaling.rollback_instance_refresh": (on("autoscaling:RollbackInstanceRefresh", "fleet"),),
    "autoscaling.set_desired_capacity": (on("autoscaling:SetDesiredCapacity", "fleet"),),
    # Whoever says what a group launches must be allowed to launch it (Amazon EC2 Auto Scaling User
    # Guide, "Control Amazon EC2 launch template usage in Auto Scaling groups").
    "autoscaling.start_instance_refresh": (
        on("autoscaling:StartInstanceRefresh", "fleet"),
        on("ec2:RunInstances", "launched", when=(FROM_TEMPLATE,)),
        on("ec2:RunInstances", "launch templates", when=TEMPLATE_OF_THE_STACK),
        on("ec2:CreateTags", "tagged at launch", when=(AT_LAUNCH,)),
        on("iam:PassRole", "fleet role", when=passed_to("ec2.amazonaws.com")),
    ),
    "autoscaling.update_auto_scaling_group": (on("autoscaling:UpdateAutoScalingGroup", "fleet"),),
    "backup.describe_backup_vault": (on("backup:DescribeBackupVault", "vaults"),),
    "backup.list_recovery_points_by_backup_vault": (
        on("backup:ListRecoveryPointsByBackupVault", "vaults"),
    ),
    "cloudwatch.delete_alarm_mute_rule": (on("cloudwatch:DeleteAlarmMuteRule", "mute rules"),),
    "cloudwatch.delete_alarms": (on("cloudwatch:DeleteAlarms", "alarms of windows"),),
    "cloudwatch.describe_alarm_history": (
        on("cloudwatch:DescribeAlarmHistory", "alarms of windows"),
    ),
    # Composite alarms are shown to nobody who may see less than all (API reference).
    "cloudwatch.describe_alarms": (anywhere("cloudwatch:DescribeAlarms"),),
    "cloudwatch.disable_alarm_actions": (on("cloudwatch:DisableAlarmActions", "alarms"),),
    "cloudwatch.enable_alarm_actions": (on("cloudwatch:EnableAlarmActions", "alarms"),),
    "cloudwatch.get_alarm_mute_rule": (on("cloudwatch:GetAlarmMuteRule", "all mute rules"),),
    # Metrics are no resources; the reference's `dataset` is another source of them.
    "cloudwatch.get_metric_data": (anywhere("cloudwatch:GetMetricData"),),
    "cloudwatch.list_alarm_mute_rules": (on("cloudwatch:ListAlarmMuteRules", "all mute rules"),),
    # Asked for on the rule and on each alarm that it mutes (API reference).
    "cloudwatch.put_alarm_mute_rule": (on("cloudwatch:PutAlarmMuteRule", "mute rules", "alarms"),),
    "cloudwatch.put_metric_alarm": (on("cloudwatch:PutMetricAlarm", "alarms of windows"),),
    "cloudwatch.set_alarm_state": (on("cloudwatch:SetAlarmState", "alarms of windows"),),
    "ec2.describe_instance_status": (anywhere("ec2:DescribeInstanceStatus"),),
    "ec2.describe_instances": (anywhere("ec2:DescribeInstances"),),
    "ec2.describe_launch_template_versions": (anywhere("ec2:DescribeLaunchTemplateVersions"),),
    "ec2.describe_nat_gateways": (anywhere("ec2:DescribeNatGateways"),),
    "ec2.describe_vpcs": (anywhere("ec2:DescribeVpcs"),),
    "ecr.describe_images": (on("ecr:DescribeImages", "repositories"),),
    "ecr.describe_registry": (anywhere("ecr:DescribeRegistry"),),
    "ecs.describe_service_revisions": (
        on("ecs:DescribeServiceRevisions", "services", "service revisions"),
    ),
    "ecs.describe_services": (on("ecs:DescribeServices", "services"),),
    "ecs.describe_task_definition": (anywhere("ecs:DescribeTaskDefinition"),),
    "ecs.describe_tasks": (on("ecs:DescribeTasks", "tasks", when=(IN_CLUSTER,)),),
    # The session is encrypted with the cluster's key by both of its ends (ECS Developer Guide,
    # "Monitor Amazon ECS containers with ECS Exec").
    "ecs.execute_command": (
        on("ecs:ExecuteCommand", "cluster", "tasks"),
        on("kms:GenerateDataKey", "logs key"),
    ),
    "ecs.list_service_deployments": (on("ecs:ListServiceDeployments", "services"),),
    # Narrowed to container instances only, which Fargate has none of; the cluster narrows it.
    "ecs.list_tasks": (anywhere("ecs:ListTasks", IN_CLUSTER),),
    "ecs.register_task_definition": (
        on("ecs:RegisterTaskDefinition", "task definitions"),
        on("ecs:TagResource", "task definitions", when=(REGISTERED,)),
        PASS_TASK_ROLES,
    ),
    "ecs.update_service": (on("ecs:UpdateService", "services"), PASS_TASK_ROLES),
    "elasticache.describe_replication_groups": (
        on("elasticache:DescribeReplicationGroups", "cache"),
    ),
    "elbv2.describe_load_balancers": (anywhere("elasticloadbalancing:DescribeLoadBalancers"),),
    "elbv2.describe_rules": (anywhere("elasticloadbalancing:DescribeRules"),),
    "elbv2.describe_target_health": (anywhere("elasticloadbalancing:DescribeTargetHealth"),),
    "elbv2.modify_rule": (on("elasticloadbalancing:ModifyRule", "balancer rules"),),
    "iam.get_role": (on("iam:GetRole", "operations roles"),),
    "kms.describe_key": (on("kms:DescribeKey", "keys"),),
    # A copy under another key makes a grant on it (RDS User Guide, "Copying a DB snapshot").
    "logs.filter_log_events": (on("logs:FilterLogEvents", "log groups"),),
    "rds.copy_db_snapshot": (
        on("rds:CopyDBSnapshot", "snapshots", "snapshots to copy"),
        TAGS_SNAPSHOT,
        *GRANTS_OF_KEYS,
    ),
    "rds.create_db_instance_read_replica": (
        on(
            "rds:CreateDBInstanceReadReplica",
            "database",
            "parameter groups",
            "option groups",
            "subnet group",
        ),
        on("rds:AddTagsToResource", "replicas"),
        on("iam:PassRole", "monitoring role", when=passed_to("monitoring.rds.amazonaws.com")),
        *GRANTS_OF_KEYS,
    ),
    "rds.create_db_parameter_group": (
        on("rds:CreateDBParameterGroup", "parameter groups"),
        on("rds:AddTagsToResource", "parameter groups"),
    ),
    "rds.create_db_snapshot": (on("rds:CreateDBSnapshot", "database", "snapshots"), TAGS_SNAPSHOT),
    # Of the primary nobody: that is the settings' own.
    "rds.delete_db_instance": (on("rds:DeleteDBInstance", "replicas"),),
    "rds.delete_db_snapshot": (on("rds:DeleteDBSnapshot", "snapshots"),),
    "rds.describe_account_attributes": (anywhere("rds:DescribeAccountAttributes"),),
    "rds.describe_db_engine_versions": (anywhere("rds:DescribeDBEngineVersions"),),
    "rds.describe_db_instance_automated_backups": (
        on("rds:DescribeDBInstanceAutomatedBackups", "all databases", "all automated backups"),
    ),
    "rds.describe_db_instances": (on("rds:DescribeDBInstances", "all databases"),),
    "rds.describe_db_parameter_groups": (on("rds:DescribeDBParameterGroups", "parameter groups"),),
    "rds.describe_db_parameters": (on("rds:DescribeDBParameters", "parameter groups"),),
    "rds.describe_db_snapshots": (on("rds:DescribeDBSnapshots", "all databases", "all snapshots"),),
    "rds.describe_events": (anywhere("rds:DescribeEvents"),),
    # Asked for by its own name, a task is of no snapshot that AWS could check.
    "rds.describe_export_tasks": (anywhere("rds:DescribeExportTasks"),),
    "rds.describe_orderable_db_instance_options": (
        anywhere("rds:DescribeOrderableDBInstanceOptions"),
    ),
    "rds.describe_pending_maintenance_actions": (
        on("rds:DescribePendingMaintenanceActions", "all databases"),
    ),
    # What is watched closely is given the role that writes of it.
    "rds.modify_db_instance": (
        on("rds:ModifyDBInstance", "database", "parameter groups"),
        on("iam:PassRole", "monitoring role", when=passed_to("monitoring.rds.amazonaws.com")),
    ),
    "rds.modify_db_parameter_group": (on("rds:ModifyDBParameterGroup", "parameter groups"),),
    "rds.promote_read_replica": (on("rds:PromoteReadReplica", "replicas"),),
    "rds.reboot_db_instance": (on("rds:RebootDBInstance", "database"),),
    "rds.reset_db_parameter_group": (on("rds:ResetDBParameterGroup", "parameter groups"),),
    "rds.restore_db_instance_from_db_snapshot": (
        on(
            "rds:RestoreDBInstanceFromDBSnapshot",
            "database",
            "snapshots",
            "snapshots to copy",
            "parameter groups",
            "option groups",
            "subnet group",
        ),
        on("rds:AddTagsToResource", "database"),
        *GRANTS_OF_KEYS,
    ),
    "rds.restore_db_instance_to_point_in_time": (
        on(
            "rds:RestoreDBInstanceToPointInTime",
            "database",
            "parameter groups",
            "option groups",
            "subnet group",
        ),
        on("rds:AddTagsToResource", "database"),
        *GRANTS_OF_KEYS,
    ),
    # With the role that writes the files, under the key that it grants RDS the use of (RDS User
    # Guide, "Exporting DB snapshot data to Amazon S3").
    "rds.start_export_task": (
        on("rds:StartExportTask", "snapshots", "snapshots to copy"),
        on("iam:PassRole", "export role", when=passed_to("export.rds.amazonaws.com")),
        *GRANTS_OF_KEYS,
    ),
    "s3.delete_object": (on("s3:DeleteObject", "lock", "baselines"),),
    "s3.get_object": (on("s3:GetObject", *KEPT), DECRYPT),
    "s3.get_bucket_replication": (on("s3:GetReplicationConfiguration", "operations bucket"),),
    "s3.head_object": (on("s3:GetObject", *KEPT), DECRYPT),
    # Of the whole bucket: else S3 answers "denied" for a lock or a line that is not there.
    "s3.list_objects_v2": (on("s3:ListBucket", "operations bucket", "recovery bucket"),),
    "s3.put_object": (
        on("s3:PutObject", *KEPT),
        on("kms:GenerateDataKey", "data key", when=via("s3")),
        DECRYPT,
    ),
    "secretsmanager.cancel_rotate_secret": (on("secretsmanager:CancelRotateSecret", "secret"),),
    "secretsmanager.describe_secret": (on("secretsmanager:DescribeSecret", "secret"),),
    "secretsmanager.get_secret_value": (
        on("secretsmanager:GetSecretValue", "secret"),
        on("kms:Decrypt", "data key", when=via("secretsmanager")),
    ),
    "secretsmanager.put_secret_value": (
        on("secretsmanager:PutSecretValue", "secret"),
        on("kms:GenerateDataKey", "data key", when=via("secretsmanager")),
        on("kms:Decrypt", "data key", when=via("secretsmanager")),
    ),
    # Whoever rotates calls the function as well (API reference).
    "secretsmanager.rotate_secret": (
        on("secretsmanager:RotateSecret", "secret"),
        on("lambda:InvokeFunction", "rotation function"),
    ),
    "secretsmanager.update_secret_version_stage": (
        on("secretsmanager:UpdateSecretVersionStage", "secret"),
    ),
    "ssm.get_command_invocation": (anywhere("ssm:GetCommandInvocation"),),
    "ssm.get_parameter": (on("ssm:GetParameter", "fleet image"),),
    "ssm.get_parameters_by_path": (on("ssm:GetParametersByPath", "outputs"),),
    "ssm.list_command_invocations": (anywhere("ssm:ListCommandInvocations"),),
    "ssm.list_commands": (anywhere("ssm:ListCommands"),),
    "ssm.put_parameter": (on("ssm:PutParameter", "fleet image"),),
    "ssm.send_command": (
        on("ssm:SendCommand", "shell"),
        on("ssm:SendCommand", "instances", when=OF_THE_STACK),
    ),
    "ssm.start_session": (
        on("ssm:StartSession", "port forwarding"),
        on("ssm:StartSession", "tasks", when=(THROUGH_DOCUMENT,)),
        on("ssm:StartSession", "instances", when=(THROUGH_DOCUMENT, *OF_THE_STACK)),
        on("ssm:TerminateSession", "own sessions"),
    ),
}


def grants(api: str) -> tuple[Grant, ...]:
    """What a call takes. Raises LookupError, which says where its line belongs."""
    if api in FREE:
        return ()
    if api not in APIS:
        service, operation = api.split(".")
        action = "".join(word.capitalize() for word in operation.split("_"))
        raise LookupError(
            f"{api} has no entry in ops/permissions/apis.py; add a line to APIS such as "
            f'"{api}": (on("{service}:{action}", "database"),),'
        )
    return APIS[api]

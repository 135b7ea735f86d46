"""The IAM actions and resources that each AWS call of ops needs.

Sources: Service Authorization Reference and API reference of each service; AWS's error messages.
A call without an entry here is an error: add it, with its resources in resources.py.
"""

from collections.abc import Mapping
from typing import Final

from ops.permissions.certificate_apis import CERTIFICATE_API_GRANTS
from ops.permissions.cost_apis import COST_API_GRANTS
from ops.permissions.detector_apis import DETECTOR_API_GRANTS
from ops.permissions.grants import (
    AS_IN_TEMPLATE_CONDITIONS,
    CLUSTER_CONDITION,
    ECS_NAMESPACE_CONDITION,
    GLOBAL_REGIONS_CONDITION,
    HEALTH_REGIONS_CONDITION,
    LAUNCH_TEMPLATE_CONDITION,
    STACK_RESOURCE_CONDITIONS,
    STACK_TEMPLATE_CONDITIONS,
    TAG_AT_LAUNCH_CONDITION,
    TAG_AT_REGISTRATION_CONDITION,
    TAG_AT_RUN_CONDITION,
    Grant,
    build_grant,
    build_passed_to_condition,
    build_unscoped_grant,
    build_via_service_condition,
)
from ops.permissions.iam_apis import IAM_API_GRANTS
from ops.permissions.key_apis import KEY_API_GRANTS
from ops.permissions.quota_apis import QUOTA_API_GRANTS
from ops.permissions.rds_apis import RDS_API_GRANTS
from ops.permissions.s3_apis import (
    NARROW_GRANTS,
    S3_API_GRANTS,
)
from ops.permissions.secret_apis import KEYS_GROUP_GRANTS, SECRET_API_GRANTS
from ops.permissions.ssm_apis import SSM_API_GRANTS

# Starting tasks passes their roles to ECS (ECS Developer Guide, "Amazon ECS IAM roles").
PASS_TASK_ROLES_GRANT: Final = build_grant(
    "iam:PassRole", "task roles", conditions=build_passed_to_condition("ecs-tasks.amazonaws.com")
)
_SNS_CONDITION: Final = build_via_service_condition("sns")

# Calls that need no permission.
UNRESTRICTED_APIS: Final = frozenset(
    {"sts.get_caller_identity"}
)  # STS API reference: even where it is denied

API_GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "application-autoscaling.describe_scalable_targets": (
        build_unscoped_grant("application-autoscaling:DescribeScalableTargets"),
    ),
    "application-autoscaling.describe_scaling_activities": (
        build_unscoped_grant("application-autoscaling:DescribeScalingActivities"),
    ),
    "application-autoscaling.describe_scaling_policies": (
        build_unscoped_grant("application-autoscaling:DescribeScalingPolicies"),
    ),
    "application-autoscaling.describe_scheduled_actions": (
        build_unscoped_grant("application-autoscaling:DescribeScheduledActions"),
    ),
    # It also needs permission to read and change the service (Application Auto Scaling
    # User Guide, "Identity-based policy examples").
    "application-autoscaling.register_scalable_target": (
        build_grant(
            "application-autoscaling:RegisterScalableTarget",
            "scalable targets",
            conditions=(ECS_NAMESPACE_CONDITION,),
        ),
        build_grant("ecs:DescribeServices", "services"),
        build_grant("ecs:UpdateService", "services"),
    ),
    "autoscaling.cancel_instance_refresh": (
        build_grant("autoscaling:CancelInstanceRefresh", "fleet"),
    ),
    "autoscaling.describe_auto_scaling_groups": (
        build_unscoped_grant("autoscaling:DescribeAutoScalingGroups"),
    ),
    "autoscaling.describe_instance_refreshes": (
        build_unscoped_grant("autoscaling:DescribeInstanceRefreshes"),
    ),
    "autoscaling.describe_scaling_activities": (
        build_unscoped_grant("autoscaling:DescribeScalingActivities"),
    ),
    "autoscaling.enter_standby": (build_grant("autoscaling:EnterStandby", "fleet"),),
    "autoscaling.exit_standby": (build_grant("autoscaling:ExitStandby", "fleet"),),
    "autoscaling.rollback_instance_refresh": (
        build_grant("autoscaling:RollbackInstanceRefresh", "fleet"),
    ),
    "autoscaling.set_desired_capacity": (build_grant("autoscaling:SetDesiredCapacity", "fleet"),),
    # Setting what a group launches needs permission to launch it (Amazon EC2 Auto Scaling User
    # Guide, "Control Amazon EC2 launch template usage in Auto Scaling groups").
    "autoscaling.start_instance_refresh": (
        build_grant("autoscaling:StartInstanceRefresh", "fleet"),
        build_grant("ec2:RunInstances", "launched", conditions=AS_IN_TEMPLATE_CONDITIONS),
        build_grant(
            "ec2:RunInstances", "launched interfaces", conditions=(LAUNCH_TEMPLATE_CONDITION,)
        ),
        build_grant(
            "ec2:RunInstances",
            "launched security groups",
            conditions=(*AS_IN_TEMPLATE_CONDITIONS, *STACK_TEMPLATE_CONDITIONS),
        ),
        # The group names its subnets, which the template does not.
        build_grant(
            "ec2:RunInstances",
            "launched subnets",
            conditions=(LAUNCH_TEMPLATE_CONDITION, *STACK_TEMPLATE_CONDITIONS),
        ),
        build_grant("ec2:RunInstances", "launch templates", conditions=STACK_TEMPLATE_CONDITIONS),
        build_grant("ec2:CreateTags", "tagged at launch", conditions=(TAG_AT_LAUNCH_CONDITION,)),
        build_grant(
            "iam:PassRole", "fleet role", conditions=build_passed_to_condition("ec2.amazonaws.com")
        ),
    ),
    "autoscaling.update_auto_scaling_group": (
        build_grant("autoscaling:UpdateAutoScalingGroup", "fleet"),
    ),
    "backup.describe_backup_vault": (build_grant("backup:DescribeBackupVault", "vaults"),),
    "backup.list_backup_vaults": (build_unscoped_grant("backup:ListBackupVaults"),),
    "backup.list_protected_resources": (build_unscoped_grant("backup:ListProtectedResources"),),
    "backup.list_recovery_points_by_backup_vault": (
        build_grant("backup:ListRecoveryPointsByBackupVault", "vaults"),
    ),
    # It has no resource (Service Authorization Reference, CloudTrail).
    "cloudtrail.describe_trails": (build_unscoped_grant("cloudtrail:DescribeTrails"),),
    "cloudtrail.get_event_selectors": (build_grant("cloudtrail:GetEventSelectors", "trails"),),
    "cloudtrail.get_trail_status": (build_grant("cloudtrail:GetTrailStatus", "trails"),),
    "cloudtrail.lookup_events": (
        build_unscoped_grant("cloudtrail:LookupEvents"),
        build_unscoped_grant("cloudtrail:LookupEvents", GLOBAL_REGIONS_CONDITION),
    ),
    # It has no resource, and one endpoint of the partition (Service Authorization Reference).
    "health.describe_events": (
        build_unscoped_grant("health:DescribeEvents", HEALTH_REGIONS_CONDITION),
    ),
    "cloudwatch.delete_alarm_mute_rule": (
        build_grant("cloudwatch:DeleteAlarmMuteRule", "mute rules"),
    ),
    "cloudwatch.delete_alarms": (build_grant("cloudwatch:DeleteAlarms", "alarms of windows"),),
    "cloudwatch.describe_alarm_history": (
        build_grant("cloudwatch:DescribeAlarmHistory", "alarms of windows"),
    ),
    # Composite alarms need permission on all alarms (API reference).
    "cloudwatch.describe_alarms": (build_unscoped_grant("cloudwatch:DescribeAlarms"),),
    "cloudwatch.disable_alarm_actions": (build_grant("cloudwatch:DisableAlarmActions", "alarms"),),
    "cloudwatch.enable_alarm_actions": (build_grant("cloudwatch:EnableAlarmActions", "alarms"),),
    "cloudwatch.get_alarm_mute_rule": (
        build_grant("cloudwatch:GetAlarmMuteRule", "all mute rules"),
    ),
    # Metrics have no ARNs; the reference's `dataset` is another source of metrics.
    "cloudwatch.get_metric_data": (build_unscoped_grant("cloudwatch:GetMetricData"),),
    "cloudwatch.list_alarm_mute_rules": (
        build_grant("cloudwatch:ListAlarmMuteRules", "all mute rules"),
    ),
    # Needed on the rule and on each alarm that it mutes (API reference).
    "cloudwatch.put_alarm_mute_rule": (
        build_grant("cloudwatch:PutAlarmMuteRule", "mute rules", "alarms"),
    ),
    "cloudwatch.put_metric_alarm": (build_grant("cloudwatch:PutMetricAlarm", "alarms of windows"),),
    "cloudwatch.set_alarm_state": (build_grant("cloudwatch:SetAlarmState", "alarms of windows"),),
    "autoscaling.describe_launch_configurations": (
        build_unscoped_grant("autoscaling:DescribeLaunchConfigurations"),
    ),
    "dynamodb.describe_table": (build_grant("dynamodb:DescribeTable", "tables"),),
    "dynamodb.list_tables": (build_unscoped_grant("dynamodb:ListTables"),),
    "efs.describe_file_systems": (
        build_grant("elasticfilesystem:DescribeFileSystems", "file systems"),
    ),
    "ec2.describe_addresses": (build_unscoped_grant("ec2:DescribeAddresses"),),
    "ec2.describe_launch_templates": (build_unscoped_grant("ec2:DescribeLaunchTemplates"),),
    "ec2.describe_snapshots": (build_unscoped_grant("ec2:DescribeSnapshots"),),
    "ec2.describe_volumes": (build_unscoped_grant("ec2:DescribeVolumes"),),
    "ec2.create_launch_template_version": (
        build_grant(
            "ec2:CreateLaunchTemplateVersion",
            "launch templates",
            conditions=STACK_TEMPLATE_CONDITIONS,
        ),
    ),
    "ec2.describe_images": (build_unscoped_grant("ec2:DescribeImages"),),
    "ec2.describe_image_attribute": (build_grant("ec2:DescribeImageAttribute", "machine images"),),
    "ec2.describe_instance_status": (build_unscoped_grant("ec2:DescribeInstanceStatus"),),
    "ec2.describe_instances": (build_unscoped_grant("ec2:DescribeInstances"),),
    "ec2.describe_launch_template_versions": (
        build_unscoped_grant("ec2:DescribeLaunchTemplateVersions"),
    ),
    "ec2.describe_dhcp_options": (build_unscoped_grant("ec2:DescribeDhcpOptions"),),
    "ec2.describe_managed_prefix_lists": (build_unscoped_grant("ec2:DescribeManagedPrefixLists"),),
    "ec2.describe_network_acls": (build_unscoped_grant("ec2:DescribeNetworkAcls"),),
    "ec2.describe_network_interfaces": (build_unscoped_grant("ec2:DescribeNetworkInterfaces"),),
    "ec2.describe_security_groups": (build_unscoped_grant("ec2:DescribeSecurityGroups"),),
    "ec2.describe_snapshot_attribute": (
        build_grant("ec2:DescribeSnapshotAttribute", "volume snapshots"),
    ),
    "ec2.describe_subnets": (build_unscoped_grant("ec2:DescribeSubnets"),),
    "ec2.describe_vpc_attribute": (build_grant("ec2:DescribeVpcAttribute", "vpcs"),),
    "ec2.describe_vpc_endpoints": (build_unscoped_grant("ec2:DescribeVpcEndpoints"),),
    "ec2.get_console_output": (
        build_grant("ec2:GetConsoleOutput", "instances", conditions=STACK_RESOURCE_CONDITIONS),
    ),
    "ec2.get_ebs_encryption_by_default": (build_unscoped_grant("ec2:GetEbsEncryptionByDefault"),),
    "ec2.get_managed_prefix_list_entries": (
        build_grant("ec2:GetManagedPrefixListEntries", "prefix lists"),
    ),
    "ecr.describe_images": (build_grant("ecr:DescribeImages", "all repositories"),),
    "ecr.describe_repositories": (build_grant("ecr:DescribeRepositories", "all repositories"),),
    "ecr.get_lifecycle_policy": (build_grant("ecr:GetLifecyclePolicy", "all repositories"),),
    "ecr.get_registry_scanning_configuration": (
        build_unscoped_grant("ecr:GetRegistryScanningConfiguration"),
    ),
    "ecr.get_repository_policy": (build_grant("ecr:GetRepositoryPolicy", "all repositories"),),
    "ecr.list_tags_for_resource": (build_grant("ecr:ListTagsForResource", "all repositories"),),
    "ecr.describe_registry": (build_unscoped_grant("ecr:DescribeRegistry"),),
    # No resource level, and no condition on the family (Service Authorization Reference).
    "ecs.deregister_task_definition": (build_unscoped_grant("ecs:DeregisterTaskDefinition"),),
    "ecs.describe_service_deployments": (
        build_grant("ecs:DescribeServiceDeployments", "services", "service deployments"),
    ),
    "ecs.describe_service_revisions": (
        build_grant("ecs:DescribeServiceRevisions", "services", "service revisions"),
    ),
    "ecs.describe_services": (build_grant("ecs:DescribeServices", "services"),),
    "ecs.describe_task_definition": (build_unscoped_grant("ecs:DescribeTaskDefinition"),),
    "ecs.describe_tasks": (
        build_grant("ecs:DescribeTasks", "tasks", conditions=(CLUSTER_CONDITION,)),
    ),
    # Both ends encrypt the session with the cluster's key (ECS Developer Guide,
    # "Monitor Amazon ECS containers with ECS Exec").
    "ecs.execute_command": (
        build_grant("ecs:ExecuteCommand", "cluster", "tasks"),
        build_grant("kms:GenerateDataKey", "logs key"),
    ),
    "ecs.list_service_deployments": (build_grant("ecs:ListServiceDeployments", "services"),),
    # Its only resource type is container instances, not used on Fargate; the condition limits it.
    "ecs.list_tasks": (build_unscoped_grant("ecs:ListTasks", CLUSTER_CONDITION),),
    "ecs.register_task_definition": (
        build_grant("ecs:RegisterTaskDefinition", "task definitions"),
        build_grant(
            "ecs:TagResource", "task definitions", conditions=(TAG_AT_REGISTRATION_CONDITION,)
        ),
        PASS_TASK_ROLES_GRANT,
    ),
    "ecs.run_task": (
        build_grant("ecs:RunTask", "single tasks", conditions=(CLUSTER_CONDITION,)),
        PASS_TASK_ROLES_GRANT,
    ),
    "ecs.stop_task": (build_grant("ecs:StopTask", "tasks", conditions=(CLUSTER_CONDITION,)),),
    "ecs.update_service": (build_grant("ecs:UpdateService", "services"), PASS_TASK_ROLES_GRANT),
    "elasticache.describe_cache_clusters": (
        build_grant("elasticache:DescribeCacheClusters", "cache nodes"),
    ),
    "elasticache.describe_cache_subnet_groups": (
        build_grant("elasticache:DescribeCacheSubnetGroups", "cache subnets"),
    ),
    "elasticache.describe_replication_groups": (
        build_grant("elasticache:DescribeReplicationGroups", "cache"),
    ),
    "elasticache.describe_update_actions": (
        build_grant("elasticache:DescribeUpdateActions", "cache", "cache nodes"),
    ),
    "elasticache.describe_cache_engine_versions": (
        build_unscoped_grant("elasticache:DescribeCacheEngineVersions"),
    ),
    "elasticache.describe_events": (build_unscoped_grant("elasticache:DescribeEvents"),),
    "elb.describe_load_balancers": (
        build_unscoped_grant("elasticloadbalancing:DescribeLoadBalancers"),
    ),
    "elb.describe_tags": (build_unscoped_grant("elasticloadbalancing:DescribeTags"),),
    "elbv2.describe_listeners": (build_unscoped_grant("elasticloadbalancing:DescribeListeners"),),
    "elbv2.describe_load_balancer_attributes": (
        build_unscoped_grant("elasticloadbalancing:DescribeLoadBalancerAttributes"),
    ),
    "elbv2.describe_load_balancers": (
        build_unscoped_grant("elasticloadbalancing:DescribeLoadBalancers"),
    ),
    "elbv2.describe_rules": (build_unscoped_grant("elasticloadbalancing:DescribeRules"),),
    "elbv2.describe_tags": (build_unscoped_grant("elasticloadbalancing:DescribeTags"),),
    "elbv2.describe_target_groups": (
        build_unscoped_grant("elasticloadbalancing:DescribeTargetGroups"),
    ),
    "elbv2.describe_target_health": (
        build_unscoped_grant("elasticloadbalancing:DescribeTargetHealth"),
    ),
    "elbv2.modify_rule": (build_grant("elasticloadbalancing:ModifyRule", "balancer rules"),),
    **IAM_API_GRANTS,
    **KEY_API_GRANTS,
    "lambda.get_function_configuration": (
        build_grant("lambda:GetFunctionConfiguration", "functions"),
    ),
    "logs.describe_log_groups": (build_unscoped_grant("logs:DescribeLogGroups"),),
    "logs.list_tags_for_resource": (build_grant("logs:ListTagsForResource", "all log groups"),),
    "logs.filter_log_events": (build_grant("logs:FilterLogEvents", "log groups"),),
    "logs.get_query_results": (build_grant("logs:GetQueryResults", "log groups", "other logs"),),
    "logs.start_query": (build_grant("logs:StartQuery", "log groups", "other logs"),),
    # It has no resource: a query is named by its id (Service Authorization Reference).
    "logs.stop_query": (build_unscoped_grant("logs:StopQuery"),),
    "logs.start_live_tail": (build_grant("logs:StartLiveTail", "log groups", "other logs"),),
    **CERTIFICATE_API_GRANTS,
    **DETECTOR_API_GRANTS,
    **COST_API_GRANTS,
    **QUOTA_API_GRANTS,
    **RDS_API_GRANTS,
    **S3_API_GRANTS,
    **SECRET_API_GRANTS,
    # Whoever publishes to a topic with a key encrypts (SNS Developer Guide, "Managing Amazon SNS
    # encryption keys and costs").
    "sns.get_topic_attributes": (build_grant("sns:GetTopicAttributes", "topics"),),
    "sqs.get_queue_attributes": (build_grant("sqs:GetQueueAttributes", "queues"),),
    "sqs.get_queue_url": (build_grant("sqs:GetQueueUrl", "queues"),),
    "sns.publish": (
        build_grant("sns:Publish", "announcements"),
        build_grant("kms:GenerateDataKey", "logs key", conditions=_SNS_CONDITION),
        build_grant("kms:Decrypt", "logs key", conditions=_SNS_CONDITION),
    ),
    "sns.list_topics": (build_unscoped_grant("sns:ListTopics"),),
    "sns.list_subscriptions_by_topic": (build_grant("sns:ListSubscriptionsByTopic", "topics"),),
    **SSM_API_GRANTS,
    "sqs.list_queues": (build_unscoped_grant("sqs:ListQueues"),),
    # Needed on the load balancer and, by its own name, on the web ACL (Service Authorization
    # Reference, AWS WAF V2).
    "wafv2.get_web_acl_for_resource": (
        build_grant("wafv2:GetWebACLForResource", "load balancers"),
        build_grant("wafv2:GetWebACL", "web ACL"),
    ),
    "wafv2.get_web_acl": (build_grant("wafv2:GetWebACL", "web ACL"),),
}

# What a group of commands needs of a call besides, that no other may.
GROUP_GRANTS: Final[Mapping[tuple[str, str], tuple[Grant, ...]]] = {
    # Of all alarms at once, composite ones too (API reference: permission on *).
    ("cache", "secretsmanager.get_secret_value"): (
        build_grant("secretsmanager:GetSecretValue", "cache secret"),
    ),
    ("audit", "s3.head_object"): (build_grant("s3:GetObject", "waivers"),),
    ("audit", "s3.put_object"): (build_grant("s3:PutObject", "waivers"),),
    ("changes", "cloudwatch.describe_alarm_history"): (
        build_unscoped_grant("cloudwatch:DescribeAlarmHistory"),
    ),
    **KEYS_GROUP_GRANTS,
    ("check", "s3.get_object"): (build_grant("s3:GetObject", "checks"),),
    ("deploy", "cloudwatch.describe_alarm_history"): (
        build_unscoped_grant("cloudwatch:DescribeAlarmHistory"),
    ),
    ("diagnose", "cloudwatch.describe_alarm_history"): (
        build_unscoped_grant("cloudwatch:DescribeAlarmHistory"),
    ),
    ("diagnose", "logs.filter_log_events"): (build_grant("logs:FilterLogEvents", "other logs"),),
    ("incident", "cloudwatch.describe_alarm_history"): (
        build_unscoped_grant("cloudwatch:DescribeAlarmHistory"),
    ),
    **{
        (noun, f"s3.{operation}"): (build_grant(action, "incidents"),)
        for noun in ("diagnose", "incident", "slo")
        for operation, action in (
            ("get_object", "s3:GetObject"),
            ("head_object", "s3:GetObject"),
            ("put_object", "s3:PutObject"),
        )
    },
    ("logs", "logs.filter_log_events"): (build_grant("logs:FilterLogEvents", "other logs"),),
    ("logs", "s3.get_object"): (build_grant("s3:GetObject", "access logs"),),
    ("logs", "s3.list_objects_v2"): (build_grant("s3:ListBucket", "log bucket"),),
    ("service", "ecs.run_task"): (
        build_grant("ecs:RunTask", "task definitions", conditions=(CLUSTER_CONDITION,)),
        build_grant("ecs:TagResource", "tasks", conditions=(TAG_AT_RUN_CONDITION,)),
    ),
    ("slo", "cloudwatch.describe_alarm_history"): (
        build_unscoped_grant("cloudwatch:DescribeAlarmHistory"),
    ),
}


def get_command_grants(command: str, api: str) -> tuple[Grant, ...]:
    """Returns the grants that a command needs for a call. Raises LookupError as below."""
    if (command, api) in NARROW_GRANTS:
        return NARROW_GRANTS[command, api]
    return (*get_api_grants(api), *GROUP_GRANTS.get((command.split()[0], api), ()))


def get_api_grants(api: str) -> tuple[Grant, ...]:
    """Returns the grants that a call needs. Raises LookupError if it has no entry."""
    if api in UNRESTRICTED_APIS:
        return ()
    if api not in API_GRANTS:
        service, operation = api.split(".")
        action = "".join(word.capitalize() for word in operation.split("_"))
        raise LookupError(
            f"{api} has no entry in ops/permissions/apis.py; add a line to API_GRANTS such as "
            f'"{api}": (build_grant("{service}:{action}", "database"),),'
        )
    return API_GRANTS[api]

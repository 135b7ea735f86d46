"""ARN templates of a stack's resources, for its IAM policies.

Fields in braces are names of ops/permissions/names.py; an ARN is omitted if the stack lacks a name
in it. ARN formats: Service Authorization Reference, "Resource types defined by ..." of each
service. If a stack's name begins with another's and a hyphen (prod, prod-eu), the other's prefix
patterns cover it too: put such stacks into separate accounts.
"""

from collections.abc import Mapping
from typing import Final


def build_stack_region_arns(service: str, *resources: str) -> tuple[str, ...]:
    """Builds ARN templates in the stack's own region."""
    return tuple(
        f"arn:{{partition}}:{service}:{{region}}:{{account}}:{resource}" for resource in resources
    )


def build_recovery_region_arns(service: str, *resources: str) -> tuple[str, ...]:
    """Builds ARN templates in the recovery region."""
    region_and_account = "{recovery_region}:{account}"
    return tuple(
        f"arn:{{partition}}:{service}:{region_and_account}:{resource}" for resource in resources
    )


def build_arns_in_both_regions(service: str, *resources: str) -> tuple[str, ...]:
    """Builds ARN templates in both regions."""
    return (
        *build_stack_region_arns(service, *resources),
        *build_recovery_region_arns(service, *resources),
    )


ALL_RESOURCES: Final = "*"  # for actions without resource-level permissions
RESOURCE_ARNS: Final[Mapping[str, tuple[str, ...]]] = {
    "everywhere": (ALL_RESOURCES,),
    "quotas": build_arns_in_both_regions("servicequotas", "*/L-*"),
    # Those of IAM and S3 are kept in one region of a partition.
    "global quotas": tuple(
        f"arn:{{partition}}:servicequotas:*:{{account}}:{service}/L-*" for service in ("iam", "s3")
    ),
    "quotas role": (
        "arn:{partition}:iam::{account}:role/aws-service-role/servicequotas.amazonaws.com/"
        "AWSServiceRoleForServiceQuotas",
    ),
    # RDS checks every list against all resources: its errors name db:* and snapshot:*.
    "all database loads": build_stack_region_arns("pi", "metrics/rds/*"),
    "all databases": build_arns_in_both_regions("rds", "db:*"),
    "all snapshots": build_arns_in_both_regions("rds", "snapshot:*"),
    "all automated backups": build_arns_in_both_regions("rds", "auto-backup:*"),
    "automated backups": build_stack_region_arns("rds", "auto-backup:*"),
    "database": build_stack_region_arns("rds", "db:{prefix}-database", "db:{prefix}-database-*"),
    "replicas": build_stack_region_arns("rds", "db:{prefix}-database-*"),
    "snapshots": build_arns_in_both_regions("rds", "snapshot:{prefix}-database-*"),
    # Automated snapshots are named rds:..., those of AWS Backup awsbackup:...
    "snapshots to copy": build_stack_region_arns(
        "rds",
        "snapshot:{prefix}-database-*",
        "snapshot:rds:{prefix}-database-*",
    ),
    # Of all stacks: the stack's own by its tags, which AWS Backup copies from the database.
    "backup snapshots": build_stack_region_arns("rds", "snapshot:awsbackup:*"),
    # Snapshots that another account shares with this one; it decides which.
    "shared snapshots": ("arn:{partition}:rds:{region}:*:snapshot:*",),
    "parameter groups": build_stack_region_arns("rds", "pg:{prefix}-database-*"),
    "option groups": build_stack_region_arns("rds", "og:default:postgres-*"),
    "subnet group": build_stack_region_arns("rds", "subgrp:{prefix}-database"),
    "secret": build_stack_region_arns("secretsmanager", "secret:{prefix}-database-*"),
    "cache secret": build_stack_region_arns("secretsmanager", "secret:{prefix}-cache-*"),
    "access key secrets": build_stack_region_arns("secretsmanager", "secret:{prefix}-access-key-*"),
    # Of all users those that a condition leaves.
    "users": ("arn:{partition}:iam::{account}:user/*",),
    "roles": ("arn:{partition}:iam::{account}:role/*",),
    # Those of its components, and those that deploy and operate it.
    "stack roles": (
        "arn:{partition}:iam::{account}:role/{prefix}-*",
        "arn:{partition}:iam::{account}:role/{project}-deploy-{stack}",
        "arn:{partition}:iam::{account}:role/{project}-operate-{stack}",
    ),
    "file systems": build_stack_region_arns("elasticfilesystem", "file-system/*"),
    "tables": build_stack_region_arns("dynamodb", "table/{prefix}-*"),
    "queues": build_stack_region_arns("sqs", "{prefix}-*"),
    # A function that calls the stack may have any name.
    "functions": build_stack_region_arns("lambda", "function:*"),
    "rotation function": build_stack_region_arns("lambda", "function:{prefix}-rotation"),
    "budget": ("arn:{partition}:budgets::{account}:budget/{prefix}",),
    # Its name is a random id.
    "anomaly monitors": ("arn:{partition}:ce::{account}:anomalymonitor/*",),
    "announcements": build_stack_region_arns("sns", "{prefix}-page", "{prefix}-warn"),
    "load balancers": build_stack_region_arns("elasticloadbalancing", "loadbalancer/app/*"),
    "topics": build_stack_region_arns("sns", "{prefix}-*"),
    "services": build_stack_region_arns("ecs", "service/{prefix}/*"),
    "service deployments": build_stack_region_arns("ecs", "service-deployment/{prefix}/*"),
    "service revisions": build_stack_region_arns("ecs", "service-revision/{prefix}/*"),
    "cluster": build_stack_region_arns("ecs", "cluster/{prefix}"),
    "tasks": build_stack_region_arns("ecs", "task/{prefix}/*"),
    "task definitions": build_stack_region_arns("ecs", "task-definition/{prefix}-*:*"),
    # Of the tasks that a command starts beside the services, once.
    "single tasks": build_stack_region_arns(
        "ecs",
        "task-definition/{prefix}-cache-clear-*:*",
        "task-definition/{prefix}-network-probe-*:*",
    ),
    "task roles": (
        "arn:{partition}:iam::{account}:role/{prefix}-services-*-task",
        "arn:{partition}:iam::{account}:role/{prefix}-services-*-execution",
    ),
    "export role": ("arn:{partition}:iam::{account}:role/{prefix}-operations-export",),
    "monitoring role": ("arn:{partition}:iam::{account}:role/{prefix}-database-monitoring",),
    "operations roles": (
        "arn:{partition}:iam::{account}:role/{prefix}-reader",
        "arn:{partition}:iam::{account}:role/{prefix}-operator",
        "arn:{partition}:iam::{account}:role/{prefix}-recoverer",
    ),
    "scalable targets": build_stack_region_arns("application-autoscaling", "scalable-target/*"),
    "fleet": build_stack_region_arns(
        "autoscaling", "autoScalingGroup:*:autoScalingGroupName/{prefix}-fleet"
    ),
    "fleet image": build_stack_region_arns("ssm", "parameter/{project}/{stack}/fleet/image"),
    # AWS's own, in no account.
    "public AMIs": ("arn:{partition}:ssm:{region}::parameter/aws/service/ecs/optimized-ami/*",),
    "fleet role": ("arn:{partition}:iam::{account}:role/{prefix}-fleet-instance",),
    "launch templates": build_stack_region_arns("ec2", "launch-template/*"),
    # What RunInstances creates or uses for the fleet.
    "launched": (
        *build_stack_region_arns("ec2", "instance/*", "volume/*"),
        "arn:{partition}:ec2:{region}::image/*",
    ),
    "launched interfaces": build_stack_region_arns("ec2", "network-interface/*"),
    "launched security groups": build_stack_region_arns("ec2", "security-group/*"),
    "launched subnets": build_stack_region_arns("ec2", "subnet/*"),
    "tagged at launch": build_stack_region_arns(
        "ec2", "instance/*", "volume/*", "network-interface/*"
    ),
    "patching": ("arn:{partition}:ssm:{region}::document/AWS-RunPatchBaseline",),
    "shell": ("arn:{partition}:ssm:{region}::document/AWS-RunShellScript",),
    "all repositories": build_stack_region_arns("ecr", "repository/*"),
    "balancer rules": build_stack_region_arns(
        "elasticloadbalancing", "listener-rule/app/{prefix}-alb/*"
    ),
    # Those that are requested, and attached, beside the stack's own.
    "certificates": build_stack_region_arns("acm", "certificate/*"),
    "zone": ("arn:{partition}:route53:::hostedzone/{zone}",),
    "balancer listener": build_stack_region_arns(
        "elasticloadbalancing", "listener/app/{prefix}-alb/*"
    ),
    "certificates there": build_recovery_region_arns("acm", "certificate/*"),
    "cache": build_stack_region_arns("elasticache", "replicationgroup:{prefix}-cache"),
    # Listing nodes without a name needs permission on all of them.
    "cache nodes": build_stack_region_arns("elasticache", "cluster:*"),
    "cache subnets": build_stack_region_arns("elasticache", "subnetgroup:{prefix}-*"),
    "vpcs": build_stack_region_arns("ec2", "vpc/*"),
    # AWS's own lists are in an account that is called aws.
    "prefix lists": (
        *build_stack_region_arns("ec2", "prefix-list/*"),
        "arn:{partition}:ec2:{region}:aws:prefix-list/*",
    ),
    "alarms": build_stack_region_arns("cloudwatch", "alarm:{prefix}-*"),
    # Alarms that announce maintenance windows (ops/alarms/announcement.py).
    "alarms of windows": build_stack_region_arns("cloudwatch", "alarm:{prefix}-maintenance-*"),
    "all mute rules": build_stack_region_arns("cloudwatch", "alarm-mute-rule:*"),
    "mute rules": build_stack_region_arns("cloudwatch", "alarm-mute-rule:{prefix}-*"),
    "vaults": build_arns_in_both_regions("backup", "backup-vault:{prefix}-backups"),
    "all log groups": build_arns_in_both_regions("logs", "log-group:*"),
    "log groups": build_stack_region_arns(
        "logs", "log-group:/{project}/{stack}/*", "log-group:/aws/rds/instance/{prefix}-database*"
    ),
    "other logs": build_stack_region_arns(
        "logs",
        "log-group:/aws/lambda/{prefix}-*",
        "log-group:/aws/ecs/containerinsights/{prefix}/*",
        "log-group:aws-waf-logs-{prefix}",
        "log-group:/aws/vendedlogs/elasticache/{prefix}-cache/*",
    ),
    "web ACL": build_stack_region_arns("wafv2", "regional/webacl/{prefix}-alb/*"),
    # What AWS itself writes: access logs, flow logs (components/log_bucket.py).
    # In no account: images and snapshots may be another's.
    "machine images": ("arn:{partition}:ec2:{region}::image/*",),
    "volume snapshots": ("arn:{partition}:ec2:{region}::snapshot/*",),
    "stack buckets": ("arn:{partition}:s3:::{prefix}-*",),
    # Whatever the bucket of a trail is called: of this account alone, by a condition.
    "account buckets": ("arn:{partition}:s3:::*",),
    # Trails are seen from every region, and an organization's from each of its accounts.
    "trails": ("arn:{partition}:cloudtrail:*:*:trail/*",),
    "detectors": build_arns_in_both_regions("guardduty", "detector/*"),
    "recorders": build_arns_in_both_regions("config", "configuration-recorder/*"),
    "security hubs": build_arns_in_both_regions("securityhub", "hub/default"),
    "log bucket": ("arn:{partition}:s3:::{prefix}-logs-{account}-{region}",),
    "access logs": ("arn:{partition}:s3:::{prefix}-logs-{account}-{region}/alb/*",),
    # What people typed and saw in containers: the transcripts of ECS Exec.
    "exec logs": build_stack_region_arns(
        "logs", "log-group:/{project}/{stack}/exec", "log-group:/{project}/{stack}/exec:*"
    ),
    "outputs": build_arns_in_both_regions(
        "ssm", "parameter/{project}/{stack}/outputs", "parameter/{project}/{stack}/outputs/*"
    ),
    "port forwarding": (
        "arn:{partition}:ssm:{region}::document/AWS-StartPortForwardingSessionToRemoteHost",
    ),
    "instances": build_stack_region_arns("ec2", "instance/*"),  # of the stack, by their tags
    "own sessions": build_stack_region_arns("ssm", "session/${{aws:userid}}-*"),
    "operations bucket": ("arn:{partition}:s3:::{bucket}",),
    "recovery bucket": ("arn:{partition}:s3:::{prefix}-operations-{account}-{recovery_region}",),
    "runs": ("arn:{partition}:s3:::{bucket}/runs/*",),
    "states": ("arn:{partition}:s3:::{bucket}/states/{stack}/*",),
    "drills": ("arn:{partition}:s3:::{bucket}/drills/*",),
    "baselines": ("arn:{partition}:s3:::{bucket}/baselines/*",),
    "incidents": ("arn:{partition}:s3:::{bucket}/incidents/*",),
    "checks": ("arn:{partition}:s3:::{bucket}/checks/*",),
    "waivers": ("arn:{partition}:s3:::{bucket}/waivers/*",),
    "lock": ("arn:{partition}:s3:::{bucket}/lock.json",),
    "data key": ("{data_key}",),
    "all keys": build_arns_in_both_regions("kms", "key/*"),
    "logs key": ("{logs_key}",),
    "keys": ("{data_key}", "{recovery_key}"),
}

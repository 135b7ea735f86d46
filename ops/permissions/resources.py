"""What the IAM actions of operations act on: ARNs of this stack, by what they stand for.

A field in braces is a name of ops/permissions/names.py; an ARN with a name that a stack has not is
left out. ARN formats: Service Authorization Reference, "Resource types defined by ..." of each
service. Where a stack's name begins with another's and a hyphen (prod, prod-eu), a pattern on the
prefix reaches into it: such stacks belong into accounts of their own.
"""

from collections.abc import Mapping
from typing import Final


def here(service: str, *resources: str) -> tuple[str, ...]:
    """ARNs in the stack's own region."""
    return tuple(f"arn:{{partition}}:{service}:{{region}}:{{account}}:{r}" for r in resources)


def there(service: str, *resources: str) -> tuple[str, ...]:
    """ARNs in the recovery region."""
    where = "{recovery_region}:{account}"
    return tuple(f"arn:{{partition}}:{service}:{where}:{r}" for r in resources)


def both(service: str, *resources: str) -> tuple[str, ...]:
    """ARNs in both regions."""
    return (*here(service, *resources), *there(service, *resources))


EVERYWHERE: Final = "*"  # the resource of an action for which AWS has no resource level
RESOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "everywhere": (EVERYWHERE,),
    # RDS asks for a list, filtered or not, as for all: the error names db:* and snapshot:*.
    "all databases": both("rds", "db:*"),
    "all snapshots": both("rds", "snapshot:*"),
    "all automated backups": both("rds", "auto-backup:*"),
    "database": here("rds", "db:{prefix}-database", "db:{prefix}-database-*"),
    "replicas": here("rds", "db:{prefix}-database-*"),
    "snapshots": both("rds", "snapshot:{prefix}-database-*"),
    # What AWS takes by itself is called rds:..., and what AWS Backup takes awsbackup:...
    "snapshots to copy": here(
        "rds",
        "snapshot:{prefix}-database-*",
        "snapshot:rds:{prefix}-database-*",
        "snapshot:awsbackup:*",
    ),
    "parameter groups": here("rds", "pg:{prefix}-database-*"),
    "option groups": here("rds", "og:default:postgres-*"),
    "subnet group": here("rds", "subgrp:{prefix}-database"),
    "secret": here("secretsmanager", "secret:{prefix}-database-*"),
    "rotation function": here("lambda", "function:{prefix}-rotation"),
    "services": here("ecs", "service/{prefix}/*"),
    "service revisions": here("ecs", "service-revision/{prefix}/*"),
    "cluster": here("ecs", "cluster/{prefix}"),
    "tasks": here("ecs", "task/{prefix}/*"),
    "task definitions": here("ecs", "task-definition/{prefix}-*:*"),
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
    "scalable targets": here("application-autoscaling", "scalable-target/*"),
    "fleet": here("autoscaling", "autoScalingGroup:*:autoScalingGroupName/{prefix}-fleet"),
    "fleet image": here("ssm", "parameter/{project}/{stack}/fleet/image"),
    "fleet role": ("arn:{partition}:iam::{account}:role/{prefix}-fleet-instance",),
    "launch templates": here("ec2", "launch-template/*"),
    # What instances of the fleet are made of.
    "launched": (
        *here("ec2", "instance/*", "volume/*", "network-interface/*"),
        *here("ec2", "security-group/*", "subnet/*"),
        "arn:{partition}:ec2:{region}::image/*",
    ),
    "tagged at launch": here("ec2", "instance/*", "volume/*", "network-interface/*"),
    "shell": ("arn:{partition}:ssm:{region}::document/AWS-RunShellScript",),
    "repositories": here("ecr", "repository/{project}/{stack}/*"),
    "balancer rules": here("elasticloadbalancing", "listener-rule/app/{prefix}-alb/*"),
    "certificate": ("{certificate}",),
    "certificates there": there("acm", "certificate/*"),
    "cache": here("elasticache", "replicationgroup:{prefix}-cache"),
    "alarms": here("cloudwatch", "alarm:{prefix}-*"),
    # What announces a window of maintenance (ops/alarms/announcement.py): of the stack's own none.
    "alarms of windows": here("cloudwatch", "alarm:{prefix}-maintenance-*"),
    "all mute rules": here("cloudwatch", "alarm-mute-rule:*"),
    "mute rules": here("cloudwatch", "alarm-mute-rule:{prefix}-*"),
    "vaults": both("backup", "backup-vault:{prefix}-backups"),
    "log groups": here(
        "logs", "log-group:/{project}/{stack}/*", "log-group:/aws/rds/instance/{prefix}-database*"
    ),
    "outputs": both(
        "ssm", "parameter/{project}/{stack}/outputs", "parameter/{project}/{stack}/outputs/*"
    ),
    "port forwarding": (
        "arn:{partition}:ssm:{region}::document/AWS-StartPortForwardingSessionToRemoteHost",
    ),
    "instances": here("ec2", "instance/*"),  # of the stack, by their tags
    "own sessions": here("ssm", "session/${{aws:userid}}-*"),
    "operations bucket": ("arn:{partition}:s3:::{bucket}",),
    "recovery bucket": ("arn:{partition}:s3:::{prefix}-operations-{account}-{recovery_region}",),
    "runs": ("arn:{partition}:s3:::{bucket}/runs/*",),
    "states": ("arn:{partition}:s3:::{bucket}/states/{stack}/*",),
    "drills": ("arn:{partition}:s3:::{bucket}/drills/*",),
    "baselines": ("arn:{partition}:s3:::{bucket}/baselines/*",),
    "lock": ("arn:{partition}:s3:::{bucket}/lock.json",),
    "data key": ("{data_key}",),
    "logs key": ("{logs_key}",),
    "keys": ("{data_key}", "{recovery_key}"),
}

"""What a grant is: an action, its resources and its conditions; and the conditions that recur."""

from dataclasses import dataclass
from typing import Final, TypeAlias

Condition: TypeAlias = tuple[str, str, tuple[str, ...]]  # operator, key, values as templates


@dataclass(frozen=True)
class Grant:
    """One action, the names of its resources in resources.py, and its conditions."""

    action: str
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()


def build_grant(action: str, *resources: str, conditions: tuple[Condition, ...] = ()) -> Grant:
    """Builds a grant of an action on these resources."""
    return Grant(action, resources, conditions)


def build_unscoped_grant(action: str, *conditions: Condition) -> Grant:
    """Builds a grant of an action that AWS cannot restrict to resources."""
    return Grant(action, ("everywhere",), conditions)


def build_via_service_condition(service: str) -> tuple[Condition, ...]:
    """Builds a condition for keys: use only through a service in the stack's regions."""
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


def build_passed_to_condition(service: str) -> tuple[Condition, ...]:
    """Builds a condition for iam:PassRole: pass only to this service."""
    return (("StringEquals", "iam:PassedToService", (service,)),)


# Limits actions without resources to the stack's regions.
STACK_REGIONS_CONDITION: Final[Condition] = (
    "StringEquals",
    "aws:RequestedRegion",
    ("{region}", "{recovery_region}"),
)
# Instead of those: the regions of the partitions in which IAM's calls are recorded.
GLOBAL_REGIONS_CONDITION: Final[Condition] = (
    "StringEquals",
    "aws:RequestedRegion",
    ("us-east-1", "us-gov-west-1", "cn-north-1"),
)
# Both: what is asked of the stack's regions, and of a partition's global quotas.
STACK_AND_GLOBAL_REGIONS_CONDITION: Final[Condition] = (
    "StringEquals",
    "aws:RequestedRegion",
    ("{region}", "{recovery_region}", *GLOBAL_REGIONS_CONDITION[2]),
)
# The endpoints of AWS Health (AWS General Reference, "AWS Health endpoints and quotas").
HEALTH_REGIONS_CONDITION: Final[Condition] = (
    "StringEquals",
    "aws:RequestedRegion",
    ("us-east-1", "us-gov-west-1", "cn-northwest-1"),
)
# The endpoints of Cost Explorer (AWS General Reference, "AWS Cost Explorer endpoints and quotas").
COST_REGIONS_CONDITION: Final[Condition] = (
    "StringEquals",
    "aws:RequestedRegion",
    ("us-east-1", "cn-northwest-1"),
)
CLUSTER_CONDITION: Final[Condition] = (
    "ArnEquals",
    "ecs:cluster",
    ("arn:{partition}:ecs:{region}:{account}:cluster/{prefix}",),
)
ECS_NAMESPACE_CONDITION: Final[Condition] = (
    "StringEquals",
    "application-autoscaling:service-namespace",
    ("ecs",),
)
# Makes Session Manager check the document even if none is named: no shell on an instance
# (Systems Manager User Guide, "Enforce a session document permission check").
SESSION_DOCUMENT_CONDITION: Final[Condition] = (
    "BoolIfExists",
    "ssm:SessionDocumentAccessCheck",
    ("true",),
)
STACK_INSTANCE_CONDITIONS: Final[tuple[Condition, ...]] = (
    ("StringEquals", "ssm:resourceTag/Project", ("{project}",)),
    ("StringEquals", "ssm:resourceTag/Environment", ("{stack}",)),
)
# Launch only from a launch template, and only from the stack's own.
LAUNCH_TEMPLATE_CONDITION: Final[Condition] = (
    "ArnLike",
    "ec2:LaunchTemplate",
    ("arn:{partition}:ec2:{region}:{account}:launch-template/*",),
)
STACK_TEMPLATE_CONDITIONS: Final[tuple[Condition, ...]] = (
    ("StringEquals", "ec2:ResourceTag/Project", ("{project}",)),
    ("StringEquals", "ec2:ResourceTag/Environment", ("{stack}",)),
)
# Nothing that the template names is overridden (EC2 User Guide, "Control the use of launch
# templates with IAM"; the key is true if the resource is the one of the template).
AS_IN_TEMPLATE_CONDITIONS: Final[tuple[Condition, ...]] = (
    LAUNCH_TEMPLATE_CONDITION,
    ("Bool", "ec2:IsLaunchTemplateResource", ("true",)),
)
STACK_RESOURCE_CONDITIONS: Final[tuple[Condition, ...]] = (
    ("StringEquals", "aws:ResourceTag/Project", ("{project}",)),
    ("StringEquals", "aws:ResourceTag/Environment", ("{stack}",)),
)
# IAM's users: the tag says whose (Service Authorization Reference, IAM: users have it as a key).
USER_TAG: Final = "KeysRotatedBy"
STACK_USER_CONDITION: Final[Condition] = (
    "StringEquals",
    f"aws:ResourceTag/{USER_TAG}",
    ("{prefix}",),
)
OTHER_ACCOUNT_CONDITION: Final[Condition] = (
    "StringNotEquals",
    "aws:ResourceAccount",
    ("{account}",),
)
# Global key, which S3 has of every bucket (IAM User Guide, "Global condition context keys").
OWN_ACCOUNT_CONDITION: Final[Condition] = ("StringEquals", "aws:ResourceAccount", ("{account}",))
TAG_AT_LAUNCH_CONDITION: Final[Condition] = ("StringEquals", "ec2:CreateAction", ("RunInstances",))
TAG_AT_REGISTRATION_CONDITION: Final[Condition] = (
    "StringEquals",
    "ecs:CreateAction",
    ("RegisterTaskDefinition",),
)
TAG_AT_RUN_CONDITION: Final[Condition] = ("StringEquals", "ecs:CreateAction", ("RunTask",))

"""The IAM actions of the calls of quotas, what counts against them, and of images' scans.

Source: Service Authorization Reference of each service.
"""

from collections.abc import Mapping
from typing import Final

from ops.permissions.grants import (
    GLOBAL_REGIONS_CONDITION,
    STACK_AND_GLOBAL_REGIONS_CONDITION,
    Grant,
    build_grant,
    build_unscoped_grant,
)

QUOTA_API_GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "ec2.describe_addresses": (build_unscoped_grant("ec2:DescribeAddresses"),),
    "ec2.describe_instance_types": (build_unscoped_grant("ec2:DescribeInstanceTypes"),),
    "ec2.describe_vpcs": (build_unscoped_grant("ec2:DescribeVpcs"),),
    "ec2.describe_nat_gateways": (build_unscoped_grant("ec2:DescribeNatGateways"),),
    "ec2.describe_route_tables": (build_unscoped_grant("ec2:DescribeRouteTables"),),
    "ecr.batch_get_repository_scanning_configuration": (
        build_grant("ecr:BatchGetRepositoryScanningConfiguration", "all repositories"),
    ),
    # No resource level (Service Authorization Reference).
    "ecr.get_registry_scanning_configuration": (
        build_unscoped_grant("ecr:GetRegistryScanningConfiguration"),
    ),
    "ecr.start_image_scan": (build_grant("ecr:StartImageScan", "all repositories"),),
    "ecr.batch_get_image": (build_grant("ecr:BatchGetImage", "all repositories"),),
    "ecr.describe_image_scan_findings": (
        build_grant("ecr:DescribeImageScanFindings", "all repositories"),
    ),
    "ecs.describe_clusters": (build_grant("ecs:DescribeClusters", "cluster"),),
    "elbv2.describe_target_groups": (
        build_unscoped_grant("elasticloadbalancing:DescribeTargetGroups"),
    ),
    "events.list_rules": (build_unscoped_grant("events:ListRules"),),
    "iam.get_account_summary": (
        build_unscoped_grant("iam:GetAccountSummary", GLOBAL_REGIONS_CONDITION),
    ),
    "s3.list_buckets": (build_unscoped_grant("s3:ListAllMyBuckets"),),
    "secretsmanager.list_secrets": (build_unscoped_grant("secretsmanager:ListSecrets"),),
    "service-quotas.get_aws_default_service_quota": (
        build_unscoped_grant(
            "servicequotas:GetAWSDefaultServiceQuota", STACK_AND_GLOBAL_REGIONS_CONDITION
        ),
    ),
    "service-quotas.get_service_quota": (
        build_grant("servicequotas:GetServiceQuota", "quotas", "global quotas"),
    ),
    "service-quotas.list_requested_service_quota_change_history": (
        build_unscoped_grant(
            "servicequotas:ListRequestedServiceQuotaChangeHistory",
            STACK_AND_GLOBAL_REGIONS_CONDITION,
        ),
    ),
    "service-quotas.list_requested_service_quota_change_history_by_quota": (
        build_grant("servicequotas:ListRequestedServiceQuotaChangeHistoryByQuota", "quotas"),
    ),
    # The first request makes the role with which AWS opens a support case (Service Quotas User
    # Guide, "Using service-linked roles").
    "service-quotas.request_service_quota_increase": (
        build_grant("servicequotas:RequestServiceQuotaIncrease", "quotas"),
        build_grant("iam:CreateServiceLinkedRole", "quotas role"),
    ),
}

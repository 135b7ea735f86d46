"""The quotas of Service Quotas that would stop the stack, as data.

A quota's limit is always read: the account's applied value, else the default that Service Quotas
has for it. `default` here is only said in the docs, with its source, and never compared with.

What is not here is what Service Quotas has not: it counts no alarms and no dashboards of
CloudWatch, only the rates of its calls (AWS General Reference, "CloudWatch endpoints and quotas").
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ops.core.quota_apis import FARGATE_CODE, INSTANCES_CODE
from ops.quotas import measures
from ops.quotas.model import Quota
from ops.quotas.shared_table import SHARED_QUOTAS, has_services

if TYPE_CHECKING:
    from ops.outputs import Outputs

VPC_SOURCE: Final = "Amazon VPC User Guide, quotas"
RDS_SOURCE: Final = "AWS General Reference, RDS endpoints and quotas"
ELB_SOURCE: Final = "User Guide for Application Load Balancers, quotas"
ECS_SOURCE: Final = "AWS General Reference, ECS endpoints and quotas"


def _has_instances(outputs: "Outputs") -> bool:
    return outputs.fleet is not None or bool(outputs.network.nat_instances)


def _has_load_balancer(outputs: "Outputs") -> bool:
    return outputs.load_balancer is not None


DB_INSTANCES_CODE: Final = "L-7B6409FD"
DB_STORAGE_CODE: Final = "L-7ADDB58A"

# Codes and names: Service Quotas, ListAWSDefaultServiceQuotas; each was held on 2026-12-01 to a
# copy of AWS's General Reference, or to what that call answers in
# gruntwork-io/terraform-aws-utilities,
# docs/quotas.md.
QUOTAS: Final = (
    Quota(
        "fargate",
        FARGATE_CODE,
        "Fargate On-Demand vCPU resource count",
        "6, raised by AWS as it is used",
        ECS_SOURCE,
        # ECS Developer Guide, "AWS Fargate usage metrics".
        measures.read_usage_metric("Fargate", "vCPU", "Standard/OnDemand"),
        "fargate",
        is_needed_elsewhere=True,
        stops_deployment=True,
        is_applicable=has_services,
    ),
    Quota(
        "ec2",
        INSTANCES_CODE,
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        "5 vCPU, raised by AWS as it is used",
        "EC2 User Guide, On-Demand Instance quotas",
        # EC2 User Guide, "Amazon EC2 usage metrics".
        measures.read_usage_metric("EC2", "vCPU", "Standard/OnDemand"),
        "instances",
        is_needed_elsewhere=True,
        stops_deployment=True,
        is_applicable=_has_instances,
    ),
    Quota(
        "rds",
        DB_INSTANCES_CODE,
        "DB instances",
        "40",
        RDS_SOURCE,
        measures.read_account_quota("DBInstances"),
        "databases",
        is_needed_elsewhere=True,
    ),
    Quota(
        "rds",
        DB_STORAGE_CODE,
        "Total storage for all DB instances",
        "100,000 GB",
        RDS_SOURCE,
        measures.read_account_quota("AllocatedStorage"),
        "database storage",
        is_needed_elsewhere=True,
    ),
    Quota(
        "rds",
        "L-272F1212",
        "Manual DB instance snapshots",
        "100",
        RDS_SOURCE,
        measures.read_account_quota("ManualSnapshots"),
        "database snapshots",
        is_needed_elsewhere=True,
    ),
    Quota(
        "rds",
        "L-DE55804A",
        "Parameter groups",
        "50",
        RDS_SOURCE,
        measures.read_account_quota("DBParameterGroups"),
        is_needed_elsewhere=True,
    ),
    Quota(
        "rds",
        "L-48C6BF61",
        "DB subnet groups",
        "50",
        RDS_SOURCE,
        measures.read_account_quota("DBSubnetGroups"),
        is_needed_elsewhere=True,
    ),
    Quota(
        "vpc",
        "L-F678F1CE",
        "VPCs per Region",
        "5",
        VPC_SOURCE,
        measures.count_items("ec2.describe_vpcs", "Vpcs", "VPCs"),
        "vpcs",
        is_needed_elsewhere=True,
    ),
    Quota(
        "ec2",
        "L-0263D0A3",
        "EC2-VPC Elastic IPs",
        "5",
        VPC_SOURCE,
        measures.count_items("ec2.describe_addresses", "Addresses", "Elastic IP addresses"),
        "addresses",
        is_needed_elsewhere=True,
    ),
    Quota(
        "vpc",
        "L-FE5A380F",
        "NAT gateways per Availability Zone",
        "5",
        VPC_SOURCE,
        measures.build_nat_measure(),
        "nat gateways",
    ),
    Quota(
        "vpc",
        "L-0EA8095F",
        "Inbound or outbound rules per security group",
        "60",
        VPC_SOURCE,
        measures.find_largest(
            "ec2.describe_security_groups",
            "SecurityGroups",
            "rules of the stack's group with most, in the direction with more",
            "GroupId",
            measures.count_rules,
            measures.in_stack_network,
        ),
    ),
    Quota(
        "vpc",
        "L-2AFB9258",
        "Security groups per network interface",
        "5",
        VPC_SOURCE,
        measures.find_largest(
            "ec2.describe_network_interfaces",
            "NetworkInterfaces",
            "groups of the stack's interface with most",
            "NetworkInterfaceId",
            lambda interface: len(interface.get("Groups") or ()),
            measures.in_stack_network,
        ),
    ),
    Quota(
        "vpc",
        "L-93826ACB",
        "Routes per route table",
        "500",
        VPC_SOURCE,
        measures.find_largest(
            "ec2.describe_route_tables",
            "RouteTables",
            "routes of the stack's table with most",
            "RouteTableId",
            measures.count_routes,
            measures.in_stack_network,
        ),
    ),
    Quota(
        "vpc",
        "L-DF5E4CA3",
        "Network interfaces per Region",
        "5,000",
        VPC_SOURCE,
        measures.count_items(
            "ec2.describe_network_interfaces", "NetworkInterfaces", "network interfaces"
        ),
        "interfaces",
        stops_deployment=True,
    ),
    Quota(
        "vpc",
        "L-E79EC296",
        "VPC security groups per Region",
        "2,500",
        VPC_SOURCE,
        measures.count_items("ec2.describe_security_groups", "SecurityGroups", "security groups"),
    ),
    Quota(
        "elasticloadbalancing",
        "L-53DA6B97",
        "Application Load Balancers per Region",
        "50",
        ELB_SOURCE,
        measures.count_items(
            "elbv2.describe_load_balancers",
            "LoadBalancers",
            "Application Load Balancers",
            lambda balancer: balancer.get("Type", "application") == "application",
        ),
        "load balancers",
        is_needed_elsewhere=True,
        is_applicable=_has_load_balancer,
    ),
    Quota(
        "elasticloadbalancing",
        "L-B22855CB",
        "Target Groups per Region",
        "3,000",
        ELB_SOURCE,
        measures.count_items("elbv2.describe_target_groups", "TargetGroups", "target groups"),
        "target groups",
        is_needed_elsewhere=True,
        is_applicable=_has_load_balancer,
    ),
    Quota(
        "elasticloadbalancing",
        "L-7EED9B64",
        "Rules per Application Load Balancer",
        "100",
        ELB_SOURCE,
        measures.count_listener_rules(),
        is_applicable=_has_load_balancer,
    ),
    Quota(
        "elasticloadbalancing",
        "L-A0D0B863",
        "Targets per Target Group per Region",
        "1,000",
        ELB_SOURCE,
        measures.find_largest_service(
            lambda service: float(service.get("runningCount") or 0),
            "running tasks of the stack's service with most",
        ),
        "targets",
        stops_deployment=True,
        is_applicable=lambda outputs: has_services(outputs) and _has_load_balancer(outputs),
    ),
    Quota(
        "ecs",
        "L-9EF96962",
        "Services per cluster",
        "5,000",
        ECS_SOURCE,
        measures.count_cluster_services(),
        is_applicable=has_services,
    ),
    Quota(
        "ecs",
        "L-92E49DE3",
        "Tasks per service",
        "5,000",
        ECS_SOURCE,
        measures.find_largest_service(
            lambda service: float(service.get("desiredCount") or 0),
            "desired tasks of the stack's service with most",
        ),
        "tasks",
        is_applicable=has_services,
    ),
    Quota(
        "autoscaling",
        "L-CDE20ADC",
        "Auto Scaling groups per region",
        "500",
        "EC2 Auto Scaling User Guide, quotas",
        measures.count_items(
            "autoscaling.describe_auto_scaling_groups", "AutoScalingGroups", "Auto Scaling groups"
        ),
        is_applicable=lambda outputs: outputs.fleet is not None,
    ),
    *SHARED_QUOTAS,
)
DEPLOYMENT_QUOTAS: Final = tuple(quota for quota in QUOTAS if quota.stops_deployment)
QUOTAS_BY_CODE: Final[Mapping[str, Quota]] = {quota.code: quota for quota in QUOTAS}
MEASURE_CALLS: Final = tuple(sorted({quota.measure.api for quota in QUOTAS}))


def get_global_region(region: str) -> str:
    """The region in which a partition keeps its global quotas (assumed: that of its IAM)."""
    if region.startswith("us-gov-"):
        return "us-gov-west-1"
    return "cn-north-1" if region.startswith("cn-") else "us-east-1"

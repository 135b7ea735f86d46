"""What a stack in the sandbox costs by day: its estimate, as the items of Cost Explorer.

Services and usage types are AWS's (AWS Price List); the prefix of the region is that of eu-north-1.
"""

import re
from datetime import date, timedelta
from typing import Final

from moto.ce.models import ce_backends

from ops.prices.estimate import Cost, PricedResource, estimate_known_costs
from sandbox.aws import ACCOUNT_ID, AWS_PARTITION
from sandbox.clock import get_sandbox_clock
from sandbox.patches.ce.ledger import (
    STANDING_DAYS,
    USAGE,
    BilledUsage,
    CostItem,
    Ledger,
    StackName,
    get_ledger,
)
from sandbox.program import ResourceGraph

USAGE_PREFIX: Final = "EUN1-"
EC2_OTHER: Final = "EC2 - Other"
RDS: Final = "Amazon Relational Database Service"
VPC: Final = "Amazon Virtual Private Cloud"
CLOUDWATCH: Final = "AmazonCloudWatch"
# What a line of an estimate says, the service that bills it, and the usage type.
BILLED_AS: Final = (
    (r"NAT gateway", EC2_OTHER, "NatGateway-Hours"),
    (r"public address", VPC, "PublicIPv4:InUseAddress"),
    (r"interface endpoint|endpoint", VPC, "VpcEndpoint-Hours"),
    (r"load balancer", "Amazon Elastic Load Balancing", "LoadBalancerUsage"),
    (r"2 x (db\.\S+)", RDS, r"Multi-AZUsage:\1"),
    (r"(db\.\S+)", RDS, r"InstanceUsage:\1"),
    (r"(cache\.\S+)", "Amazon ElastiCache", r"NodeUsage:\1"),
    (r"vCPU", "Amazon Elastic Container Service", "Fargate-ARM-vCPU-Hours:perCPU"),
    (r"web ACL", "AWS WAF", "WebACLV2"),
    (r"\bkey", "AWS Key Management Service", "KMS-Keys"),
    (r"secret", "AWS Secrets Manager", "AWSSecretsManager-Secrets"),
    (r"alarm", CLOUDWATCH, "CW:AlarmMonitorUsage"),
    (r"dashboard", CLOUDWATCH, "DashboardsUsageHour"),
    (r"hosted zone", "Amazon Route 53", "HostedZone"),
    (r"([a-z]\w+\.(?:nano|micro|small|medium|x?large))", "EC2 - Compute", r"BoxUsage:\1"),
)
GP3_STORAGE: Final = {"database": (RDS, "RDS:GP3-Storage")}
OTHER_STORAGE: Final = (EC2_OTHER, "EBS:VolumeUsage.gp3")


def list_priced_resources(graph: ResourceGraph) -> list[PricedResource]:
    """The resources of a graph as the estimate reads them."""
    priced_resources = []
    for resource in graph:
        component = graph.find_component(resource)
        if resource.is_in_aws and component is not None:
            priced_resources.append(
                PricedResource(
                    resource.type, resource.name, component.name, resource.inputs, resource.parent
                )
            )
    return priced_resources


def record_deployed_costs(graph: ResourceGraph, *, project: str, stack: str) -> None:
    """Sets what a stack costs, as if it had stood for STANDING_DAYS. In place of what it cost."""
    usages = []
    for cost in estimate_known_costs(list_priced_resources(graph)):
        if cost.monthly:
            service, usage_type = find_billing(cost)
            tags = {"Project": project, "Environment": stack, "Component": cost.component}
            usages.append(BilledUsage(service, USAGE_PREFIX + usage_type, cost.monthly, tags))
    first_day = get_sandbox_clock().now().date() - timedelta(days=STANDING_DAYS)
    get_account_ledger().usages[project, stack] = first_day, tuple(usages)


def find_billing(cost: Cost) -> tuple[str, str]:
    """The service and the usage type, without a region, that a line of an estimate is billed as."""
    if cost.what.endswith("gp3"):
        return GP3_STORAGE.get(cost.component, OTHER_STORAGE)
    for pattern, service, usage_type in BILLED_AS:
        if match := re.search(pattern, cost.what):
            return service, match.expand(usage_type)
    return "Other", cost.what


def get_account_ledger() -> Ledger:
    """The ledger of the sandbox's account."""
    return get_ledger(ce_backends[ACCOUNT_ID][AWS_PARTITION])


def add_unusual_cost(
    stack: StackName,
    day: date,
    *,
    component: str,
    service: str,
    usage_type: str,
    usd: float,
    record_type: str = USAGE,
) -> None:
    """Makes a day of a stack unusual: something costs so much more on it; a credit, less."""
    tags = {"Project": stack[0], "Environment": stack[1], "Component": component}
    item = CostItem(service, USAGE_PREFIX + usage_type, usd, tags, record_type)
    get_account_ledger().extra_items.append((day, item))

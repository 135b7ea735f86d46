"""The monthly cost of a stack, from the resources that it registers. No call to AWS.

A fixed price is a figure; what depends on usage is a rate. A resource type that is neither in
RESOURCE_PRICERS nor free is an error in these tables.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ops.cost import prices
from ops.cost.prices import DEFAULT_PRICE_TABLE, PriceTable

ResourceInputs: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class PricedResource:
    """A resource with what its price depends on. `parent` is its parent's URN."""

    type: str
    name: str
    component: str
    inputs: ResourceInputs
    parent: str = ""


@dataclass(frozen=True)
class Cost:
    """One line of an estimate. `monthly` is in $, or None if only a `usage` rate is known."""

    component: str
    resource: str
    what: str
    monthly: float | None
    usage: str | None = None


class UnpricedError(LookupError):
    """A resource type is in none of the tables of this module."""


@dataclass(frozen=True)
class StackResources:
    """The stack's resources, for prices that depend on others, and the price table."""

    resources: Sequence[PricedResource]
    prices: PriceTable = DEFAULT_PRICE_TABLE

    def find_sibling(self, resource: PricedResource, type_: str) -> PricedResource | None:
        """Finds the only resource of a type under the same parent, else the namesake."""
        siblings = [r for r in self.resources if r.type == type_ and r.parent == resource.parent]
        namesakes = [r for r in siblings if r.name == resource.name]
        candidates = namesakes or siblings
        return candidates[0] if len(candidates) == 1 else None


PriceLine: TypeAlias = tuple[str, float | None, str | None]  # what, monthly, usage
ResourcePricer: TypeAlias = Callable[[PricedResource, StackResources], Iterable[PriceLine]]


def _build_hourly_line(description: str, rate: float | None, count: float = 1) -> PriceLine:
    return (description, None if rate is None else rate * count * prices.HOURS, None)


def _build_class_line(
    stack: StackResources, description: str, table: Mapping[str, float], name: str, count: float
) -> PriceLine:
    rate = table.get(name)
    if rate is None:
        return (
            f"{description} {name}",
            None,
            f"the price table of {stack.prices.taken} has no {name}",
        )
    return _build_hourly_line(f"{count:g} x {name}", rate, count)


def _price_nat_gateway(_: PricedResource, stack: StackResources) -> Iterable[PriceLine]:
    yield _build_hourly_line("NAT gateway", stack.prices.nat_gateway)
    yield ("data", None, prices.USAGE_RATES["nat"])


def _price_load_balancer(resource: PricedResource, stack: StackResources) -> Iterable[PriceLine]:
    subnets = len(resource.inputs.get("subnets") or ())
    yield _build_hourly_line("load balancer", stack.prices.load_balancer)
    if not resource.inputs.get("internal"):
        yield _build_hourly_line(f"{subnets} public addresses", stack.prices.public_ipv4, subnets)
    yield ("capacity", None, prices.USAGE_RATES["lcu"])


def _price_vpc_endpoint(resource: PricedResource, stack: StackResources) -> Iterable[PriceLine]:
    if resource.inputs.get("vpcEndpointType") == "Interface":
        zones = len(resource.inputs.get("subnetIds") or ())
        yield _build_hourly_line(
            f"interface endpoint in {zones} zones", stack.prices.interface_endpoint, zones
        )
        yield ("data", None, prices.USAGE_RATES["endpoint"])


def _price_instance(resource: PricedResource, stack: StackResources) -> Iterable[PriceLine]:
    yield _build_class_line(
        stack, "instance", stack.prices.instances, resource.inputs["instanceType"], 1
    )
    size = (resource.inputs.get("rootBlockDevice") or {}).get("volumeSize") or 8
    yield (f"{size:g} GB disk", size * stack.prices.ebs_gp3_gb, None)


def _price_database(resource: PricedResource, stack: StackResources) -> Iterable[PriceLine]:
    inputs = resource.inputs
    copies = 2 if inputs.get("multiAz") else 1
    yield _build_class_line(
        stack, "database", stack.prices.databases, inputs["instanceClass"], copies
    )
    source = inputs if "allocatedStorage" in inputs else _find_primary_inputs(stack)
    storage = source.get("allocatedStorage")
    if storage is None:
        yield (
            "storage",
            None,
            "unknown: the source of this replica or restore is not in the preview",
        )
    else:
        yield (f"{storage:g} GB gp3", storage * stack.prices.rds_gp3_gb * copies, None)
    if inputs.get("backupRetentionPeriod"):
        yield ("backups", None, prices.USAGE_RATES["rds-backup"])


def _find_primary_inputs(stack: StackResources) -> ResourceInputs:
    instance_inputs = (r.inputs for r in stack.resources if r.type == "aws:rds/instance:Instance")
    return next((inputs for inputs in instance_inputs if "allocatedStorage" in inputs), {})


def _price_service(resource: PricedResource, stack: StackResources) -> Iterable[PriceLine]:
    task = stack.find_sibling(resource, "aws:ecs/taskDefinition:TaskDefinition")
    count = resource.inputs.get("desiredCount") or 0
    if task is None:
        yield ("tasks", None, "unknown: its task definition is not in the preview")
        return
    cpu, memory = float(task.inputs["cpu"]) / 1024, float(task.inputs["memory"]) / 1024
    processor = (task.inputs.get("runtimePlatform") or {}).get("cpuArchitecture") or "X86_64"
    vcpu_rate, gb_rate = stack.prices.fargate[processor]
    description = f"{count:g} x {cpu:g} vCPU, {memory:g} GB"
    yield _build_hourly_line(description, cpu * vcpu_rate + memory * gb_rate, count)
    yield ("scaling", None, prices.USAGE_RATES["scale"])


def _price_autoscaling_group(
    resource: PricedResource, stack: StackResources
) -> Iterable[PriceLine]:
    template = stack.find_sibling(resource, "aws:ec2/launchTemplate:LaunchTemplate")
    policy = (resource.inputs.get("mixedInstancesPolicy") or {}).get("launchTemplate") or {}
    instance_types = [override["instanceType"] for override in policy.get("overrides") or ()]
    count = resource.inputs.get("minSize") or 0
    instance_type = (
        instance_types[0]
        if instance_types
        else (template.inputs.get("instanceType") if template else None)
    )
    yield _build_class_line(stack, "instances", stack.prices.instances, str(instance_type), count)
    disks = (template.inputs.get("blockDeviceMappings") if template else None) or ()
    size = sum((disk.get("ebs") or {}).get("volumeSize") or 0 for disk in disks)
    yield (f"{count:g} x {size:g} GB disk", count * size * stack.prices.ebs_gp3_gb, None)
    yield ("scaling", None, prices.USAGE_RATES["scale"])


def _price_cache(resource: PricedResource, stack: StackResources) -> Iterable[PriceLine]:
    inputs = resource.inputs
    nodes = inputs.get("numCacheClusters") or 1
    factor = stack.prices.valkey if inputs.get("engine") == "valkey" else 1
    table = {name: rate * factor for name, rate in stack.prices.caches.items()}
    yield _build_class_line(stack, "cache", table, inputs["nodeType"], nodes)


def _price_alarm(resource: PricedResource, stack: StackResources) -> Iterable[PriceLine]:
    queries = resource.inputs.get("metricQueries") or ()
    metrics = sum(1 for query in queries if query.get("metric") is not None) or 1
    yield (
        f"alarm on {metrics} metric{'s' * (metrics > 1)}",
        metrics * stack.prices.alarm_metric,
        None,
    )


def _price_dashboard(resource: PricedResource, stack: StackResources) -> Iterable[PriceLine]:
    dashboards = [r for r in stack.resources if r.type == resource.type]
    is_free_dashboard = dashboards.index(resource) < prices.FREE_DASHBOARDS
    yield (
        "dashboard, free" if is_free_dashboard else "dashboard",
        0.0 if is_free_dashboard else stack.prices.dashboard,
        None,
    )


def _price_web_acl(resource: PricedResource, stack: StackResources) -> Iterable[PriceLine]:
    rules = len(resource.inputs.get("rules") or ())
    yield (
        f"web ACL of {rules} rules",
        stack.prices.web_acl + rules * stack.prices.web_acl_rule,
        None,
    )
    yield ("requests", None, prices.USAGE_RATES["waf"])


def _price_cluster(resource: PricedResource, _: StackResources) -> Iterable[PriceLine]:
    settings = resource.inputs.get("settings") or ()
    if any(
        setting["name"] == "containerInsights" and setting["value"] != "disabled"
        for setting in settings
    ):
        yield ("Container Insights", None, prices.USAGE_RATES["insights"])


def _build_flat_pricer(description: str, price_field: str) -> ResourcePricer:
    return lambda resource, stack: [(description, getattr(stack.prices, price_field), None)]


def _build_usage_pricer(description: str, usage: str) -> ResourcePricer:
    return lambda resource, stack: [(description, None, prices.USAGE_RATES[usage])]


RESOURCE_PRICERS: Final[Mapping[str, ResourcePricer]] = {
    "aws:ec2/natGateway:NatGateway": _price_nat_gateway,
    "aws:ec2/eip:Eip": lambda resource, stack: [
        _build_hourly_line("public address", stack.prices.public_ipv4)
    ],
    "aws:ec2/instance:Instance": _price_instance,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _price_vpc_endpoint,
    "aws:ec2/flowLog:FlowLog": _build_usage_pricer("flow logs", "logs"),
    "aws:lb/loadBalancer:LoadBalancer": _price_load_balancer,
    "aws:route53/zone:Zone": _build_flat_pricer("hosted zone", "hosted_zone"),
    "aws:wafv2/webAcl:WebAcl": _price_web_acl,
    "aws:rds/instance:Instance": _price_database,
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": (
        _build_usage_pricer("replicated backups", "transfer")
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": _price_cache,
    "aws:ecs/cluster:Cluster": _price_cluster,
    "aws:ecs/service:Service": _price_service,
    "aws:autoscaling/group:Group": _price_autoscaling_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _price_alarm,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _build_flat_pricer("alarm", "composite_alarm"),
    "aws:cloudwatch/dashboard:Dashboard": _price_dashboard,
    "aws:cloudwatch/logGroup:LogGroup": _build_usage_pricer("logs", "logs"),
    "aws:kms/key:Key": _build_flat_pricer("key", "kms_key"),
    "aws:secretsmanager/secret:Secret": _build_flat_pricer("secret", "secret"),
    "aws:s3/bucket:Bucket": _build_usage_pricer("objects", "s3"),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": _build_usage_pricer(
        "copies", "transfer"
    ),
    "aws:ecr/repository:Repository": _build_usage_pricer("images", "ecr"),
    "aws:lambda/function:Function": _build_usage_pricer("invocations", "lambda"),
    "aws:sns/topic:Topic": _build_usage_pricer("messages", "sns"),
    "aws:backup/vault:Vault": _build_usage_pricer("recovery points", "backup"),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": _build_usage_pricer(
        "tests", "restore-test"
    ),
}
# Types that are free, by module or by name.
FREE_MODULES: Final = ("iam", "appautoscaling", "acm", "vpc")
FREE_TYPES: Final = frozenset(
    """
    ec2/vpc ec2/subnet ec2/routeTable ec2/route ec2/routeTableAssociation ec2/internetGateway
    ec2/networkAcl ec2/networkAclRule ec2/networkAclAssociation ec2/defaultSecurityGroup
    ec2/defaultRouteTable ec2/defaultNetworkAcl ec2/securityGroup ec2/eipAssociation
    ec2/launchTemplate ec2/vpcEndpointRouteTableAssociation ec2/vpcEndpointSubnetAssociation
    lb/listener lb/listenerRule lb/targetGroup lb/listenerCertificate
    route53/record wafv2/webAclAssociation wafv2/webAclLoggingConfiguration
    rds/parameterGroup rds/subnetGroup rds/eventSubscription
    elasticache/parameterGroup elasticache/subnetGroup
    ecs/taskDefinition ecs/clusterCapacityProviders autoscaling/policy autoscaling/schedule
    autoscaling/notification cloudwatch/eventRule cloudwatch/eventTarget
    cloudwatch/logResourcePolicy cloudwatch/logMetricFilter kms/alias
    secretsmanager/secretVersion secretsmanager/secretRotation secretsmanager/secretPolicy
    s3/bucketObjectv2 s3/bucketPolicy
    s3/bucketVersioning s3/bucketLifecycleConfiguration s3/bucketLogging
    s3/bucketOwnershipControls s3/bucketPublicAccessBlock
    s3/bucketServerSideEncryptionConfiguration ecr/lifecyclePolicy ecr/repositoryPolicy
    lambda/permission sns/topicPolicy sns/topicSubscription ssm/parameter
    backup/plan backup/selection backup/vaultNotifications backup/vaultPolicy
    backup/restoreTestingSelection backup/vaultLockConfiguration
    """.split()
)


def is_free_type(type_: str) -> bool:
    """True if a resource type is known to be free."""
    if not type_.startswith("aws:"):
        return True
    path = type_.split(":")[1]
    return path in FREE_TYPES or path.split("/")[0] in FREE_MODULES


def estimate_costs(
    resources: Sequence[PricedResource], price_table: PriceTable = DEFAULT_PRICE_TABLE
) -> list[Cost]:
    """Estimates each resource, in order. Raises UnpricedError for an unknown type."""
    stack = StackResources(resources, price_table)
    return [cost for resource in resources for cost in _list_resource_costs(resource, stack)]


def estimate_known_costs(
    resources: Sequence[PricedResource], price_table: PriceTable = DEFAULT_PRICE_TABLE
) -> list[Cost]:
    """Estimates each resource; one that cannot be priced becomes a line that says so."""
    lines: list[Cost] = []
    stack = StackResources(resources, price_table)
    for resource in resources:
        try:
            lines += _list_resource_costs(resource, stack)
        except UnpricedError:
            reason = f"the price table of {price_table.taken} has no {resource.type}"
            lines.append(Cost(resource.component, resource.name, "not priced", None, reason))
        except (LookupError, TypeError, ValueError, AttributeError):
            reason = "an input that the price depends on is not known yet"
            lines.append(Cost(resource.component, resource.name, "not priced", None, reason))
    return lines


def _list_resource_costs(resource: PricedResource, stack: StackResources) -> list[Cost]:
    pricer = RESOURCE_PRICERS.get(resource.type)
    if pricer is None and not is_free_type(resource.type):
        raise UnpricedError(f"{resource.type} has no price and is not known to be free")
    lines = pricer(resource, stack) if pricer else ()
    return [Cost(resource.component, resource.name, *line) for line in lines]


def sum_by_component(costs: Iterable[Cost]) -> dict[str, float]:
    """Sums the fixed costs by component, in $ per month, highest first."""
    sums: dict[str, float] = defaultdict(float)
    for cost in costs:
        sums[cost.component] += cost.monthly or 0.0
    return dict(sorted(sums.items(), key=lambda item: -item[1]))

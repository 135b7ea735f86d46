"""What a stack costs a month, from the resources that it registers.

`estimate` reads plain resources (type, name, component, inputs), as the sandbox records them or a
preview prints them: no call to AWS. What has a fixed price is a figure; what depends on use is
named with its rate; a resource type that neither table knows is an error of the table.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ops.cost import prices
from ops.cost.prices import TABLE, Prices

Inputs: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    """A resource as far as its price goes. `parent` groups what belongs together."""

    type: str
    name: str
    component: str
    inputs: Inputs
    parent: str = ""


@dataclass(frozen=True)
class Cost:
    """One line of an estimate. `monthly` is None where only `usage`, a rate, can be said."""

    component: str
    resource: str
    what: str
    monthly: float | None
    usage: str | None = None


class UnpricedError(LookupError):
    """A resource type without an entry in the tables of this file."""


@dataclass(frozen=True)
class Stack:
    """The resources that a price may have to look up beside its own."""

    resources: Sequence[Resource]
    prices: Prices = TABLE

    def beside(self, resource: Resource, type_: str) -> Resource | None:
        """The resource of a type under the same parent: the only one, else the namesake."""
        found = [r for r in self.resources if r.type == type_ and r.parent == resource.parent]
        named = [r for r in found if r.name == resource.name]
        candidates = named or found
        return candidates[0] if len(candidates) == 1 else None


Line: TypeAlias = tuple[str, float | None, str | None]  # what, monthly, usage
Price: TypeAlias = Callable[[Resource, Stack], Iterable[Line]]


def _hourly(what: str, rate: float | None, count: float = 1) -> Line:
    return (what, None if rate is None else rate * count * prices.HOURS, None)


def _class(stack: Stack, what: str, table: Mapping[str, float], name: str, count: float) -> Line:
    rate = table.get(name)
    if rate is None:
        return (f"{what} {name}", None, f"no price of {name} in the table of {stack.prices.taken}")
    return _hourly(f"{count:g} x {name}", rate, count)


def _nat(_: Resource, stack: Stack) -> Iterable[Line]:
    yield _hourly("NAT gateway", stack.prices.nat_gateway)
    yield ("data", None, prices.USAGE["nat"])


def _balancer(resource: Resource, stack: Stack) -> Iterable[Line]:
    subnets = len(resource.inputs.get("subnets") or ())
    yield _hourly("load balancer", stack.prices.load_balancer)
    if not resource.inputs.get("internal"):
        yield _hourly(f"{subnets} public addresses", stack.prices.public_ipv4, subnets)
    yield ("capacity", None, prices.USAGE["lcu"])


def _endpoint(resource: Resource, stack: Stack) -> Iterable[Line]:
    if resource.inputs.get("vpcEndpointType") == "Interface":
        zones = len(resource.inputs.get("subnetIds") or ())
        yield _hourly(
            f"interface endpoint in {zones} zones", stack.prices.interface_endpoint, zones
        )
        yield ("data", None, prices.USAGE["endpoint"])


def _instance(resource: Resource, stack: Stack) -> Iterable[Line]:
    yield _class(stack, "instance", stack.prices.instances, resource.inputs["instanceType"], 1)
    size = (resource.inputs.get("rootBlockDevice") or {}).get("volumeSize") or 8
    yield (f"{size:g} GB disk", size * stack.prices.ebs_gp3_gb, None)


def _database(resource: Resource, stack: Stack) -> Iterable[Line]:
    inputs = resource.inputs
    copies = 2 if inputs.get("multiAz") else 1
    yield _class(stack, "database", stack.prices.databases, inputs["instanceClass"], copies)
    source = inputs if "allocatedStorage" in inputs else _primary(stack)
    storage = source.get("allocatedStorage")
    if storage is None:
        yield ("storage", None, "what it is restored or copied from is not in the list")
    else:
        yield (f"{storage:g} GB gp3", storage * stack.prices.rds_gp3_gb * copies, None)
    if inputs.get("backupRetentionPeriod"):
        yield ("backups", None, prices.USAGE["rds-backup"])


def _primary(stack: Stack) -> Inputs:
    found = (r.inputs for r in stack.resources if r.type == "aws:rds/instance:Instance")
    return next((inputs for inputs in found if "allocatedStorage" in inputs), {})


def _service(resource: Resource, stack: Stack) -> Iterable[Line]:
    task = stack.beside(resource, "aws:ecs/taskDefinition:TaskDefinition")
    count = resource.inputs.get("desiredCount") or 0
    if task is None:
        yield ("tasks", None, "its task definition is not in the list")
        return
    cpu, memory = float(task.inputs["cpu"]) / 1024, float(task.inputs["memory"]) / 1024
    processor = (task.inputs.get("runtimePlatform") or {}).get("cpuArchitecture") or "X86_64"
    vcpu_rate, gb_rate = stack.prices.fargate[processor]
    what = f"{count:g} x {cpu:g} vCPU, {memory:g} GB"
    yield _hourly(what, cpu * vcpu_rate + memory * gb_rate, count)
    yield ("scaling", None, prices.USAGE["scale"])


def _group(resource: Resource, stack: Stack) -> Iterable[Line]:
    template = stack.beside(resource, "aws:ec2/launchTemplate:LaunchTemplate")
    policy = (resource.inputs.get("mixedInstancesPolicy") or {}).get("launchTemplate") or {}
    kinds = [override["instanceType"] for override in policy.get("overrides") or ()]
    count = resource.inputs.get("minSize") or 0
    kind = kinds[0] if kinds else (template.inputs.get("instanceType") if template else None)
    yield _class(stack, "instances", stack.prices.instances, str(kind), count)
    disks = (template.inputs.get("blockDeviceMappings") if template else None) or ()
    size = sum((disk.get("ebs") or {}).get("volumeSize") or 0 for disk in disks)
    yield (f"{count:g} x {size:g} GB disk", count * size * stack.prices.ebs_gp3_gb, None)
    yield ("scaling", None, prices.USAGE["scale"])


def _cache(resource: Resource, stack: Stack) -> Iterable[Line]:
    inputs = resource.inputs
    nodes = inputs.get("numCacheClusters") or 1
    factor = stack.prices.valkey if inputs.get("engine") == "valkey" else 1
    table = {name: rate * factor for name, rate in stack.prices.caches.items()}
    yield _class(stack, "cache", table, inputs["nodeType"], nodes)


def _alarm(resource: Resource, stack: Stack) -> Iterable[Line]:
    queries = resource.inputs.get("metricQueries") or ()
    metrics = sum(1 for query in queries if query.get("metric") is not None) or 1
    yield (
        f"alarm on {metrics} metric{'s' * (metrics > 1)}",
        metrics * stack.prices.alarm_metric,
        None,
    )


def _dashboard(resource: Resource, stack: Stack) -> Iterable[Line]:
    dashboards = [r for r in stack.resources if r.type == resource.type]
    free = dashboards.index(resource) < prices.FREE_DASHBOARDS
    yield (
        "dashboard, free" if free else "dashboard",
        0.0 if free else stack.prices.dashboard,
        None,
    )


def _web_acl(resource: Resource, stack: Stack) -> Iterable[Line]:
    rules = len(resource.inputs.get("rules") or ())
    yield (
        f"web ACL of {rules} rules",
        stack.prices.web_acl + rules * stack.prices.web_acl_rule,
        None,
    )
    yield ("requests", None, prices.USAGE["waf"])


def _cluster(resource: Resource, _: Stack) -> Iterable[Line]:
    settings = resource.inputs.get("settings") or ()
    if any(s["name"] == "containerInsights" and s["value"] != "disabled" for s in settings):
        yield ("Container Insights", None, prices.USAGE["insights"])


def _flat(what: str, price: str) -> Price:
    return lambda resource, stack: [(what, getattr(stack.prices, price), None)]


def _used(what: str, usage: str) -> Price:
    return lambda resource, stack: [(what, None, prices.USAGE[usage])]


PRICED: Final[Mapping[str, Price]] = {
    "aws:ec2/natGateway:NatGateway": _nat,
    "aws:ec2/eip:Eip": lambda r, s: [_hourly("public address", s.prices.public_ipv4)],
    "aws:ec2/instance:Instance": _instance,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ec2/flowLog:FlowLog": _used("flow logs", "logs"),
    "aws:lb/loadBalancer:LoadBalancer": _balancer,
    "aws:route53/zone:Zone": _flat("hosted zone", "hosted_zone"),
    "aws:wafv2/webAcl:WebAcl": _web_acl,
    "aws:rds/instance:Instance": _database,
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": _used(
        "replicated backups", "transfer"
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": _cache,
    "aws:ecs/cluster:Cluster": _cluster,
    "aws:ecs/service:Service": _service,
    "aws:autoscaling/group:Group": _group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _flat("alarm", "composite_alarm"),
    "aws:cloudwatch/dashboard:Dashboard": _dashboard,
    "aws:cloudwatch/logGroup:LogGroup": _used("logs", "logs"),
    "aws:kms/key:Key": _flat("key", "kms_key"),
    "aws:secretsmanager/secret:Secret": _flat("secret", "secret"),
    "aws:s3/bucket:Bucket": _used("objects", "s3"),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": _used("copies", "transfer"),
    "aws:ecr/repository:Repository": _used("images", "ecr"),
    "aws:lambda/function:Function": _used("invocations", "lambda"),
    "aws:sns/topic:Topic": _used("messages", "sns"),
    "aws:backup/vault:Vault": _used("recovery points", "backup"),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": _used("tests", "restore-test"),
}
# Types that cost nothing themselves, by the module they are in or by their own name.
FREE_MODULES: Final = ("iam", "appautoscaling", "acm", "vpc")
FREE: Final = frozenset(
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


def is_free(type_: str) -> bool:
    """Whether a resource type is known to cost nothing itself."""
    if not type_.startswith("aws:"):
        return True
    path = type_.split(":")[1]
    return path in FREE or path.split("/")[0] in FREE_MODULES


def estimate(resources: Sequence[Resource], at: Prices = TABLE) -> list[Cost]:
    """The lines of an estimate, in the order of the resources. Raises UnpricedError."""
    stack = Stack(resources, at)
    return [cost for resource in resources for cost in _costs(resource, stack)]


def estimate_known(resources: Sequence[Resource], at: Prices = TABLE) -> list[Cost]:
    """The same of resources that others may have written: what cannot be priced is named."""
    lines: list[Cost] = []
    stack = Stack(resources, at)
    for resource in resources:
        try:
            lines += _costs(resource, stack)
        except UnpricedError:
            why = f"no price of {resource.type} in the table of {at.taken}"
            lines.append(Cost(resource.component, resource.name, "not priced", None, why))
        except (LookupError, TypeError, ValueError, AttributeError):
            why = "what its price depends on is not known"
            lines.append(Cost(resource.component, resource.name, "not priced", None, why))
    return lines


def _costs(resource: Resource, stack: Stack) -> list[Cost]:
    price = PRICED.get(resource.type)
    if price is None and not is_free(resource.type):
        raise UnpricedError(f"{resource.type} has no price and is not known to be free")
    lines = price(resource, stack) if price else ()
    return [Cost(resource.component, resource.name, *line) for line in lines]


def by_component(costs: Iterable[Cost]) -> dict[str, float]:
    """The fixed part of an estimate by component, the dearest first, in $ a month."""
    sums: dict[str, float] = defaultdict(float)
    for cost in costs:
        sums[cost.component] += cost.monthly or 0.0
    return dict(sorted(sums.items(), key=lambda item: -item[1]))

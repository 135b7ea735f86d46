"""Unused parts of the network that cost by the hour: addresses, NAT gateways, load balancers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.facts.units import DAY_SECONDS
from ops.core.checks import (
    REPAIR_COMMAND,
    CheckFacts,
    CheckRoutine,
    ReadRequest,
    ResponseItem,
    UnknownAnswerError,
    build_read,
    split_into_chunks,
)
from ops.core.counts import format_count
from ops.core.metrics import (
    MetricQuery,
    build_metric_query,
    build_metric_reads,
    collect_metric_values,
)
from ops.core.stack_scope import list_stack_regions
from ops.cost.unused.findings import (
    MIN_AGE_DAYS,
    UnusedReport,
    UnusedResource,
    conclude,
    format_aws_line,
    get_age_days,
    guard_by_state,
)
from ops.cost.unused.ownership import find_owner, parse_tags
from ops.health.load_balancer import LOAD_BALANCERS_API, TARGET_HEALTH_API
from ops.health.network import NAT_GATEWAYS_API
from ops.prices.price_table import DEFAULT_PRICE_TABLE, HOURS

ADDRESSES_API: Final = "ec2.describe_addresses"
TARGET_GROUPS_API: Final = "elbv2.describe_target_groups"
_LISTENERS_API: Final = "elbv2.describe_listeners"
BALANCER_TAGS_API: Final = "elbv2.describe_tags"
# Days without a byte: Trusted Advisor, "Inactive NAT Gateways", and Compute Optimizer, idle ones.
NAT_IDLE_DAYS: Final = 30
# Days without a request; Trusted Advisor, "Idle Load Balancers", looks at seven.
BALANCER_IDLE_DAYS: Final = 14
MAX_TAGGED_BALANCERS: Final = 20  # load balancers that one DescribeTags takes (API reference)
# A metric of each type that has values only if there was traffic (ALB), or always (NLB, GWLB).
BALANCER_METRICS: Final[Mapping[str, tuple[str, str]]] = {
    "application": ("AWS/ApplicationELB", "RequestCount"),
    "network": ("AWS/NetworkELB", "ProcessedBytes"),
    "gateway": ("AWS/GatewayELB", "ProcessedBytes"),
}
# What a target group's targets are in if none can serve ("unused" has no listener; elbv2, API
# reference, TargetHealth). A target without health checks is "unavailable", and serves.
_DEAD_TARGET_STATES: Final = ("unhealthy", "unused", "draining")


def check_unused_addresses(facts: CheckFacts) -> CheckRoutine:
    """No Elastic IP address belongs to nothing."""
    report = UnusedReport("unused-addresses", "addresses")
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [build_read(ADDRESSES_API, "Addresses", region=region) for region in regions]
    own_addresses = set(facts.outputs.network.nat_addresses.values())
    for region, answer in zip(regions, answers, strict=True):
        addresses = report.read_items(answer, region)
        report.looked_at.append(f"addresses in {region}: {len(addresses)}")
        for address in addresses:
            if address.get("AssociationId") or address.get("InstanceId"):
                continue
            allocation, public_ip = str(address["AllocationId"]), str(address["PublicIp"])
            owner = find_owner(parse_tags(address), facts.outputs.stack)
            release = format_aws_line("ec2", "release-address", region, allocation_id=allocation)
            is_own = {public_ip, allocation} & own_addresses
            report.unused.append(
                UnusedResource(
                    id=allocation,
                    owner=owner,
                    evidence=(
                        f"{public_ip} in {region} belongs to nothing; once released it is gone, "
                        "so see first that nobody lets it in"
                    ),
                    command=REPAIR_COMMAND
                    if is_own
                    else guard_by_state(facts, owner, allocation, release),
                    monthly_usd=DEFAULT_PRICE_TABLE.public_ipv4 * HOURS,
                    reason="COST04-BP03",
                )
            )
    return (yield from conclude(facts, report))


def check_idle_nat_gateways(facts: CheckFacts) -> CheckRoutine:
    """No NAT gateway has carried nothing for 30 days. A younger one is not judged yet."""
    report = UnusedReport("idle-nat-gateways", "NAT gateways")
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [build_read(NAT_GATEWAYS_API, "NatGateways", region=r) for r in regions]
    for region, answer in zip(regions, answers, strict=True):
        gateways = [g for g in report.read_items(answer, region) if g.get("State") == "available"]
        report.looked_at.append(f"{format_count(len(gateways), 'gateway')} in {region}")
        old_gateways = [
            g for g in gateways if get_age_days(facts, g.get("CreateTime")) >= NAT_IDLE_DAYS
        ]
        if young_count := len(gateways) - len(old_gateways):
            report.kept.append(f"{young_count} in {region} younger than {NAT_IDLE_DAYS} days")
        metrics = {
            str(g["NatGatewayId"]): _list_nat_metrics(str(g["NatGatewayId"])) for g in old_gateways
        }
        values = yield from _read_values(
            facts, report, [m for pair in metrics.values() for m in pair], NAT_IDLE_DAYS, region
        )
        if values is None:
            continue
        for gateway in old_gateways:
            name = str(gateway["NatGatewayId"])
            series = [values.get(metric.id, []) for metric in metrics[name]]
            if not all(series):
                error = UnknownAnswerError(f"{name} has no values of its bytes in CloudWatch")
                report.read_items(error, region)
            elif not sum(map(sum, series)):
                report.unused.append(_build_idle_gateway(facts, gateway, region))
    return (yield from conclude(facts, report))


def _list_nat_metrics(name: str) -> tuple[MetricQuery, MetricQuery]:
    return (
        _build_sum_query("AWS/NATGateway", "BytesOutToDestination", NatGatewayId=name),
        _build_sum_query("AWS/NATGateway", "BytesOutToSource", NatGatewayId=name),
    )


def _build_sum_query(namespace: str, name: str, **dimensions: str) -> MetricQuery:
    return build_metric_query(namespace, name, "Sum", period=DAY_SECONDS, **dimensions)


def _read_values(
    facts: CheckFacts,
    report: UnusedReport,
    metrics: Sequence[MetricQuery],
    days: int,
    region: str,
) -> Any:
    """The values of metrics over so many days, by query; None if CloudWatch did not answer."""
    if not metrics:
        return {}
    reads = build_metric_reads(metrics, facts, days * DAY_SECONDS, region)
    answers = yield reads
    results = [result for answer in answers for result in report.read_items(answer, region)]
    if any(isinstance(answer, UnknownAnswerError) for answer in answers):
        return None
    return collect_metric_values(results)


def _build_idle_gateway(facts: CheckFacts, gateway: ResponseItem, region: str) -> UnusedResource:
    name = str(gateway["NatGatewayId"])
    owner = find_owner(parse_tags(gateway), facts.outputs.stack)
    delete = format_aws_line("ec2", "delete-nat-gateway", region, nat_gateway_id=name)
    stack = facts.outputs.stack.stack
    is_own = name in facts.outputs.network.nat_gateways.values()
    return UnusedResource(
        id=name,
        owner=owner,
        evidence=f"no byte went through it in {NAT_IDLE_DAYS} days; in {gateway.get('SubnetId')}",
        command=f"pulumi config set nat one --stack {stack}"
        if is_own
        else guard_by_state(facts, owner, name, delete),
        monthly_usd=DEFAULT_PRICE_TABLE.nat_gateway * HOURS,
        since=facts.format_time_ago(NAT_IDLE_DAYS * DAY_SECONDS),
        reason="Trusted Advisor, inactive NAT gateways",
    )


def check_unused_load_balancers(facts: CheckFacts) -> CheckRoutine:
    """No load balancer is without a target that serves and without a request.

    One without any target group that redirects or answers by itself is used. The stack's own is
    judged by `ops health`: there it is a fault.
    """
    report = UnusedReport("unused-load-balancers", "load balancers")
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [
        read
        for region in regions
        for read in (
            build_read(LOAD_BALANCERS_API, "LoadBalancers", region=region),
            build_read(TARGET_GROUPS_API, "TargetGroups", region=region),
        )
    ]
    own_part = facts.outputs.load_balancer
    own_arn = own_part.arn if own_part is not None else None
    for region, balancer_answer, group_answer in zip(
        regions, answers[::2], answers[1::2], strict=True
    ):
        balancers = report.read_items(balancer_answer, region)
        groups = report.read_items(group_answer, region)
        report.looked_at.append(f"{format_count(len(balancers), 'load balancer')} in {region}")
        candidates = {
            str(b["LoadBalancerArn"]): b
            for b in balancers
            if b["LoadBalancerArn"] != own_arn
            and get_age_days(facts, b.get("CreatedTime")) >= MIN_AGE_DAYS
        }
        if candidates and not isinstance(group_answer, UnknownAnswerError):
            yield from _judge_balancers(facts, report, candidates, groups, region)
    return (yield from conclude(facts, report))


def _judge_balancers(
    facts: CheckFacts,
    report: UnusedReport,
    balancers: Mapping[str, ResponseItem],
    groups: Sequence[ResponseItem],
    region: str,
) -> Any:
    groups_by_balancer = {
        arn: [str(g["TargetGroupArn"]) for g in groups if arn in g.get("LoadBalancerArns", ())]
        for arn in balancers
    }
    reads: dict[ReadRequest, str] = {}
    for arn, group_arns in groups_by_balancer.items():
        for group_arn in group_arns:
            read = build_read(
                TARGET_HEALTH_API,
                "TargetHealthDescriptions",
                region=region,
                TargetGroupArn=group_arn,
            )
            reads[read] = arn
        if not group_arns:
            reads[build_read(_LISTENERS_API, "Listeners", region=region, LoadBalancerArn=arn)] = arn
    answers = yield list(reads)
    serving, unknown, target_counts = set[str](), set[str](), dict.fromkeys(balancers, 0)
    for (read, arn), answer in zip(reads.items(), answers, strict=True):
        items = report.read_items(answer, region)
        if isinstance(answer, UnknownAnswerError):
            unknown.add(arn)
        elif read.api == _LISTENERS_API:
            serving |= {arn} if items else set()
        else:
            target_counts[arn] += len(items)
            states = {str(item["TargetHealth"]["State"]) for item in items}
            serving |= {arn} if states - set(_DEAD_TARGET_STATES) else set()
    idle = [arn for arn in balancers if arn not in serving | unknown]
    metrics = {arn: _build_traffic_query(balancers[arn]) for arn in idle}
    values = yield from _read_values(
        facts, report, list(metrics.values()), BALANCER_IDLE_DAYS, region
    )
    if values is None:
        return
    idle = [arn for arn in idle if not sum(values.get(metrics[arn].id, []))]
    tag_answers = yield [
        build_read(BALANCER_TAGS_API, "TagDescriptions", region=region, ResourceArns=arns)
        for arns in split_into_chunks(idle, MAX_TAGGED_BALANCERS)
    ]
    tags = {
        str(item["ResourceArn"]): parse_tags(item)
        for answer in tag_answers
        for item in report.read_items(answer, region)
    }
    report.unused += [
        _build_idle_balancer(facts, balancers[arn], tags[arn], target_counts[arn], region)
        for arn in idle
        if arn in tags  # else whose it is, is not known
    ]


def _build_traffic_query(balancer: Mapping[str, Any]) -> MetricQuery:
    namespace, name = BALANCER_METRICS[str(balancer.get("Type", "application"))]
    dimension = str(balancer["LoadBalancerArn"]).partition(":loadbalancer/")[2]
    return _build_sum_query(namespace, name, LoadBalancer=dimension)


def _build_idle_balancer(
    facts: CheckFacts,
    balancer: ResponseItem,
    tags: Mapping[str, str],
    target_count: int,
    region: str,
) -> UnusedResource:
    arn, owner = str(balancer["LoadBalancerArn"]), find_owner(tags, facts.outputs.stack)
    targets = f"none of its {target_count} targets serves" if target_count else "it has no target"
    delete = format_aws_line("elbv2", "delete-load-balancer", region, load_balancer_arn=arn)
    return UnusedResource(
        id=str(balancer["LoadBalancerName"]),
        owner=owner,
        evidence=f"{targets}, and it had no request in {BALANCER_IDLE_DAYS} days; in {region}",
        command=guard_by_state(facts, owner, arn, delete),
        monthly_usd=DEFAULT_PRICE_TABLE.load_balancer * HOURS,
        since=str(balancer.get("CreatedTime") or ""),
        reason="COST04-BP03",
    )

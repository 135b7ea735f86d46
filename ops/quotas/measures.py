"""How the use of a quota is measured: a read, and how its answer is counted. No AWS call here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from components.facts.units import DAY_SECONDS
from ops.core.checks import CheckFacts, ReadRequest, ResponseItem, build_read
from ops.core.metrics import (
    METRIC_DATA_API,
    MetricQuery,
    build_dimensioned_metric_query,
    build_metric_read,
    collect_metric_values,
)

if TYPE_CHECKING:
    from ops.outputs import Outputs

USAGE_NAMESPACE: Final = "AWS/Usage"
USAGE_PERIOD: Final = 300  # seconds of one figure
HIDDEN_ROUTE_ORIGIN: Final = "EnableVgwRoutePropagation"


@dataclass(frozen=True)
class QuotaUse:
    """How much is used. `subject` is the one resource that uses most, if the quota is of each."""

    used: float
    subject: str = ""


UseCounter = Callable[[Sequence[ResponseItem], "Outputs"], QuotaUse | None]


@dataclass(frozen=True)
class Measure:
    """A read and what is counted in its answer; `count_use` returns None if that is not known."""

    api: str
    description: str
    build_request: Callable[[CheckFacts, str], ReadRequest]
    count_use: UseCounter


def _build_list_measure(
    api: str,
    items_key: str,
    description: str,
    count_use: UseCounter,
    build_params: "Callable[[Outputs], Mapping[str, Any]]" = lambda _: {},
) -> Measure:
    def build_request(facts: CheckFacts, region: str) -> ReadRequest:
        return build_read(api, items_key, region=region, **build_params(facts.outputs))

    return Measure(api, description, build_request, count_use)


def count_items(
    api: str,
    items_key: str,
    noun: str,
    is_counted: Callable[[ResponseItem], bool] = lambda _: True,
) -> Measure:
    """Counts the items of a list of the account's."""
    return _build_list_measure(
        api,
        items_key,
        f"count of {noun}",
        lambda items, _: QuotaUse(sum(is_counted(item) for item in items)),
    )


def sum_items(
    api: str, items_key: str, noun: str, get_size: Callable[[ResponseItem], float]
) -> Measure:
    """Sums what the items of a list of the account's use, each."""
    return _build_list_measure(
        api,
        items_key,
        f"count of {noun}",
        lambda items, _: QuotaUse(sum(get_size(item) for item in items)),
    )


def find_largest(
    api: str,
    items_key: str,
    description: str,
    name_key: str,
    get_size: Callable[[ResponseItem], float],
    build_params: "Callable[[Outputs], Mapping[str, Any]]",
) -> Measure:
    """Finds the resource of the stack that uses most of a quota that each has for itself."""

    def count_use(items: Sequence[ResponseItem], _: "Outputs") -> QuotaUse:
        sizes = [(get_size(item), str(item.get(name_key, ""))) for item in items]
        return QuotaUse(*max(sizes, default=(0, "")))

    return _build_list_measure(api, items_key, description, count_use, build_params)


def read_account_quota(name: str) -> Measure:
    """What RDS itself says of one of its quotas (API reference, DescribeAccountAttributes)."""

    def count_use(items: Sequence[ResponseItem], _: "Outputs") -> QuotaUse | None:
        item = next((item for item in items if item["AccountQuotaName"] == name), None)
        return None if item is None else QuotaUse(float(item["Used"]))

    return _build_list_measure(
        "rds.describe_account_attributes",
        "AccountQuotas",
        f"RDS's own count of {name}",
        count_use,
    )


def read_account_summary(key: str) -> Measure:
    """What IAM itself counts (API reference, GetAccountSummary)."""

    def count_use(items: Sequence[ResponseItem], _: "Outputs") -> QuotaUse | None:
        summary = items[0]["SummaryMap"]
        return QuotaUse(float(summary[key])) if key in summary else None

    return _build_list_measure(
        "iam.get_account_summary", "", f"IAM's own count of {key}", count_use
    )


def read_usage_metric(service: str, resource: str, usage_class: str) -> Measure:
    """The most of a day of a count of AWS/Usage. One without data is unknown, not zero."""
    query = _build_usage_query(
        "ResourceCount", "Maximum", service, resource, "Resource", usage_class
    )

    def count_use(items: Sequence[ResponseItem], _: "Outputs") -> QuotaUse | None:
        values = collect_metric_values(items).get(query.id, [])
        return QuotaUse(max(values)) if values else None

    return _build_usage_measure(query, f"{service} {resource}", count_use)


def read_call_rate(service: str, resource: str) -> Measure:
    """The most calls a second of a day, in AWS/Usage: a mean of five minutes.

    Calls are counted when there are some (CloudWatch User Guide, "AWS API usage metrics"), so that
    no value is no call, and is said.
    """
    query = _build_usage_query("CallCount", "Sum", service, resource, "API", "None")

    def count_use(items: Sequence[ResponseItem], _: "Outputs") -> QuotaUse:
        values = collect_metric_values(items).get(query.id, [])
        if not values:
            return QuotaUse(0.0, "no call was counted in a day")
        return QuotaUse(round(max(values) / USAGE_PERIOD, 3))

    return _build_usage_measure(query, f"{service} {resource}", count_use)


def _build_usage_query(
    name: str, stat: str, service: str, resource: str, kind: str, usage_class: str
) -> MetricQuery:
    dimensions = {"Service": service, "Type": kind, "Resource": resource, "Class": usage_class}
    return build_dimensioned_metric_query(USAGE_NAMESPACE, name, stat, dimensions, USAGE_PERIOD)


def _build_usage_measure(query: MetricQuery, subject: str, count_use: UseCounter) -> Measure:
    def build_request(facts: CheckFacts, region: str) -> ReadRequest:
        read = build_metric_read([query], facts, DAY_SECONDS)
        return ReadRequest(read.api, read.items_key, read.params, region)

    description = f"most of a day of {USAGE_NAMESPACE} {subject}"
    return Measure(METRIC_DATA_API, description, build_request, count_use)


def count_by_zone(items: Sequence[ResponseItem], outputs: "Outputs") -> QuotaUse:
    """NAT gateways of the zone that has most of them, of the zones of the stack's subnets."""
    zones = {
        subnet: zone
        for subnets in (outputs.network.public_subnets, outputs.network.private_subnets)
        for zone, subnet in subnets.items()
    }
    counts: dict[str, int] = {}
    for item in items:
        # Its subnet says the zone; those of other networks are counted by their own subnet.
        zone = zones.get(str(item.get("SubnetId")), str(item.get("SubnetId")))
        counts[zone] = counts.get(zone, 0) + 1
    return QuotaUse(*max(((n, zone) for zone, n in counts.items()), default=(0, "")))


def build_nat_measure() -> Measure:
    """NAT gateways that are there or are made."""
    return _build_list_measure(
        "ec2.describe_nat_gateways",
        "NatGateways",
        "count of NAT gateways in the stack's zone with most",
        count_by_zone,
        lambda _: {"Filter": [{"Name": "state", "Values": ["pending", "available"]}]},
    )


def count_rules(group: ResponseItem) -> float:
    """The rules of a security group in the direction that has more of them.

    Each address range, prefix list and group is a rule of its own (VPC User Guide, "Security group
    rules"); a prefix list counts as many as its size, which is not read here (assumed: one).
    """

    def count_direction(permissions: Iterable[ResponseItem]) -> int:
        kinds = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
        return sum(len(entry.get(kind) or ()) for entry in permissions for kind in kinds)

    return max(
        count_direction(group.get("IpPermissions") or ()),
        count_direction(group.get("IpPermissionsEgress") or ()),
    )


def count_routes(table: ResponseItem) -> float:
    """The routes of a table that count: not those that a gateway propagates."""
    routes: Sequence[ResponseItem] = table.get("Routes") or ()
    return len([route for route in routes if route.get("Origin") != HIDDEN_ROUTE_ORIGIN])


def in_stack_network(outputs: "Outputs") -> dict[str, Any]:
    """Parameters that select what is in the stack's VPC."""
    return {"Filters": [{"Name": "vpc-id", "Values": [outputs.network.vpc_id]}]}


def of_stack_listener(outputs: "Outputs") -> dict[str, Any]:
    """Parameters that select the stack's own listener."""
    assert outputs.load_balancer is not None
    return {"ListenerArn": outputs.load_balancer.listener_arn}


def count_listener_rules() -> Measure:
    """The rules of the stack's listener, without the default one."""
    return _build_list_measure(
        "elbv2.describe_rules",
        "Rules",
        "count of the listener's rules",
        lambda rules, _: QuotaUse(sum(not rule.get("IsDefault") for rule in rules)),
        of_stack_listener,
    )


def find_largest_service(get_size: Callable[[ResponseItem], float], description: str) -> Measure:
    """The service of the stack with most; at most ten services are read by one call."""

    def build_params(outputs: "Outputs") -> dict[str, Any]:
        assert outputs.services is not None
        names = [part.name for part in outputs.services.services.values()]
        return {"cluster": outputs.services.cluster, "services": names[:10]}

    return find_largest(
        "ecs.describe_services", "services", description, "serviceName", get_size, build_params
    )


def count_cluster_services() -> Measure:
    """The services of the stack's cluster."""

    def build_params(outputs: "Outputs") -> dict[str, Any]:
        assert outputs.services is not None
        return {"clusters": [outputs.services.cluster]}

    return find_largest(
        "ecs.describe_clusters",
        "clusters",
        "count of the cluster's services",
        "clusterName",
        lambda cluster: float(cluster.get("activeServicesCount") or 0),
        build_params,
    )

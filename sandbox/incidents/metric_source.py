"""CloudWatch answers from a world's metrics: the dimensions of each subject, and the answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.outputs import Outputs
from sandbox.incidents.metric_model import MetricModel

Dimensions = frozenset[tuple[str, str]]
NAMESPACES_BY_KIND: Mapping[str, tuple[str, ...]] = {
    "targets": ("AWS/ApplicationELB",),
    "load-balancer": ("AWS/ApplicationELB",),
    "service": ("AWS/ECS", "ECS/ContainerInsights"),
    "fleet": ("AWS/EC2", "AWS/AutoScaling", "CWAgent"),
    "database": ("AWS/RDS",),
    "cache": ("AWS/ElastiCache",),
    "nat": ("AWS/NATGateway",),
    "instance": ("AWS/EC2", "CWAgent"),
    "certificate": ("AWS/CertificateManager",),
    "firewall": ("AWS/WAFV2",),
}


@dataclass(frozen=True)
class MetricSource:
    """What CloudWatch asks: values of a metric by its namespace, name and dimensions."""

    model: MetricModel
    subjects: Mapping[Dimensions, str]

    def find_subject(self, namespace: str, name: str, dimensions: Dimensions) -> str | None:
        """The subject of a metric that the world has; None for another."""
        subject = self.subjects.get(dimensions)
        if subject is None or not self.model.has_metric(subject, name):
            return None
        kind = subject.partition("/")[0]
        return subject if namespace in NAMESPACES_BY_KIND[kind] else None

    def get_series(
        self, subject: str, name: str, stat: str, period: int, start: datetime, end: datetime
    ) -> list[tuple[datetime, float]]:
        """Data points from `start` to `end`, each at the beginning of its period of seconds."""
        seconds = int(start.timestamp()) // period * period
        points = []
        while seconds < end.timestamp():
            first = self._get_minutes_back(seconds)
            value = self.model.get_statistic(subject, name, stat, first, max(period // 60, 1))
            if value is not None:
                points.append((datetime.fromtimestamp(seconds, UTC), value))
            seconds += period
        return points

    def _get_minutes_back(self, seconds: float) -> int:
        """A minute is there once it is over: the last whole one is 1."""
        return -int((seconds - self.model.now.timestamp()) // 60)


def build_metric_results(
    source: MetricSource, queries: list[dict[str, Any]], start: datetime, end: datetime, scan: str
) -> dict[str, tuple[list[datetime], list[float]]]:
    """The answers to the queries of GetMetricData that a source has, by id."""
    results = {}
    for query in queries:
        metric_stat = query.get("MetricStat")
        if metric_stat is None:
            continue
        metric = metric_stat["Metric"]
        dimensions = frozenset((d["Name"], d["Value"]) for d in metric.get("Dimensions", []))
        namespace, name = metric["Namespace"], metric["MetricName"]
        subject = source.find_subject(namespace, name, dimensions)
        if subject is None:
            continue
        period, stat = int(metric_stat["Period"]), metric_stat["Stat"]
        points = source.get_series(subject, name, stat, period, start, end)
        if scan != "TimestampAscending":
            points.reverse()
        results[query["Id"]] = ([time for time, _ in points], [value for _, value in points])
    return results


def list_subjects(
    outputs: Outputs, cache_nodes: list[str], instance_ids: list[str]
) -> dict[Dimensions, str]:
    """The subjects of a stack by their dimensions."""
    subjects: dict[Dimensions, str] = {}

    def add(subject: str, **dimensions: str) -> None:
        subjects[frozenset(dimensions.items())] = subject

    if (balancer := outputs.load_balancer) is not None:
        name = balancer.arn.partition(":loadbalancer/")[2]
        add("load-balancer", LoadBalancer=name)
        for target, part in balancer.targets.items():
            group = part.target_group_arn.rpartition(":")[2]
            add(f"targets/{target}", LoadBalancer=name, TargetGroup=group)
        if balancer.certificate_arn:
            add("certificate", CertificateArn=balancer.certificate_arn)
        if balancer.web_acl_arn:
            acl = balancer.web_acl_arn.split("/")[-2]
            add("firewall", WebACL=acl, Region=outputs.stack.region, Rule="ALL")
            add("firewall", WebACL=acl, Rule="ALL")
    if outputs.services is not None:
        for service in outputs.services.services.values():
            cluster = outputs.services.cluster
            add(f"service/{service.name}", ClusterName=cluster, ServiceName=service.name)
    if outputs.fleet is not None:
        add("fleet", AutoScalingGroupName=outputs.fleet.group)
        for instance in instance_ids:
            add(f"instance/{instance}", InstanceId=instance)
    database = outputs.database
    add("database", DBInstanceIdentifier=database.identifier)
    for replica in database.replicas:
        short_name = replica.removeprefix(f"{database.identifier}-")
        add(f"database/{short_name}", DBInstanceIdentifier=replica)
    for node in cache_nodes:
        name = node.rpartition("-")[2]
        add(f"cache/{name}", CacheClusterId=node, CacheNodeId="0001")
        add(f"cache/{name}", CacheClusterId=node)
    for zone, gateway in outputs.network.nat_gateways.items():
        add(f"nat/{zone}", NatGatewayId=gateway)
    for zone, instance in outputs.network.nat_instances.items():
        add(f"instance/nat-{zone}", InstanceId=instance)
    return subjects

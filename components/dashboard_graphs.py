"""The graphs of the dashboards: what each shows beside the metrics of the alarms drawn in it."""

from dataclasses import dataclass
from typing import Final, Literal

from components.alarm_registry.kinds import (
    BALANCER,
    CACHE_NODE,
    FLEET,
    INSTANCE,
    NAT_GATEWAY,
    NAT_INSTANCE,
    SERVICE,
    TARGET,
)
from components.alarm_registry.model import Kind, Metric

Dashboard = Literal["infrastructure", "database", "application", "cost"]
DASHBOARDS: Final[tuple[Dashboard, ...]] = ("infrastructure", "database", "application", "cost")
ALB, ECS, INSIGHTS = "AWS/ApplicationELB", "AWS/ECS", "ECS/ContainerInsights"
GROUP, EC2, NAT, RDS = "AWS/AutoScaling", "AWS/EC2", "AWS/NATGateway", "AWS/RDS"
CACHE: Final = "AWS/ElastiCache"
DAY: Final = 86400


@dataclass(frozen=True)
class Extra:
    """A metric that no alarm watches, of each thing of a kind."""

    kind: Kind
    metric: Metric
    label: str


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A graph. An alarm names the one it is drawn in by `key`; `unit` labels its axis."""

    key: str
    dashboard: Dashboard
    title: str
    unit: str
    period: int = 60
    extra: tuple[Extra, ...] = ()


def _graph(dashboard: Dashboard, key: str, title: str, unit: str, *extra: Extra) -> Graph:
    return Graph(key=key, dashboard=dashboard, title=title, unit=unit, extra=extra)


def _daily(key: str, title: str, unit: str, *extra: Extra) -> Graph:
    return Graph(key=key, dashboard="cost", title=title, unit=unit, period=DAY, extra=extra)


GRAPHS: Final[tuple[Graph, ...]] = (
    _graph("infrastructure", "nat-ports", "NAT: ports not allocated", "connections"),
    _graph("infrastructure", "nat-drops", "NAT: packets dropped", "percent"),
    _graph("infrastructure", "nat-instance", "NAT instances: failed status checks", "checks"),
    _graph(
        "infrastructure",
        "nat-connections",
        "NAT: connections",
        "connections",
        Extra(NAT_GATEWAY, Metric(NAT, "ActiveConnectionCount", "Maximum"), "open"),
    ),
    _graph(
        "infrastructure",
        "nat-traffic",
        "NAT: traffic",
        "bytes a minute",
        Extra(NAT_GATEWAY, Metric(NAT, "BytesOutToDestination", "Sum"), "out"),
        Extra(NAT_GATEWAY, Metric(NAT, "BytesInFromDestination", "Sum"), "in"),
        Extra(NAT_INSTANCE, Metric(EC2, "NetworkOut", "Sum"), "instance out"),
    ),
    _graph("infrastructure", "messages", "Notifications that failed", "messages"),
    _graph("infrastructure", "rotation", "Rotation of secrets: errors", "errors"),
    _graph("infrastructure", "backups", "Backup jobs that failed", "jobs"),
    _graph("database", "database-cpu", "Processor", "percent"),
    _graph("database", "database-load", "Active sessions", "sessions"),
    _graph("database", "database-connections", "Connections", "connections"),
    _graph("database", "database-memory", "Memory that can be freed", "bytes"),
    _graph("database", "database-storage", "Free storage", "bytes"),
    _graph("database", "database-disk-latency", "Disk latency", "seconds"),
    _graph(
        "database",
        "database-operations",
        "Disk operations",
        "operations a second",
        Extra(INSTANCE, Metric(RDS, "ReadIOPS"), "read"),
        Extra(INSTANCE, Metric(RDS, "WriteIOPS"), "write"),
    ),
    _graph(
        "database",
        "database-throughput",
        "Disk throughput",
        "bytes a second",
        Extra(INSTANCE, Metric(RDS, "ReadThroughput"), "read"),
        Extra(INSTANCE, Metric(RDS, "WriteThroughput"), "write"),
    ),
    _graph("database", "database-disk-credits", "Disk burst credits left", "percent"),
    _graph(
        "database",
        "database-queue",
        "Disk queue",
        "operations",
        Extra(INSTANCE, Metric(RDS, "DiskQueueDepth"), "waiting"),
    ),
    _graph("database", "database-lag", "Replica lag", "seconds"),
    _graph("database", "database-transaction-ids", "Used transaction ids", "ids"),
    _graph("database", "cache-cpu", "Cache: processor", "percent"),
    _graph("database", "cache-memory", "Cache: memory used", "percent"),
    _graph("database", "cache-connections", "Cache: connections", "connections"),
    _graph("database", "cache-hit-rate", "Cache: hit rate", "percent"),
    _graph("database", "cache-lag", "Cache: replication lag", "seconds"),
    _graph(
        "database",
        "cache-evictions",
        "Cache: evictions",
        "keys",
        Extra(CACHE_NODE, Metric(CACHE, "Evictions", "Sum"), "evicted"),
    ),
    _graph("application", "slo-availability", "Errors, by window of the burn rate", "percent"),
    _graph("application", "slo-latency", "Latency, by window of the burn rate", "seconds"),
    _graph(
        "application",
        "requests",
        "Requests",
        "a minute",
        Extra(TARGET, Metric(ALB, "RequestCount", "Sum"), "requests"),
    ),
    _graph("application", "target-errors", "Server errors", "a minute"),
    _graph("application", "target-error-rate", "Share of server errors", "percent"),
    _graph(
        "application",
        "target-latency",
        "Latency",
        "seconds",
        Extra(TARGET, Metric(ALB, "TargetResponseTime", "p50"), "p50"),
        Extra(TARGET, Metric(ALB, "TargetResponseTime", "p99"), "p99"),
    ),
    _graph("application", "target-health", "Targets by health", "targets"),
    _graph(
        "application",
        "balancer-errors",
        "Load balancer: errors",
        "a minute",
        Extra(BALANCER, Metric(ALB, "HTTPCode_ELB_4XX_Count", "Sum"), "4xx"),
    ),
    _graph("application", "certificate", "Certificate: days left", "days"),
    _graph("application", "service-cpu", "Services: processor", "percent"),
    _graph("application", "service-memory", "Services: memory", "percent"),
    _graph(
        "application",
        "service-tasks",
        "Services: tasks",
        "tasks",
        Extra(TARGET, Metric(ALB, "HealthyHostCount", "Minimum"), "healthy"),
    ),
    _graph(
        "application",
        "fleet-size",
        "Fleet: instances",
        "instances",
        Extra(FLEET, Metric(GROUP, "GroupInServiceInstances", "Minimum"), "in service"),
        Extra(FLEET, Metric(GROUP, "GroupDesiredCapacity", "Maximum"), "wanted"),
    ),
    _graph("application", "fleet-cpu", "Fleet: processor", "percent"),
    _graph("application", "fleet-memory", "Fleet: memory", "percent"),
    _graph("application", "fleet-disk", "Fleet: disk used", "percent"),
    _graph("application", "fleet-status", "Fleet: failed status checks", "checks"),
    _daily(
        "usage-nat",
        "NAT: bytes processed",
        "bytes a day",
        Extra(NAT_GATEWAY, Metric(NAT, "BytesOutToDestination", "Sum"), "out"),
        Extra(NAT_GATEWAY, Metric(NAT, "BytesInFromDestination", "Sum"), "in"),
    ),
    _daily(
        "usage-balancer",
        "Load balancer: capacity units",
        "LCUs, sum of a day",
        Extra(BALANCER, Metric(ALB, "ConsumedLCUs", "Sum"), "LCUs"),
    ),
    _daily(
        "usage-services",
        "Services: processor used",
        "percent, mean of a day",
        Extra(SERVICE, Metric(ECS, "CPUUtilization"), "cpu"),
        Extra(SERVICE, Metric(ECS, "MemoryUtilization"), "memory"),
    ),
    _daily(
        "usage-fleet",
        "Fleet: instances",
        "instances, mean of a day",
        Extra(FLEET, Metric(GROUP, "GroupInServiceInstances"), "in service"),
    ),
    _daily(
        "usage-database",
        "Database: processor used",
        "percent, mean of a day",
        Extra(INSTANCE, Metric(RDS, "CPUUtilization"), "cpu"),
    ),
)
BY_KEY: Final = {graph.key: graph for graph in GRAPHS}

"""The graphs of the dashboards: what each shows beside the metrics of the alarms drawn in it."""

from dataclasses import dataclass
from typing import Final, Literal

from components.alarm_registry.cache import ELASTICACHE_NAMESPACE
from components.alarm_registry.database import RDS_NAMESPACE
from components.alarm_registry.kinds import (
    CACHE_NODE_KIND,
    DB_INSTANCE_KIND,
    FLEET_KIND,
    LOAD_BALANCER_KIND,
    NAT_GATEWAY_KIND,
    NAT_INSTANCE_KIND,
    QUEUE_KIND,
    SERVICE_KIND,
    TARGET_GROUP_KIND,
)
from components.alarm_registry.load_balancer import ALB_NAMESPACE
from components.alarm_registry.model import MetricStatistic, SubjectKind
from components.alarm_registry.network import NAT_GATEWAY_NAMESPACE
from components.alarm_registry.services import (
    AUTO_SCALING_NAMESPACE,
    EC2_NAMESPACE,
    ECS_METRIC_NAMESPACE,
)
from components.facts.metrics import SQS_NAMESPACE, VISIBLE_MESSAGES_METRIC
from components.facts.units import DAY_SECONDS

DashboardName = Literal["infrastructure", "database", "application", "cost"]
DASHBOARD_NAMES: Final[tuple[DashboardName, ...]] = (
    "infrastructure",
    "database",
    "application",
    "cost",
)


@dataclass(frozen=True)
class ExtraMetric:
    """A metric that no alarm watches, of each thing of a kind."""

    kind: SubjectKind
    metric: MetricStatistic
    label: str


@dataclass(frozen=True, kw_only=True)
class DashboardGraph:
    """A graph. An alarm names the one it is drawn in by `key`; `unit` labels its axis."""

    key: str
    dashboard: DashboardName
    title: str
    unit: str
    period: int = 60
    extra_metrics: tuple[ExtraMetric, ...] = ()


def _build_graph(
    dashboard: DashboardName, key: str, title: str, unit: str, *extra_metrics: ExtraMetric
) -> DashboardGraph:
    return DashboardGraph(
        key=key, dashboard=dashboard, title=title, unit=unit, extra_metrics=extra_metrics
    )


def _build_daily_graph(
    key: str, title: str, unit: str, *extra_metrics: ExtraMetric
) -> DashboardGraph:
    return DashboardGraph(
        key=key,
        dashboard="cost",
        title=title,
        unit=unit,
        period=DAY_SECONDS,
        extra_metrics=extra_metrics,
    )


_NAT_GATEWAY_BYTES: Final = (
    ExtraMetric(
        NAT_GATEWAY_KIND,
        MetricStatistic(NAT_GATEWAY_NAMESPACE, "BytesOutToDestination", "Sum"),
        "out",
    ),
    ExtraMetric(
        NAT_GATEWAY_KIND,
        MetricStatistic(NAT_GATEWAY_NAMESPACE, "BytesInFromDestination", "Sum"),
        "in",
    ),
)
DASHBOARD_GRAPHS: Final[tuple[DashboardGraph, ...]] = (
    _build_graph("infrastructure", "nat-ports", "NAT: ports not allocated", "connections"),
    _build_graph("infrastructure", "nat-drops", "NAT: packets dropped", "percent"),
    _build_graph("infrastructure", "nat-instance", "NAT instances: failed status checks", "checks"),
    _build_graph(
        "infrastructure",
        "nat-connections",
        "NAT: connections",
        "connections",
        ExtraMetric(
            NAT_GATEWAY_KIND,
            MetricStatistic(NAT_GATEWAY_NAMESPACE, "ActiveConnectionCount", "Maximum"),
            "open",
        ),
    ),
    _build_graph(
        "infrastructure",
        "nat-traffic",
        "NAT: traffic",
        "bytes a minute",
        *_NAT_GATEWAY_BYTES,
        ExtraMetric(
            NAT_INSTANCE_KIND, MetricStatistic(EC2_NAMESPACE, "NetworkOut", "Sum"), "instance out"
        ),
    ),
    _build_graph("infrastructure", "messages", "Notifications that failed", "messages"),
    _build_graph("infrastructure", "rotation", "Rotation of secrets: errors", "errors"),
    _build_graph("infrastructure", "backups", "Backup jobs that failed", "jobs"),
    _build_graph("database", "database-cpu", "Processor", "percent"),
    _build_graph("database", "database-load", "Active sessions", "sessions"),
    _build_graph("database", "database-connections", "Connections", "connections"),
    _build_graph("database", "database-memory", "Memory that can be freed", "bytes"),
    _build_graph("database", "database-storage", "Free storage", "bytes"),
    _build_graph("database", "database-disk-latency", "Disk latency", "seconds"),
    _build_graph(
        "database",
        "database-operations",
        "Disk operations",
        "operations a second",
        ExtraMetric(DB_INSTANCE_KIND, MetricStatistic(RDS_NAMESPACE, "ReadIOPS"), "read"),
        ExtraMetric(DB_INSTANCE_KIND, MetricStatistic(RDS_NAMESPACE, "WriteIOPS"), "write"),
    ),
    _build_graph(
        "database",
        "database-throughput",
        "Disk throughput",
        "bytes a second",
        ExtraMetric(DB_INSTANCE_KIND, MetricStatistic(RDS_NAMESPACE, "ReadThroughput"), "read"),
        ExtraMetric(DB_INSTANCE_KIND, MetricStatistic(RDS_NAMESPACE, "WriteThroughput"), "write"),
    ),
    _build_graph("database", "database-disk-credits", "Disk burst credits left", "percent"),
    _build_graph(
        "database",
        "database-queue",
        "Disk queue",
        "operations",
        ExtraMetric(DB_INSTANCE_KIND, MetricStatistic(RDS_NAMESPACE, "DiskQueueDepth"), "waiting"),
    ),
    _build_graph("database", "database-lag", "Replica lag", "seconds"),
    _build_graph("database", "database-transaction-ids", "Used transaction ids", "ids"),
    _build_graph("database", "cache-cpu", "Cache: processor", "percent"),
    _build_graph("database", "cache-memory", "Cache: memory used", "percent"),
    _build_graph("database", "cache-connections", "Cache: connections", "connections"),
    _build_graph("database", "cache-hit-rate", "Cache: hit rate", "percent"),
    _build_graph("database", "cache-lag", "Cache: replication lag", "seconds"),
    _build_graph(
        "database",
        "cache-evictions",
        "Cache: evictions",
        "keys",
        ExtraMetric(
            CACHE_NODE_KIND, MetricStatistic(ELASTICACHE_NAMESPACE, "Evictions", "Sum"), "evicted"
        ),
    ),
    _build_graph(
        "application", "slo-availability", "Errors, by window of the burn rate", "percent"
    ),
    _build_graph("application", "slo-latency", "Latency, by window of the burn rate", "seconds"),
    _build_graph(
        "application",
        "requests",
        "Requests",
        "a minute",
        ExtraMetric(
            TARGET_GROUP_KIND, MetricStatistic(ALB_NAMESPACE, "RequestCount", "Sum"), "requests"
        ),
        ExtraMetric(
            TARGET_GROUP_KIND,
            MetricStatistic(ALB_NAMESPACE, "HTTPCode_Target_2XX_Count", "Sum"),
            "2xx",
        ),
    ),
    _build_graph(
        "application",
        "balancer-connections",
        "Load balancer: connections",
        "connections, of samples of a minute",
        ExtraMetric(
            LOAD_BALANCER_KIND,
            MetricStatistic(ALB_NAMESPACE, "ActiveConnectionCount", "Sum"),
            "active",
        ),
        ExtraMetric(
            LOAD_BALANCER_KIND,
            MetricStatistic(ALB_NAMESPACE, "NewConnectionCount", "Sum"),
            "new",
        ),
    ),
    _build_graph("application", "target-errors", "Server errors", "a minute"),
    _build_graph("application", "target-error-rate", "Share of server errors", "percent"),
    _build_graph(
        "application",
        "target-latency",
        "Latency",
        "seconds",
        ExtraMetric(
            TARGET_GROUP_KIND, MetricStatistic(ALB_NAMESPACE, "TargetResponseTime", "p50"), "p50"
        ),
        ExtraMetric(
            TARGET_GROUP_KIND, MetricStatistic(ALB_NAMESPACE, "TargetResponseTime", "p99"), "p99"
        ),
    ),
    _build_graph("application", "target-health", "Targets by health", "targets"),
    _build_graph(
        "application",
        "balancer-errors",
        "Load balancer: errors",
        "a minute",
        ExtraMetric(
            LOAD_BALANCER_KIND,
            MetricStatistic(ALB_NAMESPACE, "HTTPCode_ELB_4XX_Count", "Sum"),
            "4xx",
        ),
    ),
    _build_graph("application", "certificate", "Certificate: days left", "days"),
    _build_graph("application", "service-cpu", "Services: processor", "percent"),
    _build_graph("application", "service-memory", "Services: memory", "percent"),
    _build_graph(
        "application",
        "service-tasks",
        "Services: tasks",
        "tasks",
        ExtraMetric(
            TARGET_GROUP_KIND,
            MetricStatistic(ALB_NAMESPACE, "HealthyHostCount", "Minimum"),
            "healthy",
        ),
    ),
    _build_graph("application", "worker-queue", "Workers: age of the oldest message", "seconds"),
    _build_graph(
        "application",
        "worker-backlog",
        "Workers: messages that wait",
        "messages",
        ExtraMetric(
            QUEUE_KIND, MetricStatistic(SQS_NAMESPACE, VISIBLE_MESSAGES_METRIC, "Maximum"), "wait"
        ),
    ),
    _build_graph("application", "service-restarts", "Workers: restarts", "restarts more"),
    _build_graph(
        "application",
        "fleet-size",
        "Fleet: instances",
        "instances",
        ExtraMetric(
            FLEET_KIND,
            MetricStatistic(AUTO_SCALING_NAMESPACE, "GroupInServiceInstances", "Minimum"),
            "in service",
        ),
        ExtraMetric(
            FLEET_KIND,
            MetricStatistic(AUTO_SCALING_NAMESPACE, "GroupDesiredCapacity", "Maximum"),
            "wanted",
        ),
        ExtraMetric(
            FLEET_KIND, MetricStatistic(AUTO_SCALING_NAMESPACE, "GroupMinSize", "Minimum"), "least"
        ),
        ExtraMetric(
            FLEET_KIND, MetricStatistic(AUTO_SCALING_NAMESPACE, "GroupMaxSize", "Maximum"), "most"
        ),
    ),
    _build_graph(
        "application",
        "fleet-traffic",
        "Fleet: network",
        "bytes a minute",
        ExtraMetric(FLEET_KIND, MetricStatistic(EC2_NAMESPACE, "NetworkIn", "Sum"), "in"),
        ExtraMetric(FLEET_KIND, MetricStatistic(EC2_NAMESPACE, "NetworkOut", "Sum"), "out"),
    ),
    _build_graph("application", "fleet-cpu", "Fleet: processor", "percent"),
    _build_graph("application", "fleet-memory", "Fleet: memory", "percent"),
    _build_graph("application", "fleet-disk", "Fleet: disk used", "percent"),
    _build_graph("application", "fleet-status", "Fleet: failed status checks", "checks"),
    _build_daily_graph(
        "usage-nat",
        "NAT: bytes processed",
        "bytes a day",
        *_NAT_GATEWAY_BYTES,
    ),
    _build_daily_graph(
        "usage-balancer",
        "Load balancer: capacity units",
        "LCUs, sum of a day",
        ExtraMetric(
            LOAD_BALANCER_KIND, MetricStatistic(ALB_NAMESPACE, "ConsumedLCUs", "Sum"), "LCUs"
        ),
    ),
    _build_daily_graph(
        "usage-services",
        "Services: processor used",
        "percent, mean of a day",
        ExtraMetric(SERVICE_KIND, MetricStatistic(ECS_METRIC_NAMESPACE, "CPUUtilization"), "cpu"),
        ExtraMetric(
            SERVICE_KIND, MetricStatistic(ECS_METRIC_NAMESPACE, "MemoryUtilization"), "memory"
        ),
    ),
    _build_daily_graph(
        "usage-fleet",
        "Fleet: instances",
        "instances, mean of a day",
        ExtraMetric(
            FLEET_KIND,
            MetricStatistic(AUTO_SCALING_NAMESPACE, "GroupInServiceInstances"),
            "in service",
        ),
    ),
    _build_daily_graph(
        "usage-database",
        "Database: processor used",
        "percent, mean of a day",
        ExtraMetric(DB_INSTANCE_KIND, MetricStatistic(RDS_NAMESPACE, "CPUUtilization"), "cpu"),
    ),
)
GRAPHS_BY_KEY: Final = {graph.key: graph for graph in DASHBOARD_GRAPHS}

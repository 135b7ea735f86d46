"""CloudWatch's metrics of the stack's parts: names, units, statistics, and what a gap means.

Sources: "CloudWatch metrics for your Application Load Balancer" (reporting criteria, meaningful
statistics), and the metrics pages of the guides of ECS, EC2 Auto Scaling, RDS, ElastiCache, VPC
(NAT gateways) and Lambda.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

ALB_NAMESPACE: Final = "AWS/ApplicationELB"
RDS_NAMESPACE: Final = "AWS/RDS"
ELASTICACHE_NAMESPACE: Final = "AWS/ElastiCache"
NAT_GATEWAY_NAMESPACE: Final = "AWS/NATGateway"
LAMBDA_NAMESPACE: Final = "AWS/Lambda"
ECS_METRIC_NAMESPACE: Final = "AWS/ECS"
CONTAINER_INSIGHTS_NAMESPACE: Final = "ECS/ContainerInsights"
AUTO_SCALING_NAMESPACE: Final = "AWS/AutoScaling"
EC2_NAMESPACE: Final = "AWS/EC2"
CLOUDWATCH_AGENT_NAMESPACE: Final = "CWAgent"
SQS_NAMESPACE: Final = "AWS/SQS"
VISIBLE_MESSAGES_METRIC: Final = "ApproximateNumberOfMessagesVisible"

SubjectName = Literal[
    "load-balancer",
    "target-group",
    "service",
    "queue",
    "fleet",
    "db-instance",
    "db-replica",
    "cache-node",
    "nat-gateway",
    "nat-instance",
    "function",
]
MetricUnit = Literal["count", "percent", "bytes", "bytes/s", "seconds", "milliseconds", "1/s"]
# What a value of a period is. "count": how many in it, so that counts of periods add up. "rate": a
# sum over the period, shown a second. "level": a sum of one sample a minute, shown as their mean.
# "gauge": as AWS has it.
MetricMeasure = Literal["count", "rate", "level", "gauge"]
PERCENTILES: Final = "pNN"
GAUGE_STATS: Final = ("Average", "Minimum", "Maximum", "SampleCount")


@dataclass(frozen=True, kw_only=True)
class MetricFact:
    """One metric of a kind of subject. `name` is what is typed; `aws_name` is CloudWatch's.

    `stats` are shown unless another is asked for; `valid_stats` are all that mean something.
    `is_silent_at_zero`: AWS sends no data point if there was none. `period` is the seconds between
    two data points. `dimensions` are those beside the subject's own.
    """

    name: str
    namespace: str
    aws_name: str
    unit: MetricUnit
    stats: tuple[str, ...]
    valid_stats: tuple[str, ...]
    measure: MetricMeasure = "gauge"
    is_silent_at_zero: bool = False
    period: int = 60


def build_count(
    name: str, namespace: str, *, aws_name: str, is_silent_at_zero: bool = False
) -> MetricFact:
    """A metric that counts; `is_silent_at_zero` if no data point is sent of none."""
    return MetricFact(
        name=name,
        namespace=namespace,
        aws_name=aws_name,
        unit="count",
        stats=("Sum",),
        valid_stats=("Sum",),
        measure="count",
        is_silent_at_zero=is_silent_at_zero,
    )


def build_balancer_count(name: str, aws_name: str) -> MetricFact:
    """The load balancer sends these "if there is a nonzero value"; only Sum has a meaning."""
    return build_count(name, ALB_NAMESPACE, aws_name=aws_name, is_silent_at_zero=True)


def _build_gauge(
    name: str,
    namespace: str,
    aws_name: str,
    unit: MetricUnit,
    *stats: str,
    has_percentiles: bool = False,
) -> MetricFact:
    return MetricFact(
        name=name,
        namespace=namespace,
        aws_name=aws_name,
        unit=unit,
        stats=stats or ("Average",),
        valid_stats=(*GAUGE_STATS, PERCENTILES) if has_percentiles else GAUGE_STATS,
    )


def _build_rate(name: str, namespace: str, *, aws_name: str, period: int = 60) -> MetricFact:
    return MetricFact(
        name=name,
        namespace=namespace,
        aws_name=aws_name,
        unit="bytes/s",
        stats=("Sum",),
        valid_stats=("Sum",),
        measure="rate",
        period=period,
    )


def _build_database_gauge(name: str, aws_name: str, unit: MetricUnit, *stats: str) -> MetricFact:
    """RDS sends one value a minute, of which CloudWatch has percentiles."""
    return _build_gauge(name, RDS_NAMESPACE, aws_name, unit, *stats, has_percentiles=True)


_RESPONSES: Final = (
    build_balancer_count("2xx", "HTTPCode_Target_2XX_Count"),
    build_balancer_count("3xx", "HTTPCode_Target_3XX_Count"),
    build_balancer_count("4xx", "HTTPCode_Target_4XX_Count"),
    build_balancer_count("5xx", "HTTPCode_Target_5XX_Count"),
)
# Sent only with requests: no data point is no request, or none reported yet.
_REQUESTS: Final = build_balancer_count("requests", "RequestCount")
_LATENCY: Final = _build_gauge(
    "latency",
    ALB_NAMESPACE,
    "TargetResponseTime",
    "seconds",
    "p50",
    "p95",
    "p99",
    has_percentiles=True,
)
_CONNECTION_ERRORS: Final = build_balancer_count("connection-errors", "TargetConnectionErrorCount")
_DB_INSTANCE_METRICS: Final = (
    _build_database_gauge("cpu", "CPUUtilization", "percent"),
    _build_database_gauge("load", "DBLoad", "count"),
    _build_database_gauge("connections", "DatabaseConnections", "count", "Maximum"),
    _build_database_gauge("memory-free", "FreeableMemory", "bytes", "Minimum"),
    _build_database_gauge("storage-free", "FreeStorageSpace", "bytes", "Minimum"),
    _build_database_gauge("read-operations", "ReadIOPS", "1/s"),
    _build_database_gauge("write-operations", "WriteIOPS", "1/s"),
    _build_database_gauge("read-bytes", "ReadThroughput", "bytes/s"),
    _build_database_gauge("write-bytes", "WriteThroughput", "bytes/s"),
    _build_database_gauge("read-latency", "ReadLatency", "seconds"),
    _build_database_gauge("write-latency", "WriteLatency", "seconds"),
    _build_database_gauge("queue", "DiskQueueDepth", "count"),
    _build_database_gauge("byte-balance", "EBSByteBalance%", "percent", "Minimum"),
    _build_database_gauge("io-balance", "EBSIOBalance%", "percent", "Minimum"),
    _build_database_gauge("transaction-ids", "MaximumUsedTransactionIDs", "count", "Maximum"),
)
METRIC_FACTS: Final[Mapping[SubjectName, tuple[MetricFact, ...]]] = {
    "load-balancer": (
        _REQUESTS,
        *_RESPONSES,
        build_balancer_count("balancer-4xx", "HTTPCode_ELB_4XX_Count"),
        build_balancer_count("balancer-5xx", "HTTPCode_ELB_5XX_Count"),
        _LATENCY,
        MetricFact(
            name="connections",
            namespace=ALB_NAMESPACE,
            aws_name="ActiveConnectionCount",
            unit="count",
            stats=("Sum",),
            valid_stats=("Sum",),
            measure="level",
            is_silent_at_zero=True,
        ),
        build_balancer_count("new-connections", "NewConnectionCount"),
        build_balancer_count("rejected", "RejectedConnectionCount"),
        _CONNECTION_ERRORS,
        build_count("capacity-units", ALB_NAMESPACE, aws_name="ConsumedLCUs"),
    ),
    "target-group": (
        _REQUESTS,
        *_RESPONSES,
        _LATENCY,
        _build_gauge("healthy", ALB_NAMESPACE, "HealthyHostCount", "count", "Minimum"),
        _build_gauge("unhealthy", ALB_NAMESPACE, "UnHealthyHostCount", "count", "Maximum"),
        _CONNECTION_ERRORS,
    ),
    "service": (
        _build_gauge("cpu", ECS_METRIC_NAMESPACE, "CPUUtilization", "percent"),
        _build_gauge("memory", ECS_METRIC_NAMESPACE, "MemoryUtilization", "percent"),
        _build_gauge(
            "tasks-wanted", CONTAINER_INSIGHTS_NAMESPACE, "DesiredTaskCount", "count", "Maximum"
        ),
        _build_gauge(
            "tasks-running", CONTAINER_INSIGHTS_NAMESPACE, "RunningTaskCount", "count", "Minimum"
        ),
        # Of containers with a restart policy alone: those of workers.
        _build_gauge("restarts", CONTAINER_INSIGHTS_NAMESPACE, "RestartCount", "count", "Maximum"),
    ),
    "queue": (
        _build_gauge("waiting", SQS_NAMESPACE, VISIBLE_MESSAGES_METRIC, "count", "Maximum"),
        _build_gauge(
            "oldest", SQS_NAMESPACE, "ApproximateAgeOfOldestMessage", "seconds", "Maximum"
        ),
    ),
    "fleet": (
        _build_gauge("cpu", EC2_NAMESPACE, "CPUUtilization", "percent"),
        _build_gauge("memory", CLOUDWATCH_AGENT_NAMESPACE, "mem_used_percent", "percent"),
        _build_gauge("disk", CLOUDWATCH_AGENT_NAMESPACE, "disk_used_percent", "percent", "Maximum"),
        _build_rate("network-in", EC2_NAMESPACE, aws_name="NetworkIn"),
        _build_rate("network-out", EC2_NAMESPACE, aws_name="NetworkOut"),
        _build_gauge("status-checks", EC2_NAMESPACE, "StatusCheckFailed", "count", "Maximum"),
        _build_gauge(
            "in-service", AUTO_SCALING_NAMESPACE, "GroupInServiceInstances", "count", "Minimum"
        ),
        _build_gauge(
            "capacity", AUTO_SCALING_NAMESPACE, "GroupInServiceCapacity", "count", "Minimum"
        ),
        _build_gauge("wanted", AUTO_SCALING_NAMESPACE, "GroupDesiredCapacity", "count", "Maximum"),
        _build_gauge("least", AUTO_SCALING_NAMESPACE, "GroupMinSize", "count", "Minimum"),
        _build_gauge("most", AUTO_SCALING_NAMESPACE, "GroupMaxSize", "count", "Maximum"),
    ),
    "db-instance": _DB_INSTANCE_METRICS,
    "db-replica": (
        *_DB_INSTANCE_METRICS,
        _build_database_gauge("lag", "ReplicaLag", "seconds", "Maximum"),
    ),
    "cache-node": (
        _build_gauge("cpu", ELASTICACHE_NAMESPACE, "CPUUtilization", "percent"),
        _build_gauge("engine-cpu", ELASTICACHE_NAMESPACE, "EngineCPUUtilization", "percent"),
        _build_gauge(
            "memory", ELASTICACHE_NAMESPACE, "DatabaseMemoryUsagePercentage", "percent", "Maximum"
        ),
        _build_gauge("connections", ELASTICACHE_NAMESPACE, "CurrConnections", "count", "Maximum"),
        _build_gauge("keys", ELASTICACHE_NAMESPACE, "CurrItems", "count", "Maximum"),
        build_count("hits", ELASTICACHE_NAMESPACE, aws_name="CacheHits"),
        build_count("misses", ELASTICACHE_NAMESPACE, aws_name="CacheMisses"),
        build_count("evictions", ELASTICACHE_NAMESPACE, aws_name="Evictions"),
        _build_gauge("lag", ELASTICACHE_NAMESPACE, "ReplicationLag", "seconds", "Maximum"),
    ),
    "nat-gateway": (
        _build_rate("out", NAT_GATEWAY_NAMESPACE, aws_name="BytesOutToDestination"),
        _build_rate("in", NAT_GATEWAY_NAMESPACE, aws_name="BytesInFromDestination"),
        _build_gauge(
            "connections", NAT_GATEWAY_NAMESPACE, "ActiveConnectionCount", "count", "Maximum"
        ),
        build_count("port-errors", NAT_GATEWAY_NAMESPACE, aws_name="ErrorPortAllocation"),
        build_count("packets-dropped", NAT_GATEWAY_NAMESPACE, aws_name="PacketsDropCount"),
        build_count("packets-from-stack", NAT_GATEWAY_NAMESPACE, aws_name="PacketsInFromSource"),
        build_count("packets-back", NAT_GATEWAY_NAMESPACE, aws_name="PacketsInFromDestination"),
    ),
    # Without detailed monitoring EC2 sends every five minutes (EC2 User Guide, "Monitoring").
    "nat-instance": (
        MetricFact(
            name="cpu",
            namespace=EC2_NAMESPACE,
            aws_name="CPUUtilization",
            unit="percent",
            stats=("Average",),
            valid_stats=GAUGE_STATS,
            period=300,
        ),
        _build_rate("out", EC2_NAMESPACE, aws_name="NetworkOut", period=300),
        _build_rate("in", EC2_NAMESPACE, aws_name="NetworkIn", period=300),
        _build_gauge("status-checks", EC2_NAMESPACE, "StatusCheckFailed", "count", "Maximum"),
    ),
    # Lambda sends these with invocations only ("Types of metrics for Lambda functions").
    "function": (
        build_count(
            "invocations", LAMBDA_NAMESPACE, aws_name="Invocations", is_silent_at_zero=True
        ),
        build_count("errors", LAMBDA_NAMESPACE, aws_name="Errors"),
        build_count("throttles", LAMBDA_NAMESPACE, aws_name="Throttles"),
        _build_gauge(
            "duration",
            LAMBDA_NAMESPACE,
            "Duration",
            "milliseconds",
            "p50",
            "p99",
            has_percentiles=True,
        ),
    ),
}

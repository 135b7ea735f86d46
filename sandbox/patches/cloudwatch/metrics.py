"""CloudWatch: metrics that AWS's services report of resources, if no data were put.

The figures are assumptions about a stack at rest; what a test puts with PutMetricData wins. What
a source has that was set for an account and region wins over both.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from re import Match
from typing import Any, Final

from moto.cloudwatch.models import CloudWatchBackend, Statistics
from moto.ec2.models import ec2_backends
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ecs.models import ecs_backends
from moto.rds.models import rds_backends
from moto.s3.models import s3_backends

from sandbox.patches.patching import ServicePatch, backend_state

patch = ServicePatch()
_GIB_BYTES = 1024**3
PERCENTILE_RANK_PATTERN: Final = re.compile(r"PR\(([\d.]*):([\d.]*)\)")
ApiRecord = dict[str, Any]
Answers = dict[str, tuple[list[datetime], list[float]]]  # times and values by id of the query
# The answers that it has to queries, from a time to a time, in an order of times.
MetricAnswerer = Callable[[list[ApiRecord], datetime, datetime, str], Answers]
Dimensions = Mapping[str, str]  # dimensions


def _build_rds_metric(
    compute: Callable[[Any], float],
) -> Callable[[CloudWatchBackend, Dimensions], float | None]:
    def compute_value(backend: CloudWatchBackend, dimensions: Dimensions) -> float | None:
        databases = rds_backends[backend.account_id][backend.region_name].databases
        instance = databases.get(dimensions.get("DBInstanceIdentifier", ""))
        return None if instance is None else compute(instance)

    return compute_value


def _build_ecs_metric(share: float) -> Callable[[CloudWatchBackend, Dimensions], float | None]:
    def compute_value(backend: CloudWatchBackend, dimensions: Dimensions) -> float | None:
        ecs = ecs_backends[backend.account_id][backend.region_name]
        cluster, name = dimensions.get("ClusterName", ""), dimensions.get("ServiceName", "")
        if f"{cluster}:{name}" not in ecs.services:
            return None
        (service,), _ = ecs.describe_services(cluster, [name])  # which lets its tasks have started
        return share if service.running_count else None

    return compute_value


ALL_STORAGE_TYPES: Final = "AllStorageTypes"
STANDARD_STORAGE_TYPE: Final = "StandardStorage"
# By the storage class of an object (S3 User Guide, "Metrics and dimensions"). An object that was
# not read for 30 days is in the infrequent tier on AWS; here all are in the frequent one.
STORAGE_TYPES: Final[Mapping[str, str]] = {
    "STANDARD": STANDARD_STORAGE_TYPE,
    "INTELLIGENT_TIERING": "IntelligentTieringFAStorage",
    "STANDARD_IA": "StandardIAStorage",
    "ONEZONE_IA": "OneZoneIAStorage",
    "GLACIER_IR": "GlacierInstantRetrievalStorage",
    "GLACIER": "GlacierStorage",
    "DEEP_ARCHIVE": "DeepArchiveStorage",
}


def _get_storage_type(key: Any) -> str | None:
    return STORAGE_TYPES.get(getattr(key, "storage_class", None) or "STANDARD")


def _build_bucket_metric(
    compute: Callable[[Any], float],
) -> Callable[[CloudWatchBackend, Dimensions], float | None]:
    def compute_value(backend: CloudWatchBackend, dimensions: Dimensions) -> float | None:
        buckets = s3_backends[backend.account_id][backend.partition].buckets
        bucket = buckets.get(dimensions.get("BucketName", ""))
        if bucket is None or bucket.region_name != backend.region_name:
            return None
        storage_type = dimensions.get("StorageType", ALL_STORAGE_TYPES)
        stored = [
            key
            for _, key in bucket.keys.items()
            if storage_type in (ALL_STORAGE_TYPES, _get_storage_type(key))
        ]
        # S3 reports no size of a class that a bucket has nothing in (assumed).
        has_reports = storage_type in (ALL_STORAGE_TYPES, STANDARD_STORAGE_TYPE)
        return compute(stored) if stored or has_reports else None

    return compute_value


def _compute_nat_bytes(backend: CloudWatchBackend, dimensions: Dimensions) -> float | None:
    """What a gateway carries in a period: zero is reported too (VPC User Guide, "Monitor NAT
    gateways"). One to which a route leads carries some at rest; how much is assumed."""
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    name = dimensions.get("NatGatewayId", "")
    if name not in ec2.nat_gateways:
        return None
    gateways = [route.nat_gateway for table in ec2.route_tables.values() for route in table.routes]
    is_routed = any(gateway is not None and gateway.id == name for gateway in gateways)
    return 1024.0**2 if is_routed else 0.0


def _count_vcpus(backend: CloudWatchBackend, dimensions: Dimensions) -> float | None:
    """AWS/Usage ResourceCount: the vCPUs that run, none reported where nothing runs.

    ECS Developer Guide, "AWS Fargate usage metrics"; EC2 User Guide, "Amazon EC2 usage metrics".
    """
    if dimensions.get("Class") != "Standard/OnDemand" or dimensions.get("Resource") != "vCPU":
        return None
    if dimensions.get("Service") == "Fargate":
        ecs = ecs_backends[backend.account_id][backend.region_name]
        units = 0.0  # of the tasks of services; single tasks are not counted
        for cluster, name in (key.split(":") for key in list(ecs.services)):
            (service,), _ = ecs.describe_services(cluster, [name])
            definition = ecs.describe_task_definition(str(service.task_definition))
            units += service.running_count * float(definition.cpu or 0)
        return units / 1024 or None
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    counts: dict[str, Any] = {str(name): item for name, item in INSTANCE_TYPES.items()}
    vcpus = [
        float(counts[instance.instance_type]["VCpuInfo"]["DefaultVCpus"])
        for reservation in ec2.reservations.values()
        for instance in reservation.instances
        if instance.state == "running"
    ]
    return sum(vcpus) or None


def _count_log_calls(backend: CloudWatchBackend, dimensions: Dimensions) -> float | None:
    """AWS/Usage CallCount of PutLogEvents: a batch every five seconds of each task (assumed)."""
    is_it = dimensions.get("Service") == "Logs" and dimensions.get("Resource") == "PutLogEvents"
    return 60.0 if is_it else None


# By namespace and name: the value of a resource at rest, None if it does not exist.
MODELLED_METRICS: Mapping[
    tuple[str, str], Callable[[CloudWatchBackend, Dimensions], float | None]
] = {
    ("AWS/RDS", "CPUUtilization"): _build_rds_metric(lambda _: 8),
    ("AWS/RDS", "DatabaseConnections"): _build_rds_metric(lambda _: 6),
    ("AWS/RDS", "FreeStorageSpace"): _build_rds_metric(
        lambda instance: 0.8 * int(instance.allocated_storage) * _GIB_BYTES
    ),
    ("AWS/RDS", "FreeableMemory"): _build_rds_metric(lambda _: 0.7 * _GIB_BYTES),
    ("AWS/RDS", "ReadIOPS"): _build_rds_metric(lambda _: 2),
    ("AWS/RDS", "WriteIOPS"): _build_rds_metric(lambda _: 8),
    ("AWS/RDS", "ReadThroughput"): _build_rds_metric(lambda _: 16 * 1024),
    ("AWS/RDS", "WriteThroughput"): _build_rds_metric(lambda _: 128 * 1024),
    ("AWS/ECS", "CPUUtilization"): _build_ecs_metric(12),
    ("AWS/ECS", "MemoryUtilization"): _build_ecs_metric(35),
    ("AWS/NATGateway", "BytesOutToDestination"): _compute_nat_bytes,
    ("AWS/NATGateway", "BytesOutToSource"): _compute_nat_bytes,
    ("AWS/S3", "BucketSizeBytes"): _build_bucket_metric(
        lambda keys: sum(getattr(k, "size", 0) for k in keys)
    ),
    ("AWS/Usage", "ResourceCount"): _count_vcpus,
    ("AWS/Usage", "CallCount"): _count_log_calls,
    ("AWS/S3", "NumberOfObjects"): _build_bucket_metric(lambda keys: len(keys)),
}


def set_metric_answerer(backend: CloudWatchBackend, answerer: MetricAnswerer) -> None:
    """Lets a source answer GetMetricData for an account and region."""
    backend_state(backend, "metric_answerer", list[MetricAnswerer])[:] = [answerer]


@patch.wrap(CloudWatchBackend, "get_metric_data")
def fill_metric_data(
    original: Any,
    backend: CloudWatchBackend,
    queries: list[ApiRecord],
    start_time: datetime,
    end_time: datetime,
    scan_by: str = "TimestampAscending",
) -> list[ApiRecord]:
    answers: Answers = {}
    for answerer in backend_state(backend, "metric_answerer", list[MetricAnswerer]):
        answers |= answerer(queries, start_time, end_time, scan_by)
    if len(answers) == len(queries):
        return [_build_result(query, *answers[query["Id"]]) for query in queries]
    modelled_values = {
        q["Id"]: v for q in queries if (v := _get_modelled_value(backend, q)) is not None
    }
    created_times = {query["Id"]: _find_creation_time(backend, query) for query in queries}
    results: list[ApiRecord] = original(
        backend, queries=queries, start_time=start_time, end_time=end_time, scan_by=scan_by
    )
    for result in results:
        if result["id"] in answers:
            result["timestamps"], result["values"] = answers[result["id"]]
        elif not result["values"] and result["id"] in modelled_values:
            value, period = modelled_values[result["id"]]
            step = timedelta(seconds=period)
            times = [start_time + n * step for n in range(1 + int((end_time - start_time) / step))]
            if (created := created_times.get(result["id"])) is not None:
                times = [time for time in times if _to_utc(time + step) > created]
            result["timestamps"] = times if scan_by == "TimestampAscending" else times[::-1]
            result["values"] = [value] * len(times)
    return results


def _build_result(query: ApiRecord, times: list[datetime], values: list[float]) -> ApiRecord:
    metric_stat = query["MetricStat"]
    return {
        "id": query["Id"],
        "label": query.get("Label")
        or f"{metric_stat['Metric']['MetricName']} {metric_stat['Stat']}",
        "values": values,
        "timestamps": times,
        "status_code": "Complete",
    }


@patch.wrap(Statistics, "get_statistics_for_type")
def compute_percentile(original: Any, statistics: Statistics, stat: str) -> Any:
    """Percentiles, which moto lacks: of single values, interpolated between the nearest two.

    CloudWatch's own is an approximation of undocumented kind; AWS has none of statistic sets
    (GetMetricStatistics, API reference).
    """
    values = sorted(map(float, statistics.metric_single_values_list))
    if rank := PERCENTILE_RANK_PATTERN.fullmatch(stat):
        return _compute_percentile_rank(values, rank)
    if not stat.startswith("p"):
        return original(statistics, stat)
    if not values:
        return None
    place = float(stat[1:]) / 100 * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def _compute_percentile_rank(values: Sequence[float], rank: Match[str]) -> float | None:
    """The percentage of values between two bounds, exclusive of the lower one (CloudWatch User
    Guide, "CloudWatch statistics definitions")."""
    if not values:
        return None
    low = float(rank[1]) if rank[1] else float("-inf")
    high = float(rank[2]) if rank[2] else float("inf")
    return 100 * sum(low < value <= high for value in values) / len(values)


def _find_creation_time(backend: CloudWatchBackend, query: ApiRecord) -> datetime | None:
    """When a DB instance or a service began to report: not before it was created."""
    metric = query.get("MetricStat", {}).get("Metric", {})
    dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])}
    databases = rds_backends[backend.account_id][backend.region_name].databases
    created: Any = getattr(
        databases.get(dimensions.get("DBInstanceIdentifier", "")), "instance_create_time", None
    )
    if created is None:
        created = _find_service_creation_time(backend, dimensions)
    return None if created is None else _to_utc(created)


def _find_service_creation_time(
    backend: CloudWatchBackend, dimensions: Dimensions
) -> datetime | None:
    """When a service of ECS was created: it had no tasks before."""
    key = f"{dimensions.get('ClusterName', '')}:{dimensions.get('ServiceName', '')}"
    service = ecs_backends[backend.account_id][backend.region_name].services.get(key)
    return None if service is None else vars(service).get("sandbox_created_at")


def _to_utc(time: datetime) -> datetime:
    """A time of moto's, which is UTC without saying so, or a zone's."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _get_modelled_value(backend: CloudWatchBackend, query: ApiRecord) -> tuple[float, int] | None:
    if "MetricStat" not in query:
        return None
    metric = query["MetricStat"]["Metric"]
    model = MODELLED_METRICS.get((metric["Namespace"], metric["MetricName"]))
    dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])}
    value = model(backend, dimensions) if model else None
    if value is None:
        return None
    stat, period = query["MetricStat"]["Stat"], int(query["MetricStat"]["Period"])
    # One value a minute.
    return (period / 60 if stat == "SampleCount" else value), period

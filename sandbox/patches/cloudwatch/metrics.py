"""CloudWatch: what AWS's services would report of things that exist, where nobody put data.

The figures are assumptions about a stack at rest; what a test puts with PutMetricData wins.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend
from moto.ecs.models import ecs_backends
from moto.rds.models import rds_backends
from moto.s3.models import s3_backends

from sandbox.patches.patching import Mend

mend = Mend()
Record = dict[str, Any]
Names = Mapping[str, str]  # dimensions
GIB = 1024**3


def _rds(of: Callable[[Any], float]) -> Callable[[CloudWatchBackend, Names], float | None]:
    def value(backend: CloudWatchBackend, names: Names) -> float | None:
        databases = rds_backends[backend.account_id][backend.region_name].databases
        found = databases.get(names.get("DBInstanceIdentifier", ""))
        return None if found is None else of(found)

    return value


def _ecs(share: float) -> Callable[[CloudWatchBackend, Names], float | None]:
    def value(backend: CloudWatchBackend, names: Names) -> float | None:
        ecs = ecs_backends[backend.account_id][backend.region_name]
        cluster, name = names.get("ClusterName", ""), names.get("ServiceName", "")
        if f"{cluster}:{name}" not in ecs.services:
            return None
        (found,), _ = ecs.describe_services(cluster, [name])  # which lets its tasks have started
        return share if found.running_count else None

    return value


def _bucket(of: Callable[[Any], float]) -> Callable[[CloudWatchBackend, Names], float | None]:
    def value(backend: CloudWatchBackend, names: Names) -> float | None:
        buckets = s3_backends[backend.account_id][backend.partition].buckets
        found = buckets.get(names.get("BucketName", ""))
        if found is None or found.region_name != backend.region_name:
            return None
        return of([key for _, key in found.keys.items()])

    return value


# By namespace and name: the value of a thing at rest, None where there is no such thing.
MODELLED: Mapping[tuple[str, str], Callable[[CloudWatchBackend, Names], float | None]] = {
    ("AWS/RDS", "CPUUtilization"): _rds(lambda _: 8),
    ("AWS/RDS", "DatabaseConnections"): _rds(lambda _: 6),
    ("AWS/RDS", "FreeStorageSpace"): _rds(lambda it: 0.8 * int(it.allocated_storage) * GIB),
    ("AWS/RDS", "FreeableMemory"): _rds(lambda _: 0.7 * GIB),
    ("AWS/ECS", "CPUUtilization"): _ecs(12),
    ("AWS/ECS", "MemoryUtilization"): _ecs(35),
    ("AWS/S3", "BucketSizeBytes"): _bucket(lambda keys: sum(getattr(k, "size", 0) for k in keys)),
    ("AWS/S3", "NumberOfObjects"): _bucket(lambda keys: len(keys)),
}


@mend.around(CloudWatchBackend, "get_metric_data")
def get_metric_data(
    original: Any,
    backend: CloudWatchBackend,
    queries: list[Record],
    start_time: datetime,
    end_time: datetime,
    scan_by: str = "TimestampAscending",
) -> list[Record]:
    modelled = {q["Id"]: v for q in queries if (v := _modelled(backend, q)) is not None}
    results: list[Record] = original(
        backend, queries=queries, start_time=start_time, end_time=end_time, scan_by=scan_by
    )
    for result in results:
        if not result["values"] and result["id"] in modelled:
            value, period = modelled[result["id"]]
            step = timedelta(seconds=period)
            times = [start_time + n * step for n in range(1 + int((end_time - start_time) / step))]
            result["timestamps"] = times if scan_by == "TimestampAscending" else times[::-1]
            result["values"] = [value] * len(times)
    return results


def _modelled(backend: CloudWatchBackend, query: Record) -> tuple[float, int] | None:
    if "MetricStat" not in query:
        return None
    metric = query["MetricStat"]["Metric"]
    model = MODELLED.get((metric["Namespace"], metric["MetricName"]))
    names = {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])}
    value = model(backend, names) if model else None
    return None if value is None else (value, int(query["MetricStat"]["Period"]))

"""Metrics in batches: 500 to a call (CloudWatch's limit for GetMetricData)."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.checks import CheckFacts, ReadRequest, ResponseItem, build_read, split_into_chunks

METRIC_DATA_API: Final = "cloudwatch.get_metric_data"
METRICS_PER_CALL: Final = 500
RECENT_SECONDS: Final = (
    15 * 60
)  # seconds: most metrics come each minute, some with five minutes' delay


@dataclass(frozen=True)
class MetricQuery:
    """A metric of one thing, and a statistic of it."""

    namespace: str
    name: str
    stat: str
    dimensions: tuple[tuple[str, str], ...]
    period: int = 60

    @property
    def id(self) -> str:
        """The same for the same metric; CloudWatch wants a letter first."""
        return "m" + hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    @property
    def request(self) -> dict[str, Any]:
        """The metric as GetMetricData wants it."""
        dimensions = [{"Name": k, "Value": v} for k, v in self.dimensions]
        metric = {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions}
        stat = {"Metric": metric, "Period": self.period, "Stat": self.stat}
        return {"Id": self.id, "MetricStat": stat}


def build_metric_query(
    namespace: str, name: str, stat: str, *, period: int = 60, **dimensions: str
) -> MetricQuery:
    """A metric, its dimensions as keywords."""
    return build_dimensioned_metric_query(namespace, name, stat, dimensions, period)


def build_dimensioned_metric_query(
    namespace: str, name: str, stat: str, dimensions: Mapping[str, str], period: int = 60
) -> MetricQuery:
    """A metric of these dimensions. `period` is in seconds."""
    return MetricQuery(namespace, name, stat, tuple(dimensions.items()), period)


def build_metric_read(
    metrics: Sequence[MetricQuery],
    facts: CheckFacts,
    lookback_seconds: float = RECENT_SECONDS,
    region: str | None = None,
) -> ReadRequest:
    """One call for up to 500 metrics, from a time back until now. No region is the stack's."""
    return build_read(
        METRIC_DATA_API,
        "MetricDataResults",
        region=region,
        MetricDataQueries=[query.request for query in metrics],
        StartTime=facts.format_time_ago(lookback_seconds),
        EndTime=facts.format_time_ago(0),
        ScanBy="TimestampDescending",
    )


def build_metric_reads(
    metrics: Sequence[MetricQuery],
    facts: CheckFacts,
    lookback_seconds: float = RECENT_SECONDS,
    region: str | None = None,
) -> list[ReadRequest]:
    """As many calls as the metrics need."""
    queries_by_id = {query.id: query for query in metrics}
    return [
        build_metric_read([queries_by_id[name] for name in names], facts, lookback_seconds, region)
        for names in split_into_chunks(list(queries_by_id), METRICS_PER_CALL)
    ]


def get_latest_values(results: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The newest value of each metric that has one."""
    latest_values: dict[str, float] = {}
    for result in results:
        if result["Values"]:
            latest_values.setdefault(result["Id"], float(result["Values"][0]))
    return latest_values


def collect_metric_values(results: Iterable[ResponseItem]) -> dict[str, list[float]]:
    """All values of each metric, newest first, over all pages."""
    values_by_id: dict[str, list[float]] = {}
    for result in results:
        values_by_id.setdefault(result["Id"], []).extend(map(float, result["Values"]))
    return values_by_id

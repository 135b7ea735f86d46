"""Metrics in batches: 500 to a call (CloudWatch's limit for GetMetricData)."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.checks import Facts, Item, Read, chunks, read

METRICS: Final = "cloudwatch.get_metric_data"
BATCH: Final = 500
RECENT: Final = 15 * 60  # seconds: most metrics come each minute, some with five minutes' delay


@dataclass(frozen=True)
class Metric:
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
    def query(self) -> dict[str, Any]:
        """The metric as GetMetricData wants it."""
        dimensions = [{"Name": k, "Value": v} for k, v in self.dimensions]
        metric = {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions}
        stat = {"Metric": metric, "Period": self.period, "Stat": self.stat}
        return {"Id": self.id, "MetricStat": stat}


def metric(namespace: str, name: str, stat: str, *, period: int = 60, **dimensions: str) -> Metric:
    """A metric, its dimensions as keywords."""
    return measured(namespace, name, stat, dimensions, period)


def measured(
    namespace: str, name: str, stat: str, dimensions: Mapping[str, str], period: int = 60
) -> Metric:
    """A metric of these dimensions. `period` is in seconds."""
    return Metric(namespace, name, stat, tuple(dimensions.items()), period)


def values(metrics: Sequence[Metric], facts: Facts, back: float = RECENT) -> Read:
    """One call for up to 500 metrics, from a time back until now."""
    return read(
        METRICS,
        "MetricDataResults",
        MetricDataQueries=[m.query for m in metrics],
        StartTime=facts.ago(back),
        EndTime=facts.ago(0),
        ScanBy="TimestampDescending",
    )


def batched(metrics: Sequence[Metric], facts: Facts, back: float = RECENT) -> list[Read]:
    """As many calls as the metrics need."""
    table = {m.id: m for m in metrics}
    return [
        values([table[name] for name in names], facts, back) for names in chunks(list(table), BATCH)
    ]


def latest(results: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The newest value of each metric that has one."""
    found: dict[str, float] = {}
    for result in results:
        if result["Values"]:
            found.setdefault(result["Id"], float(result["Values"][0]))
    return found


def all_of(results: Iterable[Item]) -> dict[str, list[float]]:
    """All values of each metric, newest first, over all pages."""
    found: dict[str, list[float]] = {}
    for result in results:
        found.setdefault(result["Id"], []).extend(map(float, result["Values"]))
    return found

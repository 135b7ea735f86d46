"""`ops cache hit-rate`: how many reads found their key, by hour and node, beside the week before.

No data and no reads are unknown: a rate of nothing is no rate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from components.facts.units import HOUR_SECONDS
from ops.cache.figures import read_node_values
from ops.cache.model import CacheNode
from ops.core.aws import Aws
from ops.metrics.periods import ReadSpan
from ops.outputs import CachePart

NORMAL_DAYS: Final = 7
MAX_HIT_RATE_DAYS: Final = 30  # of a look, as each hour is a row of each node
_HOURS_A_DAY: Final = 24


@dataclass(frozen=True)
class ReadCounts:
    """Reads of a time: those that found their key, and those that did not; None is no data."""

    hits: float | None
    misses: float | None

    @property
    def requests(self) -> float | None:
        """All of them; None if nothing is known."""
        if self.hits is None and self.misses is None:
            return None
        return (self.hits or 0) + (self.misses or 0)

    @property
    def rate(self) -> float | None:
        """Hits in percent; None if it is not known, or if nothing was read."""
        return 100 * (self.hits or 0) / self.requests if self.requests else None

    @staticmethod
    def add(parts: "Sequence[ReadCounts]") -> "ReadCounts":
        """The sum of what is known."""
        hits = [part.hits for part in parts if part.hits is not None]
        misses = [part.misses for part in parts if part.misses is not None]
        return ReadCounts(sum(hits) if hits else None, sum(misses) if misses else None)


@dataclass(frozen=True)
class HitRateRow:
    """An hour of a node. `normal` is the same hour of the day in the week before."""

    time: datetime | None
    node: CacheNode
    counts: ReadCounts
    normal: ReadCounts

    def build_json(self) -> dict[str, Any]:
        """Its fields for `--output json`; `time` is null in the sum of a node."""
        return {
            "time": None if self.time is None else self.time.isoformat(),
            "node": self.node.name,
            "role": self.node.role,
            "hits": self.counts.hits,
            "misses": self.counts.misses,
            "requests": self.counts.requests,
            "ratePercent": self.counts.rate,
            "normalPercent": self.normal.rate,
        }


def read_hit_rates(
    aws: Aws, cache: CachePart, nodes: Sequence[CacheNode], since: datetime, until: datetime
) -> tuple[list[HitRateRow], list[HitRateRow]]:
    """The whole hours of a span by node, and the sum of each node. One GetMetricData call.

    Raises OpsError if CloudWatch refuses it.
    """
    first = since.replace(minute=0, second=0, microsecond=0)
    count = max(1, -(-int((until - first).total_seconds()) // HOUR_SECONDS))
    before = NORMAL_DAYS * _HOURS_A_DAY
    span = ReadSpan(first - timedelta(days=NORMAL_DAYS), before + count, HOUR_SECONDS)
    values = read_node_values(aws, cache, nodes, ("hits", "misses"), span)
    rows: list[HitRateRow] = []
    sums: list[HitRateRow] = []
    times = span.list_times()
    for node in nodes:
        counts = [
            ReadCounts(hits, misses)
            for hits, misses in zip(
                values[node.name, "hits"], values[node.name, "misses"], strict=True
            )
        ]
        node_rows = [
            HitRateRow(
                times[index],
                node,
                counts[index],
                ReadCounts.add([counts[n] for n in _list_same_hours(index)]),
            )
            for index in range(before, before + count)
        ]
        rows += node_rows
        # Hours of the week before that are within the span itself are not what is normal of it.
        normal = ReadCounts.add(counts[:before])
        sums.append(
            HitRateRow(None, node, ReadCounts.add([row.counts for row in node_rows]), normal)
        )
    rows.sort(key=lambda row: (str(row.time), nodes.index(row.node)))
    return rows, sums


def _list_same_hours(index: int) -> Iterator[int]:
    """The indexes of the same hour of the seven days before."""
    return iter(range(index - NORMAL_DAYS * _HOURS_A_DAY, index, _HOURS_A_DAY))

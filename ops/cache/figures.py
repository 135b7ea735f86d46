"""What CloudWatch measured of the cache's nodes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from components.facts.metrics import METRIC_FACTS, MetricFact
from components.facts.units import HOUR_SECONDS
from ops.cache.model import CacheNode
from ops.core.aws import Aws
from ops.metrics.parts import MetricRow, build_cache_subject
from ops.metrics.periods import ReadSpan
from ops.metrics.series import Values, read_spans
from ops.outputs import CachePart

# The newest value is searched in so many seconds: values come some minutes late.
LATEST_SECONDS: Final = 15 * 60
FIGURE_NAMES: Final = ("memory", "connections", "lag", "keys")


def get_cache_fact(name: str) -> MetricFact:
    """The fact of a node's metric by its name here."""
    return next(fact for fact in METRIC_FACTS["cache-node"] if fact.name == name)


def read_node_values(
    aws: Aws, cache: CachePart, nodes: Sequence[CacheNode], names: Sequence[str], span: ReadSpan
) -> dict[tuple[str, str], Values]:
    """The values of metrics in a span, by the node and the metric's name; None is no data."""
    rows = {
        (node.name, name): MetricRow(
            build_cache_subject(cache, node.name),
            get_cache_fact(name),
            get_cache_fact(name).stats[0],
        )
        for node in nodes
        for name in names
    }
    (values,) = read_spans(aws, list(rows.values()), [span]) if rows else ({},)
    return {key: values[row] for key, row in rows.items()}


def read_latest_figures(
    aws: Aws, cache: CachePart, nodes: Sequence[CacheNode], now: datetime
) -> dict[tuple[str, str], float | None]:
    """The newest value of each figure, and the evictions of the last hour, by node and name."""
    minute = now.replace(second=0, microsecond=0)
    latest_span = ReadSpan(minute - timedelta(seconds=LATEST_SECONDS), LATEST_SECONDS // 60, 60)
    hour_span = ReadSpan(minute - timedelta(seconds=HOUR_SECONDS), HOUR_SECONDS // 60, 60)
    latest = read_node_values(aws, cache, nodes, FIGURE_NAMES, latest_span)
    evictions = read_node_values(aws, cache, nodes, ("evictions",), hour_span)
    figures = {key: _find_last(values) for key, values in latest.items()}
    for key, values in evictions.items():
        known = [value for value in values if value is not None]
        figures[key] = sum(known) if known else None
    return figures


def _find_last(values: Values) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)

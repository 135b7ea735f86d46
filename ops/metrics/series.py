"""Values of metrics, read in one call for each span, and what they come to.

A period without a value stays one: no data is unknown, and never zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean, median
from typing import Any, Final, TypeAlias

from ops.core.aws import Aws
from ops.core.checks import split_into_chunks
from ops.core.daemon_pool import DaemonPool
from ops.core.errors import OpsError
from ops.core.metrics import METRIC_DATA_API, METRICS_PER_CALL
from ops.core.times import format_utc
from ops.metrics.parts import MetricRow
from ops.metrics.periods import ReadSpan

_FAILED_STATUSES: Final = ("InternalError", "Forbidden")  # of GetMetricData's results
Values: TypeAlias = tuple[float | None, ...]  # of the periods of a span, the oldest first


@dataclass(frozen=True)
class Summary:
    """What the values of a span come to, in the metric's unit; None if there are none.

    `whole` is the sum of counts, the mean of averages, rates and levels, and the median of other
    statistics: percentiles of periods have no mean.
    """

    whole: float | None
    low: float | None
    high: float | None
    latest: float | None


def read_spans(
    aws: Aws, rows: Sequence[MetricRow], spans: Sequence[ReadSpan]
) -> list[dict[MetricRow, Values]]:
    """The values of every row in each span: a call for each span, as AWS takes one start, at once.

    A call has up to 500 metrics and gives 100,800 values a page (API reference). Raises OpsError if
    CloudWatch fails to give one.
    """
    with DaemonPool(max(1, len(spans))) as pool:
        return list(pool.map(lambda span: _read_span(aws, rows, span), spans))


def summarize(row: MetricRow, values: Sequence[float | None], settled: int) -> Summary:
    """What the first `settled` values of a row come to; the latest is of all."""
    latest = next((value for value in reversed(values) if value is not None), None)
    known = [value for value in values[:settled] if value is not None]
    if not known:
        return Summary(None, None, None, latest)
    if row.fact.measure == "count":
        whole = sum(known)
    elif row.fact.measure in ("rate", "level") or row.stat == "Average":
        whole = fmean(known)
    else:
        whole = median(known)
    return Summary(whole, min(known), max(known), latest)


def _read_span(aws: Aws, rows: Sequence[MetricRow], span: ReadSpan) -> dict[MetricRow, Values]:
    queries = {row: row.build_query(span.period) for row in rows}
    requests_by_id = {query.id: query.request for query in queries.values()}
    values_by_id: dict[str, dict[str, float]] = {}
    for names in split_into_chunks(list(requests_by_id), METRICS_PER_CALL):
        params: dict[str, Any] = {
            "MetricDataQueries": [requests_by_id[name] for name in names],
            "StartTime": format_utc(span.since.timestamp()),
            "EndTime": format_utc(span.until.timestamp()),
            "ScanBy": "TimestampAscending",
        }
        answer: Any = aws.call(METRIC_DATA_API, params)
        for result in answer["MetricDataResults"]:
            _require_result(result, requests_by_id[result["Id"]])
            values = values_by_id.setdefault(result["Id"], {})
            values.update(zip(result["Timestamps"], map(float, result["Values"]), strict=True))
    return {
        row: tuple(_scale(row, span, v) for v in _place(values_by_id.get(query.id, {}), span))
        for row, query in queries.items()
    }


def _require_result(result: Any, request: Any) -> None:
    if result.get("StatusCode") in _FAILED_STATUSES:
        name = request["MetricStat"]["Metric"]["MetricName"]
        messages = " ".join(str(item.get("Value")) for item in result.get("Messages") or ())
        raise OpsError(f"{METRIC_DATA_API} of {name}: {result['StatusCode']} {messages}".rstrip())


def _place(values: dict[str, float], span: ReadSpan) -> list[float | None]:
    """The value of each period; None if there is none."""
    placed: list[float | None] = [None] * span.count
    for time, value in values.items():
        seconds = (datetime.fromisoformat(time) - span.since).total_seconds()
        if 0 <= (index := int(seconds // span.period)) < span.count:
            placed[index] = value
    return placed


def _scale(row: MetricRow, span: ReadSpan, value: float | None) -> float | None:
    """A value in the metric's unit: a sum of bytes a second, a sum of samples as their mean."""
    if value is None or row.stat != "Sum":
        return value
    if row.fact.measure == "rate":
        return value / span.period
    return value / (span.period / 60) if row.fact.measure == "level" else value

"""The answers of Performance Insights: API reference, GetResourceMetrics, DescribeDimensionKeys."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.core.responses import ActionResult, BaseResponse
from moto.rds.models import RDSBackend, rds_backends

from sandbox.patches.patching import AwsError, parse_request_parameters
from sandbox.patches.performance_insights.models import (
    count_load,
    get_insights_instance,
    group_sessions,
    list_samples,
    select_samples,
)

ApiRecord = dict[str, Any]
MODELLED_METRIC: Final = "db.load.avg"
# Seconds: API reference, GetResourceMetrics, PeriodInSeconds.
SAMPLED_PERIODS: Final = (1, 60, 300, 3600, 86400)
MAX_DIMENSION_KEYS: Final = 25


class PerformanceInsightsResponse(BaseResponse):
    """Answers requests in JSON, as boto3 makes them."""

    def __init__(self) -> None:
        super().__init__(service_name="pi")

    def get_resource_metrics(self) -> ActionResult:
        return self._answer(get_resource_metrics)

    def describe_dimension_keys(self) -> ActionResult:
        return self._answer(describe_dimension_keys)

    def _answer(self, operation: Callable[[RDSBackend, ApiRecord], ApiRecord]) -> ActionResult:
        backend = rds_backends[self.current_account][self.region]
        return ActionResult(operation(backend, parse_request_parameters(self)))


def _get_span(params: ApiRecord) -> tuple[datetime, datetime, int]:
    start, end = (_get_time(params[name]) for name in ("StartTime", "EndTime"))
    period = params.get("PeriodInSeconds") or 60
    if period not in SAMPLED_PERIODS or start >= end:
        raise AwsError("InvalidArgumentException", "The time or the period is not valid.")
    return start, end, period


def _get_time(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.fromtimestamp(float(value), UTC)


def get_resource_metrics(backend: RDSBackend, params: ApiRecord) -> ApiRecord:
    """The load of each period, whole or by the dimensions of a group."""
    instance = get_insights_instance(backend, params["Identifier"])
    start, end, period = _get_span(params)
    samples = select_samples(list_samples(backend, instance), start, end)
    metric_list: list[ApiRecord] = []
    for query in params["MetricQueries"]:
        _require_load(query["Metric"])
        group = query.get("GroupBy")
        get_key = group_sessions(group) if group else lambda _: ()
        keys = [key for key, _ in count_load(samples, get_key)] if group else [()]
        for key in keys[: (group or {}).get("Limit") or 10]:
            points = []
            for number in range(int((end - start).total_seconds() // period) + 1):
                first = start + timedelta(seconds=number * period)
                inside = [s for s in samples if first <= s.time < first + timedelta(seconds=period)]
                if inside:
                    count = sum(get_key(x) == key for s in inside for x in s.sessions)
                    points.append({"Timestamp": first, "Value": count / len(inside)})
            dimensions = {"Dimensions": dict(key)} if group else {}
            metric_list.append(
                {"Key": {"Metric": query["Metric"], **dimensions}, "DataPoints": points}
            )
    return {
        "AlignedStartTime": start,
        "AlignedEndTime": end,
        "Identifier": params["Identifier"],
        "MetricList": metric_list,
    }


def describe_dimension_keys(backend: RDSBackend, params: ApiRecord) -> ApiRecord:
    """The dimensions of a group that have the most load, each by those of another group."""
    instance = get_insights_instance(backend, params["Identifier"])
    start, end, _ = _get_span(params)
    _require_load(params["Metric"])
    samples = select_samples(list_samples(backend, instance, takes_sample=False), start, end)
    get_key, partition = group_sessions(params["GroupBy"]), params.get("PartitionBy")
    get_part = group_sessions(partition) if partition else lambda _: ()
    parts = [key for key, _ in count_load(samples, get_part)] if partition else []
    loads = dict(count_load(samples, lambda s: (get_key(s), get_part(s))))
    limit = min(params["GroupBy"].get("Limit") or 10, MAX_DIMENSION_KEYS)
    return {
        "AlignedStartTime": start,
        "AlignedEndTime": end,
        "PartitionKeys": [{"Dimensions": dict(part)} for part in parts],
        "Keys": [
            {
                "Dimensions": dict(key),
                "Total": load,
                "Partitions": [loads.get((key, part), 0.0) for part in parts],
            }
            for key, load in count_load(samples, get_key)[:limit]
        ],
    }


def _require_load(metric: str) -> None:
    if metric != MODELLED_METRIC:
        raise AwsError("InvalidArgumentException", f"{metric} is not modelled here.")

"""Cost Explorer: costs by day or month, their forecast, and which tags they can be told by."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any, Final

from moto.ce.responses import CostExplorerResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.ce.ledger import ACTIVE, INACTIVE, get_group_value, get_ledger, is_selected
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
DIMENSIONS: Final = ("SERVICE", "USAGE_TYPE", "RECORD_TYPE")
MAX_GROUPINGS: Final = (
    2  # "You can group by up to two dimensions, tags or categories" (API reference)
)
TAG_KEYS: Final = ("Component", "CostCenter", "Environment", "ManagedBy", "Owner", "Project")
UNIT: Final = "USD"
# How far from the mean the bounds of a forecast are, of its amount. Assumption.
FORECAST_SPREAD: Final = 0.1
# Whether a bill is final depends on the month alone here: the current one is estimated. Assumption.
NO_DATA: Final = "Data is not available. Please try to adjust the time period."
TOO_LITTLE_DATA: Final = "Insufficient amount of historical data to generate forecast"


def _parse_period(params: ApiRecord) -> tuple[date, date]:
    period = params["TimePeriod"]
    start, end = date.fromisoformat(period["Start"]), date.fromisoformat(period["End"])
    if start >= end:
        raise AwsError("ValidationException", "Start date (and hour) should be before end date")
    return start, end


def _split_period(start: date, end: date, granularity: str) -> list[tuple[date, date]]:
    """Days, or parts of calendar months."""
    periods = []
    while start < end:
        following = start + timedelta(days=1)
        if granularity == "MONTHLY":
            following = min(end, (start.replace(day=1) + timedelta(days=32)).replace(day=1))
        periods.append((start, following))
        start = following
    return periods


def _list_days(start: date, end: date) -> list[date]:
    return [start + timedelta(days=number) for number in range((end - start).days)]


def _build_metrics(metrics: list[str], usd: float) -> ApiRecord:
    return {metric: {"Amount": f"{usd:.10f}", "Unit": UNIT} for metric in metrics}


@patch.replace_operation(CostExplorerResponse, "GetCostAndUsage")
def get_cost_and_usage(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    ledger, now = get_ledger(response.ce_backend), get_sandbox_clock().now()
    start, end = _parse_period(params)
    groupings, metrics = params.get("GroupBy", []), params["Metrics"]
    if len(groupings) > MAX_GROUPINGS:
        raise AwsError("ValidationException", f"GroupBy must have at most {MAX_GROUPINGS} members")
    for grouping in groupings:
        if grouping["Type"] == "DIMENSION" and grouping["Key"] not in DIMENSIONS:
            raise AwsError("ValidationException", f"no such dimension here: {grouping['Key']}")
    first_day = ledger.find_first_day()
    if first_day is None:
        raise AwsError("DataUnavailableException", NO_DATA)
    results = []
    for period_start, period_end in _split_period(start, end, params["Granularity"]):
        sums: dict[tuple[str, ...], float] = defaultdict(float)
        for day in _list_days(period_start, period_end):
            for item in ledger.list_items(day, now):
                if is_selected(params.get("Filter"), item, ledger):
                    sums[_build_keys(groupings, item, ledger)] += item.usd
        groups = [
            {"Keys": list(keys), "Metrics": _build_metrics(metrics, usd)}
            for keys, usd in sorted(sums.items())
        ]
        results.append(
            {
                "TimePeriod": {"Start": period_start.isoformat(), "End": period_end.isoformat()},
                "Total": {} if groupings else _build_metrics(metrics, sum(sums.values())),
                "Groups": groups if groupings else [],
                "Estimated": period_start >= now.date().replace(day=1),
            }
        )
    return {"ResultsByTime": results, "GroupDefinitions": groupings}


def _build_keys(groupings: list[ApiRecord], item: Any, ledger: Any) -> tuple[str, ...]:
    """Keys as AWS has them: a tag's value behind its key and a dollar sign."""
    keys = []
    for grouping in groupings:
        value = get_group_value(grouping["Type"], grouping["Key"], item, ledger)
        keys.append(f"{grouping['Key']}${value}" if grouping["Type"] == "TAG" else value)
    return tuple(keys)


@patch.add_operation(CostExplorerResponse, "GetCostForecast")
def get_cost_forecast(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    """The last whole day again on each day that is to come (assumed; AWS learns from months)."""
    ledger, now = get_ledger(response.ce_backend), get_sandbox_clock().now()
    start, end = _parse_period(params)
    if start < now.date():
        raise AwsError("ValidationException", "Start date must not be before the current day")
    first_day = ledger.find_first_day()
    if first_day is None or first_day > now.date() - timedelta(days=14):
        raise AwsError("DataUnavailableException", TOO_LITTLE_DATA)
    yesterday = now.date() - timedelta(days=1)
    daily = sum(
        item.usd
        for item in ledger.list_items(yesterday, now)
        if is_selected(params.get("Filter"), item, ledger)
    )
    results = []
    for period_start, period_end in _split_period(start, end, params["Granularity"]):
        mean = daily * (period_end - period_start).days
        results.append(
            {
                "TimePeriod": {"Start": period_start.isoformat(), "End": period_end.isoformat()},
                "MeanValue": f"{mean:.10f}",
                "PredictionIntervalLowerBound": f"{mean * (1 - FORECAST_SPREAD):.10f}",
                "PredictionIntervalUpperBound": f"{mean * (1 + FORECAST_SPREAD):.10f}",
            }
        )
    total = daily * (end - start).days
    return {"Total": {"Amount": f"{total:.10f}", "Unit": UNIT}, "ForecastResultsByTime": results}


@patch.add_operation(CostExplorerResponse, "ListCostAllocationTags")
def list_cost_allocation_tags(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    ledger = get_ledger(response.ce_backend)
    keys = [key for key in TAG_KEYS if key in params.get("TagKeys", TAG_KEYS)]
    records = [
        {
            "TagKey": key,
            "Type": "UserDefined",
            "Status": INACTIVE if key in ledger.inactive_tags else ACTIVE,
        }
        for key in keys
        if ledger.usages
    ]
    status = params.get("Status")
    return {"CostAllocationTags": [r for r in records if status in (None, r["Status"])]}


@patch.add_operation(CostExplorerResponse, "UpdateCostAllocationTagsStatus")
def update_cost_allocation_tags_status(
    response: CostExplorerResponse, params: ApiRecord
) -> ApiRecord:
    ledger = get_ledger(response.ce_backend)
    errors = []
    for entry in params["CostAllocationTagsStatus"]:
        key = entry["TagKey"]
        if key not in TAG_KEYS or not ledger.usages:
            message = f"Tag keys not found: {key}"
            errors.append({"TagKey": key, "Code": "TagKeysNotFoundException", "Message": message})
        elif entry["Status"] == ACTIVE:
            ledger.inactive_tags.discard(key)
        else:
            ledger.inactive_tags.add(key)
    return {"Errors": errors}


def format_day(moment: datetime) -> str:
    """A day as Cost Explorer has it."""
    return moment.date().isoformat()

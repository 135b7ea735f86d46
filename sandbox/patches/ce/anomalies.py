"""Cost Anomaly Detection: monitors, subscriptions, and the anomalies of unusual days."""

from typing import Any, Final

from moto.ce.models import CostExplorerBackend
from moto.ce.responses import CostExplorerResponse
from moto.moto_api._internal import mock_random

from sandbox.clock import get_sandbox_clock
from sandbox.patches.ce.ledger import USAGE, get_ledger, is_selected
from sandbox.patches.ce.usage import format_day
from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
# One monitor a dimension: "Limit exceeded on dimensional spend monitor creation"
# (aws-cloudformation/cloudformation-coverage-roadmap#2515).
DIMENSION_LIMIT_MESSAGE: Final = "Limit exceeded on dimensional spend monitor creation"
# SNS is for single alerts, e-mail for summaries (API reference, "AnomalySubscription").
SNS_FREQUENCY: Final = "IMMEDIATE"


def _get_monitors(backend: CostExplorerBackend) -> dict[str, ApiRecord]:
    return backend_state(backend, "monitors", dict)


def _get_subscriptions(backend: CostExplorerBackend) -> dict[str, ApiRecord]:
    return backend_state(backend, "subscriptions", dict)


def _get_monitor(response: CostExplorerResponse, arn: str) -> ApiRecord:
    monitor = _get_monitors(response.ce_backend).get(arn)
    if monitor is None:
        raise AwsError("UnknownMonitorException", f"Unknown monitor {arn}")
    return monitor


def _get_subscription(response: CostExplorerResponse, arn: str) -> ApiRecord:
    subscription = _get_subscriptions(response.ce_backend).get(arn)
    if subscription is None:
        raise AwsError("UnknownSubscriptionException", f"Unknown subscription {arn}")
    return subscription


def _build_arn(backend: CostExplorerBackend, kind: str) -> str:
    return f"arn:{backend.partition}:ce::{backend.account_id}:{kind}/{mock_random.uuid4()}"


@patch.add_operation(CostExplorerResponse, "CreateAnomalyMonitor")
def create_anomaly_monitor(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    backend, monitor = response.ce_backend, params["AnomalyMonitor"]
    monitors = _get_monitors(backend)
    dimension = monitor.get("MonitorDimension")
    if dimension and any(m.get("MonitorDimension") == dimension for m in monitors.values()):
        raise AwsError("ValidationException", DIMENSION_LIMIT_MESSAGE)
    arn = _build_arn(backend, "anomalymonitor")
    today = format_day(get_sandbox_clock().now())
    monitors[arn] = {**monitor, "MonitorArn": arn, "CreationDate": today, "LastUpdatedDate": today}
    backend.tag_resource(arn, params.get("ResourceTags") or [])
    return {"MonitorArn": arn}


@patch.add_operation(CostExplorerResponse, "GetAnomalyMonitors")
def get_anomaly_monitors(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    monitors = _get_monitors(response.ce_backend)
    if arns := params.get("MonitorArnList"):
        return {"AnomalyMonitors": [_get_monitor(response, arn) for arn in arns]}
    return {"AnomalyMonitors": list(monitors.values())}


@patch.add_operation(CostExplorerResponse, "UpdateAnomalyMonitor")
def update_anomaly_monitor(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    monitor = _get_monitor(response, params["MonitorArn"])
    monitor["MonitorName"] = params.get("MonitorName", monitor["MonitorName"])
    return {"MonitorArn": params["MonitorArn"]}


@patch.add_operation(CostExplorerResponse, "DeleteAnomalyMonitor")
def delete_anomaly_monitor(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    _get_monitor(response, params["MonitorArn"])
    del _get_monitors(response.ce_backend)[params["MonitorArn"]]
    return {}


@patch.add_operation(CostExplorerResponse, "CreateAnomalySubscription")
def create_anomaly_subscription(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    backend, subscription = response.ce_backend, params["AnomalySubscription"]
    for arn in subscription["MonitorArnList"]:
        _get_monitor(response, arn)
    kinds = {subscriber["Type"] for subscriber in subscription["Subscribers"]}
    if ("SNS" in kinds) != (subscription["Frequency"] == SNS_FREQUENCY):
        raise AwsError("ValidationException", "SNS takes the frequency IMMEDIATE, EMAIL the others")
    arn = _build_arn(backend, "anomalysubscription")
    account = backend.account_id
    _get_subscriptions(backend)[arn] = {
        **subscription,
        "SubscriptionArn": arn,
        "AccountId": account,
        "Subscribers": [{**s, "Status": "CONFIRMED"} for s in subscription["Subscribers"]],
    }
    backend.tag_resource(arn, params.get("ResourceTags") or [])
    return {"SubscriptionArn": arn}


@patch.add_operation(CostExplorerResponse, "GetAnomalySubscriptions")
def get_anomaly_subscriptions(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    subscriptions = _get_subscriptions(response.ce_backend)
    if arns := params.get("SubscriptionArnList"):
        return {"AnomalySubscriptions": [_get_subscription(response, arn) for arn in arns]}
    return {"AnomalySubscriptions": list(subscriptions.values())}


@patch.add_operation(CostExplorerResponse, "UpdateAnomalySubscription")
def update_anomaly_subscription(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    subscription = _get_subscription(response, params["SubscriptionArn"])
    for name in ("Frequency", "MonitorArnList", "Subscribers", "ThresholdExpression"):
        if name in params:
            subscription[name] = params[name]
    return {"SubscriptionArn": params["SubscriptionArn"]}


@patch.add_operation(CostExplorerResponse, "DeleteAnomalySubscription")
def delete_anomaly_subscription(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    _get_subscription(response, params["SubscriptionArn"])
    del _get_subscriptions(response.ce_backend)[params["SubscriptionArn"]]
    return {}


@patch.add_operation(CostExplorerResponse, "GetAnomalies")
def get_anomalies(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    """Every cost that makes a day unusual is one; AWS learns what is usual instead (assumed)."""
    ledger = get_ledger(response.ce_backend)
    monitors = _get_monitors(response.ce_backend).values()
    if arn := params.get("MonitorArn"):
        monitors = [_get_monitor(response, arn)]  # type: ignore[assignment]
    interval = params["DateInterval"]
    anomalies = []
    for monitor in monitors:
        specification = monitor.get("MonitorSpecification")
        for number, (day, item) in enumerate(ledger.extra_items):
            is_within = interval["StartDate"] <= day.isoformat()
            is_within &= day.isoformat() <= interval.get("EndDate", day.isoformat())
            if item.record_type != USAGE or not is_within:
                continue
            if not is_selected(specification, item, ledger):
                continue
            anomalies.append(
                {
                    "AnomalyId": f"anomaly-{number}",
                    "AnomalyStartDate": day.isoformat(),
                    "AnomalyEndDate": day.isoformat(),
                    "DimensionValue": item.service,
                    "RootCauses": [{"Service": item.service, "UsageType": item.usage_type}],
                    "AnomalyScore": {"MaxScore": 0.9, "CurrentScore": 0.9},
                    "Impact": {
                        "MaxImpact": item.usd,
                        "TotalImpact": item.usd,
                        "TotalActualSpend": item.usd,
                        "TotalExpectedSpend": 0.0,
                    },
                    "MonitorArn": monitor["MonitorArn"],
                }
            )
    return {"Anomalies": anomalies}

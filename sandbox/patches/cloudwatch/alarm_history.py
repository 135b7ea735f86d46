"""CloudWatch: the history of alarms, and their actions when a state is set by hand.

A change of state runs the alarm's actions for the new state, unless they are disabled or muted:
topics of this account get the message. History is kept while the sandbox runs, also of deleted
alarms (AWS keeps it 30 days: API reference, DescribeAlarmHistory). Changes of a composite alarm
that follow from its children are not recorded.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final

from moto.cloudwatch.models import CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.sns.models import sns_backends

from sandbox.clock import get_sandbox_clock
from sandbox.patches.cloudwatch.alarms import get_alarm_state
from sandbox.patches.cloudwatch.mute_rules import is_alarm_muted
from sandbox.patches.patching import ServicePatch, backend_state
from sandbox.patches.request_times import parse_request_time

patch = ServicePatch()
ApiRecord = dict[str, Any]
# The actions of each state, as moto's alarms and a composite's description have them.
ACTION_ATTRIBUTES: Final = {
    "ALARM": "alarm_actions",
    "OK": "ok_actions",
    "INSUFFICIENT_DATA": "insufficient_data_actions",
}


def get_alarm_history(backend: CloudWatchBackend) -> list[ApiRecord]:
    """All items, the oldest first."""
    return backend_state(backend, "alarm_history", list)


@patch.wrap(CloudWatchBackend, "set_alarm_state")
def record_state_change(
    original: Any, backend: CloudWatchBackend, name: str, reason: str, data: str, state: str
) -> None:
    """Setting the current state again changes nothing and sends nothing.

    The time of a state is of its last change (API reference, MetricAlarm, StateUpdatedTimestamp).
    """
    is_metric_alarm = name in backend.alarms
    before = get_alarm_state(backend, name) if is_metric_alarm else None
    changed_at = get_sandbox_clock().now().astimezone(UTC).replace(tzinfo=None)
    if is_metric_alarm and before == state:
        changed_at = backend.alarms[name].state_updated_timestamp
    original(backend, name, reason, data, state)
    if is_metric_alarm:
        backend.alarms[name].state_updated_timestamp = changed_at
    if is_metric_alarm and before != state:
        _add_history_item(backend, name, "StateUpdate", f"Alarm updated from {before} to {state}")
        alarm = backend.alarms[name]
        if alarm.actions_enabled is not False and not is_alarm_muted(backend, name):
            for action in getattr(alarm, ACTION_ATTRIBUTES[state]) or ():
                _notify_topic(backend, name, action, reason)


def _notify_topic(backend: CloudWatchBackend, name: str, action: str, reason: str) -> None:
    alarm = backend.alarms[name]
    topics = sns_backends[backend.account_id][backend.region_name].topics
    if action not in topics:
        error = "Received error: Resource is not found"
        _add_history_item(backend, name, "Action", f"Failed to execute action {action}. {error}")
        return
    message = {
        "AlarmName": name,
        "AlarmDescription": alarm.description,
        "NewStateValue": alarm.state_value,
        "NewStateReason": reason,
    }
    subject = f'{alarm.state_value}: "{name}"'[:100]
    topics[action].publish(json.dumps(message), subject=subject)
    _add_history_item(backend, name, "Action", f"Successfully executed action {action}")


def _add_history_item(backend: CloudWatchBackend, name: str, kind: str, summary: str) -> None:
    get_alarm_history(backend).append(
        {
            "AlarmName": name,
            "AlarmType": "MetricAlarm",
            "Timestamp": get_sandbox_clock().now(),
            "HistoryItemType": kind,
            "HistorySummary": summary,
        }
    )


@patch.add_operation(CloudWatchResponse, "DescribeAlarmHistory")
def describe_alarm_history(response: CloudWatchResponse, params: ApiRecord) -> ApiRecord:
    """The newest first unless requested otherwise; in pages."""
    kind, name = params.get("HistoryItemType"), params.get("AlarmName")
    since, until = params.get("StartDate"), params.get("EndDate")
    types = params.get("AlarmTypes") or ["MetricAlarm"]  # the default: no composite alarms
    items = [
        item
        for item in get_alarm_history(response.cloudwatch_backend)
        if name in (None, item["AlarmName"]) and kind in (None, item["HistoryItemType"])
        if item["AlarmType"] in types and _is_between(item["Timestamp"], since, until)
    ]
    if params.get("ScanBy") != "TimestampAscending":
        items.reverse()
    begin, count = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or 50)
    has_more = len(items) > begin + count
    return {
        "AlarmHistoryItems": items[begin : begin + count],
        "NextToken": str(begin + count) if has_more else None,
    }


def _is_between(time: datetime, since: Any, until: Any) -> bool:
    first, last = parse_request_time(since), parse_request_time(until)
    return (first is None or first <= time) and (last is None or time <= last)

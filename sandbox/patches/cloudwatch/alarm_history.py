"""CloudWatch: what happened to alarms, and who was told, where a state is set by hand.

A change of state carries out the alarm's actions for the new state, unless they are disabled or
muted: topics of this account get the message. Whatever happened is kept for as long as the sandbox
runs, also of an alarm that is deleted (AWS keeps it 30 days: API reference, DescribeAlarmHistory).
What a composite alarm does because of its children is not told here.
"""

import json
from typing import Any, Final

from moto.cloudwatch.models import CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.sns.models import sns_backends

from sandbox.clock import clock
from sandbox.patches.cloudwatch.alarms import state_of
from sandbox.patches.cloudwatch.mute_rules import muted
from sandbox.patches.patching import Mend, kept

mend = Mend()
Record = dict[str, Any]
# The actions of each state, as moto's alarms and a composite's description have them.
ACTIONS: Final = {
    "ALARM": "alarm_actions",
    "OK": "ok_actions",
    "INSUFFICIENT_DATA": "insufficient_data_actions",
}


def history(backend: CloudWatchBackend) -> list[Record]:
    """All items, the oldest first."""
    return kept(backend, "alarm_history", list)


@mend.around(CloudWatchBackend, "set_alarm_state")
def set_state(
    original: Any, backend: CloudWatchBackend, name: str, reason: str, data: str, state: str
) -> None:
    """The state that an alarm has already changes nothing, and tells nobody."""
    known = name in backend.alarms
    before = state_of(backend, name) if known else None
    original(backend, name, reason, data, state)
    if known and before != state:
        _note(backend, name, "StateUpdate", f"Alarm updated from {before} to {state}")
        alarm = backend.alarms[name]
        if alarm.actions_enabled is not False and not muted(backend, name):
            for action in getattr(alarm, ACTIONS[state]) or ():
                _tell(backend, name, action, reason)


def _tell(backend: CloudWatchBackend, name: str, action: str, reason: str) -> None:
    alarm = backend.alarms[name]
    topics = sns_backends[backend.account_id][backend.region_name].topics
    if action not in topics:
        why = "Received error: Resource is not found"
        _note(backend, name, "Action", f"Failed to execute action {action}. {why}")
        return
    message = {
        "AlarmName": name,
        "AlarmDescription": alarm.description,
        "NewStateValue": alarm.state_value,
        "NewStateReason": reason,
    }
    subject = f'{alarm.state_value}: "{name}"'[:100]
    topics[action].publish(json.dumps(message), subject=subject)
    _note(backend, name, "Action", f"Successfully executed action {action}")


def _note(backend: CloudWatchBackend, name: str, kind: str, summary: str) -> None:
    history(backend).append(
        {
            "AlarmName": name,
            "AlarmType": "MetricAlarm",
            "Timestamp": clock().now(),
            "HistoryItemType": kind,
            "HistorySummary": summary,
        }
    )


@mend.operation(CloudWatchResponse, "DescribeAlarmHistory")
def described(response: CloudWatchResponse, params: Record) -> Record:
    """The newest first, unless it is asked for otherwise; in pages."""
    kind, name = params.get("HistoryItemType"), params.get("AlarmName")
    found = [
        item
        for item in history(response.cloudwatch_backend)
        if name in (None, item["AlarmName"]) and kind in (None, item["HistoryItemType"])
    ]
    if params.get("ScanBy") != "TimestampAscending":
        found.reverse()
    begin, count = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or 50)
    more = len(found) > begin + count
    return {
        "AlarmHistoryItems": found[begin : begin + count],
        "NextToken": str(begin + count) if more else None,
    }

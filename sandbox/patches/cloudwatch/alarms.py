"""CloudWatch: composite alarms, every extended statistic, and states that survive an update."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse

from sandbox.patches.cloudwatch.alarm_rules import RuleError, children, holds
from sandbox.patches.patching import Mend, Refused, kept

mend = Mend()
Record = dict[str, Any]
# Statistics definitions, CloudWatch user guide: p95, tm90, PR(:300), TM(10%:90%), IQM.
STATISTIC = re.compile(
    r"^(?:(?:p|tm|tc|ts|wm)\d{1,3}(?:\.\d{1,10})?|IQM"
    r"|(?:PR|TM|TC|TS|WM)\((?:\d+(?:\.\d+)?%?)?:(?:\d+(?:\.\d+)?%?)?\))$"
)
KEPT = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history")


def _composites(backend: CloudWatchBackend) -> dict[str, Record]:
    """Composite alarms by name."""
    return kept(backend, "composites", dict)


def _refuse(message: str) -> Refused:
    return Refused("ValidationError", message)


@mend.around(CloudWatchBackend, "put_metric_alarm")
def put_alarm(original: Any, backend: CloudWatchBackend, name: str, **given: Any) -> Alarm:
    """An alarm begins without data; changing its definition does not change its state."""
    statistic, before = given.get("extended_statistic"), backend.alarms.get(name)
    if statistic and not STATISTIC.match(statistic):
        raise Refused(
            "InvalidParameterValue",
            f"The value {statistic} for parameter ExtendedStatistic is not supported.",
        )
    if name in _composites(backend):
        raise _refuse(f"An alarm named {name} already exists and is a composite alarm")
    tags = given.pop("tags", None)
    alarm: Alarm = original(backend, name=name, **{**given, "extended_statistic": None})
    alarm.extended_statistic = statistic
    alarm.state_value = "INSUFFICIENT_DATA"
    if before is not None:
        vars(alarm).update({key: getattr(before, key) for key in KEPT})
    elif tags:
        backend.tagger.tag_resource(alarm.alarm_arn, tags)
    return alarm


@mend.operation(CloudWatchResponse, "PutCompositeAlarm")
def put_composite(response: CloudWatchResponse, params: Record) -> None:
    backend, name = response.cloudwatch_backend, params["AlarmName"]
    try:
        named = children(params["AlarmRule"])
    except RuleError as error:
        raise _refuse(f"AlarmRule {error}") from None
    if suppressor := params.get("ActionsSuppressor"):
        named |= {suppressor.split(":alarm:", 1)[-1]}
        if not {"ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"} <= set(params):
            raise _refuse("ActionsSuppressor needs a wait period and an extension period")
    unknown = sorted(named - set(backend.alarms) - set(_composites(backend)))
    if unknown:
        raise _refuse(
            f"Could not save the composite alarm as alarms [{', '.join(unknown)}] in the alarm "
            "rule do not exist"
        )
    if name in backend.alarms:
        raise _refuse(f"An alarm named {name} already exists and is a metric alarm")
    now = datetime.now(UTC)
    arn = f"arn:{backend.partition}:cloudwatch:{backend.region_name}:{backend.account_id}"
    record = {
        "ActionsEnabled": True,
        **{key: value for key, value in params.items() if key != "Tags"},
        "AlarmArn": f"{arn}:alarm:{name}",
        "AlarmConfigurationUpdatedTimestamp": now,
        "StateUpdatedTimestamp": now,
    }
    new = name not in _composites(backend)
    _composites(backend)[name] = record
    if new and params.get("Tags"):
        backend.tagger.tag_resource(record["AlarmArn"], params["Tags"])


def state_of(backend: CloudWatchBackend, name: str) -> str:
    """The state of an alarm; a composite's follows from those that its rule names."""
    if name in backend.alarms:
        return str(backend.alarms[name].state_value)
    record = _composites(backend)[name]
    if "StateValue" in record:  # set by hand
        return str(record["StateValue"])
    named = children(record["AlarmRule"])
    return "ALARM" if holds(record["AlarmRule"], {n: state_of(backend, n) for n in named}) else "OK"


@mend.operation(CloudWatchResponse, "DescribeAlarms")
def describe_alarms(response: CloudWatchResponse, params: Record) -> Record:
    """Without AlarmTypes AWS lists metric alarms only."""
    backend = response.cloudwatch_backend
    composites = [
        {"StateReason": "By its rule", **record, "StateValue": state_of(backend, name)}
        for name, record in _composites(backend).items()
    ]
    types = params.get("AlarmTypes") or ["MetricAlarm"]
    metric = [a for a in backend.alarms.values() if _wanted(params, a.name, a)]
    composite = [c for c in composites if _wanted(params, c["AlarmName"], c)]
    pages = [("MetricAlarms", a) for a in metric if "MetricAlarm" in types]
    pages += [("CompositeAlarms", c) for c in composite if "CompositeAlarm" in types]  # type: ignore[misc]
    begin, count = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or 50)
    if params.get("AlarmNames"):
        count = len(pages)
    page, rest = pages[begin : begin + count], pages[begin + count :]
    return {
        "MetricAlarms": [a for kind, a in page if kind == "MetricAlarms"],
        "CompositeAlarms": [a for kind, a in page if kind == "CompositeAlarms"],
        "NextToken": str(begin + count) if rest else None,
    }


def _wanted(params: Record, name: str, alarm: Alarm | Record) -> bool:
    if isinstance(alarm, dict):
        state, actions = alarm["StateValue"], alarm.get("AlarmActions", [])
    else:
        state, actions = alarm.state_value, alarm.alarm_actions
    prefix = params.get("ActionPrefix")
    return (
        (not params.get("AlarmNames") or name in params["AlarmNames"])
        and name.startswith(params.get("AlarmNamePrefix") or "")
        and params.get("StateValue") in (None, state)
        and (not prefix or any(a.startswith(prefix) for a in actions))
    )


@mend.operation(CloudWatchResponse, "DeleteAlarms")
def delete_alarms(response: CloudWatchResponse, params: Record) -> None:
    """All or none: one that is not there, or that a remaining composite names, refuses."""
    backend, names = response.cloudwatch_backend, set(params["AlarmNames"])
    composites = _composites(backend)
    unknown = names - set(backend.alarms) - set(composites)
    if unknown:
        raise Refused("ResourceNotFound", f"Alarms {sorted(unknown)} do not exist")
    for name, record in composites.items():
        used = _named(record) & names
        if used and name not in names:
            raise _refuse(
                f"Cannot delete {', '.join(sorted(used))} as there are composite alarm(s) "
                "depending on it."
            )
    for name in names:
        arn = composites.pop(name)["AlarmArn"] if name in composites else None
        arn = arn or backend.alarms.pop(name).alarm_arn
        backend.tagger.delete_all_tags_for_resource(arn)


def _named(record: Record) -> frozenset[str]:
    suppressor = record.get("ActionsSuppressor")
    own = {suppressor.split(":alarm:", 1)[-1]} if suppressor else set()
    return children(record["AlarmRule"]) | own


@mend.around(CloudWatchBackend, "set_alarm_state")
def set_state(
    original: Any, backend: CloudWatchBackend, name: str, reason: str, data: str, state: str
) -> None:
    if name in _composites(backend):
        _composites(backend)[name] |= {"StateValue": state, "StateReason": reason}
        return
    original(backend, name, reason, data, state)


def _switching(method: str, enabled: bool) -> None:
    @mend.around(CloudWatchBackend, method)
    def switch(original: Any, backend: CloudWatchBackend, alarm_names: Iterable[str]) -> None:
        names = list(alarm_names)
        original(backend, names)
        for name in names:
            if name in _composites(backend):
                _composites(backend)[name]["ActionsEnabled"] = enabled


_switching("enable_alarm_actions", True)
_switching("disable_alarm_actions", False)


@mend.around(CloudWatchBackend, "tag_resource")
def tag(original: Any, backend: CloudWatchBackend, arn: str, tags: dict[str, str]) -> None:
    """Composite alarms carry tags too."""
    if any(record["AlarmArn"] == arn for record in _composites(backend).values()):
        backend.tagger.tag_resource(arn, backend.tagger.convert_dict_to_tags_input(tags))
    else:
        original(backend, arn, tags)

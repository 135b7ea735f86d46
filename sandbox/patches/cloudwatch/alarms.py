"""CloudWatch: composite alarms, every extended statistic, and states that survive an update."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.cloudwatch.alarm_rules import RuleError, is_rule_true, list_rule_alarms
from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Statistics definitions, CloudWatch user guide: p95, tm90, PR(:300), TM(10%:90%), IQM.
EXTENDED_STATISTIC_PATTERN = re.compile(
    r"^(?:(?:p|tm|tc|ts|wm)\d{1,3}(?:\.\d{1,10})?|IQM"
    r"|(?:PR|TM|TC|TS|WM)\((?:\d+(?:\.\d+)?%?)?:(?:\d+(?:\.\d+)?%?)?\))$"
)
_MAX_RULE_ALARMS, _MAX_RULE_CHARACTERS = 100, 10_240
PRESERVED_ATTRIBUTES = (
    "state_value",
    "state_reason",
    "state_reason_data",
    "state_updated_timestamp",
    "history",
)


def get_composite_alarms(backend: CloudWatchBackend) -> dict[str, ApiRecord]:
    """Composite alarms by name."""
    return backend_state(backend, "composites", dict)


def _build_validation_error(message: str) -> AwsError:
    return AwsError("ValidationError", message)


@patch.wrap(CloudWatchBackend, "put_metric_alarm")
def put_metric_alarm(original: Any, backend: CloudWatchBackend, name: str, **kwargs: Any) -> Alarm:
    """An alarm begins without data; changing its definition does not change its state."""
    statistic, before = kwargs.get("extended_statistic"), backend.alarms.get(name)
    if statistic and not EXTENDED_STATISTIC_PATTERN.match(statistic):
        raise AwsError(
            "InvalidParameterValue",
            f"The value {statistic} for parameter ExtendedStatistic is not supported.",
        )
    if name in get_composite_alarms(backend):
        raise _build_validation_error(
            f"An alarm named {name} already exists and is a composite alarm"
        )
    tags = kwargs.pop("tags", None)
    alarm: Alarm = original(backend, name=name, **{**kwargs, "extended_statistic": None})
    alarm.extended_statistic = statistic
    alarm.state_value = "INSUFFICIENT_DATA"
    now = get_sandbox_clock().now().astimezone(UTC).replace(tzinfo=None)
    alarm.configuration_updated_timestamp = now
    if before is not None:
        vars(alarm).update({key: getattr(before, key) for key in PRESERVED_ATTRIBUTES})
    elif tags:
        backend.tagger.tag_resource(alarm.alarm_arn, tags)
    return alarm


@patch.add_operation(CloudWatchResponse, "PutCompositeAlarm")
def put_composite_alarm(response: CloudWatchResponse, params: ApiRecord) -> None:
    backend, name = response.cloudwatch_backend, params["AlarmName"]
    try:
        alarm_names = list_rule_alarms(params["AlarmRule"])
    except RuleError as error:
        raise _build_validation_error(f"AlarmRule {error}") from None
    _require_rule_limits(params["AlarmRule"], len(alarm_names))
    if suppressor := params.get("ActionsSuppressor"):
        alarm_names |= {suppressor.split(":alarm:", 1)[-1]}
        if not {"ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"} <= set(params):
            raise _build_validation_error(
                "ActionsSuppressor needs a wait period and an extension period"
            )
    unknown = sorted(alarm_names - set(backend.alarms) - set(get_composite_alarms(backend)))
    if unknown:
        raise _build_validation_error(
            f"Could not save the composite alarm as alarms [{', '.join(unknown)}] in the alarm "
            "rule do not exist"
        )
    if name in backend.alarms:
        raise _build_validation_error(f"An alarm named {name} already exists and is a metric alarm")
    now = datetime.now(UTC)
    arn = f"arn:{backend.partition}:cloudwatch:{backend.region_name}:{backend.account_id}"
    record = {
        "ActionsEnabled": True,
        **{key: value for key, value in params.items() if key != "Tags"},
        "AlarmArn": f"{arn}:alarm:{name}",
        "AlarmConfigurationUpdatedTimestamp": now,
        "StateUpdatedTimestamp": now,
    }
    is_new = name not in get_composite_alarms(backend)
    get_composite_alarms(backend)[name] = record
    if is_new and params.get("Tags"):
        backend.tagger.tag_resource(record["AlarmArn"], params["Tags"])


def _require_rule_limits(rule: str, alarm_count: int) -> None:
    """API reference, PutCompositeAlarm: at most 100 alarms and 10,240 characters a rule."""
    if alarm_count > _MAX_RULE_ALARMS:
        raise _build_validation_error(
            f"The alarm rule names {alarm_count} alarms, at most {_MAX_RULE_ALARMS} are allowed"
        )
    if len(rule) > _MAX_RULE_CHARACTERS:
        raise _build_validation_error(
            f"1 validation error detected: Value at 'alarmRule' failed to satisfy constraint: "
            f"Member must have length less than or equal to {_MAX_RULE_CHARACTERS}"
        )


def _evaluate_alarm(alarm: Alarm) -> None:
    """Ends the lack of data of an alarm once it has looked at all of its periods.

    Assumption: of a stack at rest every metric has data, or the alarm treats none as well. A state
    that was set by hand stays.
    """
    metric_stats = (query.metric_stat for query in alarm.metric_data_queries)
    periods: list[Any] = [alarm.period, *(stat.period for stat in metric_stats if stat)]
    seconds = max((int(period) for period in periods if period), default=300)
    now = get_sandbox_clock().now().astimezone(UTC).replace(tzinfo=None)
    age = now - alarm.configuration_updated_timestamp
    if (
        alarm.state_value == "INSUFFICIENT_DATA"
        and not hasattr(alarm, "state_set_by_hand")
        and age.total_seconds() > seconds * int(alarm.evaluation_periods or 1)
    ):
        alarm.state_value, alarm.state_reason = "OK", "The stack is at rest"


def get_alarm_state(backend: CloudWatchBackend, name: str) -> str:
    """The state of an alarm; a composite's follows from the alarms in its rule."""
    if name in backend.alarms:
        _evaluate_alarm(backend.alarms[name])
        return str(backend.alarms[name].state_value)
    record = get_composite_alarms(backend)[name]
    if "StateValue" in record:  # set by hand
        return str(record["StateValue"])
    names = list_rule_alarms(record["AlarmRule"])
    return (
        "ALARM"
        if is_rule_true(record["AlarmRule"], {n: get_alarm_state(backend, n) for n in names})
        else "OK"
    )


@patch.replace_operation(CloudWatchResponse, "DescribeAlarms")
def describe_alarms(response: CloudWatchResponse, params: ApiRecord) -> ApiRecord:
    """Without AlarmTypes AWS lists metric alarms only."""
    backend = response.cloudwatch_backend
    for alarm in backend.alarms.values():
        _evaluate_alarm(alarm)
    composites = [
        {"StateReason": "By its rule", **record, "StateValue": get_alarm_state(backend, name)}
        for name, record in get_composite_alarms(backend).items()
    ]
    types = params.get("AlarmTypes") or ["MetricAlarm"]
    metric = [a for a in backend.alarms.values() if _is_selected(params, a.name, a)]
    composite = [c for c in composites if _is_selected(params, c["AlarmName"], c)]
    pages = [("MetricAlarms", a) for a in metric if "MetricAlarm" in types]
    pages += [("CompositeAlarms", c) for c in composite if "CompositeAlarm" in types]  # type: ignore[misc]
    begin, count = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or 50)
    if params.get("AlarmNames"):
        count = len(pages)
    page, remaining = pages[begin : begin + count], pages[begin + count :]
    return {
        "MetricAlarms": [a for kind, a in page if kind == "MetricAlarms"],
        "CompositeAlarms": [a for kind, a in page if kind == "CompositeAlarms"],
        "NextToken": str(begin + count) if remaining else None,
    }


def _is_selected(params: ApiRecord, name: str, alarm: Alarm | ApiRecord) -> bool:
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


@patch.replace_operation(CloudWatchResponse, "DeleteAlarms")
def delete_alarms(response: CloudWatchResponse, params: ApiRecord) -> None:
    """Deletes all or nothing: refused if one is missing or a remaining composite names it."""
    backend, names = response.cloudwatch_backend, set(params["AlarmNames"])
    composites = get_composite_alarms(backend)
    unknown = names - set(backend.alarms) - set(composites)
    if unknown:
        raise AwsError("ResourceNotFound", f"Alarms {sorted(unknown)} do not exist")
    for name, record in composites.items():
        referenced = _list_referenced_alarms(record) & names
        if referenced and name not in names:
            raise _build_validation_error(
                f"Cannot delete {', '.join(sorted(referenced))} as there are composite alarm(s) "
                "depending on it."
            )
    for name in names:
        arn = composites.pop(name)["AlarmArn"] if name in composites else None
        arn = arn or backend.alarms.pop(name).alarm_arn
        backend.tagger.delete_all_tags_for_resource(arn)


def _list_referenced_alarms(record: ApiRecord) -> frozenset[str]:
    suppressor = record.get("ActionsSuppressor")
    suppressor_names = {suppressor.split(":alarm:", 1)[-1]} if suppressor else set()
    return list_rule_alarms(record["AlarmRule"]) | suppressor_names


@patch.wrap(CloudWatchBackend, "set_alarm_state")
def set_composite_state(
    original: Any, backend: CloudWatchBackend, name: str, reason: str, data: str, state: str
) -> None:
    if name in get_composite_alarms(backend):
        get_composite_alarms(backend)[name] |= {"StateValue": state, "StateReason": reason}
        return
    original(backend, name, reason, data, state)
    backend.alarms[name].state_set_by_hand = True  # type: ignore[attr-defined]


def _wrap_actions_switch(method: str, enabled: bool) -> None:
    @patch.wrap(CloudWatchBackend, method)
    def switch(original: Any, backend: CloudWatchBackend, alarm_names: Iterable[str]) -> None:
        names = list(alarm_names)
        original(backend, names)
        for name in names:
            if name in get_composite_alarms(backend):
                get_composite_alarms(backend)[name]["ActionsEnabled"] = enabled


_wrap_actions_switch("enable_alarm_actions", True)
_wrap_actions_switch("disable_alarm_actions", False)


@patch.wrap(CloudWatchBackend, "tag_resource")
def tag_alarm(original: Any, backend: CloudWatchBackend, arn: str, tags: dict[str, str]) -> None:
    """Composite alarms have tags too."""
    if any(record["AlarmArn"] == arn for record in get_composite_alarms(backend).values()):
        backend.tagger.tag_resource(arn, backend.tagger.convert_dict_to_tags_input(tags))
    else:
        original(backend, arn, tags)

"""CloudWatch: alarm mute rules, whose windows open and close on the sandbox's clock.

Shapes and limits: CloudWatch API reference, PutAlarmMuteRule. One-time windows (`at`) are carried
out; a recurring one (`cron`) is stored and shown as scheduled.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from moto.cloudwatch.models import CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
AT_PATTERN = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2})\)")
CRON_PATTERN = re.compile(r"cron\(\S+( \S+){4}\)")
ISO_DURATION_PATTERN = re.compile(r"P(?=.)(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?)?")
MIN_MUTE_DURATION, MAX_MUTE_DURATION = timedelta(minutes=1), timedelta(days=15)
MAX_MUTED_ALARMS = 100


def get_mute_rules(backend: CloudWatchBackend) -> dict[str, ApiRecord]:
    """The mute rules by name."""
    return backend_state(backend, "mute_rules", dict)


def is_alarm_muted(backend: CloudWatchBackend, alarm: str) -> bool:
    """True if an alarm's actions are muted now."""
    return any(
        alarm in rule["MuteTargets"]["AlarmNames"] and _get_status(rule) == "ACTIVE"
        for rule in get_mute_rules(backend).values()
    )


@patch.add_operation(CloudWatchResponse, "PutAlarmMuteRule")
def put_alarm_mute_rule(response: CloudWatchResponse, params: ApiRecord) -> None:
    backend, name = response.cloudwatch_backend, params["Name"]
    names = (params.get("MuteTargets") or {}).get("AlarmNames") or []
    if len(names) > MAX_MUTED_ALARMS:
        raise _build_validation_error(
            f"MuteTargets may have at most {MAX_MUTED_ALARMS} alarms, has {len(names)}"
        )
    record = {
        "Name": name,
        "AlarmMuteRuleArn": f"arn:{backend.partition}:cloudwatch:{backend.region_name}:"
        f"{backend.account_id}:alarm-mute-rule:{name}",
        **{k: v for k, v in params.items() if k in ("Description", "Rule")},
        "MuteTargets": {"AlarmNames": list(names)},
        **{k: _parse_time(params[k]) for k in ("StartDate", "ExpireDate") if params.get(k)},
        "LastUpdatedTimestamp": get_sandbox_clock().now(),
    }
    _require_future_end(record)
    get_mute_rules(backend)[name] = record
    if params.get("Tags"):
        backend.tagger.tag_resource(record["AlarmMuteRuleArn"], params["Tags"])


@patch.add_operation(CloudWatchResponse, "GetAlarmMuteRule")
def get_alarm_mute_rule(response: CloudWatchResponse, params: ApiRecord) -> ApiRecord:
    name = params["AlarmMuteRuleName"]
    record = get_mute_rules(response.cloudwatch_backend).get(name)
    if record is None:
        raise AwsError("ResourceNotFoundException", f"Alarm mute rule {name} does not exist")
    return {**record, "Status": _get_status(record), "MuteType": _get_mute_type(record)}


@patch.add_operation(CloudWatchResponse, "DeleteAlarmMuteRule")
def delete_alarm_mute_rule(response: CloudWatchResponse, params: ApiRecord) -> None:
    """A missing rule is no error."""
    backend = response.cloudwatch_backend
    record = get_mute_rules(backend).pop(params["AlarmMuteRuleName"], None)
    if record is not None:
        backend.tagger.delete_all_tags_for_resource(record["AlarmMuteRuleArn"])


@patch.add_operation(CloudWatchResponse, "ListAlarmMuteRules")
def list_alarm_mute_rules(response: CloudWatchResponse, params: ApiRecord) -> ApiRecord:
    name, statuses = params.get("AlarmName"), params.get("Statuses")
    summary_keys = ("AlarmMuteRuleArn", "ExpireDate", "LastUpdatedTimestamp")
    summaries = [
        {k: r[k] for k in summary_keys if k in r}
        | {"Status": _get_status(r), "MuteType": _get_mute_type(r)}
        for _, r in sorted(get_mute_rules(response.cloudwatch_backend).items())
        if (not name or name in r["MuteTargets"]["AlarmNames"])
        and (not statuses or _get_status(r) in statuses)
    ]
    begin, count = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or 50)
    remaining = summaries[begin + count :]
    return {
        "AlarmMuteRuleSummaries": summaries[begin : begin + count],
        "NextToken": str(begin + count) if remaining else None,
    }


def _build_validation_error(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def _parse_time(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    return datetime.fromisoformat(str(value).replace("Z", "+00:00"))


def _get_mute_type(record: ApiRecord) -> str:
    is_one_time = record["Rule"]["Schedule"]["Expression"].startswith("at(")
    return "ONE_TIME" if is_one_time else "RECURRING"


def _parse_window(record: ApiRecord) -> tuple[datetime, datetime] | None:
    """Start and end of a one-time rule; None for a recurring one. Raises AwsError."""
    schedule = record["Rule"]["Schedule"]
    match = ISO_DURATION_PATTERN.fullmatch(schedule["Duration"])
    if match is None:
        raise _build_validation_error(f"Duration {schedule['Duration']} is not in ISO 8601")
    days, hours, minutes = (int(part or 0) for part in match.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes)
    if not MIN_MUTE_DURATION <= length <= MAX_MUTE_DURATION:
        raise _build_validation_error("Duration must be between PT1M and P15D")
    try:
        zone = ZoneInfo(schedule.get("Timezone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise _build_validation_error(f"Timezone {schedule['Timezone']} is not known") from None
    expression = schedule["Expression"]
    if (one_time := AT_PATTERN.fullmatch(expression)) is not None:
        begin = datetime.fromisoformat(one_time[1]).replace(tzinfo=zone).astimezone(UTC)
        return begin, begin + length
    if not CRON_PATTERN.fullmatch(expression):
        raise _build_validation_error(f"Expression {expression} is neither cron(...) nor at(...)")
    return None


def _require_future_end(record: ApiRecord) -> None:
    """Refuses a rule that could never mute again.

    Assumed: AWS does not document it; EventBridge Scheduler, with the same `at`, refuses the past.
    A window that has begun and not ended is accepted.
    """
    now, window = get_sandbox_clock().now(), _parse_window(record)
    if window is not None and window[1] <= now:
        raise _build_validation_error(
            f"Expression {record['Rule']['Schedule']['Expression']}: the window is in the past"
        )
    if (expires_at := record.get("ExpireDate")) is not None and expires_at <= now:
        raise _build_validation_error("ExpireDate must be in the future")


def _get_status(record: ApiRecord) -> str:
    now, window = get_sandbox_clock().now(), _parse_window(record)
    expires_at = record.get("ExpireDate")
    if (expires_at is not None and now >= expires_at) or (window is not None and now >= window[1]):
        return "EXPIRED"
    begins_at = max(filter(None, (window and window[0], record.get("StartDate"))), default=None)
    return (
        "ACTIVE"
        if window is not None and begins_at is not None and now >= begins_at
        else "SCHEDULED"
    )

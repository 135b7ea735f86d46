"""CloudWatch: alarm mute rules, whose windows open and close on the sandbox's clock.

Shapes and limits: CloudWatch API reference, PutAlarmMuteRule. One-time windows (`at`) are carried
out; a recurring one (`cron`) is kept, and shown as waiting for its time.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from moto.cloudwatch.models import CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse

from sandbox.clock import clock
from sandbox.patches.patching import Mend, Refused, kept

mend = Mend()
Record = dict[str, Any]
AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2})\)")
CRON = re.compile(r"cron\(\S+( \S+){4}\)")
DURATION = re.compile(r"P(?=.)(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?)?")
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=15)
MOST_ALARMS = 100


def rules(backend: CloudWatchBackend) -> dict[str, Record]:
    """The mute rules by name."""
    return kept(backend, "mute_rules", dict)


def muted(backend: CloudWatchBackend, alarm: str) -> bool:
    """Whether an alarm's actions are muted now: nobody is told of its states."""
    return any(
        alarm in rule["MuteTargets"]["AlarmNames"] and _status(rule) == "ACTIVE"
        for rule in rules(backend).values()
    )


@mend.operation(CloudWatchResponse, "PutAlarmMuteRule")
def put_rule(response: CloudWatchResponse, params: Record) -> None:
    backend, name = response.cloudwatch_backend, params["Name"]
    names = (params.get("MuteTargets") or {}).get("AlarmNames") or []
    if len(names) > MOST_ALARMS:
        raise _refuse(f"MuteTargets may have at most {MOST_ALARMS} alarms, has {len(names)}")
    record = {
        "Name": name,
        "AlarmMuteRuleArn": f"arn:{backend.partition}:cloudwatch:{backend.region_name}:"
        f"{backend.account_id}:alarm-mute-rule:{name}",
        **{k: v for k, v in params.items() if k in ("Description", "Rule")},
        "MuteTargets": {"AlarmNames": list(names)},
        **{k: _time(params[k]) for k in ("StartDate", "ExpireDate") if params.get(k)},
        "LastUpdatedTimestamp": clock().now(),
    }
    _window(record)
    rules(backend)[name] = record
    if params.get("Tags"):
        backend.tagger.tag_resource(record["AlarmMuteRuleArn"], params["Tags"])


@mend.operation(CloudWatchResponse, "GetAlarmMuteRule")
def get_rule(response: CloudWatchResponse, params: Record) -> Record:
    name = params["AlarmMuteRuleName"]
    record = rules(response.cloudwatch_backend).get(name)
    if record is None:
        raise Refused("ResourceNotFoundException", f"Alarm mute rule {name} does not exist")
    return {**record, "Status": _status(record), "MuteType": _kind(record)}


@mend.operation(CloudWatchResponse, "DeleteAlarmMuteRule")
def delete_rule(response: CloudWatchResponse, params: Record) -> None:
    """One that is not there is no error."""
    backend = response.cloudwatch_backend
    record = rules(backend).pop(params["AlarmMuteRuleName"], None)
    if record is not None:
        backend.tagger.delete_all_tags_for_resource(record["AlarmMuteRuleArn"])


@mend.operation(CloudWatchResponse, "ListAlarmMuteRules")
def list_rules(response: CloudWatchResponse, params: Record) -> Record:
    name, statuses = params.get("AlarmName"), params.get("Statuses")
    shown = ("AlarmMuteRuleArn", "ExpireDate", "LastUpdatedTimestamp")
    found = [
        {k: r[k] for k in shown if k in r} | {"Status": _status(r), "MuteType": _kind(r)}
        for _, r in sorted(rules(response.cloudwatch_backend).items())
        if (not name or name in r["MuteTargets"]["AlarmNames"])
        and (not statuses or _status(r) in statuses)
    ]
    begin, count = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or 50)
    rest = found[begin + count :]
    return {
        "AlarmMuteRuleSummaries": found[begin : begin + count],
        "NextToken": str(begin + count) if rest else None,
    }


def _refuse(message: str) -> Refused:
    return Refused("ValidationError", message)


def _time(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    return datetime.fromisoformat(str(value).replace("Z", "+00:00"))


def _kind(record: Record) -> str:
    at = record["Rule"]["Schedule"]["Expression"].startswith("at(")
    return "ONE_TIME" if at else "RECURRING"


def _window(record: Record) -> tuple[datetime, datetime] | None:
    """From when and until when the rule mutes once; None for a recurring one. Raises Refused."""
    schedule = record["Rule"]["Schedule"]
    found = DURATION.fullmatch(schedule["Duration"])
    if found is None:
        raise _refuse(f"Duration {schedule['Duration']} is not in ISO 8601")
    days, hours, minutes = (int(part or 0) for part in found.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes)
    if not SHORTEST <= length <= LONGEST:
        raise _refuse("Duration must be between PT1M and P15D")
    try:
        zone = ZoneInfo(schedule.get("Timezone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise _refuse(f"Timezone {schedule['Timezone']} is not known") from None
    expression = schedule["Expression"]
    if (at := AT.fullmatch(expression)) is not None:
        begin = datetime.fromisoformat(at[1]).replace(tzinfo=zone).astimezone(UTC)
        return begin, begin + length
    if not CRON.fullmatch(expression):
        raise _refuse(f"Expression {expression} is neither cron(...) nor at(...)")
    return None


def _status(record: Record) -> str:
    now, window = clock().now(), _window(record)
    expires = record.get("ExpireDate")
    if (expires is not None and now >= expires) or (window is not None and now >= window[1]):
        return "EXPIRED"
    begins = max(filter(None, (window and window[0], record.get("StartDate"))), default=None)
    return "ACTIVE" if window is not None and begins is not None and now >= begins else "SCHEDULED"

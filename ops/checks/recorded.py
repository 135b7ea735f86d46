"""Whether the weekly and the monthly checklist were run and recorded in time."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from ops.checks.model import ChecklistFacts
from ops.checks.record_keys import CHECKS_PREFIX, build_records_prefix, parse_record_time
from ops.checks.secret_age import UPKEEP_AREA
from ops.core.checks import CheckFacts, CheckFinding, CheckRoutine, build_read, get_answer_items
from ops.core.s3 import S3_OBJECTS_API
from ops.core.times import format_utc_minute
from ops.database.instance_in_use import VERSION_LABELS_API
from ops.outputs import RecordedChecklist

# Days that may pass between two records: the schedule's longest interval and a day, as GitHub may
# delay scheduled runs when it has much to do (GitHub Docs, "Events that trigger workflows",
# schedule). The day is assumed.
MAX_RECORD_AGE_DAYS: Final[dict[RecordedChecklist, int]] = {"weekly": 8, "monthly": 32}
# The daily list says whether the workflow runs at all; two of its runs may be late.
MAX_DAILY_AGE_DAYS: Final = 2


def check_recorded_lists(facts: CheckFacts) -> CheckRoutine:
    """Each checklist that the settings name was recorded in time.

    A stack that never recorded one fails once it is older than the longest time between two: its
    age is that of the database's secret, which outlasts restores of the instance.
    """
    bucket = facts.outputs.backups.operations_bucket
    (answer,) = yield [build_read(S3_OBJECTS_API, "Contents", Bucket=bucket, Prefix=CHECKS_PREFIX)]
    keys = [str(item["Key"]) for item in get_answer_items(answer)]
    newest = {name: _find_newest(keys, name) for name in ("daily", *MAX_RECORD_AGE_DAYS)}
    created_at: datetime | None = None
    if any(newest[name] is None for name in facts.outputs.alarms.checklists):
        arn = facts.outputs.database.secret_arn
        (secret_answer,) = yield [
            build_read(
                VERSION_LABELS_API,
                "",
                SecretId=arn,
                absent_codes=("ResourceNotFoundException",),
            )
        ]
        created_at = next(
            (
                datetime.fromisoformat(secret["CreatedDate"])
                for secret in get_answer_items(secret_answer)
                if secret.get("CreatedDate")
            ),
            None,
        )
    return [
        _judge_list(facts, name, newest[name], newest["daily"], created_at)
        for name in facts.outputs.alarms.checklists
    ]


def _find_newest(keys: Iterable[str], checklist: str) -> datetime | None:
    """The time of the newest record of a checklist; other objects are passed by."""
    prefix = build_records_prefix(checklist)
    times = (parse_record_time(key) for key in keys if key.startswith(prefix))
    return max((time for time in times if time is not None), default=None)


def _judge_list(
    facts: CheckFacts,
    name: RecordedChecklist,
    newest: datetime | None,
    newest_daily: datetime | None,
    created_at: datetime | None,
) -> CheckFinding:
    subject, command = f"{name} checklist", f"ops check {name} --record"
    limit_days = MAX_RECORD_AGE_DAYS[name]
    limit = timedelta(days=limit_days)
    if isinstance(facts, ChecklistFacts) and facts.is_recorded and facts.checklist == name:
        return CheckFinding("ok", UPKEEP_AREA, subject, "this run of it is recorded")
    if newest is not None:
        evidence = f"recorded at {format_utc_minute(newest.timestamp())}"
        if facts.now - newest <= limit:
            return CheckFinding("ok", UPKEEP_AREA, subject, evidence)
        evidence = f"last {evidence}, more than {limit_days} days ago"
        evidence += _explain_missing(facts, newest_daily)
        return CheckFinding("failing", UPKEEP_AREA, subject, evidence, command)
    if created_at is None:
        evidence = "never recorded, and the age of the stack is not known: its secret has no date"
        return CheckFinding("unknown", UPKEEP_AREA, subject, evidence, command)
    days = max((facts.now - created_at).days, 0)
    if facts.now - created_at <= limit:
        evidence = f"not recorded yet: the stack is {days} days old, and {limit_days} may pass"
        return CheckFinding("ok", UPKEEP_AREA, subject, evidence)
    evidence = f"never recorded, and the stack is {days} days old"
    evidence += _explain_missing(facts, newest_daily)
    return CheckFinding("failing", UPKEEP_AREA, subject, evidence, command)


def _explain_missing(facts: CheckFacts, newest_daily: datetime | None) -> str:
    """What the daily list says of the workflow that runs all of them."""
    if newest_daily is None:
        return "; nor is the daily one: the workflow `operations` does not run, or does not record"
    time = format_utc_minute(newest_daily.timestamp())
    if facts.now - newest_daily > timedelta(days=MAX_DAILY_AGE_DAYS):
        return f"; the daily one is of {time}: the workflow `operations` does not run"
    return f"; the daily one is of {time}: the workflow runs, and this list does not end in it"

"""The plans of waivers: one record in the operations bucket that says what is lived with.

A record is written once. The one of a finding that was written last counts, so a waiver is replaced
by another, and ended by one that ends as it begins.
"""

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Final

from pydantic import ValidationError

from ops.core.check_record import UPKEEP_VIEWS, Check, View
from ops.core.check_runner import send_read
from ops.core.checks import UnknownAnswerError, build_read
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Plan
from ops.core.record_step import (
    STARTED,
    build_record_step,
    format_record_body,
    mark_as_record,
    show_text,
)
from ops.core.run_context import StackContext
from ops.core.s3 import S3_OBJECT_API, S3_OBJECTS_API
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.core.start_time import StartTime
from ops.core.times import DATE_PATTERN, format_local_and_utc, parse_duration, parse_typed_time
from ops.findings.model import ResourceFinding
from ops.findings.view import find_in_view
from ops.findings.waivers import KEY_TIME_FORM, Waiver, get_waiver_folder
from ops.health.registry import select_checks
from ops.outputs import Outputs

# A year, and the rest of its last day: controls are reviewed once a year (assumed).
MAX_WAIVER_DAYS: Final = 367
MAX_REASON_CHARACTERS: Final = 500
MAX_NEAREST: Final = 3
# Of the record's own name.
KEY_TIME: Final = "KEYTIME"
NOW: Final = "now"


def parse_finding_id(option: str, text: str) -> str:
    """The id of a finding. Raises UsageError, with the nearest key, unless a check can find it."""
    key, separator, resource = text.strip().partition("/")
    keys = sorted(check.key for check in _list_upkeep_checks())
    if not separator or not resource or any(c.isspace() for c in text.strip()):
        raise UsageError(f"{option} must be the id of a finding, CHECK/RESOURCE, not {text!r}")
    if key not in keys:
        nearest = get_close_matches(key, keys, MAX_NEAREST, cutoff=0)
        raise UsageError(
            f"{option} must be the id of a finding, CHECK/RESOURCE, not {text!r}: no look at "
            f"upkeep has a check {key!r} (nearest: {', '.join(nearest)})"
        )
    return text.strip()


def parse_waiver_end(text: str | None, now: datetime) -> datetime | None:
    """When a waiver ends; None if it ends now. Raises UsageError unless it is within a year."""
    if text is None:
        raise UsageError("--waive is set, so --until must be set too: a date, or a time like 30d")
    if text.strip().lower() == NOW:
        return None
    days = None if DATE_PATTERN.fullmatch(text.strip()) else parse_duration(text.strip(), "d")
    try:
        end = parse_typed_time(text.strip()) if days is None else _get_day_after(now, days)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"--until must be a date like 2027-03-31, a time like 30d, or `now`, not {text!r} "
            f"({error})"
        ) from None
    latest = now + timedelta(days=MAX_WAIVER_DAYS)
    if not now < end <= latest:
        raise UsageError(
            f"--until must be after now and at most a year ahead, by {latest:%Y-%m-%d}, not "
            f"{text!r}: a waiver is decided again each year"
        )
    return end


def _get_day_after(now: datetime, days: float) -> datetime:
    """The midnight in UTC at which so many days are over: the same for a plan shown and agreed."""
    end = now.astimezone(UTC) + timedelta(days=days)
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == end else midnight + timedelta(days=1)


def require_waiver_reason(reason: str) -> None:
    """Raises UsageError unless a waiver says why, in a line."""
    if not reason.strip():
        raise UsageError("--waive is set, so --reason must be set too: why it is lived with")
    if len(reason) > MAX_REASON_CHARACTERS or "\n" in reason:
        raise UsageError(
            f"--reason must be one line of at most {MAX_REASON_CHARACTERS} characters, not "
            f"{len(reason)}"
        )


def get_waivable_finding(context: StackContext, finding_id: str) -> ResourceFinding:
    """The finding of that id, as its check finds it now: open, or waived already.

    Raises UsageError, with the nearest, if it is not open; OpsError if that cannot be known.
    """
    key = finding_id.partition("/")[0]
    view = _find_view(key)
    findings = find_in_view(view, context.outputs, context.aws, (key,))
    resource_findings = [f for f in findings if isinstance(f, ResourceFinding)]
    for finding in resource_findings:
        if finding.id == finding_id and finding.state != "unknown":
            return finding
    unknown = [f for f in findings if f.state == "unknown"]
    if unknown:
        raise OpsError(
            f"whether {finding_id} is open is not known: {unknown[0].evidence}",
            *([unknown[0].command] if unknown[0].command else []),
        )
    open_ids = [finding.id for finding in resource_findings]
    nearest = get_close_matches(finding_id, open_ids, MAX_NEAREST, cutoff=0)
    hint = f"nearest: {', '.join(nearest)}" if nearest else f"{key} finds nothing now"
    raise UsageError(
        f"--waive must be the id of a finding that is open now, not {finding_id!r} ({hint})",
        f"ops {view} --only {key}",
    )


def require_waived(context: StackContext, finding_id: str, now: datetime) -> Waiver:
    """The waiver of a finding that counts now. Raises UsageError if there is none."""
    waiver = _find_newest_waiver(context, finding_id)
    if waiver is None or waiver.until <= now:
        was = "it was never waived" if waiver is None else f"it was {waiver.describe()}"
        raise UsageError(f"--unwaive must be a finding that is waived, not {finding_id!r}: {was}")
    return waiver


def build_waive_plan(
    outputs: Outputs, finding: ResourceFinding, end: datetime, reason: str, run: str
) -> Plan:
    """Builds the waiver of a finding until a time."""
    notes = [f"it is: {finding.subject}, {finding.evidence}"]
    if finding.reason:
        notes.append(f"why it matters: {finding.reason}")
    return _build_plan(
        outputs,
        finding.id,
        end.isoformat(),
        reason,
        run,
        changes=[f"{finding.id} counts as ok until {format_local_and_utc(end)}"],
        notes=[*notes, f"it ends before with `ops audit --unwaive {finding.id}`"],
        arguments=f"--waive {shlex.quote(finding.id)} --until {end.isoformat()}",
    )


def build_unwaive_plan(outputs: Outputs, waiver: Waiver, reason: str, run: str) -> Plan:
    """Builds the end of a waiver."""
    return _build_plan(
        outputs,
        waiver.finding,
        f"${{{STARTED}}}",
        reason or "ended",
        run,
        changes=[f"{waiver.finding} is open again if it is still so"],
        notes=[f"it was {waiver.describe()}"],
        arguments=f"--unwaive {shlex.quote(waiver.finding)}",
    )


def _build_plan(
    outputs: Outputs,
    finding_id: str,
    until: str,
    reason: str,
    run: str,
    *,
    changes: Sequence[str],
    notes: Sequence[str],
    arguments: str,
) -> Plan:
    bucket = outputs.backups.operations_bucket
    body = format_record_body({"finding": finding_id, "reason": reason}).removesuffix("}")
    key = f"{get_waiver_folder(finding_id)}/${{{KEY_TIME}}}.json"
    plan = build_stack_plan(
        outputs,
        run,
        "audit",
        build_record_step(
            bucket,
            key,
            f'{body}, "until": "{until}"}}',
            run,
            description=show_text(f"write the waiver of {finding_id} in {bucket}"),
        ),
        changes=[show_text(change) for change in changes],
        losses=(),
        cost=NO_COST,
        notes=[show_text(note) for note in notes],
        arguments=show_text(arguments),
    )
    record = mark_as_record(plan)
    return record.model_copy(
        update={"times": {**record.times, KEY_TIME: StartTime(form=KEY_TIME_FORM)}}
    )


def _find_newest_waiver(context: StackContext, finding_id: str) -> Waiver | None:
    bucket = context.outputs.backups.operations_bucket
    region = context.outputs.stack.region
    folder = get_waiver_folder(finding_id)
    listed = send_read(
        context.aws,
        build_read(S3_OBJECTS_API, "Contents", Bucket=bucket, Prefix=f"{folder}/"),
        region,
    )
    if isinstance(listed, UnknownAnswerError):
        raise OpsError(str(listed), *([listed.advice] if listed.advice else []))
    keys = sorted(str(item["Key"]) for item in listed)
    if not keys:
        return None
    answer = send_read(
        context.aws, build_read(S3_OBJECT_API, "", Bucket=bucket, Key=keys[-1]), region
    )
    if isinstance(answer, UnknownAnswerError):
        raise OpsError(str(answer), *([answer.advice] if answer.advice else []))
    try:
        return Waiver.model_validate_json(str(answer[0]["text"]))
    except ValidationError:
        raise OpsError(f"s3://{bucket}/{keys[-1]} is not a waiver") from None


def _list_upkeep_checks() -> list[Check]:
    return [check for view in UPKEEP_VIEWS for check in select_checks(view)]


def _find_view(key: str) -> View:
    return next(
        view for view in UPKEEP_VIEWS if key in {check.key for check in select_checks(view)}
    )

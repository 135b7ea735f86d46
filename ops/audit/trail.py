"""CloudTrail: a trail that records the whole account, and the bucket that keeps what it records.

Judged is the trail with the fewest faults: an account may have several. A trail of the organization
counts as well, and its bucket is usually in another account, which alone can look at it.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from ops.audit.buckets import BUCKETS_API
from ops.audit.model import WHOLE_ACCOUNT, AuditReport, close_report
from ops.audit.trail_bucket import (
    TrailFault,
    build_bucket_block_line,
    build_bucket_policy_line,
    build_bucket_reads,
    list_bucket_faults,
)
from ops.core.checks import (
    CheckFacts,
    CheckRoutine,
    ResponseItem,
    UnknownAnswerError,
    build_read,
    get_answer_items,
)
from ops.core.counts import format_count
from ops.services.model import get_arn_name

TRAILS_API: Final = "cloudtrail.describe_trails"
TRAIL_STATUS_API: Final = "cloudtrail.get_trail_status"
SELECTORS_API: Final = "cloudtrail.get_event_selectors"
TRAIL_KEY: Final = "account-trail"
# What the line that makes a trail calls it, and its bucket after it.
NEW_TRAIL: Final = "management-events"
_ALL_MANAGEMENT_EVENTS: Final = [{"ReadWriteType": "All", "IncludeManagementEvents": True}]


def check_trail(facts: CheckFacts) -> CheckRoutine:
    """Judges the account's trails, and the bucket of the best one.

    The status is that of the stack's region, which is where the trail must record (API reference,
    GetTrailStatus: "from a single Region").
    """
    report = AuditReport(facts, TRAIL_KEY, "CloudTrail")
    (answer,) = yield [build_read(TRAILS_API, "trailList", includeShadowTrails=True)]
    trails = get_answer_items(answer)
    if not trails:
        report.add(
            "none",
            f"{WHOLE_ACCOUNT}: no trail records this region: after 90 days nobody can say who did "
            "what",
            build_new_trail_line(facts),
            severity="high",
            reason="CIS AWS Foundations 3.0 3.1; FSBP CloudTrail.1",
            subject="CloudTrail",
        )
        return (yield from close_report(report, ""))
    answers = yield [
        read
        for trail in trails
        for read in (
            build_read(TRAIL_STATUS_API, "", Name=trail["TrailARN"]),
            build_read(SELECTORS_API, "", region=trail["HomeRegion"], TrailName=trail["TrailARN"]),
        )
    ]
    judged = []
    for trail, status, selectors in zip(trails, answers[::2], answers[1::2], strict=True):
        try:
            (state,), (selection,) = get_answer_items(status), get_answer_items(selectors)
        except UnknownAnswerError:
            continue
        judged.append((trail, state, list_trail_faults(trail, state, selection)))
    if not judged:  # of several trails one that can be read is enough
        for answer in answers:
            report.get_items(answer, "trails")
        return (yield from close_report(report, ""))
    trail, state, faults = min(judged, key=lambda item: len(item[2]))
    bucket, account = str(trail["S3BucketName"]), facts.outputs.stack.account
    (buckets_answer,) = yield [build_read(BUCKETS_API, "Buckets")]
    names = {str(item["Name"]) for item in report.get_items(buckets_answer, "buckets")}
    is_own_bucket = bucket in names
    if error := state.get("LatestDeliveryError"):
        faults = [*faults, _build_delivery_fault(trail, str(error), account, is_own_bucket)]
    if is_own_bucket:
        bucket_answers = yield build_bucket_reads(bucket)
        items = [report.get_items(answer, bucket) for answer in bucket_answers]
        if not any(isinstance(answer, UnknownAnswerError) for answer in bucket_answers):
            faults = [*faults, *list_bucket_faults(bucket, items)]
    name = get_arn_name(str(trail["TrailARN"]))
    for fault in faults:
        report.add(
            f"{name}/{fault.key}",
            f"{WHOLE_ACCOUNT}: {fault.evidence}",
            fault.command,
            severity=fault.severity,
            reason=fault.reason,
            subject=f"trail {name}",
            since=fault.since,
        )
    place = f"of this account, {account}" if is_own_bucket else "of another account, not read here"
    looked_at = (
        f"{format_count(len(trails), 'trail')}; {name} records all regions, reads and writes, with "
        f"validation; its bucket {bucket} is {place}"
    )
    return (yield from close_report(report, looked_at))


def list_trail_faults(
    trail: Mapping[str, Any], state: ResponseItem, selection: ResponseItem
) -> list[TrailFault]:
    """What is wrong with a trail itself, each with the line that mends it."""
    name = get_arn_name(str(trail["TrailARN"]))
    region = str(trail["HomeRegion"])
    update = f"aws cloudtrail update-trail --region {region} --name {name}"
    faults = []
    if not state.get("IsLogging"):
        faults.append(
            TrailFault(
                "logging",
                "is stopped: nothing is recorded",
                f"aws cloudtrail start-logging --region {region} --name {name}",
                "high",
                "CIS AWS Foundations 3.0 3.1; FSBP CloudTrail.1",
                str(state.get("StopLoggingTime") or ""),
            )
        )
    if not trail.get("IsMultiRegionTrail"):
        faults.append(
            TrailFault(
                "regions",
                f"records {region} alone: what is done in another region is not recorded",
                f"{update} --is-multi-region-trail",
                "high",
                "CIS AWS Foundations 3.0 3.1; FSBP CloudTrail.1",
            )
        )
    if not trail.get("LogFileValidationEnabled"):
        faults.append(
            TrailFault(
                "validation",
                "has no log file validation: nobody can tell whether its record was changed",
                f"{update} --enable-log-file-validation",
                "medium",
                "CIS AWS Foundations 3.0 3.2; FSBP CloudTrail.4",
            )
        )
    if not trail.get("KmsKeyId"):
        faults.append(
            TrailFault(
                "key",
                "writes without a KMS key: whoever may read the bucket reads the record",
                f"{update} --kms-key-id KEY",
                "medium",
                "CIS AWS Foundations 3.0 3.5; FSBP CloudTrail.2",
            )
        )
    if missing := describe_missing_events(selection):
        faults.append(
            TrailFault(
                "events",
                missing,
                f"aws cloudtrail put-event-selectors --region {region} --trail-name {name} "
                f"--event-selectors '{json.dumps(_ALL_MANAGEMENT_EVENTS)}'",
                "high",
                "CIS AWS Foundations 3.0 3.1; FSBP CloudTrail.1",
            )
        )
    return faults


def describe_missing_events(selection: ResponseItem) -> str:
    """What management events a trail leaves out; empty if it records all of them.

    Sources: API reference, EventSelector and AdvancedEventSelector. An advanced selector of
    management events without `readOnly` takes reads and writes; several add up.
    """
    recorded: set[str] = set()
    excluded: set[str] = set()
    for selector in selection.get("EventSelectors") or ():
        if not selector.get("IncludeManagementEvents", True):
            continue
        kind = str(selector.get("ReadWriteType", "All"))
        recorded |= {"reads", "writes"} if kind == "All" else {_KINDS[kind]}
        excluded |= set(selector.get("ExcludeManagementEventSources") or ())
    for selector in selection.get("AdvancedEventSelectors") or ():
        fields = {str(field["Field"]): field for field in selector.get("FieldSelectors", ())}
        if "Management" not in fields.get("eventCategory", {}).get("Equals", ()):
            continue
        read_only = fields.get("readOnly", {}).get("Equals", ())
        kinds = {"reads" if value == "true" else "writes" for value in read_only}
        recorded |= kinds or {"reads", "writes"}
        excluded |= set(fields.get("eventSource", {}).get("NotEquals", ()))
    missing = [kind for kind in ("reads", "writes") if kind not in recorded]
    if len(missing) == len(_KINDS):
        return "records no management events: nobody can say who changed what"
    if missing:
        return f"records no management events that are {missing[0]}"
    return f"leaves out the events of {', '.join(sorted(excluded))}" if excluded else ""


_KINDS: Final = {"ReadOnly": "reads", "WriteOnly": "writes"}


def build_new_trail_line(facts: CheckFacts) -> str:
    """The lines that make a trail of the whole account with a bucket of its own.

    The first copy of management events costs nothing but its storage (AWS CloudTrail pricing).
    """
    stack = facts.outputs.stack
    region, bucket = stack.region, f"{stack.project}-{stack.account}-{NEW_TRAIL}"
    partition = facts.outputs.database.arn.split(":")[1]
    trail_arn = f"arn:{partition}:cloudtrail:{region}:{stack.account}:trail/{NEW_TRAIL}"
    # S3 refuses us-east-1 as a place (API reference, CreateBucket).
    place = (
        ""
        if region == "us-east-1"
        else f" --create-bucket-configuration LocationConstraint={region}"
    )
    return " && ".join(
        (
            f"aws s3api create-bucket --region {region} --bucket {bucket}"
            f"{place} --object-lock-enabled-for-bucket",
            build_bucket_block_line(bucket),
            build_bucket_policy_line(bucket, trail_arn, stack.account),
            f"aws cloudtrail create-trail --region {region} --name {NEW_TRAIL} "
            f"--s3-bucket-name {bucket} --is-multi-region-trail --enable-log-file-validation",
            f"aws cloudtrail start-logging --region {region} --name {NEW_TRAIL}",
        )
    )


def _build_delivery_fault(
    trail: Mapping[str, Any], error: str, account: str, is_own_bucket: bool
) -> TrailFault:
    bucket, trail_arn = str(trail["S3BucketName"]), str(trail["TrailARN"])
    prefix = str(trail.get("S3KeyPrefix") or "")
    mend = (
        build_bucket_policy_line(bucket, trail_arn, account, prefix)
        if is_own_bucket
        else f"aws cloudtrail update-trail --region {trail['HomeRegion']} "
        f"--name {get_arn_name(trail_arn)} --s3-bucket-name BUCKET"
    )
    return TrailFault(
        "delivery",
        f"cannot write to its bucket {bucket}: {error}",
        mend,
        "high",
        "CloudTrail User Guide, Amazon S3 bucket policy for CloudTrail",
    )

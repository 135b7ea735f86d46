"""Who deleted or opened what in 30 days, from CloudTrail's event history, which needs no trail.

Each kind of event is looked up by its name, one after another in each region: LookupEvents takes
two calls a second ("LookupEvents", API reference), and reading every write of a month would take
hours in a busy account. What is refused did nothing, and is no finding.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Final

from ops.audit.event_rules import (
    EVENT_RULES,
    EVENT_RULES_BY_NAME,
    ROOT_RULE,
    SIGN_IN_RULE,
    EventRule,
    list_parameters,
)
from ops.audit.model import WHOLE_ACCOUNT, AuditReport, close_report
from ops.audit.security_groups import GROUPS_API
from ops.changes.cloudtrail import (
    LOOKUP_API,
    MAX_LOOKUP_PAGES,
    build_lookup_params,
    find_actor,
    find_client,
    find_global_region,
    find_stack_resource,
    list_resource_names,
    list_resource_parts,
)
from ops.changes.run_sources import parse_run_time
from ops.core.checks import (
    TRUNCATED,
    CheckFacts,
    CheckRoutine,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
    build_read,
    get_answer_items,
)
from ops.core.s3 import S3_OBJECTS_API
from ops.core.times import format_utc, format_utc_minute, parse_aws_time
from ops.outputs import RUNS_PREFIX, Outputs

ACCOUNT_EVENTS_KEY: Final = "account-events"
EVENT_DAYS: Final = 30  # of the 90 that the history has
# A run of this program may wait so long for what it started; assumed.
RUN_HOURS: Final = 24
ROOT_USERNAME: Final = "root"
_OPS_CLIENT: Final = "ops"
_PULUMI: Final = "pulumi"
_BACKUP_SERVICE: Final = "backup.amazonaws.com"
_SERVICE_ROLE_PATH: Final = "/aws-service-role/"


@dataclass(frozen=True)
class AccountEvent:
    """One event that matters: `resource` is what it was done to, `actor` who did it."""

    rule: EventRule
    id: str
    time: datetime
    actor: str
    resource: str
    is_of_stack: bool
    record: Mapping[str, Any]

    @property
    def origin(self) -> str:
        """From where and by which tool."""
        agent = str(self.record.get("userAgent") or "")
        tool = find_client(agent) or agent.partition(" ")[0] or "an unknown tool"
        return f"from {self.record.get('sourceIPAddress') or 'an unknown address'} by {tool}"


def check_account_events(facts: CheckFacts) -> CheckRoutine:
    """Judges what the history has of the stack's region, and of the region of IAM's events.

    What this program, Pulumi and AWS's own services did is counted, and is no finding. A call that
    says that it is this program's is, if no run of it was recorded then.
    """
    report = AuditReport(facts, ACCOUNT_EVENTS_KEY, f"events of {EVENT_DAYS} days")
    outputs = facts.outputs
    vpc_filter = {"Name": "vpc-id", "Values": [outputs.network.vpc_id]}
    groups_answer, runs_answer = yield [
        build_read(GROUPS_API, "SecurityGroups", Filters=[vpc_filter]),
        build_read(
            S3_OBJECTS_API,
            "CommonPrefixes",
            Bucket=outputs.backups.operations_bucket,
            Prefix=RUNS_PREFIX,
            Delimiter="/",
        ),
    ]
    groups = report.get_items(groups_answer, "security groups of the network")
    parts = dict.fromkeys((str(group["GroupId"]) for group in groups), "network")
    parts |= list_resource_parts(outputs)
    run_times = _list_run_times(runs_answer)
    if isinstance(runs_answer, UnknownAnswerError):
        report.get_items(runs_answer, "runs of ops")
    items: list[Mapping[str, Any]] = []
    for reads in zip_longest(*_build_lookups(facts)):
        answers = yield [read for read in reads if read is not None]
        for read, answer in zip((r for r in reads if r is not None), answers, strict=True):
            items += _get_events(report, read, answer)
        if any(isinstance(answer, UnknownAnswerError) for answer in answers):
            break  # the same permission for all of them
    own_work: Counter[str] = Counter()
    events: dict[tuple[str, ...], list[AccountEvent]] = {}
    for event in _list_events(items, parts, outputs):
        if doer := _find_own_doer(event, run_times):
            own_work[f"{doer} {event.rule.name}"] += 1
            continue
        day = event.time.date().isoformat()
        events.setdefault((event.rule.name, event.resource, event.actor, day), []).append(event)
    for group in events.values():
        _add_finding(report, sorted(group, key=lambda event: event.time))
    looked_at = f"nobody deleted or opened anything in {EVENT_DAYS} days"
    if own_work:
        looked_at += f"; known: {', '.join(f'{k} {n} x' for k, n in sorted(own_work.items()))}"
    return (yield from close_report(report, looked_at))


def _build_lookups(facts: CheckFacts) -> tuple[list[ReadRequest], list[ReadRequest]]:
    """The reads of the stack's region, and of the other one that has IAM's events."""
    region, global_region = facts.outputs.stack.region, find_global_region(facts.outputs)
    since = facts.now - timedelta(days=EVENT_DAYS)

    def build(place: str, rule: EventRule) -> ReadRequest:
        is_root = rule is ROOT_RULE
        params = build_lookup_params(
            "Username" if is_root else "EventName",
            ROOT_USERNAME if is_root else rule.name,
            since,
            facts.now,
        )
        return build_read(LOOKUP_API, "Events", region=place, max_pages=MAX_LOOKUP_PAGES, **params)

    rules = (ROOT_RULE, *EVENT_RULES)
    if global_region in (None, region):
        return [build(region, rule) for rule in rules], []
    return (
        [build(region, rule) for rule in rules if not rule.is_global],
        [
            build(global_region, rule)
            for rule in rules
            if rule.is_global or rule in (ROOT_RULE, SIGN_IN_RULE)
        ],
    )


def _get_events(
    report: AuditReport, read: ReadRequest, answer: ReadAnswer
) -> Iterable[Mapping[str, Any]]:
    items = report.get_items(answer, f"events of {read.region}")
    if TRUNCATED in items:
        items = [item for item in items if item != TRUNCATED]
        (attribute,) = json.loads(read.params)["LookupAttributes"]
        reason = (
            f"only the newest {len(items)} events {attribute['AttributeValue']} of {EVENT_DAYS} "
            f"days were read in {read.region}"
        )
        report.get_items(UnknownAnswerError(reason, "ops changes"), f"events of {read.region}")
    return items


def _list_events(
    items: Iterable[Mapping[str, Any]], parts: Mapping[str, str], outputs: Outputs
) -> Iterable[AccountEvent]:
    seen: set[str] = set()
    for item in items:
        record = json.loads(item.get("CloudTrailEvent") or "{}")
        identity = record.get("userIdentity") or {}
        is_root = identity.get("type") == "Root" and not identity.get("invokedBy")
        rule = ROOT_RULE if is_root else EVENT_RULES_BY_NAME.get(str(item["EventName"]))
        if rule is None or record.get("errorCode") or str(item["EventId"]) in seen:
            continue
        if not rule.is_remarkable(record):
            continue
        source = str(item["EventSource"]).removesuffix(".amazonaws.com")
        texts = [
            *list_resource_names(item),
            *(text for _, text in list_parameters(record.get("requestParameters"))),
            *(text for _, text in list_parameters(record.get("responseElements"))),
        ]
        found = find_stack_resource(texts, source, parts, outputs)
        if found is None and rule.scope == "stack":
            continue
        seen.add(str(item["EventId"]))
        actor = find_actor(identity) or str(item.get("Username") or "somebody")
        resource = found[0] if found else next(iter(texts), "")
        if rule in (ROOT_RULE, SIGN_IN_RULE):
            resource = actor
        yield AccountEvent(
            rule,
            str(item["EventId"]),
            parse_aws_time(item["EventTime"]),
            actor,
            resource,
            found is not None,
            record,
        )


def _find_own_doer(event: AccountEvent, run_times: Sequence[datetime] | None) -> str:
    """Who of those that are known did it: this program, Pulumi, AWS; empty if somebody else.

    A user agent is what the caller says, so that a run of this program must be recorded as well,
    unless runs cannot be read, and Pulumi is believed for what its program has alone.
    """
    identity = event.record.get("userIdentity") or {}
    issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
    if (
        identity.get("type") == "AWSService"
        or identity.get("invokedBy") == _BACKUP_SERVICE
        or _SERVICE_ROLE_PATH in str(issuer.get("arn"))
    ):
        return "AWS"
    agent = str(event.record.get("userAgent") or "")
    if event.rule.by_ops and find_client(agent) == _OPS_CLIENT:
        first = event.time - timedelta(hours=RUN_HOURS)
        if run_times is None or any(first <= time <= event.time for time in run_times):
            return _OPS_CLIENT
    if event.rule.scope == "stack" and _PULUMI in agent.lower():
        return "Pulumi"
    return ""


def _list_run_times(answer: ReadAnswer) -> list[datetime] | None:
    """When the recorded runs began; None if that is not known."""
    try:
        names = [str(item["Prefix"]).rstrip("/") for item in get_answer_items(answer)]
    except UnknownAnswerError:
        return None
    return [time for name in names if (time := parse_run_time(name)) is not None]


def _add_finding(report: AuditReport, events: Sequence[AccountEvent]) -> None:
    """One finding for what somebody did to a resource on one day."""
    first, last = events[0], events[-1]
    rule = first.rule
    calls = ", ".join(dict.fromkeys(str(event.record["eventName"]) for event in events))
    what = f"{rule.meaning} {calls}" if rule is ROOT_RULE else f"{rule.meaning} {first.resource}"
    if rule is SIGN_IN_RULE:
        what = rule.meaning
    times = f"{len(events)} times, first " if len(events) > 1 else ""
    scope = "" if first.is_of_stack else f"{WHOLE_ACCOUNT}: "
    claim = ""
    if find_client(str(first.record.get("userAgent") or "")) == _OPS_CLIENT:
        claim = "; it says that it is ops, of which no such run is recorded"
    resource, moment = f"{rule.name}/{first.id}", first.time.timestamp()
    report.add(
        resource,
        f"{scope}{first.actor} {what} {times}on {format_utc_minute(moment)} {last.origin}{claim} "
        f"({first.record['eventName']})",
        f"ops audit --waive {ACCOUNT_EVENTS_KEY}/{resource} --until {EVENT_DAYS}d --reason REASON",
        severity=rule.severity,
        reason=rule.reason,
        subject=first.resource,
        since=format_utc(moment),
    )

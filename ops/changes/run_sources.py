"""Runs of ops, from their journals, and updates by Pulumi, from the history of its state."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ops.changes.model import (
    ChangeEvent,
    SourceAnswer,
    SourceGap,
    SourceRequest,
    build_answer,
)
from ops.core.daemon_pool import DaemonPool
from ops.core.errors import OpsError
from ops.core.journal import Journal, JournalUnreadableError
from ops.core.parts import STACK_PART, get_service_part
from ops.core.plan import Call, Plan
from ops.core.times import parse_aws_time
from ops.stack.pulumi import build_pulumi_shell, read_pulumi_json

# The start of a run, UTC, in its id: resize-20261126-011432-064d.
_RUN_TIME_PATTERN: Final = re.compile(r"-(\d{8}-\d{6})-[0-9a-f]+$")
# Runs that began so long before a span may have ended in it, been resumed or undone.
EARLIER_DAYS: Final = 7
READ_AT_ONCE: Final = 16
PARTS_BY_NOUN: Final = {
    "db": "database",
    "recover": "database",
    "fleet": "fleet",
    "alarms": "alarms",
    "cache": "cache",
}
MAX_UPDATES: Final = 100  # of Pulumi's history, the newest
_MAX_MESSAGE_CHARACTERS: Final = 120


def read_runs(request: SourceRequest) -> SourceAnswer:
    """When runs of ops began, turned back and ended, by whom and why."""
    runs = [run for run in request.context.list_runs() if _may_be_within(request, run)]
    with DaemonPool(READ_AT_ONCE) as pool:
        answers = list(pool.map(lambda run: _read_run(request, run), runs))
    events = [event for answer in answers for event in answer.events]
    return build_answer(request, events, *(gap for answer in answers for gap in answer.gaps))


def read_pulumi_updates(request: SourceRequest) -> SourceAnswer:
    """The updates in Pulumi's history of the stack: what they did, of which commit, by whom."""
    if request.program is None:
        reason = (
            "Pulumi keeps its history: --program must name the stack's program, or be left out in "
            "its folder"
        )
        return SourceAnswer(gaps=(SourceGap("pulumi", reason, is_failure=False),))
    words = ("stack", "history", "--json", "--page-size", str(MAX_UPDATES))
    shell = build_pulumi_shell(request.program, *words, "--stack", request.outputs.stack.stack)
    history = read_pulumi_json(shell)
    if not isinstance(history, list):
        raise OpsError(f"Pulumi has no history of a stack {request.outputs.stack.stack}")
    gaps: list[SourceGap] = []
    events = [event for update in history for event in _list_update_events(update)]
    oldest = min((event.time for event in events), default=request.span.since)
    if len(history) >= MAX_UPDATES and oldest > request.span.since:
        gaps.append(SourceGap("pulumi", f"only the newest {MAX_UPDATES} updates were read"))
    return build_answer(request, events, *gaps)


def parse_run_time(run: str) -> datetime | None:
    """When a run began, by its id; None if that says no time."""
    match = _RUN_TIME_PATTERN.search(run)
    if match is None:
        return None
    return datetime.strptime(match[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def _may_be_within(request: SourceRequest, run: str) -> bool:
    began = parse_run_time(run)
    if began is None:
        return True
    first = request.span.since - timedelta(days=EARLIER_DAYS)
    return first <= began <= request.span.until + timedelta(minutes=1)


def _read_run(request: SourceRequest, run: str) -> SourceAnswer:
    try:
        journal = Journal(request.context.get_journal_store(run))
        return SourceAnswer(tuple(_list_run_events(request, run, journal)))
    except JournalUnreadableError as error:
        return SourceAnswer(gaps=(SourceGap("runs", f"the journal of {run}: {error}"),))


def _list_run_events(request: SourceRequest, run: str, journal: Journal) -> Iterator[ChangeEvent]:
    plan = journal.plan
    actor = (plan.started_by or None) if plan is not None else None
    part = _get_plan_part(request, plan) if plan is not None else STACK_PART
    command = f"ops runs show {run}"
    name = plan.command if plan is not None else "ops lock break"
    turned_back = False
    for index, record in enumerate(journal.records):
        what = None
        outcome = None
        if index == 0 and plan is not None:
            what = f"{name} began: {plan.reason}" if plan.reason else f"{name} began"
        elif record.event == "note":
            what = f"note to {run}: {_shorten(record.data)}"
        elif record.event == "failed":
            what, outcome = f"{name}: step {record.step} failed", "failed"
        elif record.event == "undo" and not turned_back:
            what, turned_back = f"{name} is undone", True
        elif record.event == "ended":
            what, outcome = f"{name} ended", str(record.data)
        if what is not None:
            time = datetime.fromtimestamp(record.timestamp, UTC)
            yield ChangeEvent(time, "runs", part, what, actor, outcome, run, command)


def _get_plan_part(request: SourceRequest, plan: Plan) -> str:
    """The part that a run changes: of services the one, if it is one."""
    noun = plan.kind.split()[0]
    if noun == "service":
        services = {
            str(step.action.params["service"])
            for step in plan.steps
            if isinstance(step.action, Call) and isinstance(step.action.params.get("service"), str)
        }
        if len(services) == 1:
            return get_service_part(request.outputs, services.pop())
    return PARTS_BY_NOUN.get(noun, STACK_PART)


def _list_update_events(update: Any) -> Iterator[ChangeEvent]:
    """Pulumi's history has the commit and its author from git (`pulumi stack history --json`)."""
    environment = update.get("environment") or {}
    actor = environment.get("git.committer") or environment.get("git.author")
    commit = str(environment.get("git.head") or "")[:12]
    changes = [
        f"{count} {kind}"
        for kind, count in (update.get("resourceChanges") or {}).items()
        if kind != "same"
    ]
    of_commit = f" of commit {commit}" if commit else ""
    message = _shorten(update.get("message"))
    what = f"pulumi {update.get('kind', 'update')}{of_commit}"
    what += f" ({', '.join(changes) or 'nothing changed'})" if update.get("endTime") else ""
    if update.get("startTime"):
        yield ChangeEvent(
            parse_aws_time(update["startTime"]),
            "pulumi",
            STACK_PART,
            f"{what}: {message}" if message else what,
            actor,
            str(update.get("result")),
        )


def _shorten(data: object) -> str:
    text = " ".join(str(data or "").split())
    return text if len(text) <= _MAX_MESSAGE_CHARACTERS else f"{text[:_MAX_MESSAGE_CHARACTERS]}..."

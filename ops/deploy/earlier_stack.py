"""Whether a commit ran on the stack before, for how long, and how it did there.

By Pulumi's history of that stack and by what the stack itself has kept. What could not be read is
said as unknown: it is a reason to look, and never one to go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ops.bootstrap.names import STACK_NAME_PATTERN
from ops.changes.model import ChangeEvent, SourceName, Timeline
from ops.changes.timeline import read_timeline
from ops.cli.durations import format_duration
from ops.cli.selection import Selection
from ops.cli.several_stacks import PROFILE_SETTING
from ops.cli.time_span import TimeSpan
from ops.core.counts import format_count
from ops.core.credentials import CALL_ERRORS
from ops.core.errors import OpsError, UsageError
from ops.core.run_context import StackContext
from ops.core.times import format_utc_minute, parse_aws_time
from ops.deploy.commits import COMMIT_PATTERN, Checkout, has_uncommitted_changes
from ops.fleet.refresh_statuses import FAILED_REFRESH_STATUSES
from ops.outputs import OutputsError, parse_outputs
from ops.services.deployment_steps import FAILED_DEPLOYMENT_STATUSES
from ops.stack.pulumi import build_pulumi_shell, find_stack_setting, read_pulumi_json

LAST_STACK: Final = "prod"
STACK_BEFORE_LAST: Final = "staging"
EARLIER_UPDATES: Final = 100  # of Pulumi's history, the newest
EVIDENCE_SOURCES: Final[tuple[SourceName, ...]] = ("alarms", "deployments", "refreshes", "runs")
RAISED_SUFFIX: Final = " to ALARM"  # of an alarm history's summary: "updated from OK to ALARM"
BACK_SUFFIX: Final = "-back"  # of the run in the message of what undoes it
MAX_NAMED_ALARMS: Final = 5  # alarms that are named


@dataclass(frozen=True)
class CommitStay:
    """A commit on a stack: from the start of its update until the next one's, UTC.

    `deployed` is when its update had ended. `end` is None while it is still there.
    """

    begin: datetime
    deployed: datetime
    end: datetime | None


@dataclass(frozen=True)
class CommitHistory:
    """What Pulumi's history has of a commit on a stack.

    `failed` are its updates that failed, `rolled_back` the runs whose undo followed. `unclean` says
    that its files were changed when it was deployed, `is_whole` that no older updates are left out.
    """

    stays: tuple[CommitStay, ...]
    failed: int
    rolled_back: frozenset[str]
    unclean: bool
    is_whole: bool


def find_earlier_stack(stack: str, typed: str | None) -> str | None:
    """The stack that a commit runs on before this one: --after, else by the stack's name.

    `staging` is before `prod`, and `staging-eu` before `prod-eu`; None if nothing says so. Raises
    UsageError if --after is not the name of another stack.
    """
    if typed is not None:
        if typed == stack or not STACK_NAME_PATTERN.fullmatch(typed):
            raise UsageError(f"--after must be the name of a stack other than STACK, not {typed!r}")
        return typed
    words = stack.split("-")
    if LAST_STACK not in words:
        return None
    return "-".join(STACK_BEFORE_LAST if word == LAST_STACK else word for word in words)


def describe_earlier_run(
    selection: Selection, program: Checkout, stack: str, now: datetime
) -> tuple[str, ...]:
    """Says whether the commit ran on `stack`, for how long, and how it did; never raises."""
    if program.sha is None:
        return (f"whether this ran on {stack} is unknown: the program is in no repository",)
    short = program.sha[:12]
    if program.dirty:
        return (
            f"whether this ran on {stack} is unknown: files are changed, so that it is not {short}",
        )
    try:
        history = read_commit_history(program.folder, stack, program.sha)
    except (OpsError, *CALL_ERRORS) as error:
        return (f"whether {short} ran on {stack} is unknown: {_shorten_error(error)}",)
    if not history.stays:
        return (f"{_describe_absence(history, short, stack)}{_describe_failures(history)}",)
    return (
        _describe_stays(history.stays, short, stack, now),
        _describe_evidence(selection, program.folder, stack, history, now),
    )


def read_commit_history(folder: Path, stack: str, sha: str) -> CommitHistory:
    """Reads what Pulumi has of a commit on a stack. Raises OpsError if it does not know it."""
    words = ("stack", "history", "--json", "--page-size", str(EARLIER_UPDATES), "--stack", stack)
    updates = read_pulumi_json(build_pulumi_shell(folder, *words))
    if not isinstance(updates, list):
        raise OpsError(f"Pulumi's backend has no stack {stack}")
    return parse_commit_history(updates, sha)


def parse_commit_history(updates: Sequence[Any], sha: str) -> CommitHistory:
    """What a history, newest update first as Pulumi prints it, has of a commit.

    An update of another commit ends a stay even if it failed: it leaves something between both.
    """
    stays: list[CommitStay] = []
    failed = 0
    runs: set[str] = set()
    backs: set[str] = set()
    unclean = False
    for update in reversed(updates):
        if update.get("kind") not in ("update", "destroy"):
            continue
        begin, end = _parse_time(update, "startTime"), _parse_time(update, "endTime")
        is_same = update["kind"] == "update" and _get_update_commit(update) == sha
        run = str(update.get("message", "")).split(" ")[0]
        if run.endswith(BACK_SUFFIX):
            backs.add(run.removesuffix(BACK_SUFFIX))
        if is_same and not run.endswith(BACK_SUFFIX):
            runs.add(run)
        if is_same and has_uncommitted_changes(update):
            unclean, is_same = True, False
        has_succeeded = is_same and update.get("result") == "succeeded"
        failed += is_same and update.get("result") == "failed"
        if stays and stays[-1].end is None and not is_same:
            stays[-1] = replace(stays[-1], end=begin)
        elif has_succeeded and (not stays or stays[-1].end is not None):
            stays.append(CommitStay(begin, end, None))
    is_whole = len(updates) < EARLIER_UPDATES
    return CommitHistory(tuple(stays), failed, frozenset(runs & backs), unclean, is_whole)


def _get_update_commit(update: Any) -> str | None:
    if match := COMMIT_PATTERN.search(str(update.get("message", ""))):
        return match[1]
    sha = (update.get("environment") or {}).get("git.head")
    return str(sha) if sha else None


def _parse_time(update: Any, key: str) -> datetime:
    """The time of an update. Raises OpsError if the history lacks it."""
    text = update.get(key) or update.get("startTime")
    if not text:
        raise OpsError("Pulumi's history has an update without its time")
    time = parse_aws_time(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _describe_absence(history: CommitHistory, short: str, stack: str) -> str:
    if history.unclean:
        return (
            f"whether {short} ran on {stack} is unknown: it was deployed there with files changed"
        )
    if not history.is_whole:
        return (
            f"whether {short} ran on {stack} is unknown: it is not among the newest "
            f"{EARLIER_UPDATES} updates of Pulumi's history"
        )
    return f"{short} has never run on {stack}"


def _describe_failures(history: CommitHistory) -> str:
    return f"; {format_count(history.failed, 'deployment')} failed there" if history.failed else ""


def _describe_stays(stays: Sequence[CommitStay], short: str, stack: str, now: datetime) -> str:
    lengths = [((stay.end or now) - stay.deployed).total_seconds() for stay in stays]
    total = sum(max(0, length) for length in lengths)
    first = format_utc_minute(stays[0].deployed.timestamp())
    last = stays[-1].end
    until = "now" if last is None else format_utc_minute(last.timestamp())
    times = f" in {len(stays)} stays" if len(stays) > 1 else ""
    verb = "has run" if last is None else "ran"
    gone = "" if last is None else "; it is no longer there"
    duration = format_duration(total)
    return f"{short} {verb} on {stack} for {duration}{times}, from {first} to {until}{gone}"


def _describe_evidence(
    selection: Selection, folder: Path, stack: str, history: CommitHistory, now: datetime
) -> str:
    """How it did: what Pulumi has, and what the stack itself has."""
    try:
        context = load_earlier_context(selection, folder, stack)
    except (OpsError, OutputsError, *CALL_ERRORS) as error:
        known = _format_known_failures(history)
        return f"how it did on {stack} is unknown{known}: {_shorten_error(error)}"
    stays = history.stays
    span = TimeSpan(stays[0].begin, stays[-1].end or now, is_until_now=stays[-1].end is None)
    timeline = read_timeline(context, span, now, names=EVIDENCE_SOURCES)
    events = [
        event
        for event in timeline.events
        if any(stay.begin <= event.time <= (stay.end or now) for stay in stays)
    ]
    alarms = list(
        dict.fromkeys(
            str(event.subject).removeprefix(f"{context.outputs.stack.project}-{stack}-")
            for event in events
            if event.source == "alarms" and event.what.endswith(RAISED_SUFFIX)
        )
    )
    failures = [event for event in events if _is_failed_deployment(event)]
    undone = {str(event.subject) for event in events if _is_undone_run(event)}
    return _format_evidence(stack, history, alarms, failures, undone, timeline)


def load_earlier_context(selection: Selection, folder: Path, stack: str) -> StackContext:
    """The stack before with its AWS, by its setting aws:profile or the profile of this command.

    Raises OpsError if it has no outputs or the credentials are of another account.
    """
    document = read_pulumi_json(
        build_pulumi_shell(folder, "stack", "output", "--json", "--stack", stack)
    )
    if not document:
        raise OpsError(f"{stack} has no outputs")
    outputs = parse_outputs(document)
    profile = find_stack_setting(folder, stack, PROFILE_SETTING) or selection.profile
    own_selection = Selection(stack=stack, project=selection.project, profile=profile)
    context = StackContext(outputs, own_selection.build_aws(outputs))
    try:
        context.check_account()
    except UsageError as error:
        raise OpsError(
            f"{error}; `pulumi config set {PROFILE_SETTING} PROFILE --stack {stack}` names a "
            "profile of it"
        ) from None
    return context


def _is_failed_deployment(event: ChangeEvent) -> bool:
    return (event.source == "deployments" and event.outcome in FAILED_DEPLOYMENT_STATUSES) or (
        event.source == "refreshes" and event.outcome in FAILED_REFRESH_STATUSES
    )


def _is_undone_run(event: ChangeEvent) -> bool:
    return event.source == "runs" and event.outcome == "undone"


def _format_evidence(
    stack: str,
    history: CommitHistory,
    alarms: Sequence[str],
    failures: Sequence[ChangeEvent],
    undone: set[str],
    timeline: Timeline,
) -> str:
    rollbacks = [event for event in failures if "rollback" in str(event.outcome).lower()]
    failed = history.failed + len(failures)
    rolled_back = len(rollbacks) + len(undone | history.rolled_back)
    gaps = {gap.source: gap.reason for gap in timeline.gaps}
    parts = [
        _format_alarms(alarms, "alarms" in gaps),
        _format_number(failed, "failed deployment", {"deployments", "refreshes"} & set(gaps)),
        _format_number(rolled_back, "rollback", set(EVIDENCE_SOURCES[1:]) & set(gaps)),
    ]
    reasons = "".join(f"; {source}: {reason}" for source, reason in gaps.items())
    return f"on {stack} while it ran: {', '.join(parts)}{reasons}"


def _format_alarms(alarms: Sequence[str], is_partial: bool) -> str:
    text = _format_number(len(alarms), "alarm", is_partial)
    if not alarms:
        return text if is_partial else f"{text} raised"
    more = f" and {len(alarms) - MAX_NAMED_ALARMS} more" if len(alarms) > MAX_NAMED_ALARMS else ""
    return f"{text} raised ({', '.join(alarms[:MAX_NAMED_ALARMS])}{more})"


def _format_number(number: int, noun: str, is_partial: object) -> str:
    """How many; at least so many, or unknown, if a source did not say all."""
    if is_partial:
        return f"at least {format_count(number, noun)}" if number else f"{noun}s unknown"
    return format_count(number, noun) if number else f"no {noun}s"


def _format_known_failures(history: CommitHistory) -> str:
    known = [
        format_count(number, noun)
        for number, noun in (
            (history.failed, "failed deployment"),
            (len(history.rolled_back), "rollback"),
        )
        if number
    ]
    return f", except {' and '.join(known)} in Pulumi's history" if known else ""


def _shorten_error(error: Exception) -> str:
    return " ".join(str(error).split())[:300]

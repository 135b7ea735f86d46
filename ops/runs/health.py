"""Runs that stopped on their way, by the lock and the newest journals in the operations bucket."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from ops.cli.render import format_duration
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    HealthState,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
    build_read,
    format_epoch_time,
    get_answer_items,
)
from ops.core.journal_record import Record
from ops.core.lock import (
    LOCK_KEY,
    UNREADABLE_HOLDER,
    LockRecord,
    is_process_alive,
    parse_lock,
)
from ops.core.s3 import OBJECT_NOT_FOUND_CODES, S3_OBJECT_API, S3_OBJECTS_API
from ops.outputs import RUNS_PREFIX
from ops.runs.local_runs import LocalRuns, is_note_line, read_local_runs

RUNS_AREA: Final = "runs"
SUBJECT: Final = "unfinished runs"
MAX_READ_RUNS: Final = 20  # newest runs whose journals are read: three calls each
RUN_ID_PATTERN: Final = re.compile(r"[a-z][a-z0-9-]{2,62}")
RUN_TIME_PATTERN: Final = re.compile(r"-(\d{8}-\d{6})-[0-9a-f]+$")
BREAK_COMMAND: Final = "ops lock break --reason REASON"
LIST_COMMAND: Final = "ops runs list"


@dataclass(frozen=True)
class _JournalEnds:
    """The first line of a run's journal, and the last that is no note."""

    first: Record
    last: Record


def check_unfinished_runs(facts: CheckFacts) -> CheckRoutine:
    """No run of the newest has stopped on its way, and no lock is left behind.

    A run whose process works on this machine is ok. On another machine that is unknown. The runs of
    BULWARK_JOURNAL's folder are looked at too, also if the bucket cannot be read.
    """
    local_findings = _list_local_findings(facts, read_local_runs())
    try:
        findings = yield from _check_bucket_runs(facts)
    except UnknownAnswerError as error:
        findings = [CheckFinding("unknown", RUNS_AREA, SUBJECT, str(error), error.advice)]
    if local_findings:
        findings = [finding for finding in findings if finding.state != "ok"]
    return [*local_findings, *findings]


def _check_bucket_runs(facts: CheckFacts) -> CheckRoutine:
    """The same of the runs in the operations bucket."""
    bucket = facts.outputs.backups.operations_bucket
    lock_answer, runs_answer = yield [
        _build_object_read(bucket, LOCK_KEY),
        build_read(
            S3_OBJECTS_API, "CommonPrefixes", Bucket=bucket, Prefix=RUNS_PREFIX, Delimiter="/"
        ),
    ]
    locks = get_answer_items(lock_answer)
    lock = parse_lock(str(locks[0]["text"])) if locks else None
    runs = _select_runs((item["Prefix"] for item in get_answer_items(runs_answer)), lock)
    key_answers = yield [
        build_read(S3_OBJECTS_API, "Contents", Bucket=bucket, Prefix=f"{RUNS_PREFIX}{run}/")
        for run in runs
    ]
    keys_by_run = {
        run: sorted(str(item["Key"]) for item in get_answer_items(answer))
        for run, answer in zip(runs, key_answers, strict=True)
    }
    lines: dict[str, ReadAnswer] = {}
    while missing_keys := [
        key for keys in keys_by_run.values() for key in (keys[:1] + keys[-1:]) if key not in lines
    ]:
        missing_keys = list(dict.fromkeys(missing_keys))
        line_answers = yield [_build_object_read(bucket, key) for key in missing_keys]
        lines |= dict(zip(missing_keys, line_answers, strict=True))
        for keys in keys_by_run.values():
            while len(keys) > 1 and keys[-1] in lines and _is_note(lines[keys[-1]]):
                keys.pop()
    findings: list[CheckFinding] = []
    for run, keys in keys_by_run.items():
        ends = [lines[key] for key in (keys[:1] + keys[-1:])]
        findings += _list_run_findings(facts, run, ends, lock)
    named_runs = {finding.subject for finding in findings}
    if lock is not None and f"run {lock.run}" not in named_runs:
        findings.append(_build_lock_finding(facts, lock))
    if findings:
        return findings
    evidence = f"{_describe_finished_runs(len(runs))}, and the lock is free"
    return [CheckFinding("ok", RUNS_AREA, SUBJECT, evidence)]


def _describe_finished_runs(count: int) -> str:
    """Says of so many runs, all of which have ended, that they have."""
    if count == 0:
        return "there are no runs yet"
    return "the only run has ended" if count == 1 else f"the newest {count} runs have all ended"


def _list_local_findings(facts: CheckFacts, local_runs: LocalRuns | None) -> list[CheckFinding]:
    """The findings of a folder's runs that are not over, or cannot be read, and of its lock."""
    if local_runs is None:
        return []
    if local_runs.problem:
        return [CheckFinding("unknown", RUNS_AREA, SUBJECT, local_runs.problem, LIST_COMMAND)]
    findings: list[CheckFinding] = []
    for local_run in local_runs.runs:
        if local_run.problem:
            findings.append(_build_unknown_finding(local_run.run, local_run.problem, LIST_COMMAND))
            continue
        answers: list[ReadAnswer] = [[{"text": line}] for line in local_run.lines]
        findings += _list_run_findings(facts, local_run.run, answers, local_runs.lock)
    named_runs = {finding.subject for finding in findings}
    lock = local_runs.lock
    if lock is not None and f"run {lock.run}" not in named_runs:
        findings.append(_build_lock_finding(facts, lock))
    return findings


def _build_object_read(bucket: str, key: str) -> ReadRequest:
    return build_read(
        S3_OBJECT_API, "", Bucket=bucket, Key=key, absent_codes=OBJECT_NOT_FOUND_CODES
    )


def _select_runs(prefixes: Iterable[str], lock: LockRecord | None) -> list[str]:
    """The newest runs by the time in their ids, and the one that holds the lock."""

    def get_time(run: str) -> str:
        time_match = RUN_TIME_PATTERN.search(run)
        return time_match[1] if time_match else ""

    all_runs = [prefix.removeprefix(RUNS_PREFIX).rstrip("/") for prefix in prefixes]
    newest_runs = sorted(all_runs, key=get_time, reverse=True)[:MAX_READ_RUNS]
    if lock is not None and lock.run in all_runs and lock.run not in newest_runs:
        newest_runs.append(lock.run)
    return newest_runs


def _is_note(answer: ReadAnswer) -> bool:
    """True if a line is a note, which says nothing of how far its run has come."""
    if isinstance(answer, UnknownAnswerError) or not answer:
        return False
    return is_note_line(str(answer[0]["text"]))


def _list_run_findings(
    facts: CheckFacts, run: str, answers: list[ReadAnswer], lock: LockRecord | None
) -> list[CheckFinding]:
    """One finding of a run that is not over, or whose journal cannot be read; else none."""
    if not answers:
        return []  # nothing of it was written
    for answer in answers:
        if isinstance(answer, UnknownAnswerError):
            return [_build_unknown_finding(run, str(answer), answer.advice)]
    if not RUN_ID_PATTERN.fullmatch(run):
        return [_build_unknown_finding(ascii(run), "is no id of a run", LIST_COMMAND)]
    texts = [str(items[0]["text"]) for items in map(get_answer_items, answers) if items]
    if len(texts) < len(answers):
        return [_build_unknown_finding(run, "its journal is gone meanwhile", LIST_COMMAND)]
    try:
        ends = _JournalEnds(*(Record.model_validate_json(text) for text in texts))
    except ValidationError:
        return [_build_unknown_finding(run, "its journal cannot be read", LIST_COMMAND)]
    if ends.first.event != "plan" or ends.last.event == "ended":
        return []
    return [_build_unfinished_finding(facts, run, ends, lock)]


def _build_unknown_finding(run: str, evidence: str, command: str) -> CheckFinding:
    return CheckFinding("unknown", RUNS_AREA, f"run {run}", evidence, command)


def _build_unfinished_finding(
    facts: CheckFacts, run: str, ends: _JournalEnds, lock: LockRecord | None
) -> CheckFinding:
    plan: Mapping[str, Any] = ends.first.data if isinstance(ends.first.data, dict) else {}
    command_line = f"ops {plan.get('kind', '?')} {plan.get('arguments', '')}".rstrip()
    age_seconds = max(facts.now.timestamp() - ends.first.timestamp, 0)
    state, process = _judge_process(facts, run, lock)
    direction = "undone" if ends.last.event == "undo" else "carried out"
    evidence = (
        f"{command_line}, begun by {plan.get('started_by') or 'nobody known'} at "
        f"{format_epoch_time(ends.first.timestamp)}, {format_duration(age_seconds)} ago, is not "
        f"{direction} to its end; its last event is {ends.last.event!r} of {ends.last.step!r}; "
        f"{process}"
    )
    command = "" if state == "ok" else f"ops runs resume {run}"
    return CheckFinding(state, RUNS_AREA, f"run {run}", evidence, command)


def _judge_process(facts: CheckFacts, run: str, lock: LockRecord | None) -> tuple[HealthState, str]:
    """Whether a run is at work, from the lock that it holds while it is."""
    if lock is None or lock.run != run:
        return "failing", "it does not hold the lock, so it has stopped"
    is_alive = is_process_alive(lock)
    if is_alive:
        return "ok", f"its process {lock.process} is at work"
    if is_alive is False:
        return "failing", f"its process {lock.process} has ended, and it still holds the lock"
    if lock.until <= facts.now.timestamp():
        return "failing", f"its lock was over at {format_epoch_time(lock.until)}"
    return "unknown", f"only {lock.holder.rpartition('@')[2]} knows whether its process runs"


def _build_lock_finding(facts: CheckFacts, lock: LockRecord) -> CheckFinding:
    """A lock without an unfinished run: just taken, or left behind."""
    if lock.holder == UNREADABLE_HOLDER:
        return CheckFinding("unknown", RUNS_AREA, "lock", lock.reason, BREAK_COMMAND)
    since = format_duration(max(facts.now.timestamp() - lock.since, 0))
    evidence = f"{lock.holder} has held it for {since} for {lock.run}, which is not under way"
    is_alive = is_process_alive(lock)
    if is_alive:
        return CheckFinding("ok", RUNS_AREA, "lock", f"{evidence} yet; its process is at work")
    if is_alive is False or lock.until <= facts.now.timestamp():
        return CheckFinding("failing", RUNS_AREA, "lock", evidence, BREAK_COMMAND)
    return CheckFinding("unknown", RUNS_AREA, "lock", evidence, "ops lock show")

"""Answers of Cost Explorer, kept on this machine for a day, since each call costs money.

"Cost Explorer API: $0.01 per paginated request" (AWS Cost Management pricing). A page more is a
call more. What is kept is in a folder that only its user can read.
"""

import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from ops.core.check_runner import run_routine
from ops.core.checks import CheckFacts, ReadAnswer, ReadRequest, UnknownAnswerError
from ops.core.service_models import get_cache_folder
from ops.core.times import format_local_and_utc

CALL_USD: Final = 0.01
COST_SERVICE: Final = "ce"
KEPT_SECONDS: Final = 2 * 86400  # files older than this are deleted
ENDPOINT_VARIABLES: Final = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_COST_EXPLORER")
Result = TypeVar("Result")
CostRoutine = Generator[Sequence[ReadRequest], list[ReadAnswer], Result]


@dataclass(frozen=True)
class CostAnswer:
    """The answer to a read, when AWS was asked, and whether it was kept from an earlier look."""

    items: ReadAnswer
    asked: datetime
    is_kept: bool

    def get_items(self) -> list[dict[str, Any]]:
        """The items. Raises UnknownAnswerError if there was no answer."""
        if isinstance(self.items, UnknownAnswerError):
            raise self.items
        return self.items


def read_answers(
    facts: CheckFacts, reads: Sequence[ReadRequest], *, fresh: bool = False
) -> CostRoutine[list[CostAnswer]]:
    """The answers to reads, in their order: those kept today, and AWS's for all others.

    `fresh` asks AWS for all of them. What AWS did not answer, or has no data of yet, is not kept.
    """
    files = [get_answer_folder() / f"{_compute_key(facts, read)}.json" for read in reads]
    kept_answers = [None if fresh else _load_answer(file) for file in files]
    missing = [n for n, answer in enumerate(kept_answers) if answer is None]
    new_answers: dict[int, ReadAnswer] = {}
    if missing:
        answers = yield [reads[n] for n in missing]
        new_answers = dict(zip(missing, answers, strict=True))
    results: list[CostAnswer] = []
    for number, kept_answer in enumerate(kept_answers):
        if kept_answer is not None:
            results.append(kept_answer)
            continue
        items = new_answers[number]
        is_data = bool(items) or not reads[number].absent_codes  # else there is none yet
        if not isinstance(items, UnknownAnswerError) and is_data:
            _keep_answer(files[number], items, facts.now)
        results.append(CostAnswer(items, facts.now, is_kept=False))
    return results


def get_answer_folder() -> Path:
    """Where answers are kept."""
    return get_cache_folder() / "costs"


def run_cost_routine(
    routine: CostRoutine[Result],
    send: Callable[[ReadRequest], ReadAnswer],
    announce: Callable[[str], None],
) -> Result:
    """Runs a routine of reads to its end. What they cost is announced before they are sent."""

    def announce_cost(reads: Sequence[ReadRequest]) -> None:
        if count := sum(read.api.startswith(f"{COST_SERVICE}.") for read in reads):
            announce(
                f"asks Cost Explorer {count} time{'s' if count > 1 else ''}, at {CALL_USD} $ a "
                "page; the answers are kept until tomorrow"
            )

    return run_routine(routine, send, announce_cost)


def describe_answers(answers: Sequence[CostAnswer]) -> str:
    """Says where figures are from: when Cost Explorer was asked, and how late it is."""
    asked = min(answer.asked for answer in answers)
    new_count = sum(not answer.is_kept for answer in answers)
    return (
        f"Cost Explorer, asked at {format_local_and_utc(asked)} ({new_count} of {len(answers)} "
        "answers new, the others kept); it is up to 24 hours late, and costs of the current month "
        "are estimated until the bill is final"
    )


def _compute_key(facts: CheckFacts, read: ReadRequest) -> str:
    stack = facts.outputs.stack
    parts = [
        *(stack.account, stack.project, stack.stack, f"{facts.now:%Y-%m-%d}"),
        *(read.api, read.items_key, read.params),
        *(os.environ.get(name, "") for name in ENDPOINT_VARIABLES),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _load_answer(file: Path) -> CostAnswer | None:
    """The answer in a file; None if it is not there or not whole."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        items, asked = content["items"], datetime.fromisoformat(content["asked"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return CostAnswer(items, asked, is_kept=True) if isinstance(items, list) else None


def _keep_answer(file: Path, items: list[dict[str, Any]], time_asked: datetime) -> None:
    """Writes an answer for its user alone, and deletes old ones. Nothing is lost if it cannot."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old_file in file.parent.iterdir():
            if old_file.stat().st_mtime < time.time() - KEPT_SECONDS:
                old_file.unlink()
        draft = file.with_suffix(f".{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({"asked": time_asked.isoformat(), "items": items}, stream)
        draft.replace(file)

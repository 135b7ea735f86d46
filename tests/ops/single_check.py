"""Looks with one check at answers that a test gives, without any AWS."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.core.check_runner import run_checks
from ops.core.checks import CheckFacts, CheckFinding, ReadAnswer, ReadRequest, UnknownAnswerError
from ops.health.registry import HEALTH_CHECKS
from ops.outputs import Outputs
from tests.ops.stage import build_stack_outputs

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AnswersByApi = Mapping[str, Sequence[Any] | UnknownAnswerError]


def format_time_ago(**duration: float) -> str:
    """A time before the test's now, as AWS's answers have it."""
    return (NOW - timedelta(**duration)).isoformat().replace("+00:00", "Z")


def build_changed_outputs(part_name: str, **values: Any) -> Outputs:
    """The stage's outputs with some fields of a part changed."""
    outputs = build_stack_outputs()
    changed_part = getattr(outputs, part_name).model_copy(update=values)
    return outputs.model_copy(update={part_name: changed_part})


def run_check(
    area: str, subject: str, answers: AnswersByApi, outputs: Outputs | None = None
) -> list[CheckFinding]:
    """What one check of the table finds in answers by API."""
    (check,) = (
        candidate
        for candidate in HEALTH_CHECKS
        if (candidate.area, candidate.subject) == (area, subject)
    )
    facts = CheckFacts(outputs or build_stack_outputs(), NOW)
    assert check.is_applicable(facts.outputs), "the check does not look at these outputs"

    def answer_read(read: ReadRequest) -> ReadAnswer:
        answer = answers[read.api]
        return answer if isinstance(answer, UnknownAnswerError) else list(answer)

    return run_checks([check], facts, answer_read)

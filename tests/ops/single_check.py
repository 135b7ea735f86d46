"""Looks with one check at answers that a test gives, without any AWS."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.core.check_runner import run
from ops.core.checks import Answer, Facts, Finding, Read, UnknownError
from ops.health.registry import CHECKS
from ops.outputs import Outputs
from tests.ops.stage import stack_outputs

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
Answers = Mapping[str, Sequence[Any] | UnknownError]


def ago(**given: float) -> str:
    """A time before the test's now, as AWS's answers have it."""
    return (NOW - timedelta(**given)).isoformat().replace("+00:00", "Z")


def changed(part: str, **values: Any) -> Outputs:
    """The stage's outputs with some fields of a part changed."""
    outputs = stack_outputs()
    of = getattr(outputs, part).model_copy(update=values)
    return outputs.model_copy(update={part: of})


def look(
    area: str, subject: str, answers: Answers, outputs: Outputs | None = None
) -> list[Finding]:
    """What one check of the table finds in answers by API."""
    (check,) = (c for c in CHECKS if (c.area, c.subject) == (area, subject))
    facts = Facts(outputs or stack_outputs(), NOW)
    assert check.applies(facts.outputs), "the check does not look at these outputs"

    def sending(read: Read) -> Answer:
        found = answers[read.api]
        return found if isinstance(found, UnknownError) else list(found)

    return run([check], facts, sending)

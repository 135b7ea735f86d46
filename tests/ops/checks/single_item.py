"""One check of a checklist against answers that a test gives, and what a case of it is."""

from ops.checks.model import ChecklistFacts, ChecklistItem, ChecklistResult, run_checklist_items
from ops.core.checks import HealthCheck, ReadAnswer, ReadRequest, UnknownAnswerError
from ops.outputs import Outputs
from tests.ops.health_answers import (
    AwsAnswers,
)
from tests.ops.single_check import NOW
from tests.ops.stage import build_stack_outputs

# A check, the outputs that it reads, answers with which it is ok, and answers with which it is not:
# state, a part of the evidence, and the beginning of the command that helps.
ChecklistCase = tuple[
    HealthCheck, Outputs | None, AwsAnswers, list[tuple[AwsAnswers, str, str, str]]
]


def run_single_check(
    tested_check: HealthCheck, answers: AwsAnswers, outputs: Outputs | None
) -> ChecklistResult:
    def answer_read(read: ReadRequest) -> ReadAnswer:
        answer = answers[read.api]
        return answer if isinstance(answer, UnknownAnswerError) else list(answer)

    facts = ChecklistFacts(outputs or build_stack_outputs(), NOW)
    (single_result,) = run_checklist_items(
        [ChecklistItem("item", "", (), (tested_check,))], facts, answer_read
    )
    return single_result


def format_case_id(value: object) -> str:
    """What a case is called: by its check and by what is read, the same in every process."""
    if isinstance(value, HealthCheck):
        return f"{value.area} {value.subject}"
    return value if isinstance(value, str) else ""

"""What holds for every case of a health check; each noun's test_health.py has its cases."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import pytest

from tests.ops.health_answers import AwsAnswers
from tests.ops.health_cases import (
    HealthCase,
    list_failing_cases,
    list_ok_cases,
    list_unanswered_cases,
    require_failing,
    require_ok,
    require_unknown,
)

# What a test of a case asks for, and the cases that have it.
CASE_LISTERS: Final[Mapping[tuple[str, ...], Callable[[Sequence[HealthCase]], list[Any]]]] = {
    ("area", "subject", "answers"): list_ok_cases,
    ("area", "subject", "answers", "evidence", "command"): list_failing_cases,
    ("area", "subject", "answers", "api"): list_unanswered_cases,
}
CASE_NAMES: Final = frozenset(name for names in CASE_LISTERS for name in names)


class HealthCaseTests:
    """What holds for every case of a module, whose subclass names them."""

    cases: ClassVar[Sequence[HealthCase]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test a case."""
        # Fixtures of all tests are among the names, too.
        arguments = tuple(name for name in metafunc.fixturenames if name in CASE_NAMES)
        metafunc.parametrize(arguments, CASE_LISTERS[arguments](self.cases))

    def test_a_healthy_part_is_ok_with_evidence(
        self, area: str, subject: str, answers: AwsAnswers
    ) -> None:
        require_ok(area, subject, answers)

    def test_a_failing_part_gives_its_reason_and_a_command(
        self, area: str, subject: str, answers: AwsAnswers, evidence: str, command: str
    ) -> None:
        require_failing(area, subject, answers, evidence, command)

    def test_a_part_without_an_answer_is_unknown_and_never_ok(
        self, area: str, subject: str, answers: AwsAnswers, api: str
    ) -> None:
        require_unknown(area, subject, answers, api)

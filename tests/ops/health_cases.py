"""Cases of health checks, and what holds for each: ok, failing for its reason, or unknown."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import pytest

from ops.core.checks import UnknownAnswerError
from ops.health.registry import HEALTH_CHECKS
from tests.ops.health_answers import OUTPUTS_BY_CASE, AwsAnswers
from tests.ops.single_check import run_check

# Area and subject of a check, answers with which it is ok, and answers with which it is failing:
# a part of the evidence, and the beginning of the command that helps.
HealthCase = tuple[str, str, AwsAnswers, list[tuple[AwsAnswers, str, str]]]
REFRESH_COMMAND = "pulumi up --refresh"
# Reads that are sent only if something is failing; they have tests of their own.
SECOND_CALLS = (
    ("stopped tasks", "ecs.describe_tasks"),
    ("many targets", "elbv2.describe_target_health"),
    ("notifications", "cloudwatch.get_alarm_mute_rule"),
    ("notifications", "sns.list_subscriptions_by_topic"),
)


def list_ok_cases(cases: Sequence[HealthCase]) -> list[tuple[str, str, AwsAnswers]]:
    """Area, subject and answers of each case that is ok."""
    return [(area, subject, answers) for area, subject, answers, _ in cases]


def list_failing_cases(
    cases: Sequence[HealthCase],
) -> list[tuple[str, str, AwsAnswers, str, str]]:
    """Area, subject, answers, evidence and command of each case that is failing."""
    return [(area, subject, *case) for area, subject, _, failing in cases for case in failing]


def list_unanswered_cases(cases: Sequence[HealthCase]) -> list[tuple[str, str, AwsAnswers, str]]:
    """Area, subject, the other answers and the API of each read that may be denied."""
    return [
        (area, subject, answers, api)
        for area, subject, answers, _ in cases
        for check in HEALTH_CHECKS
        if (check.area, check.subject) == (area, subject)
        for api in check.apis
        if (subject, api) not in SECOND_CALLS
    ]


def run_health_check(area: str, subject: str, answers: AwsAnswers) -> list[Any]:
    """The findings of a check, with the outputs that its case needs."""
    return run_check(
        area, subject, answers, OUTPUTS_BY_CASE.get(subject, OUTPUTS_BY_CASE.get(area))
    )


def require_ok(area: str, subject: str, answers: AwsAnswers) -> None:
    """Every finding is ok, with evidence and no command."""
    findings = run_health_check(area, subject, answers)
    assert findings
    assert {f.state for f in findings} == {"ok"}
    assert all(f.evidence and not f.command and f.area == area for f in findings)


def require_failing(
    area: str, subject: str, answers: AwsAnswers, evidence: str, command: str
) -> None:
    """The first failing finding has the evidence and the command."""
    failing = [f for f in run_health_check(area, subject, answers) if f.state == "failing"]
    assert failing
    assert evidence in failing[0].evidence
    assert failing[0].command.startswith(command)


def require_unknown(area: str, subject: str, answers: AwsAnswers, api: str) -> None:
    """Nothing is ok that a denied read would have to show."""
    error = UnknownAnswerError(f"{api} was denied", "ops permissions")
    findings = run_health_check(area, subject, {**answers, api: error})
    (state_and_command,) = {(f.state, f.command) for f in findings if f.state != "ok"}
    assert state_and_command == ("unknown", "ops permissions")
    if api != "ecs.describe_services":
        assert "ok" not in {f.state for f in findings}


# What a test of a case asks for, and the cases that have it.
CASE_LISTERS: Final[Mapping[tuple[str, ...], Callable[[Sequence[HealthCase]], list[Any]]]] = {
    ("area", "subject", "answers"): list_ok_cases,
    ("area", "subject", "answers", "evidence", "command"): list_failing_cases,
    ("area", "subject", "answers", "api"): list_unanswered_cases,
}


class HealthCaseTests:
    """What holds for every case of a module, whose subclass names them."""

    cases: ClassVar[Sequence[HealthCase]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test a case."""
        arguments = tuple(metafunc.fixturenames)
        metafunc.parametrize(arguments, CASE_LISTERS[arguments](self.cases))

    def test_a_healthy_part_is_ok_with_evidence(
        self, area: str, subject: str, answers: AwsAnswers
    ) -> None:
        require_ok(area, subject, answers)

    def test_it_fails_for_its_reason_and_names_a_command(
        self, area: str, subject: str, answers: AwsAnswers, evidence: str, command: str
    ) -> None:
        require_failing(area, subject, answers, evidence, command)

    def test_without_an_answer_it_is_unknown_and_never_ok(
        self, area: str, subject: str, answers: AwsAnswers, api: str
    ) -> None:
        require_unknown(area, subject, answers, api)

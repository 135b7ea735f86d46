"""Cases of health checks, and what holds for each: ok, failing for its reason, or unknown."""

from collections.abc import Sequence
from typing import Any

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
    ("instance in use", "cloudwatch.get_metric_data"),
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

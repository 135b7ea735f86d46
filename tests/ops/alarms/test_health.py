"""The health check of the alarms."""

import pytest

from tests.ops.health_answers import (
    AwsAnswers,
    build_alarm_answer,
)
from tests.ops.health_cases import (
    REFRESH_COMMAND,
    HealthCase,
    list_failing_cases,
    list_ok_cases,
    list_unanswered_cases,
    require_failing,
    require_ok,
    require_unknown,
)

ALARM_CASES: list[HealthCase] = [
    (
        "alarms",
        "alarms",
        {
            "cloudwatch.describe_alarms": [
                build_alarm_answer("test-down", "OK"),
                build_alarm_answer("test-slow", "OK"),
                build_alarm_answer("of-another", "ALARM"),
            ]
        },
        [
            (
                {
                    "cloudwatch.describe_alarms": [
                        build_alarm_answer("test-down", "ALARM"),
                        build_alarm_answer("test-slow", "OK"),
                    ]
                },
                "why",
                "ops health",
            ),
            (
                {"cloudwatch.describe_alarms": [build_alarm_answer("test-down", "OK")]},
                "1 of 2 are missing: test-slow",
                REFRESH_COMMAND,
            ),
        ],
    ),
]


@pytest.mark.parametrize(("area", "subject", "answers"), list_ok_cases(ALARM_CASES))
def test_a_healthy_part_is_ok_with_evidence(area: str, subject: str, answers: AwsAnswers) -> None:
    require_ok(area, subject, answers)


@pytest.mark.parametrize(
    ("area", "subject", "answers", "evidence", "command"), list_failing_cases(ALARM_CASES)
)
def test_it_fails_for_its_reason_and_names_a_command(
    area: str, subject: str, answers: AwsAnswers, evidence: str, command: str
) -> None:
    require_failing(area, subject, answers, evidence, command)


@pytest.mark.parametrize(("area", "subject", "answers", "api"), list_unanswered_cases(ALARM_CASES))
def test_without_an_answer_it_is_unknown_and_never_ok(
    area: str, subject: str, answers: AwsAnswers, api: str
) -> None:
    require_unknown(area, subject, answers, api)

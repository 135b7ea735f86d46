"""The health checks of the fleet: instances, scaling, instance refreshes."""

import pytest

from tests.ops.health_answers import (
    AwsAnswers,
    answer_activity,
    answer_group,
    answer_refresh,
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

FLEET_CASES: list[HealthCase] = [
    (
        "fleet",
        "instances",
        answer_group(),
        [
            (answer_group("Unhealthy"), "1 of 2 instances", "ops fleet instances"),
            (
                answer_group(SuspendedProcesses=[{"ProcessName": "Launch"}]),
                "suspended processes: Launch",
                "ops fleet activities",
            ),
            (answer_group(MaxSize=2, MinSize=1), "at its maximum of 2", "ops fleet limits"),
            ({"autoscaling.describe_auto_scaling_groups": []}, "is gone", REFRESH_COMMAND),
        ],
    ),
    (
        "fleet",
        "scaling",
        answer_activity("Successful"),
        [
            (answer_activity("Failed"), "no capacity in the zone", "ops fleet activities"),
        ],
    ),
    (
        "fleet",
        "instance refresh",
        answer_refresh("Successful"),
        [
            (answer_refresh("Failed"), "Failed, 0 %: why", "ops fleet refresh status"),
            (
                answer_refresh("RollbackSuccessful"),
                "RollbackSuccessful",
                "ops fleet refresh status",
            ),
        ],
    ),
]


@pytest.mark.parametrize(("area", "subject", "answers"), list_ok_cases(FLEET_CASES))
def test_a_healthy_part_is_ok_with_evidence(area: str, subject: str, answers: AwsAnswers) -> None:
    require_ok(area, subject, answers)


@pytest.mark.parametrize(
    ("area", "subject", "answers", "evidence", "command"), list_failing_cases(FLEET_CASES)
)
def test_it_fails_for_its_reason_and_names_a_command(
    area: str, subject: str, answers: AwsAnswers, evidence: str, command: str
) -> None:
    require_failing(area, subject, answers, evidence, command)


@pytest.mark.parametrize(("area", "subject", "answers", "api"), list_unanswered_cases(FLEET_CASES))
def test_without_an_answer_it_is_unknown_and_never_ok(
    area: str, subject: str, answers: AwsAnswers, api: str
) -> None:
    require_unknown(area, subject, answers, api)

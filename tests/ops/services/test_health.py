"""The health checks of the services: tasks, stopped tasks, scaling."""

import pytest

from ops.core.checks import UnknownAnswerError
from tests.ops.health.test_case import HealthCaseTests
from tests.ops.health_answers import (
    AwsAnswers,
    answer_deployment,
    answer_scaling,
    answer_services,
    answer_task,
)
from tests.ops.health_cases import REFRESH_COMMAND, HealthCase
from tests.ops.single_check import format_time_ago, run_check

SERVICE_CASES: list[HealthCase] = [
    (
        "services",
        "tasks",
        answer_services(),
        [
            (
                answer_services(runningCount=1),
                "1 of 2 tasks run",
                "ops service tasks --service backend",
            ),
            (
                answer_services(desiredCount=0, runningCount=0),
                "0 of 0",
                "ops service scale COUNT --service backend",
            ),
            (answer_services(status="INACTIVE"), "is INACTIVE", REFRESH_COMMAND),
            ({"ecs.describe_services": []}, "is gone", REFRESH_COMMAND),
            (
                answer_deployment("FAILED", format_time_ago(minutes=5)),
                "failed: tasks failed to start",
                "ops service events --service backend",
            ),
            (
                answer_deployment("IN_PROGRESS", format_time_ago(minutes=45)),
                "a deployment has been in progress for 45 min",
                "ops service events --service backend",
            ),
        ],
    ),
    (
        "services",
        "stopped tasks",
        {"ecs.list_tasks": []},
        [
            (
                answer_task(
                    stopCode="TaskFailedToStart",
                    stoppedReason="CannotPullContainerError: not found",
                ),
                "1x CannotPullContainerError: not found",
                "ops service tasks --service backend",
            ),
            (
                answer_task(
                    stopCode="EssentialContainerExited",
                    stoppedReason="Essential container exited",
                    containers=[{"name": "app", "exitCode": 137, "reason": "OutOfMemory"}],
                ),
                "app exited 137 (OutOfMemory)",
                "ops service tasks --service backend",
            ),
            (
                answer_task(
                    stopCode="ServiceSchedulerInitiated",
                    stoppedReason="Task failed ELB health checks",
                ),
                "Task failed ELB health checks",
                "ops service tasks --service backend",
            ),
        ],
    ),
    (
        "services",
        "scaling",
        answer_scaling(),
        [
            (answer_scaling(StatusCode="Failed"), "Failed: why", "ops service limits"),
            (
                answer_scaling(desired=10),
                "at its maximum of 10 tasks",
                "ops service autoscaling --service backend --max COUNT",
            ),
            (
                {**answer_scaling(), "application-autoscaling.describe_scalable_targets": []},
                "automatic scaling is missing",
                REFRESH_COMMAND,
            ),
        ],
    ),
]


class TestServiceCases(HealthCaseTests):
    cases = SERVICE_CASES


def test_tasks_that_cannot_be_described_are_unknown() -> None:
    answers: AwsAnswers = {
        "ecs.list_tasks": ["arn-1"],
        "ecs.describe_tasks": UnknownAnswerError("throttled"),
    }
    (finding,) = run_check("services", "stopped tasks", answers)
    assert (finding.state, finding.evidence) == ("unknown", "throttled")


@pytest.mark.parametrize(
    "task_fields",
    [
        {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling activity initiated by"},
        {"stopCode": "UserInitiated", "stoppedReason": "ops service restart"},
        {"stopCode": "EssentialContainerExited", "group": "service:of-another"},
    ],
)
def test_a_task_that_was_meant_to_stop_is_no_fault(task_fields: dict[str, str]) -> None:
    (finding,) = run_check("services", "stopped tasks", answer_task(**task_fields))
    assert finding.state == "ok"

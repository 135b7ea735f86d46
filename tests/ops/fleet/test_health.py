"""The health checks of the fleet: instances, scaling, instance refreshes."""

import pytest

from tests.ops.health.test_case import HealthCaseTests
from tests.ops.health_answers import (
    AwsAnswers,
    answer_activity,
    answer_group,
    answer_refresh,
)
from tests.ops.health_cases import REFRESH_COMMAND, HealthCase
from tests.ops.single_check import build_changed_outputs, run_check


def answer_template(
    *versions: tuple[int, str], group_version: str = "1", refresh_status: str = "Successful"
) -> AwsAnswers:
    """The answers about a group of a version, and about versions of its template with an AMI."""
    specification = {"LaunchTemplateId": "lt-1", "Version": group_version}
    policy = {"LaunchTemplate": {"LaunchTemplateSpecification": specification}}
    templates = [
        {"VersionNumber": number, "LaunchTemplateData": {"ImageId": image}}
        for number, image in versions
    ]
    return {
        **answer_group(MixedInstancesPolicy=policy),
        **answer_refresh(refresh_status),
        "ec2.describe_launch_template_versions": templates,
    }


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
    (
        "fleet",
        "launch template",
        answer_template((1, "ami-1")),
        [
            (
                answer_template((1, "ami-1"), (2, "ami-2")),
                "the group uses version 1, $Latest waits",
                "ops fleet refresh start --template-version latest",
            ),
            (
                {
                    **answer_template((1, "ami-1")),
                    "autoscaling.describe_auto_scaling_groups": [],
                },
                "is gone",
                REFRESH_COMMAND,
            ),
        ],
    ),
]


class TestFleetCases(HealthCaseTests):
    cases = FLEET_CASES


@pytest.mark.parametrize(
    ("answers", "state", "evidence"),
    [
        (answer_template((1, "ami-1"), (3, "ami-1")), "ok", "version 1 is deployed"),
        (
            answer_template((1, "ami-1"), (3, "ami-2"), refresh_status="InProgress"),
            "ok",
            "the group uses version 1, 3 waits; an instance refresh is in progress",
        ),
        (answer_template((1, "ami-1"), (3, "ami-2")), "failing", "version 1, 3 waits"),
        (answer_template(), "unknown", "has no version 1"),
    ],
)
def test_a_version_waits_if_it_differs_and_nothing_brings_it(
    answers: AwsAnswers, state: str, evidence: str
) -> None:
    outputs = build_changed_outputs("fleet", launch_template_version="3")
    (finding,) = run_check("fleet", "launch template", answers, outputs)
    assert (finding.state, evidence in finding.evidence) == (state, True), finding

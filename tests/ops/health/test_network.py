"""The health checks of the network: the VPC and its NAT."""

import pytest

from tests.ops.health_answers import (
    AwsAnswers,
    answer_nat_gateway,
    answer_nat_instance,
    answer_refused_connections,
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

NETWORK_CASES: list[HealthCase] = [
    (
        "network",
        "VPC",
        {"ec2.describe_vpcs": [{"State": "available"}]},
        [
            ({"ec2.describe_vpcs": []}, "is gone", REFRESH_COMMAND),
            ({"ec2.describe_vpcs": [{"State": "pending"}]}, "is pending", REFRESH_COMMAND),
        ],
    ),
    (
        "network",
        "NAT gateways",
        answer_nat_gateway("available"),
        [
            (answer_nat_gateway("failed"), "nat-a is failed: no address", REFRESH_COMMAND),
            ({"ec2.describe_nat_gateways": []}, "nat-a is gone", REFRESH_COMMAND),
        ],
    ),
    (
        "network",
        "NAT ports",
        answer_refused_connections(0),
        [
            (
                answer_refused_connections(7),
                "7 connections were refused",
                "aws ec2 describe-nat-gateways",
            ),
        ],
    ),
    (
        "network",
        "NAT instances",
        answer_nat_instance("running", "ok"),
        [
            (answer_nat_instance("stopped", "ok"), "i-1 is stopped", REFRESH_COMMAND),
            (answer_nat_instance("running", "impaired"), "system is impaired", REFRESH_COMMAND),
        ],
    ),
]


@pytest.mark.parametrize(("area", "subject", "answers"), list_ok_cases(NETWORK_CASES))
def test_a_healthy_part_is_ok_with_evidence(area: str, subject: str, answers: AwsAnswers) -> None:
    require_ok(area, subject, answers)


@pytest.mark.parametrize(
    ("area", "subject", "answers", "evidence", "command"), list_failing_cases(NETWORK_CASES)
)
def test_it_fails_for_its_reason_and_names_a_command(
    area: str, subject: str, answers: AwsAnswers, evidence: str, command: str
) -> None:
    require_failing(area, subject, answers, evidence, command)


@pytest.mark.parametrize(
    ("area", "subject", "answers", "api"), list_unanswered_cases(NETWORK_CASES)
)
def test_without_an_answer_it_is_unknown_and_never_ok(
    area: str, subject: str, answers: AwsAnswers, api: str
) -> None:
    require_unknown(area, subject, answers, api)

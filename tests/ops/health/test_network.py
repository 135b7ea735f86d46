"""The health checks of the network: the VPC and its NAT."""

from tests.ops.health.test_case import HealthCaseTests
from tests.ops.health_answers import (
    answer_nat_gateway,
    answer_nat_instance,
    answer_refused_connections,
)
from tests.ops.health_cases import REFRESH_COMMAND, HealthCase

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


class TestNetworkCases(HealthCaseTests):
    cases = NETWORK_CASES

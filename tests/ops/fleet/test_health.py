"""The health checks of the fleet: instances, scaling, instance refreshes."""

from tests.ops.health.test_case import HealthCaseTests
from tests.ops.health_answers import (
    answer_activity,
    answer_group,
    answer_refresh,
)
from tests.ops.health_cases import REFRESH_COMMAND, HealthCase

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


class TestFleetCases(HealthCaseTests):
    cases = FLEET_CASES

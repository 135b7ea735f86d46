"""`ops quotas request`: in the stack's region and in its recovery region."""

from typing import Final

from ops.core.plan import Plan
from ops.quotas.request import (
    build_request_plan,
    get_quota,
    list_quota_requests,
    list_region_requests,
    read_limit,
)
from tests.ops.procedures import Procedure
from tests.ops.stage import RECOVERY_REGION, REGION, Stage

REQUEST_RUN: Final = "quota-20261121-120000-abcd"


def put_nothing(_: Stage) -> None:
    """A quota is there in every account."""


def plan_request(stage: Stage, code: str, value: float, region: str = REGION) -> Plan:
    quota = get_quota(code)
    return build_request_plan(
        stage.outputs,
        quota,
        read_limit(stage.aws, quota, region),
        list_quota_requests(stage.aws, quota, region),
        value,
        region,
        REQUEST_RUN,
    )


def collect_requests(stage: Stage) -> object:
    """What was asked for, in both regions."""
    return [
        (region, request["QuotaCode"], request["DesiredValue"])
        for region in (REGION, RECOVERY_REGION)
        for request in list_region_requests(stage.aws, region)
    ]


PROCEDURES: Final = (
    Procedure(
        "quotas request",
        "L-244521F2 --value 400",  # of which Service Quotas has only the default
        put_nothing,
        lambda stage: plan_request(stage, "L-244521F2", 400),
        collect_requests,
    ),
    Procedure(
        "quotas request",
        "L-7B6409FD --value 60",
        put_nothing,
        lambda stage: plan_request(stage, "L-7B6409FD", 60),
        collect_requests,
    ),
    Procedure(
        "quotas request",
        f"L-0263D0A3 --value 9 --in {RECOVERY_REGION}",
        put_nothing,
        lambda stage: plan_request(stage, "L-0263D0A3", 9, RECOVERY_REGION),
        collect_requests,
    ),
)

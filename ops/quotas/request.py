"""The plan that asks AWS for more of a quota, and the requests that were made."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import Aws, get_error_code
from ops.core.counts import format_amount
from ops.core.errors import RefusedError, UsageError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.quota_apis import DEFAULT_QUOTA_API, NO_QUOTA_CODES, QUOTA_API
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.core.stack_scope import list_stack_regions
from ops.quotas.apis import QUOTA_REQUESTS_API, REQUEST_API, REQUESTS_API
from ops.quotas.check import (
    OPEN_REQUEST_STATUSES,
    build_aws_line,
)
from ops.quotas.model import Quota
from ops.quotas.table import QUOTAS_BY_CODE

if TYPE_CHECKING:
    from ops.outputs import Outputs

# Seconds until a request is in the history (assumed: AWS states none).
RECORDED_WITHIN_SECONDS: Final = 300
RECORDED_SECONDS: Final = 5


def get_quota(code: str) -> Quota:
    """The quota of a code. Raises UsageError, with the nearest ones, if the table has none."""
    quota = QUOTAS_BY_CODE.get(code)
    if quota is None:
        nearest = get_close_matches(code.upper(), QUOTAS_BY_CODE, 3, 0.6)
        hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
        raise UsageError(
            f"CODE must be a code of `ops quotas`, like L-7B6409FD, not {code!r}{hint}",
            "ops quotas",
        )
    if quota.is_global:
        raise UsageError(
            f"CODE is {code!r}, a quota of the whole account, which is not of the stack's regions; "
            "ask for it by hand",
            build_aws_line(quota, "us-east-1", "VALUE"),
        )
    return quota


def resolve_region(outputs: "Outputs", region: str | None) -> str:
    """The region of --in. Raises UsageError unless it is one of the stack's two."""
    regions = list_stack_regions(outputs.stack)
    if region is None or region in regions:
        return region or outputs.stack.region
    raise UsageError(f"--in must be {' or '.join(regions)}, not {region!r}")


def read_limit(aws: Aws, quota: Quota, region: str) -> Mapping[str, Any]:
    """What Service Quotas says of a quota: the applied value, else the default.

    Raises RefusedError if it has neither.
    """
    params: JsonObject = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    for api in (QUOTA_API, DEFAULT_QUOTA_API):
        try:
            answer: Any = aws.call(api, params, region)
        except ClientError as error:
            if get_error_code(error) not in NO_QUOTA_CODES:
                raise
            continue
        details: Mapping[str, Any] = answer["Quota"]
        return details
    raise RefusedError(f"Service Quotas has no {quota.service}/{quota.code} in {region}")


def list_quota_requests(aws: Aws, quota: Quota, region: str) -> list[Any]:
    """The requests that were made for a quota, as AWS keeps them (90 days)."""
    params: JsonObject = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    return list(aws.list_items(QUOTA_REQUESTS_API, "RequestedQuotas", params, region))


def list_region_requests(aws: Aws, region: str) -> list[Any]:
    """All requests of a region."""
    return list(aws.list_items(REQUESTS_API, "RequestedQuotas", {}, region))


def require_requestable(
    quota: Quota, details: Mapping[str, Any], requests: list[Any], value: float
) -> None:
    """Raises UsageError unless AWS could grant the value: it is more, and nothing is pending."""
    current = float(details["Value"])
    if not details.get("Adjustable", True):
        raise UsageError(f"CODE is {quota.code!r} ({quota.name}), which AWS does not raise")
    if value <= current:
        raise UsageError(
            f"--value must be more than {format_amount(current)}, which applies now, "
            f"not {format_amount(value)}"
        )
    for request in requests:
        is_waiting = request["Status"] in OPEN_REQUEST_STATUSES
        is_coming = request["Status"] == "APPROVED" and float(request["DesiredValue"]) >= value
        if is_waiting or is_coming:
            raise UsageError(
                f"CODE is {quota.code!r}, for which "
                f"{format_amount(float(request['DesiredValue']))} was asked "
                f"for on {str(request['Created'])[:10]} ({request['Status']}): one request at a "
                "time",
                "ops quotas requests",
            )


def build_request_plan(
    outputs: "Outputs",
    quota: Quota,
    details: Mapping[str, Any],
    requests: list[Any],
    value: float,
    region: str,
    run: str,
    reason: str = "",
) -> Plan:
    """Builds the plan of a request. Raises UsageError if AWS could not grant it."""
    require_requestable(quota, details, requests, value)
    amount = format_amount(value)
    codes = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    history = Call(api=QUOTA_REQUESTS_API, params={**codes}, region=region)
    statuses = " || ".join(f"Status == '{name}'" for name in (*OPEN_REQUEST_STATUSES, "APPROVED"))
    recorded = f"length(RequestedQuotas[?DesiredValue == `{amount}` && ({statuses})]) > `0`"
    place = "" if region == outputs.stack.region else f" --in {region}"
    return build_stack_plan(
        outputs,
        run,
        "quotas request",
        Step(
            name="request",
            description=f"ask AWS for {amount} of {quota.name} in {region}",
            action=Call(
                api=REQUEST_API,
                params={**codes, "DesiredValue": value},
                region=region,
                # A second one while the first is open is refused with it, so twice equals once.
                expected_errors=("ResourceAlreadyExistsException",),
            ),
            goal=Wait(
                read=history,
                met={recorded: True},
                every=5,
                within=RECORDED_WITHIN_SECONDS,
                typical=RECORDED_SECONDS,
                source="assumed: AWS states none",
            ),
        ),
        changes=[
            f"AWS is asked for {amount} of {quota.name} ({quota.code}) in {region}; "
            f"{format_amount(float(details['Value']))} applies now"
        ],
        losses=[],
        cost=NO_COST,
        notes=[
            "AWS answers within minutes to days; `ops quotas requests` shows its answer.",
            "A request cannot be taken back here, and a quota that was raised is not lowered.",
        ],
        arguments=f"{quota.code} --value {amount}{place}",
        reason=reason,
        region=region,
    )

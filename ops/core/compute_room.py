"""Whether the account's quotas have room for more tasks or instances, for a plan that adds some."""

import math
from dataclasses import dataclass
from typing import Any, Final

from components.facts.units import HOUR_SECONDS
from ops.core import clock
from ops.core.aws import Aws
from ops.core.check_runner import send_read
from ops.core.checks import CheckFacts, UnknownAnswerError, build_read
from ops.core.counts import format_amount
from ops.core.errors import OpsError
from ops.core.metrics import (
    build_dimensioned_metric_query,
    build_metric_read,
    collect_metric_values,
)
from ops.core.quota_apis import (
    DEFAULT_QUOTA_API,
    FARGATE_CODE,
    INSTANCES_CODE,
    NO_QUOTA_CODES,
    QUOTA_API,
)
from ops.outputs import Outputs

USAGE_PERIOD_SECONDS: Final = 300


@dataclass(frozen=True)
class ComputeNeed:
    """vCPUs that a change adds, and all that its service or its fleet has afterwards."""

    service: str  # as Service Quotas has it
    code: str
    usage_service: str  # as AWS/Usage has it
    name: str
    more: float
    total: float


def build_fargate_need(more: float, total: float) -> ComputeNeed:
    """The vCPUs of tasks on demand."""
    return ComputeNeed("fargate", FARGATE_CODE, "Fargate", "vCPUs of Fargate", more, total)


def build_instances_need(more: float, total: float) -> ComputeNeed:
    """The vCPUs of instances of the standard families on demand."""
    return ComputeNeed("ec2", INSTANCES_CODE, "EC2", "vCPUs of standard instances", more, total)


def read_compute_notes(aws: Aws, outputs: Outputs, need: ComputeNeed) -> tuple[str, ...]:
    """What a plan says of a quota of vCPUs: nothing if it adds none, or if they fit.

    Raises OpsError if they certainly do not: what is there afterwards is more than the account may
    have at all. What may not fit, by the use of the last hour, is a note, as is what is not known;
    AWS itself then starts as much as it may.
    """
    if need.more <= 0:
        return ()
    region = outputs.stack.region
    try:
        limit = _read_limit(aws, region, need)
    except UnknownAnswerError as error:
        return (f"The quota of {need.name} is not known: {error}",)
    if need.total > limit:
        raise OpsError(
            f"the account may have {format_amount(limit)} {need.name} in {region}, and these alone "
            f"would be {format_amount(need.total)}: less, or a higher quota",
            f"ops quotas request {need.code} --value {math.ceil(need.total)}",
        )
    try:
        used = _read_use(aws, outputs, need)
    except UnknownAnswerError as error:
        return (f"How many {need.name} the account uses is not known: {error}",)
    if used + need.more <= limit:
        return ()
    return (
        f"These may not all start: the account had {math.ceil(used)} of {format_amount(limit)} "
        f"{need.name} in use in the last hour, and this adds {format_amount(need.more)}. More: "
        f"ops quotas request {need.code} --value {math.ceil(used + need.more)}",
    )


def _read_limit(aws: Aws, region: str, need: ComputeNeed) -> float:
    """The value that applies to the account, else AWS's default. Raises UnknownAnswerError."""
    for api in (QUOTA_API, DEFAULT_QUOTA_API):
        read = build_read(
            api, "", absent_codes=NO_QUOTA_CODES, ServiceCode=need.service, QuotaCode=need.code
        )
        answer = send_read(aws, read, region)
        if isinstance(answer, UnknownAnswerError):
            raise answer
        if answer:
            body: Any = answer[0]
            return float(body["Quota"]["Value"])
    raise UnknownAnswerError(f"Service Quotas has no {need.service}/{need.code} in {region}")


def _read_use(aws: Aws, outputs: Outputs, need: ComputeNeed) -> float:
    """The most of the last hour. Raises UnknownAnswerError without a value.

    ECS Developer Guide, "AWS Fargate usage metrics"; EC2 User Guide, "Amazon EC2 usage metrics".
    """
    dimensions = {
        "Service": need.usage_service,
        "Type": "Resource",
        "Resource": "vCPU",
        "Class": "Standard/OnDemand",
    }
    query = build_dimensioned_metric_query(
        "AWS/Usage", "ResourceCount", "Maximum", dimensions, USAGE_PERIOD_SECONDS
    )
    facts = CheckFacts(outputs, clock.now())
    answer = send_read(aws, build_metric_read([query], facts, HOUR_SECONDS), outputs.stack.region)
    if isinstance(answer, UnknownAnswerError):
        raise answer
    values = collect_metric_values(answer).get(query.id, [])
    if not values:
        raise UnknownAnswerError("CloudWatch has no value of AWS/Usage of the last hour")
    return max(values)

"""What is asked of Cost Explorer about a stack, and what its answers say.

A stack's costs are those with its tags `Project` and `Environment`; `Component` names the part.
Credits and refunds are left out, so that a gift hides no cost. Taxes and support carry no tags.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from components.facts.model import STACK_TAG_KEYS
from ops.core.checks import ReadRequest, UnknownAnswerError, build_read
from ops.outputs import Outputs

# The endpoint of the partition (AWS General Reference, "AWS Cost Explorer endpoints and quotas").
COST_REGION: Final = "us-east-1"
USAGE_API: Final = "ce.get_cost_and_usage"
FORECAST_API: Final = "ce.get_cost_forecast"
ANOMALIES_API: Final = "ce.get_anomalies"
TAGS_API: Final = "ce.list_cost_allocation_tags"
PROJECT_TAG, ENVIRONMENT_TAG, COMPONENT_TAG = STACK_TAG_KEYS[:3]
METRIC: Final = "UnblendedCost"  # what the bill says of an account that is not consolidated
LEFT_OUT: Final = ("Credit", "Refund")
NO_DATA_CODE: Final = "DataUnavailableException"
NO_DATA_TEXT: Final = (
    "Cost Explorer has no data of this time: a new account has some up to 24 hours after Cost "
    "Explorer was opened in the console for the first time"
)
NO_TAGGED_TEXT: Final = (
    "no cost has the stack's tags in this time: a tag counts from the day it was activated"
)
Dimension = Literal["SERVICE", "USAGE_TYPE"]
ACTIVE_STATUS: Final = "Active"


@dataclass(frozen=True)
class DayCost:
    """What one group of costs was on a day; fields that it is not grouped by are empty."""

    day: date
    component: str
    service: str
    usage_type: str
    amount: float
    unit: str
    is_estimated: bool


def build_filter(outputs: Outputs, *, is_tagged: bool = True) -> dict[str, Any]:
    """The costs of the stack, or of the whole account; without credits and refunds."""
    charges: dict[str, Any] = {
        "Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": list(LEFT_OUT)}}
    }
    if not is_tagged:
        return charges
    tags = {PROJECT_TAG: outputs.stack.project, ENVIRONMENT_TAG: outputs.stack.stack}
    return {"And": [*({"Tags": {"Key": k, "Values": [v]}} for k, v in tags.items()), charges]}


def build_usage_read(
    outputs: Outputs,
    start: date,
    end: date,
    *dimensions: Dimension,
    by_component: bool = True,
    is_tagged: bool = True,
) -> ReadRequest:
    """The costs of each day from `start`, before `end`, by component and these dimensions."""
    groupings = [{"Type": "DIMENSION", "Key": dimension} for dimension in dimensions]
    if by_component:
        groupings.insert(0, {"Type": "TAG", "Key": COMPONENT_TAG})
    return build_read(
        USAGE_API,
        "ResultsByTime",
        region=COST_REGION,
        absent_codes=(NO_DATA_CODE,),
        TimePeriod={"Start": start.isoformat(), "End": end.isoformat()},
        Granularity="DAILY",
        Metrics=[METRIC],
        Filter=build_filter(outputs, is_tagged=is_tagged),
        GroupBy=groupings,
    )


def build_tags_read() -> ReadRequest:
    """Whether the tags that costs are told by are active."""
    keys = [PROJECT_TAG, ENVIRONMENT_TAG, COMPONENT_TAG]
    return build_read(TAGS_API, "CostAllocationTags", region=COST_REGION, TagKeys=keys)


def list_inactive_tags(items: Iterable[Mapping[str, Any]]) -> list[str]:
    """The tags that costs cannot be told by: not active, or not known to the bill yet."""
    active = {str(item["TagKey"]) for item in items if item.get("Status") == ACTIVE_STATUS}
    return [key for key in (PROJECT_TAG, ENVIRONMENT_TAG, COMPONENT_TAG) if key not in active]


def build_activation_command(tags: Sequence[str]) -> str:
    """The command that activates tags, in the account that pays."""
    words = " ".join(f"TagKey={tag},Status={ACTIVE_STATUS}" for tag in tags)
    return (
        f"aws ce update-cost-allocation-tags-status --region {COST_REGION} "
        f"--cost-allocation-tags-status {words}"
    )


def parse_costs(read: ReadRequest, items: Sequence[Mapping[str, Any]]) -> list[DayCost]:
    """The costs in an answer.

    Raises UnknownAnswerError if it has none: nothing spent is not what that means.
    """
    if not items:
        raise UnknownAnswerError(NO_DATA_TEXT)
    keys = [str(grouping["Key"]) for grouping in json.loads(read.params)["GroupBy"]]
    costs: list[DayCost] = []
    for result in items:
        for group in result["Groups"]:
            values = dict(zip(keys, group["Keys"], strict=True))
            metric = group["Metrics"][METRIC]
            component = values.get(COMPONENT_TAG, "").removeprefix(f"{COMPONENT_TAG}$")
            costs.append(
                DayCost(
                    date.fromisoformat(result["TimePeriod"]["Start"]),
                    component,
                    values.get("SERVICE", ""),
                    values.get("USAGE_TYPE", ""),
                    float(metric["Amount"]),
                    str(metric["Unit"]),
                    bool(result["Estimated"]),
                )
            )
    if not costs:
        raise UnknownAnswerError(NO_TAGGED_TEXT)
    if len(units := {cost.unit for cost in costs}) > 1:
        raise UnknownAnswerError(f"the costs are in several units: {', '.join(sorted(units))}")
    return costs

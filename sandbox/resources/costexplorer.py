"""The monitors and subscriptions of Cost Anomaly Detection."""

import json
from collections.abc import Mapping
from typing import Any, Final

from sandbox.resources.entry import (
    EntryCall,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

# Pulumi's plural names of lists that AWS names in the singular, and of Python's word.
_EXPRESSION_NAMES: Final = {"ands": "And", "ors": "Or", "dimension": "Dimensions"}


def build_expression(inputs: Any) -> Any:
    """An expression of Budgets or Cost Explorer, under AWS's names."""
    if isinstance(inputs, list):
        return [build_expression(item) for item in inputs]
    if not isinstance(inputs, Mapping):
        return inputs
    return {
        _EXPRESSION_NAMES.get(name, name[0].upper() + name[1:]): build_expression(value)
        for name, value in inputs.items()
        if value is not None
    }


def build_resource_tags(inputs: EntryInputs) -> list[dict[str, str]]:
    """The tags as AWS takes them; they are no input any more."""
    return [{"Key": key, "Value": value} for key, value in inputs.pop("tags", {}).items()]


def _build_monitor(inputs: EntryInputs) -> EntryInputs:
    specification = json.loads(inputs.pop("monitorSpecification"))
    return {
        "resourceTags": build_resource_tags(inputs),
        "specification": build_expression(specification),
        **inputs,
    }


def _build_subscription(inputs: EntryInputs) -> EntryInputs:
    return {
        "resourceTags": build_resource_tags(inputs),
        "subscribers": build_expression(inputs.pop("subscribers")),
        "threshold": build_expression(inputs.pop("thresholdExpression")),
        **inputs,
    }


ENTRIES: EntryTable = {
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": ResourceEntry(
        EntryCall(
            "ce.create_anomaly_monitor",
            {
                "AnomalyMonitor": {
                    "MonitorName": "in.name",
                    "MonitorType": "in.monitorType",
                    "MonitorSpecification": "in.specification",
                },
                "ResourceTags": "in.resourceTags",
            },
        ),
        id="out.MonitorArn",
        naming=PhysicalNaming(max_length=1024),
        prepare=_build_monitor,
        outputs={"arn": "id"},
        find_call=EntryCall("ce.get_anomaly_monitors", {"MonitorArnList": ["id"]}),
        find_result="out.AnomalyMonitors",
    ),
    "aws:costexplorer/anomalySubscription:AnomalySubscription": ResourceEntry(
        EntryCall(
            "ce.create_anomaly_subscription",
            {
                "AnomalySubscription": {
                    "SubscriptionName": "in.name",
                    "Frequency": "in.frequency",
                    "MonitorArnList": "in.monitorArnLists",
                    "Subscribers": "in.subscribers",
                    "ThresholdExpression": "in.threshold",
                },
                "ResourceTags": "in.resourceTags",
            },
        ),
        id="out.SubscriptionArn",
        naming=PhysicalNaming(max_length=1024),
        prepare=_build_subscription,
        outputs={"arn": "id"},
        find_call=EntryCall("ce.get_anomaly_subscriptions", {"SubscriptionArnList": ["id"]}),
        find_result="out.AnomalySubscriptions",
    ),
}

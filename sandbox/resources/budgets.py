"""Budgets."""

from sandbox.resources.costexplorer import build_expression, build_resource_tags
from sandbox.resources.entry import (
    EntryCall,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)


def _build_budget(inputs: EntryInputs) -> EntryInputs:
    """The inputs as CreateBudget takes them."""
    notifications = [
        {
            "Notification": build_expression(
                {k: v for k, v in entry.items() if not k.startswith("subscriber")}
            ),
            "Subscribers": [
                {"SubscriptionType": "SNS", "Address": arn}
                for arn in entry["subscriberSnsTopicArns"]
            ],
        }
        for entry in inputs.pop("notifications", [])
    ]
    budget = {
        "BudgetName": inputs["name"],
        "BudgetLimit": {"Amount": inputs.pop("limitAmount"), "Unit": inputs.pop("limitUnit")},
        "BudgetType": inputs.pop("budgetType"),
        "TimeUnit": inputs.pop("timeUnit"),
        "FilterExpression": build_expression(inputs.pop("filterExpression")),
        "Metrics": [inputs.pop("metrics")],
    }
    return {
        "resourceTags": build_resource_tags(inputs),
        "budget": budget,
        "notificationsWithSubscribers": notifications,
        **inputs,
    }


ENTRIES: EntryTable = {
    "aws:budgets/budget:Budget": ResourceEntry(
        EntryCall(
            "budgets.create_budget",
            {
                "AccountId": "account",
                "Budget": "in.budget",
                "NotificationsWithSubscribers": "in.notificationsWithSubscribers",
                "ResourceTags": "in.resourceTags",
            },
        ),
        id="${account}:${in.name}",
        naming=PhysicalNaming(max_length=100),
        prepare=_build_budget,
        ignored_inputs={"name": "it is in the budget"},
        outputs={
            "accountId": "account",
            "name": "in.name",
            "arn": "arn:${partition}:budgets::${account}:budget/${in.name}",
        },
        find_call=EntryCall(
            "budgets.describe_budget", {"AccountId": "account", "BudgetName": "in.name"}
        ),
        find_result="out.Budget",
    ),
}

"""Facts of budgets and of Cost Anomaly Detection. Both are free (AWS Cost Management pricing)."""

from typing import Final

from components.facts.model import ChangeEffect, Guard, ResourceFact

COST_GUIDE: Final = "Cost Management User Guide"

FACTS: Final = (
    ResourceFact(
        type="aws:budgets/budget:Budget",
        replacing=("name",),
        # The type and the time unit are updated in place: of aws_budgets_budget's arguments the
        # name alone forces a new one (terraform-provider-aws).
        harmless=(
            "budgetType",
            "filterExpression",
            "limitAmount",
            "limitUnit",
            "metrics",
            "notifications",
            "timeUnit",
        ),
        guard=Guard("nobody is told if the stack costs more than its budget", COST_GUIDE),
        service="budgets",
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:costexplorer/anomalyMonitor:AnomalyMonitor",
        replacing=("monitorSpecification", "monitorType", "monitorDimension"),
        removal=ChangeEffect(
            "the anomalies that it found are gone, and a new one learns for ten days",
            "ten days",
            f"{COST_GUIDE}, Detecting unusual spend with AWS Cost Anomaly Detection",
        ),
        service="ce",
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:costexplorer/anomalySubscription:AnomalySubscription",
        replacing=("name", "accountId"),
        harmless=("frequency", "monitorArnLists", "subscribers", "thresholdExpression"),
        guard=Guard("nobody is told of anomalies", COST_GUIDE),
        service="ce",
        is_taggable=True,
    ),
)

"""The IAM actions and resources that each call about costs needs.

Costs have no resource, and one endpoint of the partition (Service Authorization Reference).
"""

from collections.abc import Mapping
from typing import Final

from ops.permissions.grants import (
    COST_REGIONS_CONDITION,
    Grant,
    build_grant,
    build_unscoped_grant,
)

COST_API_GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "budgets.describe_budget": (build_grant("budgets:ViewBudget", "budget"),),
    "ce.get_anomalies": (build_grant("ce:GetAnomalies", "anomaly monitors"),),
    "ce.get_cost_and_usage": (build_unscoped_grant("ce:GetCostAndUsage", COST_REGIONS_CONDITION),),
    "ce.get_cost_forecast": (build_unscoped_grant("ce:GetCostForecast", COST_REGIONS_CONDITION),),
    **{
        f"ce.{call}": (build_unscoped_grant(f"ce:{action}", COST_REGIONS_CONDITION),)
        for call, action in (
            ("get_reservation_coverage", "GetReservationCoverage"),
            ("get_reservation_purchase_recommendation", "GetReservationPurchaseRecommendation"),
            ("get_reservation_utilization", "GetReservationUtilization"),
            ("get_savings_plans_coverage", "GetSavingsPlansCoverage"),
            ("get_savings_plans_purchase_recommendation", "GetSavingsPlansPurchaseRecommendation"),
            ("get_savings_plans_utilization_details", "GetSavingsPlansUtilizationDetails"),
        )
    },
    "ce.list_cost_allocation_tags": (
        build_unscoped_grant("ce:ListCostAllocationTags", COST_REGIONS_CONDITION),
    ),
}

"""The calls about Savings Plans and reservations, in boto3's spelling. Pure data."""

from typing import Final

PLAN_UTILIZATION_API: Final = "ce.get_savings_plans_utilization_details"
PLAN_COVERAGE_API: Final = "ce.get_savings_plans_coverage"
PLAN_RECOMMENDATION_API: Final = "ce.get_savings_plans_purchase_recommendation"
RESERVATION_UTILIZATION_API: Final = "ce.get_reservation_utilization"
RESERVATION_COVERAGE_API: Final = "ce.get_reservation_coverage"
RESERVATION_RECOMMENDATION_API: Final = "ce.get_reservation_purchase_recommendation"
COMMITMENT_CALLS: Final = (
    PLAN_UTILIZATION_API,
    PLAN_COVERAGE_API,
    PLAN_RECOMMENDATION_API,
    RESERVATION_UTILIZATION_API,
    RESERVATION_COVERAGE_API,
    RESERVATION_RECOMMENDATION_API,
)

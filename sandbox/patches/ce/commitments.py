"""Cost Explorer: Savings Plans and reservations that are held, and what it recommends to buy.

An account holds none unless a test puts some; without any, AWS says DataUnavailableException of
their use (API reference, GetSavingsPlansUtilizationDetails; of reservations it is assumed).
"""

from dataclasses import dataclass, field
from typing import Any

from moto.ce.models import CostExplorerBackend
from moto.ce.responses import CostExplorerResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]


@dataclass
class CommitmentState:
    """What Cost Explorer answers with, as records of its API."""

    plans: list[ApiRecord] = field(default_factory=list)
    reservations: list[ApiRecord] = field(default_factory=list)
    plan_advice: list[ApiRecord] = field(default_factory=list)
    reservation_advice: dict[str, list[ApiRecord]] = field(default_factory=dict)


def get_commitments(backend: CostExplorerBackend) -> CommitmentState:
    """The commitments of an account: emptied when moto is reset."""
    return backend_state(backend, "commitments", CommitmentState)


def _require(items: list[ApiRecord]) -> list[ApiRecord]:
    if not items:
        raise AwsError("DataUnavailableException", "Data unavailable for the given parameters.")
    return items


@patch.add_operation(CostExplorerResponse, "GetSavingsPlansUtilizationDetails")
def get_plan_utilization(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    plans = _require(get_commitments(response.ce_backend).plans)
    return {"SavingsPlansUtilizationDetails": plans, "TimePeriod": params["TimePeriod"]}


@patch.add_operation(CostExplorerResponse, "GetSavingsPlansCoverage")
def get_plan_coverage(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    """As much as the plans pay for, of twice that (assumed)."""
    plans = _require(get_commitments(response.ce_backend).plans)
    covered = sum(float(plan["Utilization"]["UsedCommitment"]) for plan in plans)
    coverage = {
        "SpendCoveredBySavingsPlans": f"{covered}",
        "OnDemandCost": f"{covered}",
        "TotalCost": f"{2 * covered}",
        "CoveragePercentage": "50",
    }
    record = {"Attributes": {}, "Coverage": coverage, "TimePeriod": params["TimePeriod"]}
    return {"SavingsPlansCoverages": [record]}


@patch.add_operation(CostExplorerResponse, "GetReservationUtilization")
def get_reservation_utilization(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    groups = _require(get_commitments(response.ce_backend).reservations)
    return {"UtilizationsByTime": [{"TimePeriod": params["TimePeriod"], "Groups": groups}]}


@patch.add_operation(CostExplorerResponse, "GetReservationCoverage")
def get_reservation_coverage(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    _require(get_commitments(response.ce_backend).reservations)
    hours = {
        "OnDemandHours": "540",
        "ReservedHours": "180",
        "TotalRunningHours": "720",
        "CoverageHoursPercentage": "25",
    }
    record = {"TimePeriod": params["TimePeriod"], "Groups": [], "Total": {"CoverageHours": hours}}
    return {"CoveragesByTime": [record], "Total": {"CoverageHours": hours}}


def _build_metadata() -> ApiRecord:
    now = get_sandbox_clock().now()
    return {"RecommendationId": "recommendation", "GenerationTimestamp": now.isoformat()}


@patch.add_operation(CostExplorerResponse, "GetSavingsPlansPurchaseRecommendation")
def get_plan_recommendation(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    asked = ("SavingsPlansType", "TermInYears", "PaymentOption", "LookbackPeriodInDays")
    body: ApiRecord = {name: params[name] for name in asked}
    if advice := get_commitments(response.ce_backend).plan_advice:
        body["SavingsPlansPurchaseRecommendationDetails"] = advice
    return {"Metadata": _build_metadata(), "SavingsPlansPurchaseRecommendation": body}


@patch.add_operation(CostExplorerResponse, "GetReservationPurchaseRecommendation")
def get_reservation_recommendation(response: CostExplorerResponse, params: ApiRecord) -> ApiRecord:
    advice = get_commitments(response.ce_backend).reservation_advice.get(params["Service"])
    body = {"TermInYears": params["TermInYears"], "PaymentOption": params["PaymentOption"]}
    recommendations = [{**body, "RecommendationDetails": advice}] if advice else []
    return {"Metadata": _build_metadata(), "Recommendations": recommendations}

"""Savings Plans and reservations: what the account holds, and what AWS would recommend to buy.

Reads only: nothing here buys. Commitments are the account's, not a stack's: AWS applies them to
whatever matches, so that all figures are of the whole account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from ops.core.checks import CheckFacts, ReadRequest, UnknownAnswerError, build_read
from ops.cost.answers import CostAnswer, CostRoutine, read_answers
from ops.cost.commitment_apis import (
    PLAN_COVERAGE_API,
    PLAN_RECOMMENDATION_API,
    PLAN_UTILIZATION_API,
    RESERVATION_COVERAGE_API,
    RESERVATION_RECOMMENDATION_API,
    RESERVATION_UTILIZATION_API,
)
from ops.cost.explorer import COST_REGION, NO_DATA_CODE
from ops.outputs import Outputs
from ops.prices.price_table import HOURS

Term = Literal["1y", "3y"]
Payment = Literal["none", "partial", "all"]
TERMS: Final[Mapping[Term, str]] = {"1y": "ONE_YEAR", "3y": "THREE_YEARS"}
TERM_MONTHS: Final[Mapping[Term, int]] = {"1y": 12, "3y": 36}
PAYMENTS: Final[Mapping[Payment, str]] = {
    "none": "NO_UPFRONT",
    "partial": "PARTIAL_UPFRONT",
    "all": "ALL_UPFRONT",
}
ADVICE_SPAN: Final = "THIRTY_DAYS"
ADVICE_DAYS: Final = 30
# Days before its end at which a commitment is open: time to decide. Assumed.
ENDS_SOON_DAYS: Final = 60
# Below it AWS's own recommendations would not be followed (assumed): what is unused is paid for.
WELL_USED_PERCENT: Final = 90.0
RDS_SERVICE: Final = "Amazon Relational Database Service"
CACHE_SERVICE: Final = "Amazon ElastiCache"
EC2_SERVICE: Final = "Amazon Elastic Compute Cloud - Compute"
# Names of attributes in what CE says of one commitment; which of them it has is assumed, so that
# one without an end is said to have none known.
_END_NAME: Final = "enddatetime"
_KIND_NAMES: Final = ("savingsplanstype", "instancetype", "service")


@dataclass(frozen=True)
class HeldCommitment:
    """A Savings Plan or a reservation that is paid for. `end` is None if AWS does not say it."""

    name: str
    kind: str
    used_percent: float
    end: datetime | None

    def ends_soon(self, now: datetime) -> bool:
        """True if what it covers is on demand again before long."""
        return self.end is not None and self.end - now < timedelta(days=ENDS_SOON_DAYS)


@dataclass(frozen=True)
class Coverage:
    """How much of what could be covered is, in percent of its cost or hours."""

    kind: str
    percent: float


@dataclass(frozen=True)
class Recommendation:
    """What AWS recommends to buy. `saving` and `saving_percent` are a month's, of what it covers.

    `break_even_months` is when the payment upfront has come back.
    """

    kind: str
    what: str
    saving: float
    saving_percent: float
    upfront: float
    monthly: float
    break_even_months: float
    unit: str
    risk: str


@dataclass(frozen=True)
class Commitments:
    """What is held, covered and recommended. `gaps` say what is not known, with what helps."""

    held: list[HeldCommitment]
    coverages: list[Coverage]
    recommendations: list[Recommendation]
    gaps: list[tuple[str, str]] = field(default_factory=list)
    answers: Sequence[CostAnswer] = field(default=())


def list_reservable_services(outputs: Outputs) -> list[str]:
    """The services of the stack whose instances can be reserved."""
    return [
        RDS_SERVICE,
        *([CACHE_SERVICE] if outputs.cache is not None else []),
        *([EC2_SERVICE] if outputs.fleet is not None else []),
    ]


def read_commitments(
    facts: CheckFacts, term: Term, payment: Payment, *, fresh: bool = False
) -> CostRoutine[Commitments]:
    """Reads all of it; a part that cannot be read is a gap, and the others are known."""
    services = list_reservable_services(facts.outputs)
    reads = [*_build_holding_reads(facts), *_build_advice_reads(services, term, payment)]
    answers = yield from read_answers(facts, reads, fresh=fresh)
    gaps: list[tuple[str, str]] = []

    def get_items(number: int, subject: str) -> list[dict[str, Any]]:
        try:
            return answers[number].get_items()
        except UnknownAnswerError as error:
            gaps.append((f"{subject}: {error}", error.advice))
            return []

    held = [
        *map(_parse_plan, get_items(0, "Savings Plans that are held")),
        *_parse_reservations(get_items(1, "reservations that are held")),
    ]
    coverages = [
        *_parse_plan_coverage(get_items(2, "coverage by Savings Plans")),
        *_parse_reservation_coverage(get_items(3, "coverage by reservations")),
    ]
    recommendations = _parse_plan_advice(get_items(4, "Savings Plans to buy"), term)
    for number, service in enumerate(services, 5):
        items = get_items(number, f"reservations of {service} to buy")
        recommendations += _parse_reservation_advice(items, service, term)
    recommendations.sort(key=lambda item: -item.saving)
    return Commitments(held, coverages, recommendations, gaps, answers)


def _build_read(api: str, items_key: str, **params: Any) -> ReadRequest:
    return build_read(api, items_key, region=COST_REGION, absent_codes=(NO_DATA_CODE,), **params)


def _build_holding_reads(facts: CheckFacts) -> list[ReadRequest]:
    end = facts.now.date()
    period = {"Start": f"{end - timedelta(days=ADVICE_DAYS)}", "End": f"{end}"}
    by_plan = [{"Type": "DIMENSION", "Key": "SUBSCRIPTION_ID"}]
    return [
        _build_read(PLAN_UTILIZATION_API, "SavingsPlansUtilizationDetails", TimePeriod=period),
        _build_read(
            RESERVATION_UTILIZATION_API, "UtilizationsByTime", TimePeriod=period, GroupBy=by_plan
        ),
        _build_read(PLAN_COVERAGE_API, "SavingsPlansCoverages", TimePeriod=period),
        _build_read(RESERVATION_COVERAGE_API, "CoveragesByTime", TimePeriod=period),
    ]


def _build_advice_reads(services: Sequence[str], term: Term, payment: Payment) -> list[ReadRequest]:
    terms = {
        "TermInYears": TERMS[term],
        "PaymentOption": PAYMENTS[payment],
        "LookbackPeriodInDays": ADVICE_SPAN,
        "AccountScope": "LINKED",  # what this account uses, not its whole organization
    }
    return [
        _build_read(PLAN_RECOMMENDATION_API, "", SavingsPlansType="COMPUTE_SP", **terms),
        *(
            _build_read(RESERVATION_RECOMMENDATION_API, "", Service=service, **terms)
            for service in services
        ),
    ]


def _lower_names(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in attributes.items()}


def _parse_end(attributes: Mapping[str, str]) -> datetime | None:
    try:
        return datetime.fromisoformat(attributes[_END_NAME].replace("Z", "+00:00"))
    except (KeyError, ValueError):
        return None


def _describe_kind(attributes: Mapping[str, str]) -> str:
    words = [attributes[name] for name in _KIND_NAMES if attributes.get(name)]
    return ", ".join(words)


def _parse_plan(item: Mapping[str, Any]) -> HeldCommitment:
    attributes = _lower_names(item.get("Attributes") or {})
    return HeldCommitment(
        str(item["SavingsPlanArn"]).rpartition("/")[2],
        f"Savings Plan {_describe_kind(attributes)}".strip(),
        float(item["Utilization"]["UtilizationPercentage"]),
        _parse_end(attributes),
    )


def _parse_reservations(items: Sequence[Mapping[str, Any]]) -> list[HeldCommitment]:
    held = []
    for group in (group for item in items for group in item.get("Groups") or ()):
        attributes = _lower_names(group.get("Attributes") or {})
        held.append(
            HeldCommitment(
                str(group["Value"]),
                f"reservation {_describe_kind(attributes)}".strip(),
                float(group["Utilization"]["UtilizationPercentage"]),
                _parse_end(attributes),
            )
        )
    return held


def _parse_plan_coverage(items: Sequence[Mapping[str, Any]]) -> list[Coverage]:
    covered = sum(float(i["Coverage"]["SpendCoveredBySavingsPlans"]) for i in items)
    total = sum(float(i["Coverage"]["TotalCost"]) for i in items)
    return [Coverage("compute by Savings Plans", 100 * covered / total)] if total else []


def _parse_reservation_coverage(items: Sequence[Mapping[str, Any]]) -> list[Coverage]:
    hours = [item["Total"]["CoverageHours"] for item in items if item.get("Total")]
    reserved = sum(float(h["ReservedHours"]) for h in hours)
    total = sum(float(h["TotalRunningHours"]) for h in hours)
    return [Coverage("instance hours by reservations", 100 * reserved / total)] if total else []


def _describe_risk(saving_percent: float, term: Term, what_changes: str) -> str:
    return (
        f"paid for {TERM_MONTHS[term]} months, used or not: it costs more than on demand once less "
        f"than {100 - saving_percent:.0f} % of it is used; {what_changes}"
    )


def _parse_plan_advice(items: Sequence[Mapping[str, Any]], term: Term) -> list[Recommendation]:
    advice = []
    for item in items:
        body = item.get("SavingsPlansPurchaseRecommendation") or {}
        for detail in body.get("SavingsPlansPurchaseRecommendationDetails") or ():
            saving, upfront = (
                float(detail["EstimatedMonthlySavingsAmount"]),
                float(detail["UpfrontCost"]),
            )
            hourly = float(detail["HourlyCommitmentToPurchase"])
            percent = float(detail["EstimatedSavingsPercentage"])
            advice.append(
                Recommendation(
                    "Compute Savings Plan",
                    f"{hourly:.3f} {detail['CurrencyCode']} an hour",
                    *(saving, percent, upfront),
                    hourly * HOURS,
                    upfront / saving if saving > 0 else 0.0,
                    str(detail["CurrencyCode"]),
                    _describe_risk(
                        percent,
                        term,
                        "it follows any family, size, region, and from EC2 to Fargate; see "
                        "`ops cost rightsizing` first, since less is needed after it",
                    ),
                )
            )
    return advice


def _parse_reservation_advice(
    items: Sequence[Mapping[str, Any]], service: str, term: Term
) -> list[Recommendation]:
    advice = []
    for body in (b for item in items for b in item.get("Recommendations") or ()):
        for detail in body.get("RecommendationDetails") or ():
            percent = float(detail["EstimatedMonthlySavingsPercentage"])
            count = float(detail["RecommendedNumberOfInstancesToPurchase"])
            advice.append(
                Recommendation(
                    f"reservation of {service}",
                    f"{count:g} x {_describe_instance(detail.get('InstanceDetails') or {})}",
                    float(detail["EstimatedMonthlySavingsAmount"]),
                    percent,
                    float(detail["UpfrontCost"]),
                    float(detail["RecurringStandardMonthlyCost"]),
                    float(detail["EstimatedBreakEvenInMonths"]),
                    str(detail["CurrencyCode"]),
                    _describe_risk(
                        percent,
                        term,
                        "it is bound to family, engine and region: another generation, Graviton or "
                        "another region is on demand; see `ops cost rightsizing` first",
                    ),
                )
            )
    return advice


def _describe_instance(details: Mapping[str, Any]) -> str:
    """The instance type and what else the reservation is bound to."""
    for fields in details.values():
        name = fields.get("InstanceType") or fields.get("NodeType") or ""
        names = ("DatabaseEngine", "DeploymentOption", "ProductDescription")
        bounds = [fields.get(field_name) for field_name in names]
        place = fields.get("Region", "")
        return " ".join(filter(None, [str(name), *bounds, f"in {place}" if place else ""]))
    return "an instance"

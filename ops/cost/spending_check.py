"""The monthly check of costs: the budget, AWS's open anomalies, and components that grew much."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from ops.core.checks import CheckFacts, CheckFinding, CheckRoutine, UnknownAnswerError
from ops.cost.answers import CostRoutine, read_answers
from ops.cost.cost_month import LATE, build_cost_month, parse_cost_month
from ops.cost.explorer import DayCost
from ops.cost.forecast import INTERVAL_PERCENT, Forecast, read_forecast
from ops.cost.spending import (
    FAR_ABOVE_SHARE,
    FAR_ABOVE_USD,
    ComparedCost,
    compare_components,
)
from ops.cost.unusual import UnusualCost, build_anomalies_read, parse_anomaly
from ops.findings.model import ResourceFinding, build_finding_id, summarize_findings
from ops.findings.waivers import apply_waivers

SPENDING_AREA: Final = "costs"
BUDGET_SUBJECT: Final = "budget"
ANOMALY_DAYS: Final = 30  # whole days that a monthly look looks back


def check_spending(facts: CheckFacts) -> CheckRoutine:
    """Looks at the month's costs, from answers that are kept for a day. Unknown without tags."""
    forecast = yield from read_forecast(facts)
    findings: list[ResourceFinding] = _list_budget_findings(forecast)
    unknown: list[CheckFinding] = []
    if forecast.budget_gap is not None:
        text, advice = forecast.budget_gap
        unknown.append(CheckFinding("unknown", SPENDING_AREA, BUDGET_SUBJECT, text, advice))
    if forecast.is_by_component:
        findings += list_component_findings(facts, forecast.costs, forecast.unit)
    else:
        text = "costs cannot be told by component: the tag Component is not active"
        unknown.append(
            CheckFinding("unknown", SPENDING_AREA, "components", text, "ops cost report")
        )
    try:
        anomalies = yield from _read_anomalies(facts)
    except UnknownAnswerError as error:
        text = f"anomalies that the monitor found: {error}"
        unknown.append(CheckFinding("unknown", SPENDING_AREA, "anomalies", text, error.advice))
    else:
        findings += [_build_anomaly_finding(anomaly, forecast.unit) for anomaly in anomalies]
    if not findings and unknown:
        return unknown
    looked_at = (
        f"the month is forecast to cost {forecast.amount:.2f} {forecast.unit}, no component costs "
        "much more than in the month before, and AWS found no anomaly"
    )
    summary = summarize_findings(SPENDING_AREA, "month", findings, looked_at)
    return [*unknown, *(yield from apply_waivers(facts, summary))]


def _read_anomalies(facts: CheckFacts) -> CostRoutine[list[UnusualCost]]:
    """What AWS's monitor found lately; nothing if the stack has none."""
    spending = facts.outputs.alarms.spending
    if spending is None or spending.anomaly_monitor_arn is None:
        return []
    end = (facts.now - LATE).date()
    read = build_anomalies_read(
        spending.anomaly_monitor_arn, end - timedelta(days=ANOMALY_DAYS), end
    )
    (answer,) = yield from read_answers(facts, [read])
    return [parse_anomaly(item) for item in answer.get_items()]


def _build_anomaly_finding(anomaly: UnusualCost, unit: str) -> ResourceFinding:
    what = " ".join(filter(None, [anomaly.service, anomaly.usage_type])) or "the project"
    return ResourceFinding(
        "failing",
        SPENDING_AREA,
        f"anomaly of {anomaly.first}",
        f"AWS found {what} at {anomaly.amount:.2f} {unit} from {anomaly.first} to {anomaly.last}, "
        f"{anomaly.usual:.2f} expected",
        "ops cost unusual",
        id=build_finding_id("monthly-spending", f"anomaly {anomaly.first} {what}"),
        severity="medium",
        reason="COST03-BP02: costs that grow unexplained",
        since=f"{anomaly.first}",
        monthly_usd=anomaly.extra,
    )


def _list_budget_findings(forecast: Forecast) -> list[ResourceFinding]:
    budget = forecast.budget
    if budget is None or forecast.is_within_budget:
        return []
    above = forecast.amount - budget.limit
    return [
        ResourceFinding(
            "failing",
            SPENDING_AREA,
            BUDGET_SUBJECT,
            f"the month is forecast to cost {forecast.amount:.2f} {forecast.unit} "
            f"({forecast.lower:.2f} to {forecast.upper:.2f} in {INTERVAL_PERCENT} of 100 cases), "
            f"above the budget of {budget.limit:.2f}",
            "ops cost report",
            id=build_finding_id("monthly-spending", f"budget {forecast.first:%Y-%m}"),
            severity="medium",
            reason="COST03-BP02: the budget of the stack",
            monthly_usd=above,
        )
    ]


def list_component_findings(
    facts: CheckFacts, costs: Sequence[DayCost], unit: str
) -> list[ResourceFinding]:
    """The components that cost far more than on the same days of the month before.

    Of the current month; of the last, while the current one has no whole day.
    """
    month = parse_cost_month(None, facts.now)
    first = facts.now.date().replace(day=1)
    if month.first != first:
        return []  # its days are read no more; it was judged before it ended
    month = build_cost_month(first, (facts.now - LATE).date())
    return [
        _build_component_finding(part, unit, f"{month.first:%Y-%m}", month.days)
        for part in compare_components(costs, month)
        if part.change >= max(FAR_ABOVE_USD, part.previous * FAR_ABOVE_SHARE)
    ]


def _build_component_finding(
    part: ComparedCost, unit: str, month: str, days: int
) -> ResourceFinding:
    return ResourceFinding(
        "failing",
        SPENDING_AREA,
        part.name,
        f"cost {part.amount:.2f} {unit} in the first {days} days of {month}, {part.previous:.2f} "
        f"in those of the month before; {part.usage_type} grew most, by {part.usage_change:.2f}",
        "ops cost unusual",
        id=build_finding_id("monthly-spending", f"{part.name} {month}"),
        severity="medium",
        reason="COST03-BP02: costs that grow unexplained",
        monthly_usd=part.change,
    )

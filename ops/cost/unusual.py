"""Days that cost more than usual: as AWS's anomaly monitor found them, and by a rule of ours.

The rule compares a day with the median of the days before it. It sees a stack's own costs by
component and usage type; AWS's monitor sees those of the project, learns, and finds slow growth.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any, Final

from ops.core.checks import CheckFacts, ReadRequest, UnknownAnswerError, build_read
from ops.cost.answers import CostAnswer, CostRoutine, read_answers
from ops.cost.cost_month import LATE
from ops.cost.explorer import (
    ANOMALIES_API,
    COMPONENT_TAG,
    COST_REGION,
    DayCost,
    build_tags_read,
    build_usage_read,
    parse_costs,
)
from ops.cost.spending import NO_COMPONENT, read_tag_gaps

USUAL_DAYS: Final = 14  # days before a day that say what is usual: two weeks, so that both count
MIN_USUAL_DAYS: Final = 7  # fewer say nothing. Assumption.
# More than this share above the median: that of AWS's own default alert, "$100 and 40%" (AWS Cost
# Management User Guide, "Getting started with AWS Cost Anomaly Detection").
UNUSUAL_SHARE: Final = 0.4
UNUSUAL_USD: Final = 1.0  # less a day is no surprise. Assumption.
MAX_ANOMALY_DAYS: Final = 90  # AWS keeps anomalies so long (API reference, "GetAnomalies")
MONITOR_SOURCE: Final = "monitor"
RULE_SOURCE: Final = "rule"


@dataclass(frozen=True)
class UnusualCost:
    """A day, or some, on which something cost more than usual; `extra` is how much more."""

    source: str
    first: date
    last: date
    component: str
    service: str
    usage_type: str
    amount: float
    usual: float

    @property
    def extra(self) -> float:
        """How much more than usual it was."""
        return self.amount - self.usual


@dataclass(frozen=True)
class UnusualCosts:
    """What was found; `gaps` say what is not known. `unit` is empty if no cost is known."""

    costs: list[UnusualCost]
    unit: str
    first: date
    end: date
    answers: Sequence[CostAnswer]
    gaps: list[tuple[str, str]]
    has_monitor: bool


def read_unusual_costs(
    facts: CheckFacts, days: int, *, fresh: bool = False
) -> CostRoutine[UnusualCosts]:
    """Finds unusual costs of the last days that are whole."""
    outputs = facts.outputs
    end = (facts.now - LATE).date()
    first = end - timedelta(days=days)
    spending = outputs.alarms.spending
    monitor = None if spending is None else spending.anomaly_monitor_arn
    usage_read = build_usage_read(outputs, first - timedelta(days=USUAL_DAYS), end, "USAGE_TYPE")
    reads = [build_tags_read(), usage_read]
    if monitor is not None:
        reads.append(build_anomalies_read(monitor, first, end))
    answers = yield from read_answers(facts, reads, fresh=fresh)
    gaps, inactive_tags = read_tag_gaps(answers[0])
    costs: list[UnusualCost] = []
    unit = ""
    try:
        if set(inactive_tags) - {COMPONENT_TAG}:
            raise UnknownAnswerError("costs cannot be told by the stack's tags")
        day_costs = parse_costs(usage_read, answers[1].get_items())
        unit = day_costs[0].unit
        costs += find_unusual_costs(day_costs, first, end)
    except UnknownAnswerError as error:
        gaps.append((f"days above the usual: {error}", error.advice))
    if monitor is not None:
        try:
            costs += [parse_anomaly(item) for item in answers[2].get_items()]
        except UnknownAnswerError as error:
            gaps.append((f"anomalies that the monitor found: {error}", error.advice))
    costs.sort(key=lambda cost: (cost.first, -cost.extra))
    return UnusualCosts(costs, unit, first, end, answers, gaps, monitor is not None)


def build_anomalies_read(monitor_arn: str, first: date, end: date) -> ReadRequest:
    """The anomalies that a monitor found from a day on, before another."""
    last = end - timedelta(days=1)
    return build_read(
        ANOMALIES_API,
        "Anomalies",
        region=COST_REGION,
        MonitorArn=monitor_arn,
        DateInterval={"StartDate": first.isoformat(), "EndDate": last.isoformat()},
    )


def parse_anomaly(item: Mapping[str, Any]) -> UnusualCost:
    """An anomaly of AWS; of several causes the first, which AWS says has the most impact."""
    cause: Mapping[str, Any] = next(iter(item.get("RootCauses") or ()), {})
    first = date.fromisoformat(str(item["AnomalyStartDate"])[:10])
    last = date.fromisoformat(str(item.get("AnomalyEndDate") or first)[:10])
    impact = item["Impact"]
    usual = float(impact.get("TotalExpectedSpend") or 0)
    amount = float(impact.get("TotalActualSpend") or usual + float(impact["TotalImpact"]))
    return UnusualCost(
        *(MONITOR_SOURCE, first, last, ""),
        str(cause.get("Service") or item.get("DimensionValue") or ""),
        str(cause.get("UsageType") or ""),
        *(amount, usual),
    )


def find_unusual_costs(costs: Iterable[DayCost], first: date, end: date) -> list[UnusualCost]:
    """The days from `first`, before `end`, that cost more than usual, by component and usage type.

    A usage type that there was not before cost nothing on those days, if anything else did.
    """
    series: dict[tuple[str, str], dict[date, float]] = defaultdict(lambda: defaultdict(float))
    known_days: set[date] = set()
    for cost in costs:
        series[cost.component, cost.usage_type][cost.day] += cost.amount
        known_days.add(cost.day)
    found_costs = []
    for (component, usage_type), amounts in series.items():
        for day in sorted(day for day in amounts if first <= day < end):
            before = [day - timedelta(days=n) for n in range(1, USUAL_DAYS + 1)]
            usual_amounts = [amounts.get(d, 0.0) for d in before if d in known_days]
            if len(usual_amounts) < MIN_USUAL_DAYS:
                continue
            usual = median(usual_amounts)
            if amounts[day] - usual >= max(UNUSUAL_USD, usual * UNUSUAL_SHARE):
                found_costs.append(
                    UnusualCost(
                        *(RULE_SOURCE, day, day, component or NO_COMPONENT, "", usage_type),
                        *(amounts[day], usual),
                    )
                )
    return found_costs

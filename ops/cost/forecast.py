"""What the current month is going to cost, and whether that is within the budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from ops.core.checks import CheckFacts, ReadRequest, UnknownAnswerError, build_read
from ops.cost.answers import CostAnswer, CostRoutine, read_answers
from ops.cost.cost_month import CostMonth, find_next_month
from ops.cost.explorer import (
    COMPONENT_TAG,
    COST_REGION,
    FORECAST_API,
    NO_DATA_CODE,
    DayCost,
    build_filter,
    build_tags_read,
    parse_costs,
)
from ops.cost.spending import build_month_reads, read_tag_gaps
from ops.outputs import Outputs

BUDGET_API: Final = "budgets.describe_budget"
# The default of Cost Explorer's console: 80 percent of outcomes are within the interval.
INTERVAL_PERCENT: Final = 80
NO_FORECAST_TEXT: Final = (
    "Cost Explorer has too little data for a forecast: it needs some weeks of costs with the "
    "stack's tags"
)
_ABSENT_BUDGET_CODE: Final = "NotFoundException"


@dataclass(frozen=True)
class Budget:
    """The stack's budget as AWS has it, in `unit` a month."""

    name: str
    limit: float
    unit: str


@dataclass(frozen=True)
class Forecast:
    """A month's costs so far, and at its end: the mean and the bounds of its interval.

    `budget` is None if the stack has none; `budget_gap` says why it is not known. `costs` are those
    of this month and the last by usage type, with their component unless they lack it.
    """

    first: date
    end: date
    unit: str
    so_far: float
    amount: float
    lower: float
    upper: float
    budget: Budget | None
    budget_gap: tuple[str, str] | None
    costs: Sequence[DayCost]
    is_by_component: bool
    answers: Sequence[CostAnswer] = field(default=())

    @property
    def is_within_budget(self) -> bool | None:
        """Whether the mean is within the budget; None if there is no budget, or it is unknown."""
        return None if self.budget is None else self.amount <= self.budget.limit


def read_forecast(facts: CheckFacts, *, fresh: bool = False) -> CostRoutine[Forecast]:
    """Reads the forecast of the current month, and the budget.

    Raises UnknownAnswerError if the costs or their forecast are not known.
    """
    outputs, today = facts.outputs, facts.now.date()
    (tags_answer,) = yield from read_answers(facts, [build_tags_read()], fresh=fresh)
    gaps, inactive_tags = read_tag_gaps(tags_answer)
    if set(inactive_tags) - {COMPONENT_TAG}:
        raise UnknownAnswerError(*gaps[0])
    usage_read = build_current_month_read(facts, by_component=not inactive_tags)
    reads = [usage_read, build_forecast_read(outputs, today)]
    usage_answer, forecast_answer = yield from read_answers(facts, reads, fresh=fresh)
    budget, budget_gap = yield from read_budget(outputs)
    costs = parse_costs(usage_read, usage_answer.get_items())
    first = today.replace(day=1)
    so_far = sum(cost.amount for cost in costs if cost.day >= first)
    before_today = sum(cost.amount for cost in costs if first <= cost.day < today)
    amount, lower, upper = sum_forecast(forecast_answer.get_items(), today, before_today)
    return Forecast(
        *(first, find_next_month(first), costs[0].unit, so_far, amount, lower, upper),
        *(budget, budget_gap, costs, not inactive_tags),
        [tags_answer, usage_answer, forecast_answer],
    )


def build_current_month_read(facts: CheckFacts, *, by_component: bool) -> ReadRequest:
    """The costs of this month and the last by usage type: what `ops cost report` reads, too."""
    first = facts.now.date().replace(day=1)
    previous_first = (first - timedelta(days=1)).replace(day=1)
    month = CostMonth(first, facts.now.date(), previous_first, first)
    return build_month_reads(facts, month, by_component=by_component, is_tagged=True)[-1]


def build_forecast_read(outputs: Outputs, today: date) -> ReadRequest:
    """The forecast from today to the end of the month."""
    end = find_next_month(today.replace(day=1))
    return build_read(
        FORECAST_API,
        "ForecastResultsByTime",
        region=COST_REGION,
        absent_codes=(NO_DATA_CODE,),
        TimePeriod={"Start": today.isoformat(), "End": end.isoformat()},
        Metric="UNBLENDED_COST",
        Granularity="MONTHLY",
        Filter=build_filter(outputs),
        PredictionIntervalLevel=INTERVAL_PERCENT,
    )


def sum_forecast(
    results: Sequence[Mapping[str, Any]], today: date, before_today: float
) -> tuple[float, float, float]:
    """The month's mean and bounds, from the results of a forecast.

    A result that begins before today holds the costs so far already. Raises UnknownAnswerError if
    there is no result.
    """
    if not results:
        raise UnknownAnswerError(NO_FORECAST_TEXT)
    is_whole_month = date.fromisoformat(str(results[0]["TimePeriod"]["Start"])[:10]) < today
    base = 0.0 if is_whole_month else before_today
    names = ("MeanValue", "PredictionIntervalLowerBound", "PredictionIntervalUpperBound")
    mean, lower, upper = (base + sum(float(r[name]) for r in results) for name in names)
    return mean, lower, upper


def read_budget(outputs: Outputs) -> CostRoutine[tuple[Budget | None, tuple[str, str] | None]]:
    """The stack's budget, or why it is not known; neither if the stack has none. It is free."""
    spending = outputs.alarms.spending
    if spending is None or spending.budget_name is None:
        return None, None
    name = spending.budget_name
    answer = yield [
        build_read(
            BUDGET_API,
            "",
            region=COST_REGION,
            absent_codes=(_ABSENT_BUDGET_CODE,),
            AccountId=outputs.stack.account,
            BudgetName=name,
        )
    ]
    if isinstance(answer[0], UnknownAnswerError):
        return None, (f"the budget {name}: {answer[0]}", answer[0].advice)
    if not answer[0]:
        return None, (f"the budget {name} is not there", "pulumi up --refresh")
    limit = answer[0][0]["Budget"]["BudgetLimit"]
    return Budget(name, float(limit["Amount"]), str(limit["Unit"])), None

"""`ops cost forecast`: what the current month is going to cost, and the budget."""

from typing import Final

import typer

from ops.cli.context import load_stack
from ops.core import clock
from ops.core.check_runner import send_read
from ops.core.checks import CheckFacts, UnknownAnswerError
from ops.core.errors import FindingsError
from ops.cost.answers import describe_answers, run_cost_routine
from ops.cost.commands.report import FreshOption
from ops.cost.forecast import INTERVAL_PERCENT, Forecast, read_forecast

_COLUMNS: Final = ("month", "so far", "forecast", "lower", "upper", "budget", "used")


def forecast_costs(context: typer.Context, fresh: FreshOption = False) -> None:
    """Shows what the current month is going to cost, with its interval, and the budget.

    A call of Cost Explorer costs 0.01 $; its answers are kept for a day on this machine. Exit code
    3 if the forecast is above the budget, or something is not known.
    """
    outputs, aws, output = load_stack(context)
    facts = CheckFacts(outputs, clock.now())
    try:
        forecast = run_cost_routine(
            read_forecast(facts, fresh=fresh),
            lambda read: send_read(aws, read, outputs.stack.region),
            output.print_note,
        )
    except UnknownAnswerError as error:
        raise FindingsError(
            f"what the month is going to cost is unknown: {error}", *filter(None, [error.advice])
        ) from None
    budget = forecast.budget
    if output.output_format == "json":
        output.print_json(
            "cost-forecast",
            {
                "since": f"{forecast.first}",
                "until": f"{forecast.end}",
                "unit": forecast.unit,
                "soFar": round(forecast.so_far, 4),
                "forecast": round(forecast.amount, 4),
                "lower": round(forecast.lower, 4),
                "upper": round(forecast.upper, 4),
                "intervalPercent": INTERVAL_PERCENT,
                "budget": None if budget is None else budget.limit,
                "budgetName": None if budget is None else budget.name,
                "withinBudget": forecast.is_within_budget,
                "unknown": [forecast.budget_gap[0]] if forecast.budget_gap else [],
                "asked": min(answer.asked for answer in forecast.answers).isoformat(),
                "newAnswers": sum(not answer.is_kept for answer in forecast.answers),
            },
        )
    else:
        output.print_rows("cost-forecast", _COLUMNS, [_build_row(forecast)])
        output.print_line(
            f"amounts in {forecast.unit}; {INTERVAL_PERCENT} of 100 such months end between lower "
            "and upper"
        )
        if budget is None and forecast.budget_gap is None:
            output.print_line("the stack has no budget: set cost.monthlyBudget")
        output.print_line(describe_answers(forecast.answers))
    if forecast.budget_gap is not None:
        text, advice = forecast.budget_gap
        raise FindingsError(f"unknown: {text}", *filter(None, [advice]))
    if budget is not None and not forecast.is_within_budget:
        raise FindingsError(
            f"the forecast of {forecast.amount:.2f} {forecast.unit} is above the budget of "
            f"{budget.limit:.2f}",
            "ops cost report",
            "ops cost unusual",
        )


def _build_row(forecast: Forecast) -> dict[str, str]:
    budget = forecast.budget
    is_known = forecast.budget_gap is None
    return {
        "month": f"{forecast.first:%Y-%m}",
        "so far": f"{forecast.so_far:.2f}",
        "forecast": f"{forecast.amount:.2f}",
        "lower": f"{forecast.lower:.2f}",
        "upper": f"{forecast.upper:.2f}",
        "budget": ("none" if is_known else "unknown") if budget is None else f"{budget.limit:.2f}",
        "used": "" if budget is None else f"{forecast.so_far / budget.limit:.0%}",
    }

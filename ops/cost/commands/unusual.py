"""`ops cost unusual`: days that cost more than usual."""

from typing import Annotated, Final

import typer

from ops.cli.context import load_stack
from ops.core import clock
from ops.core.check_runner import send_read
from ops.core.checks import CheckFacts
from ops.core.errors import FindingsError
from ops.cost.answers import describe_answers, run_cost_routine
from ops.cost.commands.report import FreshOption
from ops.cost.unusual import (
    MAX_ANOMALY_DAYS,
    UNUSUAL_SHARE,
    UNUSUAL_USD,
    USUAL_DAYS,
    UnusualCost,
    read_unusual_costs,
)

_DEFAULT_DAYS: Final = 30
_COLUMNS: Final = (
    "day",
    "component",
    "usage type",
    "amount",
    "usual",
    "extra",
    "service",
    "source",
)


def show_unusual_costs(
    context: typer.Context,
    days: Annotated[
        int, typer.Option(min=1, max=MAX_ANOMALY_DAYS, help="how many whole days to look back")
    ] = _DEFAULT_DAYS,
    fresh: FreshOption = False,
) -> None:
    """Shows days that cost more than usual, with component and usage type.

    As AWS's anomaly monitor found them, if the stack has one, and by a rule of ours. A call of Cost
    Explorer costs 0.01 $; its answers are kept for a day on this machine. Exit code 3 if there is
    an unusual day, or something is not known.
    """
    outputs, aws, output = load_stack(context)
    result = run_cost_routine(
        read_unusual_costs(CheckFacts(outputs, clock.now()), days, fresh=fresh),
        lambda read: send_read(aws, read, outputs.stack.region),
        output.print_note,
    )
    if output.output_format == "json":
        output.print_json(
            "cost-unusual",
            {
                "items": [_build_item(cost) for cost in result.costs],
                "since": f"{result.first}",
                "until": f"{result.end}",
                "unit": result.unit or None,
                "monitor": result.has_monitor,
                "unknown": [text for text, _ in result.gaps],
                "asked": min(answer.asked for answer in result.answers).isoformat(),
                "newAnswers": sum(not answer.is_kept for answer in result.answers),
            },
        )
    else:
        if result.costs or not result.gaps:
            output.print_rows("cost-unusual", _COLUMNS, map(_build_row, result.costs))
        for text, _ in result.gaps:
            output.print_line(f"unknown: {text}", "yellow")
        output.print_line(
            f"rule: {UNUSUAL_SHARE:.0%} and {UNUSUAL_USD:.0f} {result.unit or '$'} above the "
            f"median of the {USUAL_DAYS} days before"
        )
        if not result.has_monitor:
            output.print_line("the stack has no anomaly monitor: set cost.anomalyDetection")
        output.print_line(describe_answers(result.answers))
    if result.costs or result.gaps:
        count = len(result.costs)
        raise FindingsError(
            f"{count} unusual, {len(result.gaps)} unknown",
            *dict.fromkeys(advice for _, advice in result.gaps if advice),
            *(["ops changes --since 7d"] if count else []),
        )


def _format_days(cost: UnusualCost) -> str:
    return f"{cost.first}" if cost.first == cost.last else f"{cost.first} to {cost.last}"


def _build_row(cost: UnusualCost) -> dict[str, str]:
    return {
        "day": _format_days(cost),
        "component": cost.component,
        "usage type": cost.usage_type,
        "amount": f"{cost.amount:.2f}",
        "usual": f"{cost.usual:.2f}",
        "extra": f"{cost.extra:+.2f}",
        "service": cost.service,
        "source": cost.source,
    }


def _build_item(cost: UnusualCost) -> dict[str, object]:
    return {
        "source": cost.source,
        "since": f"{cost.first}",
        "until": f"{cost.last}",
        "component": cost.component or None,
        "service": cost.service or None,
        "usageType": cost.usage_type or None,
        "amount": round(cost.amount, 4),
        "usual": round(cost.usual, 4),
        "extra": round(cost.extra, 4),
    }

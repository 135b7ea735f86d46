"""`ops cost report`: what a month cost, beside the month before and the estimate."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from ops.changes.program import HistoryProgramOption, resolve_history_program
from ops.cli.context import load_stack
from ops.cli.render import Output
from ops.core import clock
from ops.core.check_runner import send_read
from ops.core.checks import CheckFacts, UnknownAnswerError
from ops.core.errors import FindingsError
from ops.cost.answers import describe_answers, run_cost_routine
from ops.cost.cost_month import parse_cost_month
from ops.cost.estimate_file import Estimate, read_estimate
from ops.cost.explorer import LEFT_OUT, METRIC
from ops.cost.spending import ComparedCost, Spending, list_surprises, read_spending
from ops.cost.state_estimate import read_state_estimate

FreshOption = Annotated[
    bool, typer.Option("--fresh", help="ask Cost Explorer again, at 0.01 $ a call")
]
Grouping = Literal["component", "service", "usage-type", "day"]
_COLUMNS: Final = ("name", "amount", "before", "change", "estimate", "above", "grew most")
_DAY_COLUMNS: Final = ("day", "amount", "state")


def report_costs(
    context: typer.Context,
    month: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM", help="a month, UTC; default: the current one so far"),
    ] = None,
    by: Annotated[Grouping, typer.Option(help="what the costs are grouped by")] = "component",
    estimate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="compare with what `ops cost estimate --output json` printed"
        ),
    ] = None,
    program: HistoryProgramOption = None,
    fresh: FreshOption = False,
) -> None:
    """Reports what the stack cost in a month, by component, service, usage type or day.

    Beside the same days of the month before, with the usage type that grew most, and beside the
    estimate of the stack's settings, from Pulumi's state unless --estimate is set. A call of Cost
    Explorer costs 0.01 $; its answers are kept for a day on this machine. Exit code 3 if something
    is not known.
    """
    cost_month = parse_cost_month(month, clock.now())
    outputs, aws, output = load_stack(context)
    program_folder = resolve_history_program(program)
    stack, now = outputs.stack.stack, clock.now()
    found_estimate = (
        read_state_estimate(program_folder, stack, now.date())
        if estimate is None
        else read_estimate(estimate, stack)
    )
    expected = None if isinstance(found_estimate, str) else found_estimate
    missing_reason = found_estimate if isinstance(found_estimate, str) else ""
    facts = CheckFacts(outputs, now)
    try:
        spending = run_cost_routine(
            read_spending(facts, cost_month, expected, fresh=fresh),
            lambda read: send_read(aws, read, outputs.stack.region),
            output.print_note,
        )
    except UnknownAnswerError as error:
        raise FindingsError(
            f"what the stack cost is unknown: {error}", *filter(None, [error.advice])
        ) from None
    if output.output_format == "json":
        output.print_json("cost-report", build_report_json(spending, expected, missing_reason))
    else:
        print_spending(output, spending, by, expected)
        if missing_reason:
            output.print_line(f"no estimate of the settings: {missing_reason}", "yellow")
    if spending.gaps or (spending.components is None and by == "component"):
        raise FindingsError(
            f"{len(spending.gaps) or 1} unknown",
            *dict.fromkeys(advice for _, advice in spending.gaps if advice),
        )


def print_spending(
    output: Output, spending: Spending, by: Grouping, estimate: Estimate | None
) -> None:
    """Prints one grouping, the total, what is unknown and where the figures are from."""
    output.print_note(spending.month.describe())
    if by == "day":
        output.print_rows("cost-days", _DAY_COLUMNS, _list_day_rows(spending))
    elif by == "component" and spending.components is None:
        output.print_line("what each component cost is unknown", "yellow")
    else:
        parts = {
            "component": spending.components or [],
            "service": spending.services,
            "usage-type": spending.usage_types,
        }[by]
        hidden_columns = {"estimate", "above"} if estimate is None or by != "component" else {""}
        hidden_columns |= {"grew most"} if by != "component" else {""}
        columns = [column for column in _COLUMNS if column not in hidden_columns]
        output.print_rows("cost-report", columns, map(_build_row, parts))
    total = spending.total
    subject = "the stack" if spending.scope == "stack" else "the whole account"
    output.print_line(
        f"{subject}: {total.amount:.2f} {spending.unit}, {total.change:+.2f} against "
        f"{total.previous:.2f} before",
        "bold",
    )
    for text, _ in spending.gaps:
        output.print_line(f"unknown: {text}", "yellow")
    output.print_line(f"{METRIC}, without {' and '.join(LEFT_OUT).lower()}; taxes have no tags")
    output.print_line(describe_answers(spending.answers))
    if estimate is not None:
        output.print_line(f"estimate: {estimate.source}, without what depends on use")
        for part in list_surprises(spending.components or ()):
            grown = f"; {part.usage_type} grew most" if part.usage_change >= 0.01 else ""
            output.print_line(
                f"surprise: {part.name} cost {part.amount:.2f} {spending.unit}, about "
                f"{part.above_estimate:.2f} more than its settings should{grown}",
                "yellow",
            )


def build_report_json(
    spending: Spending, estimate: Estimate | None, missing_reason: str = ""
) -> dict[str, Any]:
    """The report for `--output json`: all groupings."""

    def build_items(parts: list[ComparedCost]) -> list[dict[str, Any]]:
        return [
            {
                "name": part.name,
                "amount": round(part.amount, 4),
                "before": round(part.previous, 4),
                "change": round(part.change, 4),
                "estimate": None if part.estimate is None else round(part.estimate, 4),
                "grewMost": part.usage_type or None,
                "grewBy": round(part.usage_change, 4),
            }
            for part in parts
        ]

    month = spending.month
    return {
        "since": f"{month.first}",
        "until": f"{month.end}",
        "before": {"since": f"{month.previous_first}", "until": f"{month.previous_end}"},
        "scope": spending.scope,
        "unit": spending.unit,
        "metric": METRIC,
        "leftOut": list(LEFT_OUT),
        "total": build_items([spending.total])[0],
        "components": None if spending.components is None else build_items(spending.components),
        "services": build_items(spending.services),
        "usageTypes": build_items(spending.usage_types),
        "days": [
            {"day": f"{day}", "amount": round(amount, 4), "estimated": is_estimated}
            for day, amount, is_estimated in spending.days
        ],
        "unknown": [text for text, _ in spending.gaps],
        "asked": min(answer.asked for answer in spending.answers).isoformat(),
        "newAnswers": sum(not answer.is_kept for answer in spending.answers),
        "estimateSource": None if estimate is None else estimate.source,
        "estimateMissing": missing_reason or None,
        "surprises": [part.name for part in list_surprises(spending.components or ())],
    }


def _build_row(part: ComparedCost) -> dict[str, str]:
    expected = part.estimate
    grown = f"{part.usage_type} {part.usage_change:+.2f}" if part.usage_change >= 0.01 else ""
    return {
        "name": part.name,
        "amount": f"{part.amount:.2f}",
        "before": f"{part.previous:.2f}",
        "change": f"{part.change:+.2f}",
        "estimate": "" if expected is None else f"{expected:.2f}",
        "above": "" if expected is None else f"{part.amount - expected:+.2f}",
        "grew most": grown,
    }


def _list_day_rows(spending: Spending) -> list[dict[str, str]]:
    rows = []
    for day, amount, is_estimated in spending.days:
        state = "not whole yet" if day >= spending.month.end else ""
        state = state or ("estimated" if is_estimated else "final")
        rows.append({"day": f"{day}", "amount": f"{amount:.2f}", "state": state})
    return rows

"""`ops cost commitments`: Savings Plans and reservations that are held, and what would save."""

from typing import Annotated, Final

import typer

from ops.cli.context import load_stack
from ops.core import clock
from ops.core.check_runner import send_read
from ops.core.checks import CheckFacts
from ops.core.errors import FindingsError
from ops.cost.answers import describe_answers, run_cost_routine
from ops.cost.commands.report import FreshOption
from ops.cost.commitments import (
    ADVICE_DAYS,
    ENDS_SOON_DAYS,
    WELL_USED_PERCENT,
    HeldCommitment,
    Payment,
    Recommendation,
    Term,
    read_commitments,
)

_HELD_COLUMNS: Final = ("state", "name", "what", "used", "ends")
_ADVICE_COLUMNS: Final = (
    *("what", "buy", "saves a month", "of it", "upfront", "monthly", "break-even", "risk"),
)


def show_commitments(
    context: typer.Context,
    term: Annotated[Term, typer.Option(help="for how long would be committed")] = "1y",
    payment: Annotated[
        Payment, typer.Option(help="how much of it would be paid before it begins")
    ] = "none",
    fresh: FreshOption = False,
) -> None:
    """Shows Savings Plans and reservations: their use, their end, and what AWS recommends to buy.

    Of the whole account. Never buys. A call of Cost Explorer costs 0.01 $; its answers are kept for
    a day on this machine. Exit code 3 if one ends within 60 days, is badly used, or something is
    not known.
    """
    outputs, aws, output = load_stack(context)
    facts = CheckFacts(outputs, clock.now())
    result = run_cost_routine(
        read_commitments(facts, term, payment, fresh=fresh),
        lambda read: send_read(aws, read, outputs.stack.region),
        output.print_note,
    )
    states = {held.name: _judge(held, facts) for held in result.held}
    if output.output_format == "json":
        output.print_json(
            "cost-commitments",
            {
                "held": [
                    {
                        "name": held.name,
                        "what": held.kind,
                        "usedPercent": round(held.used_percent, 1),
                        "ends": None if held.end is None else held.end.isoformat(),
                        "state": states[held.name],
                    }
                    for held in result.held
                ],
                "coverage": [
                    {"what": coverage.kind, "percent": round(coverage.percent, 1)}
                    for coverage in result.coverages
                ],
                "items": [_build_item(item) for item in result.recommendations],
                "term": term,
                "payment": payment,
                "unknown": [text for text, _ in result.gaps],
                "asked": min(answer.asked for answer in result.answers).isoformat(),
                "newAnswers": sum(not answer.is_kept for answer in result.answers),
            },
        )
    else:
        if result.held:
            rows = [_build_held_row(held, states[held.name]) for held in result.held]
            output.print_rows("cost-held", _HELD_COLUMNS, rows)
        for coverage in result.coverages:
            output.print_line(f"covered: {coverage.percent:.0f} % of {coverage.kind}")
        output.print_rows(
            "cost-commitments", _ADVICE_COLUMNS, map(_build_row, result.recommendations)
        )
        for text, _ in result.gaps:
            output.print_line(f"unknown: {text}", "yellow")
        output.print_line(
            f"of the whole account, by its use of {ADVICE_DAYS} days; {term}, payment upfront: "
            f"{payment}. ops never buys: a person does, in the console of AWS"
        )
        output.print_line(describe_answers(result.answers))
    open_names = [name for name, state in states.items() if state != "ok"]
    if open_names or result.gaps:
        raise FindingsError(
            f"{len(open_names)} open, {len(result.gaps)} unknown",
            *dict.fromkeys(advice for _, advice in result.gaps if advice),
        )


def _judge(held: HeldCommitment, facts: CheckFacts) -> str:
    if held.ends_soon(facts.now):
        return f"ends within {ENDS_SOON_DAYS} days: on demand afterwards"
    if held.used_percent < WELL_USED_PERCENT:
        return f"less than {WELL_USED_PERCENT:.0f} % of it is used: paid for nothing"
    return "ok"


def _build_held_row(held: HeldCommitment, state: str) -> dict[str, str]:
    return {
        "state": state,
        "name": held.name,
        "what": held.kind,
        "used": f"{held.used_percent:.0f} %",
        "ends": "not said" if held.end is None else f"{held.end:%Y-%m-%d}",
    }


def _build_row(item: Recommendation) -> dict[str, str]:
    months = item.break_even_months
    return {
        "what": item.kind,
        "buy": item.what,
        "saves a month": f"{item.saving:.2f}",
        "of it": f"{item.saving_percent:.0f} %",
        "upfront": f"{item.upfront:.2f}",
        "monthly": f"{item.monthly:.2f}",
        "break-even": f"after {months:.1f} months" if months else "at once",
        "risk": item.risk,
    }


def _build_item(item: Recommendation) -> dict[str, object]:
    return {
        "what": item.kind,
        "buy": item.what,
        "monthlySaving": round(item.saving, 2),
        "savingPercent": round(item.saving_percent, 1),
        "upfront": round(item.upfront, 2),
        "monthly": round(item.monthly, 2),
        "breakEvenMonths": round(item.break_even_months, 1),
        "unit": item.unit,
        "risk": item.risk,
    }

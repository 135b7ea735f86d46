"""`ops cost forecast` as it is typed."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from ops.core.checks import UnknownAnswerError
from ops.cost.forecast import sum_forecast
from sandbox.billing import get_account_ledger
from tests.ops.cost_stage import DAILY_USD, move_to, put_billed_stack, put_costs, put_nat_surprise
from tests.ops.every_command import open_command_line
from tests.ops.prod.deployed import count_calls
from tests.ops.stage import ACCOUNT, STACK_PREFIX, Stage

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
Typed = tuple[Stage, Callable[[str], int]]


@pytest.fixture(params=[put_billed_stack])
def typed(request: pytest.FixtureRequest) -> Iterator[Typed]:
    def set_up(stage: Stage) -> None:
        move_to(stage, NOW)
        request.param(stage)

    with open_command_line(set_up) as (stage, run_line):
        yield stage, run_line


def test_a_month_ends_with_what_was_spent_and_what_is_forecast(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    assert run_line("cost forecast --output json") == 0
    body: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert body["soFar"] == pytest.approx(20.5 * DAILY_USD, abs=0.01)
    assert body["forecast"] == pytest.approx(30 * DAILY_USD, abs=0.01)
    assert body["lower"] == pytest.approx((20 + 9) * DAILY_USD, abs=0.01)
    assert body["upper"] == pytest.approx((20 + 11) * DAILY_USD, abs=0.01)
    assert (body["budget"], body["withinBudget"]) == (250, True)


def test_a_forecast_above_the_budget_is_a_finding(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    put_nat_surprise(date(2026, 11, 10), 60)
    assert run_line("cost forecast") == 3
    out, err = capsys.readouterr()
    assert "the forecast of 283.20 USD is above the budget of 250.00" in err
    assert "ops cost report" in err
    assert "80 of 100 such months end between lower and upper" in out


@pytest.mark.parametrize("typed", [put_costs], indirect=True)
def test_a_stack_without_a_budget_has_a_forecast(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    assert run_line("cost forecast") == 0
    out = capsys.readouterr().out
    assert "the stack has no budget: set cost.monthlyBudget" in out


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("DescribeBudget", "unknown: the budget bulwark-test: budgets.describe_budget was denied"),
        ("GetCostForecast", "is unknown: ce.get_cost_forecast was denied"),
        ("GetCostAndUsage", "is unknown: ce.get_cost_and_usage was denied"),
    ],
)
def test_a_denied_call_is_unknown_and_named(
    typed: Typed, capsys: pytest.CaptureFixture[str], operation: str, message: str
) -> None:
    _, run_line = typed
    with count_calls(lambda name: "AccessDeniedException" if name == operation else None):
        assert run_line("cost forecast") == 3
    assert message in capsys.readouterr().err


def test_a_budget_that_somebody_deleted_is_not_within_it(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    budgets: Any = stage.client("budgets", "us-east-1")
    budgets.delete_budget(AccountId=ACCOUNT, BudgetName=STACK_PREFIX)
    assert run_line("cost forecast") == 3
    assert f"the budget {STACK_PREFIX} is not there" in capsys.readouterr().err


def test_a_new_account_has_no_forecast(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    _, run_line = typed
    ledger = get_account_ledger()
    ledger.usages = {
        stack: (date(2026, 11, 19), usages) for stack, (_, usages) in ledger.usages.items()
    }
    assert run_line("cost forecast") == 3
    assert "Cost Explorer has too little data for a forecast" in capsys.readouterr().err


def test_inactive_tags_leave_the_forecast_unknown(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    get_account_ledger().inactive_tags.add("Project")
    assert run_line("cost forecast") == 3
    err = capsys.readouterr().err
    assert "the cost allocation tags Project are not active" in err
    assert "aws ce update-cost-allocation-tags-status" in err


def test_a_result_that_begins_before_today_holds_the_costs_so_far() -> None:
    def build_result(start: str) -> dict[str, Any]:
        return {
            "TimePeriod": {"Start": start, "End": "2026-12-01"},
            "MeanValue": "100",
            "PredictionIntervalLowerBound": "90",
            "PredictionIntervalUpperBound": "110",
        }

    today = date(2026, 11, 21)
    assert sum_forecast([build_result("2026-11-21")], today, 50) == (150, 140, 160)
    assert sum_forecast([build_result("2026-11-01")], today, 50) == (100, 90, 110)
    with pytest.raises(UnknownAnswerError):
        sum_forecast([], today, 50)


def test_the_first_day_of_a_month_has_a_forecast(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    move_to(stage, datetime(2027, 1, 1, 6, tzinfo=UTC))
    assert run_line("cost forecast --output json") == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["since"], body["until"]) == ("2027-01-01", "2027-02-01")
    assert body["soFar"] == pytest.approx(DAILY_USD / 4, abs=0.01)
    assert body["forecast"] == pytest.approx(31 * DAILY_USD, abs=0.01)

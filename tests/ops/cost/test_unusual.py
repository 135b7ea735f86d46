"""`ops cost unusual` as it is typed."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ops.cost.explorer import DayCost
from ops.cost.unusual import find_unusual_costs
from sandbox.billing import get_account_ledger
from tests.ops.cost_stage import move_to, put_billed_stack, put_costs, put_nat_surprise
from tests.ops.every_command import open_command_line
from tests.ops.prod.deployed import count_calls
from tests.ops.stage import Stage

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIRST, END = date(2026, 11, 1), date(2026, 11, 20)
Typed = tuple[Stage, Callable[[str], int]]


@pytest.fixture(params=[put_billed_stack])
def typed(request: pytest.FixtureRequest) -> Iterator[Typed]:
    def set_up(stage: Stage) -> None:
        move_to(stage, NOW)
        request.param(stage)

    with open_command_line(set_up) as (stage, run_line):
        yield stage, run_line


def build_costs(amounts: list[float], first: date) -> list[DayCost]:
    return [
        DayCost(first + timedelta(days=n), "network", "", "Bytes", amount, "USD", True)
        for n, amount in enumerate(amounts)
    ]


def test_a_usual_month_has_no_unusual_day(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    _, run_line = typed
    assert run_line("cost unusual") == 0
    out = capsys.readouterr().out
    assert "no unusual days" in out
    assert "40% and 1 USD above the median of the 14 days before" in out


def test_an_unusual_day_is_found_by_the_monitor_and_by_the_rule(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    put_nat_surprise(date(2026, 11, 10))
    assert run_line("cost unusual --output json") == 3
    body: dict[str, Any] = json.loads(capsys.readouterr().out)
    by_source = {item["source"]: item for item in body["items"]}
    assert len(body["items"]) == 2
    for item in by_source.values():
        assert item["since"] == item["until"] == "2026-11-10"
        assert item["usageType"] == "EUN1-NatGateway-Bytes"
        assert item["extra"] == pytest.approx(30)
    assert by_source["rule"]["component"] == "network"
    assert by_source["monitor"]["service"] == "EC2 - Other"
    assert run_line("cost unusual --days 5") == 0, "the day is longer ago"


@pytest.mark.parametrize("typed", [put_costs], indirect=True)
def test_a_stack_without_a_monitor_has_the_rule(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    put_nat_surprise(date(2026, 11, 10))
    with count_calls() as calls:
        assert run_line("cost unusual") == 3
    assert not calls["GetAnomalies"]
    out = capsys.readouterr().out
    assert "the stack has no anomaly monitor: set cost.anomalyDetection" in out
    assert "EUN1-NatGateway-Bytes" in out


@pytest.mark.parametrize(
    ("operation", "message", "other"),
    [
        ("GetAnomalies", "anomalies that the monitor found: ce.get_anomalies was denied", "rule"),
        (
            "GetCostAndUsage",
            "days above the usual: ce.get_cost_and_usage was denied",
            "monitor",
        ),
    ],
)
def test_a_denied_call_leaves_what_the_other_source_says(
    typed: Typed, capsys: pytest.CaptureFixture[str], operation: str, message: str, other: str
) -> None:
    _, run_line = typed
    put_nat_surprise(date(2026, 11, 10))
    with count_calls(lambda name: "AccessDeniedException" if name == operation else None):
        assert run_line("cost unusual --output json") == 3
    body = json.loads(capsys.readouterr().out)
    assert message in body["unknown"][0]
    assert [item["source"] for item in body["items"]] == [other]


def test_inactive_tags_and_a_denied_monitor_are_two_unknowns(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    get_account_ledger().inactive_tags.add("Environment")
    with count_calls(lambda name: "AccessDeniedException" if name == "GetAnomalies" else None):
        assert run_line("cost unusual") == 3
    out, err = capsys.readouterr()
    assert "no unusual days" not in out
    assert "costs cannot be told by the stack's tags" in out
    assert "TagKey=Environment,Status=Active" in err


@pytest.mark.parametrize(
    ("amounts", "unusual_days"),
    [
        ([10.0] * 20, []),
        ([10.0] * 19 + [13.9], []),  # less than 40 percent
        ([10.0] * 19 + [14.1], [19]),
        ([0.1] * 19 + [1.0], []),  # less than a dollar
        ([0.1] * 19 + [1.2], [19]),
        ([10.0] * 6 + [90.0], []),  # six days say nothing
        ([10.0] * 7 + [90.0], [7]),
        ([10.0] * 7 + [90.0] * 9, [7, 8, 9, 10, 11, 12, 13, 14]),  # until it is the usual
    ],
)
def test_the_rule_is_the_median_of_two_weeks(amounts: list[float], unusual_days: list[int]) -> None:
    first = date(2026, 10, 25)
    end = first + timedelta(days=len(amounts))
    found = find_unusual_costs(build_costs(amounts, first), first, end)
    assert [(cost.first - first).days for cost in found] == unusual_days


def test_a_usage_type_that_is_new_was_nothing_before() -> None:
    old = build_costs([5.0] * 20, FIRST - timedelta(days=5))
    new = DayCost(date(2026, 11, 15), "network", "", "DataTransfer", 8.0, "USD", True)
    (found,) = find_unusual_costs([*old, new], FIRST, END)
    assert (found.usage_type, found.usual, found.extra) == ("DataTransfer", 0, 8)


@pytest.mark.parametrize("days", ["0", "91", "many"])
def test_days_out_of_range_are_refused(
    typed: Typed, capsys: pytest.CaptureFixture[str], days: str
) -> None:
    _, run_line = typed
    assert run_line(f"cost unusual --days {days}") == 2
    assert "--days" in capsys.readouterr().err

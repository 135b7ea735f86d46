"""`ops cost commitments` as it is typed."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.ce.models import ce_backends

from sandbox.aws import ACCOUNT_ID
from sandbox.patches.ce.commitments import CommitmentState, get_commitments
from tests.ops.cost_stage import move_to
from tests.ops.every_command import open_command_line
from tests.ops.prod.deployed import count_calls
from tests.ops.stage import Stage

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RDS = "Amazon Relational Database Service"
Typed = tuple[Stage, Callable[[str], int]]


@pytest.fixture
def typed() -> Iterator[Typed]:
    def set_up(stage: Stage) -> None:
        move_to(stage, NOW)

    with open_command_line(set_up) as (stage, run_line):
        yield stage, run_line


def get_state() -> CommitmentState:
    return get_commitments(ce_backends[ACCOUNT_ID]["aws"])


def put_plan(days_left: int, used: float) -> None:
    end = NOW + timedelta(days=days_left)
    get_state().plans.append(
        {
            "SavingsPlanArn": f"arn:aws:savingsplans::{ACCOUNT_ID}:savingsplan/plan-1",
            "Attributes": {"SavingsPlansType": "Compute", "EndDateTime": f"{end:%FT%TZ}"},
            "Utilization": {
                "TotalCommitment": "72",
                "UsedCommitment": f"{72 * used / 100}",
                "UnusedCommitment": f"{72 - 72 * used / 100}",
                "UtilizationPercentage": f"{used}",
            },
        }
    )


def put_advice() -> None:
    state = get_state()
    state.plan_advice.append(
        {
            "UpfrontCost": "0",
            "CurrencyCode": "USD",
            "EstimatedSavingsPercentage": "20",
            "HourlyCommitmentToPurchase": "0.1",
            "EstimatedMonthlySavingsAmount": "18.25",
        }
    )
    state.reservation_advice[RDS] = [
        {
            "InstanceDetails": {
                "RDSInstanceDetails": {
                    "InstanceType": "db.t4g.small",
                    "Region": "eu-north-1",
                    "DatabaseEngine": "PostgreSQL",
                    "DeploymentOption": "Multi-AZ",
                }
            },
            "RecommendedNumberOfInstancesToPurchase": "1",
            "EstimatedBreakEvenInMonths": "7.4",
            "CurrencyCode": "USD",
            "EstimatedMonthlySavingsAmount": "30",
            "EstimatedMonthlySavingsPercentage": "34",
            "UpfrontCost": "180",
            "RecurringStandardMonthlyCost": "12",
        }
    ]


def run_for_json(typed: Typed, capsys: pytest.CaptureFixture[str], line: str, code: int) -> Any:
    assert typed[1](f"{line} --output json") == code
    return json.loads(capsys.readouterr().out)


def test_an_account_without_any_has_none_and_nothing_to_buy(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed[1]("cost commitments") == 0
    out, err = capsys.readouterr()
    assert "asks Cost Explorer 7 times, at 0.01 $ a page" in err
    assert "ops never buys" in out
    body = run_for_json(typed, capsys, "cost commitments", 0)
    assert (body["held"], body["coverage"], body["items"], body["unknown"]) == ([], [], [], [])


def test_what_would_save_is_shown_with_its_break_even_and_risk(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    put_advice()
    body = run_for_json(typed, capsys, "cost commitments --term 3y --payment partial", 0)
    database, compute = body["items"]
    assert database["buy"] == "1 x db.t4g.small PostgreSQL Multi-AZ in eu-north-1"
    assert (database["monthlySaving"], database["upfront"], database["breakEvenMonths"]) == (
        *(30, 180, 7.4),
    )
    assert "paid for 36 months, used or not" in database["risk"]
    assert "once less than 66 % of it is used" in database["risk"]
    assert (compute["monthly"], compute["breakEvenMonths"]) == (73, 0)
    assert "less than 80 %" in compute["risk"]


@pytest.mark.parametrize(
    ("days_left", "used", "state"),
    [
        (61, 95, "ok"),
        (59, 95, "ends within 60 days: on demand afterwards"),
        (61, 89, "less than 90 % of it is used: paid for nothing"),
    ],
)
def test_what_ends_soon_or_is_paid_for_nothing_is_open(
    typed: Typed, capsys: pytest.CaptureFixture[str], days_left: int, used: float, state: str
) -> None:
    put_plan(days_left, used)
    body = run_for_json(typed, capsys, "cost commitments", 0 if state == "ok" else 3)
    (held,) = body["held"]
    assert (held["state"], held["usedPercent"]) == (state, used)
    assert body["coverage"] == [{"what": "compute by Savings Plans", "percent": 50}]


def test_a_reservation_whose_end_is_not_said_is_shown_without(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    get_state().reservations.append(
        {"Value": "sub-1", "Attributes": {}, "Utilization": {"UtilizationPercentage": "100"}}
    )
    body = run_for_json(typed, capsys, "cost commitments", 0)
    assert (body["held"][0]["ends"], body["coverage"][0]["percent"]) == (None, 25)


def test_answers_are_kept_for_a_day(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed[1]("cost commitments") == 0
    with count_calls() as calls:
        assert typed[1]("cost commitments") == 0
    # "No data" is not kept: it may be there in an hour.
    assert calls["GetSavingsPlansPurchaseRecommendation"] == 0


def test_a_denied_call_is_unknown_and_the_others_are_known(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    put_advice()
    with count_calls(
        lambda name: "AccessDeniedException" if name == "GetSavingsPlansCoverage" else None
    ):
        assert typed[1]("cost commitments") == 3
    out, err = capsys.readouterr()
    assert "unknown: coverage by Savings Plans: ce.get_savings_plans_coverage was denied" in out
    assert "db.t4g.small" in out
    assert "0 open, 1 unknown" in err

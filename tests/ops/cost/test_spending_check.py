"""The check `monthly-spending` of the monthly list."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest

from ops.core.check_runner import run_checks, send_read
from ops.core.checks import CheckFacts, CheckFinding
from ops.findings.model import ResourceFinding
from ops.health.registry import HEALTH_CHECKS_BY_KEY, list_line_checks
from sandbox.billing import get_account_ledger
from tests.ops.cost_stage import move_to, put_billed_stack, put_costs, put_nat_surprise
from tests.ops.every_command import open_command_line
from tests.ops.prod.deployed import count_calls
from tests.ops.stage import REGION, Stage

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def stage() -> Iterator[Stage]:
    def set_up(stage: Stage) -> None:
        move_to(stage, NOW)
        put_billed_stack(stage)

    with open_command_line(set_up) as (billed_stage, _):
        yield billed_stage


def list_open_components(stage: Stage) -> set[str]:
    return {f.subject for f in look(stage) if f.state == "failing" and "anomaly" not in f.subject}


def look(stage: Stage) -> list[CheckFinding]:
    facts = CheckFacts(stage.outputs, stage.clock.held_clock.now())
    check = HEALTH_CHECKS_BY_KEY["monthly-spending"]
    assert check.is_applicable(stage.outputs)
    return run_checks([check], facts, lambda read: send_read(stage.aws, read, REGION))


def test_a_usual_month_within_its_budget_is_ok_and_asked_once_a_day(stage: Stage) -> None:
    (finding,) = look(stage)
    assert finding.state == "ok"
    assert "forecast to cost 223.20 USD" in finding.evidence
    with count_calls() as calls:
        look(stage)
    assert calls == {"DescribeBudget": 1}


def test_a_surprise_is_a_finding_of_the_budget_and_of_its_component(stage: Stage) -> None:
    put_nat_surprise(date(2026, 11, 10), 60)
    findings = {finding.subject: finding for finding in look(stage)}
    assert {finding.state for finding in findings.values()} == {"failing"}
    assert findings["anomaly of 2026-11-10"].command == "ops cost unusual"
    assert "above the budget of 250.00" in findings["budget"].evidence
    assert "EUN1-NatGateway-Bytes grew most, by 60.00" in findings["network"].evidence
    assert findings["network"].command == "ops cost unusual"


@pytest.mark.parametrize("usd", [19, 21])
def test_a_component_is_far_above_with_twenty_dollars_and_half_more(
    stage: Stage, usd: float
) -> None:
    put_nat_surprise(date(2026, 11, 10), usd)
    assert list_open_components(stage) == set()
    put_nat_surprise(date(2026, 11, 11), 24 - usd)  # 24 of 45.60 are more than half
    move_to(stage, NOW.replace(day=22))
    assert list_open_components(stage) == {"network"}


def test_an_anomaly_that_somebody_explained_is_waived(stage: Stage) -> None:
    put_nat_surprise(date(2026, 11, 10), 15)
    (finding,) = look(stage)
    assert isinstance(finding, ResourceFinding)
    assert finding.id == "monthly-spending/anomaly-2026-11-10-EC2---Other-EUN1-NatGateway-Bytes"
    assert (finding.since, finding.monthly_usd) == ("2026-11-10", 15)


@pytest.mark.parametrize(
    ("operation", "is_open"),
    [
        ("GetCostForecast", False),
        ("GetCostAndUsage", False),
        ("DescribeBudget", True),
        ("GetAnomalies", True),
    ],
)
def test_a_denied_call_is_unknown(stage: Stage, operation: str, is_open: bool) -> None:
    put_nat_surprise(date(2026, 11, 10), 60)
    deny: Callable[[str], str | None] = {operation: "AccessDeniedException"}.get
    with count_calls(deny):
        findings = look(stage)
    assert "was denied" in findings[0].evidence
    assert findings[0].state == "unknown"
    subjects = {finding.subject for finding in findings[1:]}
    assert ("network" in subjects) is is_open


def test_inactive_tags_are_unknown(stage: Stage) -> None:
    get_account_ledger().inactive_tags.add("Component")
    assert [finding.state for finding in look(stage)] == ["unknown"]
    get_account_ledger().inactive_tags.add("Project")
    move_to(stage, NOW.replace(day=22))
    (finding,) = look(stage)
    assert (finding.state, "update-cost-allocation-tags-status" in finding.command) == (
        *("unknown", True),
    )


def test_a_stack_without_a_budget_is_not_asked_about(stage: Stage) -> None:
    put_costs(stage)
    alarms = stage.outputs.alarms.model_copy(update={"spending": None})
    outputs = stage.outputs.model_copy(update={"alarms": alarms})
    (check,) = list_line_checks("spending")
    assert not check.is_applicable(outputs)

"""`ops cost report` as it is typed."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.core.errors import UsageError
from ops.cost.cost_month import parse_cost_month
from ops.cost.state_estimate import build_state_estimate, list_state_resources
from sandbox.billing import add_unusual_cost, get_account_ledger
from tests.ops.cost_stage import (
    DAILY_USD,
    NAT_SERVICE,
    STACK,
    move_to,
    put_billed_stack,
    put_nat_surprise,
)
from tests.ops.every_command import open_command_line
from tests.ops.fake_pulumi import get_fake_pulumi
from tests.ops.prod.deployed import count_calls
from tests.ops.stage import Stage

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
Typed = tuple[Stage, Callable[[str], int]]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Typed]:
    """A stack with costs, on 21 November 2026 at noon: 19 November is the last whole day."""

    monkeypatch.chdir(tmp_path)

    def set_up(stage: Stage) -> None:
        move_to(stage, NOW)
        put_billed_stack(stage)

    with open_command_line(set_up) as (stage, run_line):
        yield stage, run_line


def get_parts(body: dict[str, Any], key: str = "components") -> dict[str, dict[str, Any]]:
    return {part["name"]: part for part in body[key]}


def run_for_json(
    run_line: Callable[[str], int], capsys: pytest.CaptureFixture[str], line: str, code: int = 0
) -> dict[str, Any]:
    capsys.readouterr()
    assert run_line(f"{line} --output json") == code
    body: dict[str, Any] = json.loads(capsys.readouterr().out)
    return body


def test_a_surprise_names_its_component_and_its_usage_type(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    put_nat_surprise(date(2026, 11, 10))
    body = run_for_json(run_line, capsys, "cost report")
    assert (body["since"], body["until"]) == ("2026-11-01", "2026-11-20")
    assert body["before"] == {"since": "2026-10-01", "until": "2026-10-20"}
    parts = get_parts(body)
    assert list(parts) == ["database", "network"]
    assert parts["network"]["amount"] == pytest.approx(19 * 2.4 + 30)
    assert parts["network"]["before"] == pytest.approx(19 * 2.4)
    assert parts["network"]["grewMost"] == "EUN1-NatGateway-Bytes"
    assert parts["network"]["grewBy"] == pytest.approx(30)
    assert parts["database"]["change"] == pytest.approx(0)
    assert get_parts(body, "services")[NAT_SERVICE]["change"] == pytest.approx(30)
    days = {day["day"]: day for day in body["days"]}
    assert days["2026-11-10"]["amount"] == pytest.approx(DAILY_USD + 30)
    assert days["2026-11-21"]["amount"] == pytest.approx(DAILY_USD / 2, abs=0.01)
    assert body["unit"] == "USD"
    assert all(day["estimated"] for day in body["days"])


def test_the_table_says_where_its_figures_are_from(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    put_nat_surprise(date(2026, 11, 10))
    assert run_line("cost report") == 0
    out, err = capsys.readouterr()
    assert "asks Cost Explorer 2 times, at 0.01 $ a page" in err
    assert "2026-11-01 to 2026-11-19, beside 2026-10-01 to 2026-10-19" in err
    assert "EUN1-NatGateway-Bytes +30.00" in out
    assert "the stack: 171.36 USD, +30.00 against 141.36 before" in out
    assert "Cost Explorer, asked at 2026-11-21 12:00 UTC (3 of 3 answers new" in out
    assert "without credit and refund" in out
    assert "no estimate of the settings: there is no Pulumi.yaml in the current folder" in out
    assert "estimate" not in out.splitlines()[0]


@pytest.mark.parametrize("by", ["service", "usage-type", "day"])
def test_other_groupings_cost_no_further_call(
    typed: Typed, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    _, run_line = typed
    assert run_line("cost report") == 0
    with count_calls() as calls:
        assert run_line(f"cost report --by {by}") == 0
    assert not calls["GetCostAndUsage"]
    shown = {"service": NAT_SERVICE, "usage-type": "EUN1-RDS:GP3-Storage", "day": "2026-11-20"}
    assert shown[by] in capsys.readouterr().out


def test_answers_are_kept_for_the_day_and_asked_again_if_fresh(typed: Typed) -> None:
    stage, run_line = typed

    def count_lines(*lines: str) -> Counter[str]:
        with count_calls() as calls:
            for line in lines:
                assert run_line(line) == 0
        return calls

    first = count_lines("cost report", "cost report")
    assert (first["GetCostAndUsage"], first["ListCostAllocationTags"]) == (2, 1)
    assert count_lines("cost report --fresh")["GetCostAndUsage"] == 2
    move_to(stage, NOW.replace(day=22))
    assert count_lines("cost report")["GetCostAndUsage"] == 2


def test_kept_answers_are_for_their_user_alone(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run_line = typed
    folder = tmp_path / "kept"
    monkeypatch.setattr("ops.cost.answers.get_answer_folder", lambda: folder)
    assert run_line("cost report") == 0
    files = list(folder.iterdir())
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    for file in files:
        file.write_text("{", encoding="utf-8")  # as of a machine that went down
    with count_calls() as calls:
        assert run_line("cost report") == 0
    assert calls["GetCostAndUsage"] == 2


def test_credits_hide_no_cost(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    _, run_line = typed
    add_unusual_cost(
        STACK,
        date(2026, 11, 5),
        component="network",
        service=NAT_SERVICE,
        usage_type="NatGateway-Hours",
        usd=-40,
        record_type="Credit",
    )
    body = run_for_json(run_line, capsys, "cost report")
    assert get_parts(body)["network"]["change"] == pytest.approx(0)
    assert body["leftOut"] == ["Credit", "Refund"]


def test_a_component_tag_that_is_not_active_leaves_components_unknown(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    get_account_ledger().inactive_tags.add("Component")
    body = run_for_json(run_line, capsys, "cost report", 3)
    assert body["components"] is None
    assert body["scope"] == "stack"
    assert body["total"]["amount"] == pytest.approx(19 * DAILY_USD)
    assert run_line("cost report") == 3
    out, err = capsys.readouterr()
    assert "what each component cost is unknown" in out
    assert "the cost allocation tags Component are not active" in out
    assert "TagKey=Component,Status=Active" in err


def test_inactive_tags_of_the_stack_show_the_account_and_are_activated_by_the_command(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    get_account_ledger().inactive_tags |= {"Project", "Environment", "Component"}
    body = run_for_json(run_line, capsys, "cost report", 3)
    assert (body["scope"], body["components"]) == ("account", None)
    assert run_line("cost report --by service") == 3
    out, err = capsys.readouterr()
    assert "the whole account: 141.36 USD" in out
    words = err.split("--cost-allocation-tags-status ")[1].split()
    statuses = [dict(pair.split("=") for pair in word.split(",")) for word in words]
    assert [status["TagKey"] for status in statuses] == ["Project", "Environment", "Component"]
    ce = stage.client("ce", "us-east-1")
    ce.update_cost_allocation_tags_status(CostAllocationTagsStatus=statuses)
    body = run_for_json(run_line, capsys, "cost report --fresh")
    assert set(get_parts(body)) == {"database", "network"}


@pytest.mark.parametrize("operation", ["GetCostAndUsage"])
def test_a_denied_call_is_unknown_and_named(
    typed: Typed, capsys: pytest.CaptureFixture[str], operation: str
) -> None:
    _, run_line = typed
    with count_calls(lambda name: "AccessDeniedException" if name == operation else None):
        assert run_line("cost report") == 3
    err = capsys.readouterr().err
    assert "what the stack cost is unknown: ce.get_cost_and_usage was denied" in err
    assert run_line("cost report") == 0, "what was denied is not kept"


def test_denied_tags_leave_the_rest(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    _, run_line = typed
    is_tags: Callable[[str], str | None] = lambda name: (  # noqa: E731
        "AccessDeniedException" if name == "ListCostAllocationTags" else None
    )
    with count_calls(is_tags):
        body = run_for_json(run_line, capsys, "cost report", 3)
    assert set(get_parts(body)) == {"database", "network"}
    assert "ce.list_cost_allocation_tags was denied" in body["unknown"][0]


def test_a_new_account_has_no_data_and_asks_again_later(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    usages = dict(get_account_ledger().usages)
    get_account_ledger().usages.clear()
    assert run_line("cost report") == 3
    assert "Cost Explorer has no data of this time" in capsys.readouterr().err
    get_account_ledger().usages.update(usages)
    assert run_line("cost report --fresh") == 0


def test_costs_without_the_stacks_tags_are_unknown_not_zero(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    ledger = get_account_ledger()
    ledger.usages["atlas", "prod"] = ledger.usages.pop(STACK)
    for first_day, usages in [ledger.usages["atlas", "prod"]]:
        others = tuple(
            usage.__class__(
                usage.service, usage.usage_type, usage.monthly_usd, {"Project": "atlas"}
            )
            for usage in usages
        )
        ledger.usages["atlas", "prod"] = first_day, others
    assert run_line("cost report") == 3
    assert "no cost has the stack's tags in this time" in capsys.readouterr().err


def test_the_estimate_of_the_settings_is_beside_what_was_spent(
    typed: Typed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, run_line = typed
    file = tmp_path / "estimate.json"
    row = {"stack": "test", "component": "network", "monthly": 36.5}
    prices = {"region": "us-east-1", "taken": "2026-11", "source": "AWS's pages"}
    document = {"kind": "cost-estimate", "schema": 1, "items": [row], "prices": prices}
    file.write_text(json.dumps(document), encoding="utf-8")
    parts = get_parts(run_for_json(run_line, capsys, f"cost report --estimate {file}"))
    assert parts["network"]["estimate"] == pytest.approx(19 * 1.2)
    assert parts["database"]["estimate"] is None
    assert run_line(f"cost report --estimate {file}") == 0
    out = capsys.readouterr().out
    assert "+22.80" in out
    assert "estimate: list prices of us-east-1, 2026-11, from AWS's pages" in out
    file.write_text(json.dumps(document | {"items": [row | {"stack": "prod"}]}), encoding="utf-8")
    assert run_line(f"cost report --estimate {file}") == 2
    assert "--estimate must be of the stack test, not of prod" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("now", "month", "span", "previous"),
    [
        # The first and the second of a month have no whole day behind them: the last month.
        ((2026, 12, 1, 0), None, ("2026-11-01", "2026-11-30"), ("2026-10-01", "2026-10-30")),
        ((2026, 12, 2, 9), None, ("2026-11-01", "2026-12-01"), ("2026-10-01", "2026-11-01")),
        ((2026, 12, 3, 9), None, ("2026-12-01", "2026-12-02"), ("2026-11-01", "2026-11-02")),
        # December and January.
        ((2027, 1, 5, 9), None, ("2027-01-01", "2027-01-04"), ("2026-12-01", "2026-12-04")),
        ((2027, 1, 5, 9), "2026-12", ("2026-12-01", "2027-01-01"), ("2026-11-01", "2026-12-01")),
        # The month before is shorter.
        ((2027, 3, 31, 9), None, ("2027-03-01", "2027-03-30"), ("2027-02-01", "2027-03-01")),
        ((2027, 4, 9, 9), "2027-03", ("2027-03-01", "2027-04-01"), ("2027-02-01", "2027-03-01")),
    ],
)
def test_a_month_is_beside_the_same_days_of_the_one_before(
    now: tuple[int, int, int, int],
    month: str | None,
    span: tuple[str, str],
    previous: tuple[str, str],
) -> None:
    parsed = parse_cost_month(month, datetime(*now, tzinfo=UTC))
    assert (f"{parsed.first}", f"{parsed.end}") == span
    assert (f"{parsed.previous_first}", f"{parsed.previous_end}") == previous


@pytest.mark.parametrize(
    ("month", "message"),
    [
        ("2026-12", "--month must have a whole day, not '2026-12'"),
        ("2027-01", "--month must have begun, not '2027-01'"),
        ("2025-11", "--month must be one of the last 13"),
        ("26-12", "--month must be a month like 2026-12, not '26-12'"),
    ],
)
def test_a_month_without_costs_to_compare_is_refused(month: str, message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_cost_month(month, datetime(2026, 12, 1, 9, tzinfo=UTC))
    assert message in str(refusal.value)


def test_december_is_compared_with_november_from_january(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    put_nat_surprise(date(2026, 12, 31), 12)
    move_to(stage, datetime(2027, 1, 2, 9, tzinfo=UTC))
    body = run_for_json(run_line, capsys, "cost report")
    assert (body["since"], body["until"]) == ("2026-12-01", "2027-01-01")
    assert body["total"]["before"] == pytest.approx(30 * DAILY_USD)
    assert body["total"]["amount"] == pytest.approx(31 * DAILY_USD + 12)


def build_state(**inputs: Any) -> dict[str, Any]:
    """An export with a NAT gateway in the network, below a component that is nested in it."""
    root = "urn:pulumi:test::bulwark::pulumi:pulumi:Stack::bulwark-test"
    network = "urn:pulumi:test::bulwark::bulwark:index:Network::network"
    nat = "urn:pulumi:test::bulwark::bulwark:index:Network$bulwark:index:Nat::network-nat"
    gateway_type = "aws:ec2/natGateway:NatGateway"
    gateway = f"{nat.rpartition('::')[0]}${gateway_type}::network-nat-a"
    resources = [
        {"urn": root, "type": "pulumi:pulumi:Stack"},
        {"urn": network, "type": "bulwark:index:Network", "parent": root},
        {"urn": nat, "type": "bulwark:index:Nat", "parent": network},
        {"urn": gateway, "type": gateway_type, "custom": True, "parent": nat, "inputs": inputs},
    ]
    return {"version": 3, "deployment": {"resources": resources}}


def test_the_estimate_is_that_of_the_settings_in_the_state_and_names_the_surprise(
    typed: Typed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stage, run_line = typed
    (tmp_path / "Pulumi.yaml").write_text("name: bulwark", encoding="utf-8")
    get_fake_pulumi(stage).stacks["test"].state = build_state(connectivityType="public")
    put_nat_surprise(date(2026, 11, 10))
    body = run_for_json(run_line, capsys, "cost report")
    parts = get_parts(body)
    assert parts["network"]["estimate"] == pytest.approx(19 * 24 * 0.045)
    assert parts["database"]["estimate"] is None
    assert body["surprises"] == ["network"]
    assert body["estimateMissing"] is None
    assert run_line("cost report") == 0
    out = capsys.readouterr().out
    assert "estimate: the settings in Pulumi's state, at list prices of us-east-1" in out
    assert "surprise: network cost 75.60 USD, about 55.08 more than its settings should" in out
    assert "NatGateway-Bytes grew most" in out


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (None, "pulumi stack export"),
        ({"version": 3, "deployment": {"resources": []}}, "holds no resource"),
    ],
)
def test_without_an_estimate_the_report_says_why(
    typed: Typed,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    state: dict[str, Any] | None,
    reason: str,
) -> None:
    stage, run_line = typed
    (tmp_path / "Pulumi.yaml").write_text("name: bulwark", encoding="utf-8")
    pulumi = get_fake_pulumi(stage)
    pulumi.stacks["test"].state = state or {}
    failure = {"exit": 1, "output": None, "said": "no access to the state's bucket"}
    with (
        patch("ops.core.actions.run_shell_command", lambda _: failure)
        if state is None
        else (nullcontext())
    ):
        body = run_for_json(run_line, capsys, "cost report")
    assert reason in body["estimateMissing"]
    assert body["surprises"] == []


def test_a_resource_without_a_price_is_named_beside_the_estimate() -> None:
    state = build_state()
    state["deployment"]["resources"][-1]["type"] = "aws:new/thing:Thing"
    estimate = build_state_estimate(list_state_resources(state), date(2026, 11, 21))
    assert "too low, as these have no price: network's network-nat-a" in estimate.source

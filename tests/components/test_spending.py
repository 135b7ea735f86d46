"""The budget and the anomaly monitor: settings, filters, who is told."""

import json
from typing import Any

import pytest
from pydantic import JsonValue

from ops.outputs import parse_outputs
from sandbox.deploy import deploy_in_memory, use_in_memory_aws
from tests.world import run_whole_program

BUDGET_TYPE = "aws:budgets/budget:Budget"
MONITOR_TYPE = "aws:costexplorer/anomalyMonitor:AnomalyMonitor"
SUBSCRIPTION_TYPE = "aws:costexplorer/anomalySubscription:AnomalySubscription"
TYPES = (BUDGET_TYPE, MONITOR_TYPE, SUBSCRIPTION_TYPE)


def read_inputs(stack: str, cost: dict[str, JsonValue] | None = None) -> dict[str, Any]:
    world = run_whole_program(stack, {} if cost is None else {"cost": cost})
    return {r.type: r.inputs for r in world.resources if r.type in TYPES}


def test_a_budget_is_filtered_to_the_stack_without_credits_and_tells_both_topics() -> None:
    budget = read_inputs("prod")[BUDGET_TYPE]
    assert (budget["name"], budget["limitAmount"], budget["limitUnit"]) == (
        *("bulwark-prod", "500", "USD"),
    )
    assert budget["metrics"] == "UnblendedCost"
    assert budget["filterExpression"]["ands"] == [
        {"tags": {"key": "Project", "values": ["bulwark"]}},
        {"tags": {"key": "Environment", "values": ["prod"]}},
        {"not": {"dimensions": {"key": "RECORD_TYPE", "values": ["Credit", "Refund"]}}},
    ]
    told = [
        (
            *(n["notificationType"], n["threshold"]),
            n["subscriberSnsTopicArns"][0].rpartition("-")[2],
        )
        for n in budget["notifications"]
    ]
    assert told == [("ACTUAL", 80, "warn"), ("ACTUAL", 100, "page"), ("FORECASTED", 100, "warn")]


def test_a_monitor_sees_the_project_and_tells_warn() -> None:
    inputs = read_inputs("prod", {"anomalyUsd": 50, "anomalyPercent": 25})
    specification = json.loads(inputs[MONITOR_TYPE]["monitorSpecification"])
    assert inputs[MONITOR_TYPE]["monitorType"] == "CUSTOM"
    assert {k: v for k, v in specification.items() if v is not None} == {
        "Tags": {"Key": "Project", "MatchOptions": None, "Values": ["bulwark"]}
    }
    subscription = inputs[SUBSCRIPTION_TYPE]
    assert subscription["frequency"] == "IMMEDIATE"
    (subscriber,) = subscription["subscribers"]
    assert subscriber["type"] == "SNS"
    assert subscriber["address"].endswith("-warn")
    thresholds = [
        part["dimension"]["values"] for part in subscription["thresholdExpression"]["ands"]
    ]
    assert thresholds == [["50"], ["25"]]


@pytest.mark.parametrize(
    ("stack", "cost", "types"),
    [
        ("prod", None, set(TYPES)),
        ("dev", None, set()),
        ("dev", {"monthlyBudget": 80.5}, {BUDGET_TYPE}),
        ("prod", {"monthlyBudget": None}, {MONITOR_TYPE, SUBSCRIPTION_TYPE}),
        ("prod", {"anomalyDetection": False}, {BUDGET_TYPE}),
    ],
)
def test_each_is_a_setting(stack: str, cost: dict[str, JsonValue] | None, types: set[str]) -> None:
    inputs = read_inputs(stack, cost)
    assert set(inputs) == types
    if stack == "dev" and cost:
        assert inputs[BUDGET_TYPE]["limitAmount"] == "80.5"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_contract_says_what_watches(stack: str) -> None:
    with use_in_memory_aws("eu-north-1"):
        spending = parse_outputs(deploy_in_memory(stack).exports).alarms.spending
    if stack == "dev":
        assert spending is None
    else:
        assert spending is not None
        assert (spending.budget_name, spending.monthly_budget) == ("bulwark-prod", 500)
        assert spending.anomaly_monitor_arn is not None

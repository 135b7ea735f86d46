"""What a change costs, and what of it is not priced."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest

from components.facts.billing import PricedResource
from ops.preview.changes import parse_live
from ops.preview.costs import compare_costs
from ops.prices.estimate import Cost, estimate_known_costs

INSTANCE_TYPE = "aws:rds/instance:Instance"
CACHE_TYPE = "aws:elasticache/replicationGroup:ReplicationGroup"


def list_costs(type_: str, inputs: dict[str, Any]) -> dict[str, Cost]:
    resource = PricedResource(type_, "it", "Database", inputs)
    return {cost.what: cost for cost in estimate_known_costs([resource])}


def build_database(**inputs: Any) -> dict[str, Any]:
    return {"instanceClass": "db.m7g.large", "allocatedStorage": 400, **inputs}


@pytest.mark.parametrize(("multi_az", "copies"), [(False, 1), (True, 2)])
def test_iops_and_throughput_beyond_the_included_are_priced(multi_az: bool, copies: int) -> None:
    costs = list_costs(
        INSTANCE_TYPE, build_database(iops=40000, storageThroughput=2000, multiAz=multi_az)
    )
    assert costs["28,000 IOPS beyond 12,000"].monthly == pytest.approx(560 * copies)
    assert costs["1,500 MiB/s beyond 500"].monthly == pytest.approx(120 * copies)


def test_a_smaller_volume_includes_less() -> None:
    costs = list_costs(
        INSTANCE_TYPE, build_database(allocatedStorage=100, iops=4000, storageThroughput=125)
    )
    assert costs["1,000 IOPS beyond 3,000"].monthly == pytest.approx(20)
    assert not any("MiB/s" in what for what in costs)


def test_what_gp3_includes_costs_nothing() -> None:
    costs = list_costs(INSTANCE_TYPE, build_database(iops=12000, storageThroughput=500))
    assert not any("beyond" in what for what in costs)


@pytest.mark.parametrize(
    ("inputs", "what", "text"),
    [
        ({"engine": "oracle-se2"}, "engine", "not priced: oracle-se2"),
        ({"storageType": "io2"}, "storage", "not priced: io2"),
        ({"databaseInsightsMode": "advanced"}, "Database Insights, advanced", "per vCPU-hour"),
    ],
)
def test_what_is_not_in_the_sum_is_named(inputs: dict[str, Any], what: str, text: str) -> None:
    cost = list_costs(INSTANCE_TYPE, build_database(**inputs))[what]
    assert cost.monthly is None
    assert text in str(cost.usage)


@pytest.mark.parametrize(
    ("inputs", "nodes"),
    [
        ({"numCacheClusters": 2}, 2),
        ({"numNodeGroups": 3, "replicasPerNodeGroup": 1}, 6),
        ({"numNodeGroups": 2}, 2),
        ({}, 1),
    ],
)
def test_every_node_of_every_node_group_is_priced(inputs: dict[str, Any], nodes: int) -> None:
    costs = list_costs(CACHE_TYPE, {"nodeType": "cache.t4g.micro", **inputs})
    assert f"{nodes} x cache.t4g.micro" in costs


def test_the_data_of_a_nat_gateway_is_estimated() -> None:
    cost = list_costs("aws:ec2/natGateway:NatGateway", {})["data"]
    assert "4.50 $ a month at 100 GB, an assumption" in str(cost.usage)


def test_a_changed_property_without_a_price_is_named() -> None:
    states = [
        {"type": INSTANCE_TYPE, "inputs": build_database(maxAllocatedStorage=size)}
        for size in (500, 900)
    ]
    step: Any = {
        "op": "update",
        "urn": f"urn:pulumi:prod::bulwark::{INSTANCE_TYPE}::database",
        "oldState": states[0],
        "newState": states[1],
    }
    rates = compare_costs(parse_live({"steps": [step]}, "prod")).usage_rates
    what, rate = "database: the change is not priced", "not in the estimate: maxAllocatedStorage"
    assert ("stack", what, rate) in rates


def test_the_report_says_that_an_upgrade_ends_the_charge_of_extended_support() -> None:
    states = [
        {"type": INSTANCE_TYPE, "inputs": build_database(engineVersion=version)}
        for version in ("13", "17")
    ]
    step: Any = {
        "op": "update",
        "urn": f"urn:pulumi:prod::bulwark::{INSTANCE_TYPE}::database",
        "oldState": states[0],
        "newState": states[1],
    }
    with patch("ops.prices.estimate.clock.now", return_value=datetime(2026, 11, 30, tzinfo=UTC)):
        before, after = compare_costs(parse_live({"steps": [step]}, "prod")).totals
    assert before - after == pytest.approx(0.1 * 2 * 730)

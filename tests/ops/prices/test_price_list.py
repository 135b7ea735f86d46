"""Prices of AWS's Price List: asked as its API takes it, answered as it answers."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ops.cli.app import main
from ops.core.aws import Aws
from ops.core.errors import DeniedError
from ops.prices.price_table import DEFAULT_PRICE_TABLE, HOURS
from tests.ops.preview_files import PREVIEW_FOLDER

CHANGE_PREVIEW = str(PREVIEW_FOLDER / "change.json")
ESTIMATE_WORDS = ["cost", "estimate", CHANGE_PREVIEW, "--region", "eu-north-1", "--prices", "aws"]
PRICE_FACTOR = 3.0  # times the table


def build_product(usage: str, unit: str, *prices: float) -> str:
    """A product as the API writes it: one text of JSON."""
    dimensions = {
        f"d{index}": {"unit": unit, "pricePerUnit": {"USD": f"{price:.10f}"}}
        for index, price in enumerate(prices)
    }
    return json.dumps(
        {
            "product": {"attributes": {"usagetype": usage, "regionCode": "eu-north-1"}},
            "terms": {"OnDemand": {"x": {"priceDimensions": dimensions}}},
        }
    )


def list_products(service: str, fields: dict[str, str]) -> list[str]:
    """What the Price List has of a service, three times as dear as the table."""
    kind = fields.get("instanceType", "")
    if kind == "db.m7g.xlarge":
        return []
    for table in (
        DEFAULT_PRICE_TABLE.instances,
        DEFAULT_PRICE_TABLE.databases,
        DEFAULT_PRICE_TABLE.caches,
    ):
        if kind in table:
            return [build_product(f"EUN1-Usage:{kind}", "Hrs", table[kind] * PRICE_FACTOR)]
    family = fields.get("productFamily", "")
    if family == "NAT Gateway":
        data = build_product("EUN1-NatGateway-Bytes", "GB", 0.2)
        return [
            build_product(
                "EUN1-NatGateway-Hours", "Hrs", DEFAULT_PRICE_TABLE.nat_gateway * PRICE_FACTOR
            ),
            data,
        ]
    if service == "AmazonVPC" and not family:
        idle = build_product("EUN1-PublicIPv4:IdleAddress", "Hrs", 9.0)
        return [
            build_product(
                "EUN1-PublicIPv4:InUseAddress",
                "Hrs",
                0.0,
                DEFAULT_PRICE_TABLE.public_ipv4 * PRICE_FACTOR,
            ),
            idle,
        ]
    if service == "AmazonECS":
        cpu, gb = DEFAULT_PRICE_TABLE.fargate["ARM64"]
        return [
            build_product("EUN1-Fargate-ARM-vCPU-Hours:perCPU", "hours", cpu * PRICE_FACTOR),
            build_product("EUN1-Fargate-ARM-GB-Hours", "hours", gb * PRICE_FACTOR),
        ]
    if family == "Database Storage":
        return [
            build_product(
                "EUN1-RDS:GP3-Storage", "GB-Mo", DEFAULT_PRICE_TABLE.rds_gp3_gb * PRICE_FACTOR
            )
        ]
    if family == "Storage":  # two prices of one thing: nobody knows which
        return [
            build_product(f"EUN1-EBS:VolumeUsage.gp3{index}", "GB-Mo", 0.1 * index)
            for index in (1, 2)
        ]
    return []


@pytest.fixture
def price_list_calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the API is asked."""
    calls: list[dict[str, Any]] = []

    def list_price_pages(aws: Aws, api: str, key: str, params: Any, region: str) -> Iterator[str]:
        assert (api, key, region) == ("pricing.get_products", "PriceList", "us-east-1")
        calls.append(params)
        fields = {
            price_filter["Field"]: price_filter["Value"] for price_filter in params["Filters"]
        }
        assert all(price_filter["Type"] == "TERM_MATCH" for price_filter in params["Filters"])
        assert fields.pop("regionCode") == "eu-north-1"
        yield from list_products(params["ServiceCode"], fields)

    monkeypatch.setattr(Aws, "list_items", list_price_pages)
    return calls


RunForJson = Callable[..., dict[str, Any]]


@pytest.fixture
def run_for_json(capsys: pytest.CaptureFixture[str]) -> RunForJson:
    def run_words(*words: str) -> dict[str, Any]:
        assert main([*words, "--output", "json"]) == 0
        printed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return printed

    return run_words


def get_monthly_costs(estimate_json: dict[str, Any]) -> dict[str, float]:
    return {item["component"]: item["monthly"] for item in estimate_json["items"]}


def test_prices_of_the_aws_price_list_replace_the_table(
    price_list_calls: list[dict[str, Any]], run_for_json: RunForJson
) -> None:
    table, listed = run_for_json("cost", "estimate", CHANGE_PREVIEW), run_for_json(*ESTIMATE_WORDS)
    assert listed["prices"]["region"] == "eu-north-1"
    assert listed["prices"]["source"].startswith("AWS Price List")
    assert table["prices"]["region"] == "us-east-1"
    before, after = get_monthly_costs(table), get_monthly_costs(listed)
    assert any(after[name] > before[name] for name in before)
    assert all(after[name] >= before[name] for name in before)
    classes = {
        f["Value"] for c in price_list_calls for f in c["Filters"] if f["Field"] == "instanceType"
    }
    assert classes


def test_prices_missing_in_the_price_list_come_from_the_table_with_a_note(
    price_list_calls: list[dict[str, Any]], run_for_json: RunForJson
) -> None:
    notes = " ".join(run_for_json(*ESTIMATE_WORDS)["prices"]["notes"])
    assert "interface_endpoint" in notes, "no such product"
    assert "ebs_gp3_gb" in notes, "two prices are none"
    assert "vcpu X86_64" in notes, "another processor's is not this one's"
    assert "nat_gateway" not in notes
    assert "public_ipv4" not in notes, "a free tier is no price"
    assert price_list_calls


def test_a_denied_price_list_falls_back_to_the_table_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, run_for_json: RunForJson
) -> None:
    def denied(*_: object) -> Iterator[str]:
        raise DeniedError("pricing.get_products is denied")

    monkeypatch.setattr(Aws, "list_items", denied)
    found = run_for_json(*ESTIMATE_WORDS)
    assert found["prices"]["why"] == "pricing.get_products is denied"
    assert get_monthly_costs(found) == get_monthly_costs(
        run_for_json("cost", "estimate", CHANGE_PREVIEW)
    )


def test_a_region_must_be_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert main(["cost", "estimate", CHANGE_PREVIEW, "--prices", "aws"]) == 2
    assert "--region is not set" in capsys.readouterr().err


def test_monthly_prices_of_three_resources_match_the_calculator() -> None:
    """The table's own figures, as the calculator has them: a gateway, a database, an address."""
    assert round(DEFAULT_PRICE_TABLE.nat_gateway * HOURS, 2) == 32.85
    assert round(DEFAULT_PRICE_TABLE.databases["db.t4g.small"] * HOURS, 2) == 23.36
    assert round(DEFAULT_PRICE_TABLE.public_ipv4 * HOURS, 2) == 3.65

"""Prices of AWS's Price List: asked as its API takes it, answered as it answers."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ops.cli.app import main
from ops.core.aws import Aws
from ops.core.errors import DeniedError
from ops.cost.prices import DEFAULT_PRICE_TABLE, HOURS
from tests.ops.preview_files import PREVIEWS

FILE = str(PREVIEWS / "change.json")
LINE = ["cost", "estimate", FILE, "--region", "eu-north-1", "--prices", "aws"]
DEAR = 3.0  # times the table


def product(usage: str, unit: str, *prices: float) -> str:
    """A product as the API writes it: one text of JSON."""
    dimensions = {
        f"d{n}": {"unit": unit, "pricePerUnit": {"USD": f"{price:.10f}"}}
        for n, price in enumerate(prices)
    }
    return json.dumps(
        {
            "product": {"attributes": {"usagetype": usage, "regionCode": "eu-north-1"}},
            "terms": {"OnDemand": {"x": {"priceDimensions": dimensions}}},
        }
    )


def answer(service: str, fields: dict[str, str]) -> list[str]:
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
            return [product(f"EUN1-Usage:{kind}", "Hrs", table[kind] * DEAR)]
    family = fields.get("productFamily", "")
    if family == "NAT Gateway":
        data = product("EUN1-NatGateway-Bytes", "GB", 0.2)
        return [
            product("EUN1-NatGateway-Hours", "Hrs", DEFAULT_PRICE_TABLE.nat_gateway * DEAR),
            data,
        ]
    if service == "AmazonVPC" and not family:
        idle = product("EUN1-PublicIPv4:IdleAddress", "Hrs", 9.0)
        return [
            product(
                "EUN1-PublicIPv4:InUseAddress", "Hrs", 0.0, DEFAULT_PRICE_TABLE.public_ipv4 * DEAR
            ),
            idle,
        ]
    if service == "AmazonECS":
        cpu, gb = DEFAULT_PRICE_TABLE.fargate["ARM64"]
        return [
            product("EUN1-Fargate-ARM-vCPU-Hours:perCPU", "hours", cpu * DEAR),
            product("EUN1-Fargate-ARM-GB-Hours", "hours", gb * DEAR),
        ]
    if family == "Database Storage":
        return [product("EUN1-RDS:GP3-Storage", "GB-Mo", DEFAULT_PRICE_TABLE.rds_gp3_gb * DEAR)]
    if family == "Storage":  # two prices of one thing: nobody knows which
        return [product(f"EUN1-EBS:VolumeUsage.gp3{n}", "GB-Mo", 0.1 * n) for n in (1, 2)]
    return []


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the API is asked."""
    calls: list[dict[str, Any]] = []

    def pages(own: Aws, api: str, key: str, params: Any, region: str) -> Iterator[str]:
        assert (api, key, region) == ("pricing.get_products", "PriceList", "us-east-1")
        calls.append(params)
        fields = {one["Field"]: one["Value"] for one in params["Filters"]}
        assert all(one["Type"] == "TERM_MATCH" for one in params["Filters"])
        assert fields.pop("regionCode") == "eu-north-1"
        yield from answer(params["ServiceCode"], fields)

    monkeypatch.setattr(Aws, "pages", pages)
    return calls


Said = Callable[..., dict[str, Any]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def typed(*words: str) -> dict[str, Any]:
        assert main([*words, "--output", "json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return typed


def monthly(found: dict[str, Any]) -> dict[str, float]:
    return {one["component"]: one["monthly"] for one in found["items"]}


def test_what_it_says_is_what_counts(asked: list[dict[str, Any]], said: Said) -> None:
    table, listed = said("cost", "estimate", FILE), said(*LINE)
    assert listed["prices"]["region"] == "eu-north-1"
    assert listed["prices"]["source"].startswith("AWS Price List")
    assert table["prices"]["region"] == "us-east-1"
    before, after = monthly(table), monthly(listed)
    assert any(after[name] > before[name] for name in before)
    assert all(after[name] >= before[name] for name in before)
    classes = {f["Value"] for c in asked for f in c["Filters"] if f["Field"] == "instanceType"}
    assert classes


def test_what_it_does_not_name_is_of_the_table_and_noted(
    asked: list[dict[str, Any]], said: Said
) -> None:
    notes = " ".join(said(*LINE)["prices"]["notes"])
    assert "interface_endpoint" in notes, "no such product"
    assert "ebs_gp3_gb" in notes, "two prices are none"
    assert "vcpu X86_64" in notes, "another processor's is not this one's"
    assert "nat_gateway" not in notes
    assert "public_ipv4" not in notes, "a free tier is no price"
    assert asked


def test_where_it_may_not_be_asked_the_table_counts_and_it_says_why(
    monkeypatch: pytest.MonkeyPatch, said: Said
) -> None:
    def denied(*_: object) -> Iterator[str]:
        raise DeniedError("pricing.get_products is denied")

    monkeypatch.setattr(Aws, "pages", denied)
    found = said(*LINE)
    assert found["prices"]["why"] == "pricing.get_products is denied"
    assert monthly(found) == monthly(said("cost", "estimate", FILE))


def test_a_region_must_be_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert main(["cost", "estimate", FILE, "--prices", "aws"]) == 2
    assert "--region is not set" in capsys.readouterr().err


def test_three_hours_of_a_month_by_hand() -> None:
    """The table's own figures, as the calculator has them: a gateway, a database, an address."""
    assert round(DEFAULT_PRICE_TABLE.nat_gateway * HOURS, 2) == 32.85
    assert round(DEFAULT_PRICE_TABLE.databases["db.t4g.small"] * HOURS, 2) == 23.36
    assert round(DEFAULT_PRICE_TABLE.public_ipv4 * HOURS, 2) == 3.65

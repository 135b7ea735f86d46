"""`ops cost rightsizing` on a fresh prod: nothing is said of what has no two weeks of data."""

import json

import pytest

from tests.ops.prod.deployed import DeployedProd


def test_a_fresh_prod_is_not_judged(prod: DeployedProd, capsys: pytest.CaptureFixture[str]) -> None:
    assert prod.run_ops("cost", "rightsizing", "--output", "json") == 3
    items = json.loads(capsys.readouterr().out)["items"]
    assert {item["state"] for item in items} == {"unknown"}
    assert all("of the 336 hours of 14 days have data" in item["evidence"] for item in items)

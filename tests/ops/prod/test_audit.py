"""A clean prod has no finding."""

import json

import pytest

from tests.ops.prod.deployed import DeployedProd


def test_a_fresh_prod_has_no_finding(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    code = prod.run_ops("audit", "--output", "json")
    items = json.loads(capsys.readouterr().out)["items"]
    assert [item for item in items if item["state"] != "ok"] == []
    assert code == 0

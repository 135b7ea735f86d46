"""On a fresh prod all that is rotated is told, and nothing of it is late."""

import json

import pytest

from tests.ops.prod.deployed import DeployedProd


def test_a_fresh_prod_rotates_what_it_should(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    code = prod.run_ops("rotate", "--output", "json")
    items = json.loads(capsys.readouterr().out)["items"]
    assert [item for item in items if item["state"] != "ok"] == []
    assert code == 0
    kinds = {item["subject"].split()[0] for item in items}
    assert {"secret", "data", "logs", "recovery"} <= kinds
    assert all("next " in i["evidence"] for i in items if i["subject"].startswith("secret "))

"""`ops patch status` on a fresh prod: nothing lacks patches, and each list is read once."""

import json
from typing import Any

import pytest

from tests.ops.prod.deployed import DeployedProd, count_calls


def test_nothing_of_a_clean_prod_lacks_patches(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    code = prod.run_ops("patch", "status", "--output", "json")
    items: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["items"]
    assert [item for item in items if item["state"] != "ok"] == []
    assert code == 0
    assert {item["area"] for item in items} >= {"patches", "database"}


def test_it_only_reads(prod: DeployedProd, capsys: pytest.CaptureFixture[str]) -> None:
    with count_calls() as counts:
        assert prod.run_ops("patch", "status") == 0
    assert not [name for name in counts if not name.startswith(("Describe", "Get", "List"))]

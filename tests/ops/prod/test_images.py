"""`ops image findings` on a fresh prod: what is pushed is scanned, and it only reads."""

import json
from typing import Any

import pytest

from tests.ops.prod.deployed import DeployedProd, count_calls


def test_repositories_of_a_clean_prod_scan_what_is_pushed(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    with count_calls() as counts:
        prod.run_ops("image", "findings", "--output", "json")
    items: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["items"]
    assert [item for item in items if item["state"] == "failing"] == []
    (scanning,) = (item for item in items if item["subject"] == "scanning")
    assert scanning["state"] == "ok"
    assert scanning["evidence"].startswith("basic scanning (packages of the operating system); ")
    reads = ("Describe", "Get", "List", "BatchGet")
    assert not [name for name in counts if not name.startswith(reads)]

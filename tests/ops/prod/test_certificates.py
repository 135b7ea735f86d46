"""`ops certificate` on a fresh prod: clients are shown what they trust, and ACM can renew it."""

import json
from typing import Any

import pytest

from tests.ops.prod.deployed import DeployedProd, count_calls


def read_items(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["items"]
    return items


def test_a_clean_prod_has_no_finding(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    code = prod.run_ops("certificate", "check", "--output", "json")
    items = read_items(capsys)
    assert [item for item in items if item["state"] != "ok"] == []
    assert {"certificates of the load balancer", "served certificates"} <= {
        item["subject"] for item in items
    }
    assert code == 0


def test_show_lists_the_listeners_and_the_databases(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    code = prod.run_ops("certificate", "show", "--output", "json")
    items = read_items(capsys)
    assert [item["attached"] for item in items] == ["default", "database"]
    assert [item["problem"] for item in items] == ["", ""]
    assert code == 0


def test_a_look_changes_nothing(prod: DeployedProd) -> None:
    with count_calls() as counts:
        assert prod.run_ops("certificate", "check") == 0
        assert prod.run_ops("certificate", "show") == 0
    assert not [name for name in counts if not name.startswith(("Describe", "Get", "List"))]

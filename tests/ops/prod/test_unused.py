"""`ops cost unused` on a fresh prod, also when it is old: nothing of it is unused."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from tests.ops.prod.deployed import DeployedProd, count_calls


@pytest.fixture(params=[0, 40, 400], ids=lambda days: f"{days}-days")
def age(request: pytest.FixtureRequest) -> Iterator[int]:
    now = datetime.now(UTC) + timedelta(days=request.param)
    with (
        patch("ops.core.clock.now", return_value=now),
        patch("sandbox.patches.kms.get_sandbox_clock") as clock,  # keys in use are used now
    ):
        clock.return_value.now.return_value = now
        yield request.param


def test_nothing_of_a_clean_prod_is_unused(
    prod: DeployedProd, age: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code = prod.run_ops("cost", "unused", "--output", "json")
    items: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["items"]
    assert [item for item in items if item["state"] != "ok"] == []
    assert code == 0
    assert len(items) == 14


def test_each_list_is_read_once(prod: DeployedProd, capsys: pytest.CaptureFixture[str]) -> None:
    with count_calls() as counts:
        assert prod.run_ops("cost", "unused") == 0
    assert "all 14 ok" in capsys.readouterr().out
    assert counts["DescribeVolumes"] == 2  # one of each region, though two checks read them
    assert not [name for name in counts if not name.startswith(("Describe", "Get", "List"))]

"""`ops quotas` on prod in the in-memory AWS: there is room, and each use is measured."""

import json

import pytest

from tests.ops.prod.deployed import DeployedProd


def test_a_clean_prod_has_room_in_every_quota(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prod.run_ops("quotas", "--output", "json") == 0
    body = json.loads(capsys.readouterr().out)
    rows = {(row["code"], row["region"]): row for row in body["items"]}
    assert {row["state"] for row in rows.values()} == {"ok"}
    stack = prod.outputs.stack
    assert rows["L-0263D0A3", stack.region]["used"] == len(prod.outputs.network.nat_addresses)
    assert rows["L-0263D0A3", stack.recovery_region]["most"] == 3
    assert rows["L-9EF96962", stack.region]["used"] == 2
    fargate = rows["L-3032A538", stack.region]
    assert (fargate["used"], fargate["most"]) == (1, 10)  # 4 tasks run, 40 at most: 0.25 vCPU each
    assert rows["L-7B6409FD", stack.region]["most"] == 2
    assert rows["L-FE177D64", "us-east-1"]["used"] > 0

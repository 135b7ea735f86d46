"""`ops baseline` on prod in the in-memory AWS: nothing differs, then exactly what was changed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from ops.core.run import WallClock
from sandbox import clock
from tests.ops.prod.deployed import DeployedProd, count_calls, deploy_prod

pytestmark = pytest.mark.exhaustive
ALARM_DATA_SECONDS = 24 * 3600  # longer than the periods of any alarm together


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedProd]:
    """One of its own: these tests change it, and leave it in a time to come."""
    with deploy_prod(tmp_path_factory.mktemp("prod")) as deployed_prod:
        yield deployed_prod


@contextmanager
def simulate_waiting() -> Iterator[None]:
    """Time that waiting moves, from when every alarm has looked at all of its periods."""
    held_clock = clock.ManualClock()
    held_clock.advance(ALARM_DATA_SECONDS)
    previous_clock = clock.set_sandbox_clock(held_clock)
    try:
        with (
            patch.object(WallClock, "now", lambda _: held_clock.now().timestamp()),
            patch.object(WallClock, "sleep", lambda _, seconds: held_clock.advance(seconds)),
            patch("ops.core.clock.now", held_clock.now),
        ):
            yield
    finally:
        clock.set_sandbox_clock(previous_clock)


def run_prod_for_json(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str], line: str, code: int = 0
) -> Any:
    """The JSON that a line prints."""
    capsys.readouterr()
    exit_code = prod.run_ops(*line.split(), "--output", "json")
    captured = capsys.readouterr()
    assert exit_code == code, captured.err
    return json.loads(captured.out)


def test_a_change_is_the_only_difference_until_it_is_changed_back(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    with simulate_waiting():
        kept = run_prod_for_json(prod, capsys, "baseline capture --yes")
        assert kept["unknown"] == []
        assert run_prod_for_json(prod, capsys, "baseline compare")["items"] == []

        scaled = run_prod_for_json(prod, capsys, "service scale 3 --service backend --yes")
        found = run_prod_for_json(prod, capsys, "baseline compare", code=3)
        assert found["baseline"] == kept["baseline"]
        assert found["items"] == [
            {
                "kind": "changed",
                "area": "services",
                "subject": "backend",
                "what": "desired",
                "before": 2,
                "now": 3,
            }
        ]

        # Automatic scaling is on, so that a run is not undone to a count of before.
        assert prod.run_ops("runs", "undo", scaled["run"], "--yes") == 2
        run_prod_for_json(prod, capsys, "service scale 2 --service backend --yes")
        capsys.readouterr()
        assert prod.run_ops("baseline", "compare", kept["baseline"]) == 0
    says = f"all is as it was at {kept['taken']} ({kept['baseline']})\n"
    assert capsys.readouterr().out == says


def test_no_read_is_sent_twice(prod: DeployedProd, capsys: pytest.CaptureFixture[str]) -> None:
    """What health, usage and the rest have in common is read once; a revision is one call."""
    with count_calls() as health:
        assert prod.run_ops("health") == 0
    with simulate_waiting(), count_calls() as all_:
        run_prod_for_json(prod, capsys, "baseline compare")
    assert prod.outputs.services is not None
    journal_reads = ("GetObject", "ListObjectsV2")  # of health: as many as there were runs
    more = {
        name: all_[name] - health[name]
        for name in all_
        if all_[name] != health[name] and name not in journal_reads
    }
    assert more == {
        "DescribeDBParameters": 1,
        "DescribeTaskDefinition": len(prod.outputs.services.services),
        "GetMetricData": 2,  # those of usage, hourly and daily
    }

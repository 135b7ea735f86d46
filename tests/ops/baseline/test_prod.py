"""`ops baseline` on prod in the in-memory AWS: nothing differs, then exactly what was changed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from ops.core.run import WallClock
from sandbox import clock
from tests.ops.prod.deployed import Prod, calls, deployed

pytestmark = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prod]:
    """One of its own: these tests change it, and leave it in a time to come."""
    with deployed(tmp_path_factory.mktemp("prod")) as made:
        yield made


@contextmanager
def waiting() -> Iterator[None]:
    """Time that waiting moves."""
    held = clock.ManualClock()
    before = clock.set_sandbox_clock(held)
    try:
        with (
            patch.object(WallClock, "now", lambda _: held.now().timestamp()),
            patch.object(WallClock, "sleep", lambda _, seconds: held.advance(seconds)),
            patch("ops.core.clock.now", held.now),
        ):
            yield
    finally:
        clock.set_sandbox_clock(before)


def said(prod: Prod, capsys: pytest.CaptureFixture[str], line: str, code: int = 0) -> Any:
    """The JSON that a line prints."""
    capsys.readouterr()
    ended = prod.ops(*line.split(), "--output", "json")
    told = capsys.readouterr()
    assert ended == code, told.err
    return json.loads(told.out)


def test_a_change_is_the_only_difference_until_it_is_undone(
    prod: Prod, capsys: pytest.CaptureFixture[str]
) -> None:
    with waiting():
        kept = said(prod, capsys, "baseline capture --yes")
        assert kept["unknown"] == []
        assert said(prod, capsys, "baseline compare")["items"] == []

        scaled = said(prod, capsys, "service scale 3 --service backend --yes")
        found = said(prod, capsys, "baseline compare", code=3)
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

        assert prod.ops("runs", "undo", scaled["run"], "--yes") == 0
        capsys.readouterr()
        assert prod.ops("baseline", "compare", kept["baseline"]) == 0
    says = f"all is as it was at {kept['taken']} ({kept['baseline']})\n"
    assert capsys.readouterr().out == says


def test_no_read_is_sent_twice(prod: Prod, capsys: pytest.CaptureFixture[str]) -> None:
    """What health, usage and the rest have in common is read once; a revision is one call."""
    with calls() as health:
        assert prod.ops("health") == 0
    with waiting(), calls() as all_:
        said(prod, capsys, "baseline compare")
    assert prod.outputs.services is not None
    more = {name: all_[name] - health[name] for name in all_ if all_[name] != health[name]}
    assert more == {
        "DescribeDBParameters": 1,
        "DescribeTaskDefinition": len(prod.outputs.services.services),
        "GetMetricData": 2,  # those of usage, hourly and daily
        "GetObject": 1,
        "ListObjectsV2": 1,
    }

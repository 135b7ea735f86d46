"""The services of the prod stack, as the program deploys it, from the command line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.cli.app import main
from ops.core.run import WallClock
from sandbox import clock
from sandbox.aws import get_client
from sandbox.deploy import deploy_in_memory, get_stack_region, use_in_memory_aws


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Prod in the in-memory AWS, on a clock that waiting moves; its outputs."""
    held_clock = clock.ManualClock()
    with use_in_memory_aws(get_stack_region("prod")):
        exports = deploy_in_memory("prod").exports  # at once: its waiters really sleep
        previous_clock = clock.set_sandbox_clock(held_clock)
        held_clock.advance(3600)
        try:
            file = tmp_path_factory.mktemp("prod") / "outputs.json"
            file.write_text(json.dumps(exports))
            with (
                patch.object(WallClock, "now", lambda _: held_clock.now().timestamp()),
                patch.object(WallClock, "sleep", lambda _, seconds: held_clock.advance(seconds)),
            ):
                yield file, dict(exports)
        finally:
            clock.set_sandbox_clock(previous_clock)


def run_on_prod(
    prod: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str], line: str, code: int = 0
) -> str:
    capsys.readouterr()
    exit_code = main([*line.split(), "--outputs", str(prod[0])])
    captured = capsys.readouterr()
    assert exit_code == code, captured.err
    return captured.out + captured.err


@pytest.mark.exhaustive
def test_each_verb_works_on_prod(
    prod: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    name = sorted(prod[1]["services"]["services"])[0]
    listed = json.loads(run_on_prod(prod, capsys, "service list --output json"))["items"]
    assert {row["rollout"] for row in listed} == {"COMPLETED"}
    least = next(row["desired"] for row in listed if row["service"] == name)

    registry = prod[1]["registry"]["repositories"][name]
    region = prod[1]["stack"]["region"]
    for number, tag in enumerate(("v2", "v3-crash")):
        layer = {"digest": f"sha256:{number:064x}", "size": 1}
        get_client("ecr", region).put_image(
            repositoryName=registry.split("/", 1)[1],
            imageManifest=json.dumps({"mediaType": "m", "layers": [layer], "config": {}}),
            imageTag=tag,
        )
    said = run_on_prod(prod, capsys, f"service deploy {registry}:v2 --service {name} --yes")
    assert "completed: True" in said
    assert "also changed" not in said
    said = run_on_prod(
        prod, capsys, f"service deploy {registry}:v3-crash --service {name} --yes", 5
    )
    assert "Essential container in task exited" in said
    run_on_prod(prod, capsys, f"service scale {least + 1} --service {name} --yes")
    run_on_prod(prod, capsys, f"service restart --service {name} --yes")
    run_on_prod(prod, capsys, f"service rollback --service {name} --yes")
    planned = json.loads(
        run_on_prod(prod, capsys, "service maintenance on --dry-run --output json")
    )
    run_on_prod(prod, capsys, f"service maintenance on --yes --expect {planned['hash']}")
    run_on_prod(prod, capsys, "service maintenance off --yes")
    run_on_prod(prod, capsys, f"service autoscaling --service {name} --max 20 --yes")
    assert "20" in run_on_prod(prod, capsys, "service limits")
    after = json.loads(run_on_prod(prod, capsys, "service list --output json"))["items"]
    (row,) = (row for row in after if row["service"] == name)
    assert row["running"] == least + 1
    assert row["revision"].endswith(":1")
    assert "RUNNING" in run_on_prod(prod, capsys, f"service tasks --service {name}")
    assert "rolling back" in run_on_prod(prod, capsys, f"service events --service {name}")
    assert "no lock is held" in run_on_prod(prod, capsys, "lock show")

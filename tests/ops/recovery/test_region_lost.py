"""`ops recover region` while nothing in the stack's own region answers."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from ops.cli.app import main
from ops.cli.selection import Selection
from ops.core.aws import Aws
from sandbox import faults
from sandbox.faults import AwsRequest, RawReply, RequestHandler
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.every_command import typing
from tests.ops.procedures.recover_rebuild import LINE, NAME, put_replicated
from tests.ops.recovery.test_readiness import published
from tests.ops.stage import RECOVERY, REGION, Stage, interrupted

Typed = Callable[[str], int]
Capture = pytest.CaptureFixture[str]
COPY = f"bulwark-{NAME}-database"


class Down:
    """Every service of a region with a bucket of it, and nothing of another."""

    def __init__(self, region: str, bucket: str) -> None:
        self.region, self.bucket = region, bucket
        self.asked: list[str] = []

    def __call__(self, asked: AwsRequest, onward: RequestHandler) -> RawReply:
        scope = str(asked.request.headers.get("Authorization", "")).split("/")[2:3]
        its_bucket = asked.service == "s3" and self.bucket in asked.request.url.split("/", 4)[2:4]
        its_bucket = its_bucket or asked.request.host.startswith(f"{self.bucket}.s3.")
        if scope != [self.region] and not its_bucket:
            return onward(asked)
        self.asked.append(asked.api)
        return asked.build_error_reply("ServiceUnavailable", f"{self.region} is down", 503)


def instances(region: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Aws(region).client("rds").describe_db_instances()["DBInstances"]
    return found


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[tuple[Stage, Typed, Down]]:
    """A stage whose region goes down, and ops as it is then typed: from the recovery region."""
    with typing(put_replicated) as (on, _):
        published(on)
        down = Down(REGION, on.outputs.backups.operations_bucket)
        there = Aws(RECOVERY)

        def typed(line: str) -> int:
            shared = ["--stack", "test", "--region", RECOVERY]
            return main([*line.split(), *shared])

        with (
            faults.inject_faults(down),  # type: ignore[arg-type]
            patch.object(Selection, "aws", lambda *_: there),
            patch.dict(os.environ, BULWARK_JOURNAL=str(tmp_path / "journal")),
            patch("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None)),  # retries
        ):
            yield on, typed, down


def test_the_stack_is_made_again_with_nothing_but_its_recovery_region(
    lost: tuple[Stage, Typed, Down], capsys: Capture, tmp_path: Path
) -> None:
    _, typed, down = lost
    assert typed(f"recover region {LINE} --yes --output json") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["stack"], made["region"], made["database"]) == (NAME, RECOVERY, COPY)
    assert [
        (one["DBInstanceIdentifier"], one["DBInstanceStatus"]) for one in instances(RECOVERY)
    ] == [(COPY, "available")]
    assert down.asked == [], "nothing is asked of a region that is down"
    assert typed("runs list --output json") == 0
    assert [one["run"] for one in json.loads(capsys.readouterr().out)["items"]] == [made["run"]]
    page = tmp_path / "page.html"
    assert typed(f"runs report {made['run']} --to {page}") == 0
    assert "ops recover region" in page.read_text(encoding="utf-8")


def test_stopped_on_its_way_it_is_carried_on_from_the_folder(
    lost: tuple[Stage, Typed, Down], capsys: Capture
) -> None:
    on, typed, _ = lost
    with interrupted(on.clock, 30):
        assert typed(f"recover region {LINE} --yes") == 130
    said = capsys.readouterr().err
    (resume,) = re.findall(r"ops (runs resume \S+)", said)
    assert typed(resume) == 0
    assert [one["DBInstanceIdentifier"] for one in instances(RECOVERY)] == [COPY]
    assert pretended_pulumi.of(on).ups == 1


def test_what_is_ready_is_told_and_what_the_lost_region_would_say_is_unknown(
    lost: tuple[Stage, Typed, Down], capsys: Capture
) -> None:
    _, typed, _ = lost
    assert typed("recover ready --output json") == 3
    items = {x["subject"]: x for x in json.loads(capsys.readouterr().out)["items"]}
    assert items["restorable here"]["state"] == "unknown"
    assert items[f"newest backup in {RECOVERY}"]["state"] == "ok"
    assert items[f"outputs in {RECOVERY}"]["state"] == "ok"


def test_where_no_folder_is_named_it_says_so_and_nothing_is_done(
    lost: tuple[Stage, Typed, Down], capsys: Capture
) -> None:
    on, typed, _ = lost
    with patch.dict(os.environ):
        del os.environ["BULWARK_JOURNAL"]
        assert typed(f"recover region {LINE} --yes") == 1
    assert "export BULWARK_JOURNAL=FOLDER" in capsys.readouterr().err
    assert (instances(RECOVERY), list(pretended_pulumi.of(on).stacks)) == ([], ["test"])

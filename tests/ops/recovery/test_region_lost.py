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
from tests.ops.every_command import open_command_line
from tests.ops.fake_pulumi import get_fake_pulumi
from tests.ops.procedures.recover_rebuild import (
    PROGRAM_OPTION,
    REGION_STACK,
    put_replicated_backups,
)
from tests.ops.recovery.test_readiness import publish_outputs
from tests.ops.stage import RECOVERY_REGION, REGION, Stage, interrupt_at_sleep

RunLine = Callable[[str], int]
Capture = pytest.CaptureFixture[str]
COPY_DATABASE = f"bulwark-{REGION_STACK}-database"


class RegionDownFault:
    """Every service of a region with a bucket of it, and nothing of another."""

    def __init__(self, region: str, bucket: str) -> None:
        self.region, self.bucket = region, bucket
        self.refused_apis: list[str] = []

    def __call__(self, aws_request: AwsRequest, onward: RequestHandler) -> RawReply:
        scope = str(aws_request.request.headers.get("Authorization", "")).split("/")[2:3]
        its_bucket = (
            aws_request.service == "s3"
            and self.bucket in aws_request.request.url.split("/", 4)[2:4]
        )
        its_bucket = its_bucket or aws_request.request.host.startswith(f"{self.bucket}.s3.")
        if scope != [self.region] and not its_bucket:
            return onward(aws_request)
        self.refused_apis.append(aws_request.api)
        return aws_request.build_error_reply("ServiceUnavailable", f"{self.region} is down", 503)


def list_instances(region: str) -> list[dict[str, Any]]:
    instance_list: list[dict[str, Any]] = (
        Aws(region).client("rds").describe_db_instances()["DBInstances"]
    )
    return instance_list


@pytest.fixture
def lost_region(tmp_path: Path) -> Iterator[tuple[Stage, RunLine, RegionDownFault]]:
    """A stage whose region goes down, and ops as it is then typed: from the recovery region."""
    with open_command_line(put_replicated_backups) as (stage, _):
        publish_outputs(stage)
        down = RegionDownFault(REGION, stage.outputs.backups.operations_bucket)
        recovery_aws = Aws(REGION, identity_region=RECOVERY_REGION)

        def run_line(line: str) -> int:
            shared = ["--stack", "test", "--region", RECOVERY_REGION]
            return main([*line.split(), *shared])

        with (
            faults.inject_faults(down),
            patch.object(Selection, "build_aws", lambda *_: recovery_aws),
            patch.dict(os.environ, BULWARK_JOURNAL=str(tmp_path / "journal")),
            patch("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None)),  # retries
        ):
            yield stage, run_line, down


def test_the_stack_is_made_again_with_nothing_but_its_recovery_region(
    lost_region: tuple[Stage, RunLine, RegionDownFault], capsys: Capture, tmp_path: Path
) -> None:
    _, typed, down = lost_region
    assert typed(f"recover region {PROGRAM_OPTION} --yes --output json") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["stack"], made["region"], made["database"]) == (
        REGION_STACK,
        RECOVERY_REGION,
        COPY_DATABASE,
    )
    assert [
        (one["DBInstanceIdentifier"], one["DBInstanceStatus"])
        for one in list_instances(RECOVERY_REGION)
    ] == [(COPY_DATABASE, "available")]
    assert down.refused_apis == [], "nothing is asked of a region that is down"
    assert typed("runs list --output json") == 0
    assert [one["run"] for one in json.loads(capsys.readouterr().out)["items"]] == [made["run"]]
    page = tmp_path / "page.html"
    assert typed(f"runs report {made['run']} --to {page}") == 0
    assert "ops recover region" in page.read_text(encoding="utf-8")


def test_a_stopped_region_recovery_resumes_from_the_journal_folder(
    lost_region: tuple[Stage, RunLine, RegionDownFault], capsys: Capture
) -> None:
    stage, typed, _ = lost_region
    with interrupt_at_sleep(stage.clock, 30):
        assert typed(f"recover region {PROGRAM_OPTION} --yes") == 130
    said = capsys.readouterr().err
    (resume,) = re.findall(r"ops (runs resume \S+)", said)
    assert typed(f"{resume} --yes") == 0
    assert [one["DBInstanceIdentifier"] for one in list_instances(RECOVERY_REGION)] == [
        COPY_DATABASE
    ]
    assert get_fake_pulumi(stage).up_count == 1


def test_readiness_is_known_except_for_the_lost_region(
    lost_region: tuple[Stage, RunLine, RegionDownFault], capsys: Capture
) -> None:
    _, typed, _ = lost_region
    assert typed("recover ready --output json") == 3
    items = {x["subject"]: x for x in json.loads(capsys.readouterr().out)["items"]}
    assert items["restorable here"]["state"] == "unknown"
    assert items[f"newest backup in {RECOVERY_REGION}"]["state"] == "ok"
    assert items[f"outputs in {RECOVERY_REGION}"]["state"] == "ok"


def test_without_a_journal_folder_region_recovery_is_refused(
    lost_region: tuple[Stage, RunLine, RegionDownFault], capsys: Capture
) -> None:
    stage, typed, _ = lost_region
    with patch.dict(os.environ):
        del os.environ["BULWARK_JOURNAL"]
        assert typed(f"recover region {PROGRAM_OPTION} --yes") == 1
    assert "export BULWARK_JOURNAL=FOLDER" in capsys.readouterr().err
    assert (
        list_instances(RECOVERY_REGION),
        list(get_fake_pulumi(stage).stacks),
    ) == (
        [],
        ["test"],
    )

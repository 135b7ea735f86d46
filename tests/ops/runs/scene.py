"""A stack's command line whose runs can be stopped, and objects put into its bucket."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest

from ops.core.run import WallClock
from tests.ops.every_command import open_command_line
from tests.ops.stage import Stage

SNAPSHOT_LINE = "db snapshot create --yes"


@dataclass
class Scene:
    """A stack's command line; every line's text is kept."""

    stage: Stage
    run_line: Callable[[str], int]
    capture: pytest.CaptureFixture[str]

    def run(self, line: str, expected_code: int = 0) -> str:
        """What a line says on both streams."""
        self.capture.readouterr()
        code = self.run_line(line)
        captured = self.capture.readouterr()
        assert code == expected_code, captured.err
        return captured.out + captured.err

    def run_for_json(self, line: str) -> Any:
        self.capture.readouterr()
        assert self.run_line(f"{line} --output json") == 0
        return json.loads(self.capture.readouterr().out)

    @property
    def bucket(self) -> str:
        return self.stage.outputs.backups.operations_bucket

    def put_object(self, key: str, body: str) -> None:
        self.stage.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body.encode())

    def list_database_ids(self) -> set[str]:
        instances = self.stage.client("rds").describe_db_instances()["DBInstances"]
        return {instance["DBInstanceIdentifier"] for instance in instances}

    def stop_snapshot_run(self) -> str:
        """A run that is interrupted while RDS takes a snapshot."""

        def interrupt(_clock: object, seconds: float) -> None:
            if seconds:
                raise KeyboardInterrupt

        with patch.object(WallClock, "sleep", interrupt):
            self.run(SNAPSHOT_LINE, 130)
        return str(self.run_for_json("runs list")["items"][0]["run"])


@contextmanager
def open_scene(
    set_up: Callable[[Stage], object], capture: pytest.CaptureFixture[str]
) -> Iterator[Scene]:
    with open_command_line(set_up) as (stage, run_line):
        yield Scene(stage, run_line, capture)

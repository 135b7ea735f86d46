"""The command line of one stage, as a user types it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ops.cli.app import main
from tests.ops.stage import Stage


@dataclass
class OpsConsole:
    """Runs lines after `ops`, and gives what they say; `file` holds the stack's outputs."""

    stage: Stage
    file: Path
    capture: pytest.CaptureFixture[str] | None

    def __call__(self, line: str, expected_code: int = 0) -> tuple[str, str]:
        """What a line says on stdout and stderr; fails where it ends with another code."""
        assert self.capture is not None
        self.capture.readouterr()
        exit_code = main([*line.split(), "--outputs", str(self.file)])
        captured = self.capture.readouterr()
        assert exit_code == expected_code, captured.err
        return captured.out, captured.err

    def run_for_json(self, line: str, expected_code: int = 0) -> Any:
        """The JSON that a line prints."""
        return json.loads(self(f"{line} --output json", expected_code)[0])

    def add_plan_hash(self, line: str) -> str:
        """The line with the hash of its plan: what a protected stack wants of a grave act."""
        return f"{line} --yes --expect {self.run_for_json(f'{line} --dry-run')['hash']}"

"""The command line on a stack with a fleet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ops.command_line import OpsConsole
from tests.ops.fleet_stage import open_fleet_console


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_fleet_console(capsys, tmp_path) as console:
        yield console

"""`ops outputs show`: all of it, or one value."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.ops.every_command import open_command_line
from tests.ops.stage import Stage

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def ops() -> Iterator[tuple[Stage, Any]]:
    with open_command_line(lambda _: None) as (stage, run_line):
        yield stage, run_line


def test_all_outputs_are_json_and_a_single_value_is_text(
    ops: tuple[Stage, Any], capsys: Capture
) -> None:
    stage, typed = ops
    capsys.readouterr()
    assert typed("outputs show") == 0
    whole = json.loads(capsys.readouterr().out)["outputs"]
    assert whole["database"]["identifier"] == stage.outputs.database.identifier
    assert typed("outputs show database.identifier") == 0
    assert capsys.readouterr().out == f"{stage.outputs.database.identifier}\n"
    assert typed("outputs show database.identifier --output json") == 0
    one = json.loads(capsys.readouterr().out)
    assert (one["path"], one["value"]) == ("database.identifier", stage.outputs.database.identifier)


@pytest.mark.parametrize("path", ["database", "no.such", "database..identifier"])
def test_a_path_without_a_single_value_is_an_error(
    ops: tuple[Stage, Any], capsys: Capture, path: str
) -> None:
    assert ops[1](f"outputs show {path}") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"PATH is {path!r}" in said.err

"""`ops certificate` as it is typed, with real TLS handshakes."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.ops.every_command import open_command_line
from tests.ops.stage import Stage
from tests.ops.tls_stage import answer_clients

LOAD_BALANCER_CHECKS = "--only certificate-renewal,certificate-served"
RunLine = Callable[[str], int]


@contextmanager
def open_tls_command_line(
    set_up: Callable[[Stage], object],
) -> Iterator[tuple[Stage, RunLine]]:
    """A stage whose load balancers answer at local ports by TLS, and its command line."""
    with open_command_line(set_up) as (stage, run_line), answer_clients():
        yield stage, run_line


def read_check(run_line: RunLine, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What `ops certificate check` finds of the load balancer, whose exit code must fit."""
    capsys.readouterr()
    code = run_line(f"certificate check {LOAD_BALANCER_CHECKS} --output json")
    captured = capsys.readouterr()
    body = json.loads(captured.out)
    assert code == (3 if body["failing"] or body["unknown"] else 0), captured.err
    items: list[dict[str, Any]] = body["items"]
    return items


def list_open(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are not ok."""
    return [item for item in items if item["state"] != "ok"]


def get_item(items: list[dict[str, Any]], subject: str) -> dict[str, Any]:
    """The one of a subject."""
    (item,) = (item for item in items if item["subject"] == subject)
    return item


def run_json(run_line: RunLine, capsys: pytest.CaptureFixture[str], line: str) -> dict[str, Any]:
    """The JSON result of a line that succeeds."""
    capsys.readouterr()
    code = run_line(f"{line} --output json")
    captured = capsys.readouterr()
    assert code == 0, captured.err
    result: dict[str, Any] = json.loads(captured.out)
    return result


def read_refusal(
    run_line: RunLine, capsys: pytest.CaptureFixture[str], line: str, code: int = 2
) -> str:
    """What a line that is refused says, with its advice, in one line of text."""
    capsys.readouterr()
    assert run_line(line) == code
    return re.sub(r"\s+", " ", capsys.readouterr().err).strip()

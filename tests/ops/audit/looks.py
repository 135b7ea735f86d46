"""`ops audit` on a stage as a test types it, and what it finds."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ops.findings.model import ResourceFinding
from ops.findings.view import find_in_view
from tests.ops.aws_lines import run_aws_line
from tests.ops.stage import REGION, Stage

RunLine = Callable[[str], int]


def read_items(
    run_line: RunLine, capsys: pytest.CaptureFixture[str], line: str = "audit"
) -> list[dict[str, Any]]:
    """All findings of a line, whatever their state."""
    capsys.readouterr()
    code = run_line(f"{line} --output json")
    body = json.loads(capsys.readouterr().out)
    assert code == (3 if body["failing"] or body["unknown"] else 0)
    items: list[dict[str, Any]] = body["items"]
    return items


def read_open(
    run_line: RunLine, capsys: pytest.CaptureFixture[str], key: str
) -> dict[str, dict[str, Any]]:
    """The open findings of a check, by id; nothing of it is unknown."""
    items = read_items(run_line, capsys, f"audit --only {key}")
    assert [item for item in items if item["state"] == "unknown"] == []
    return {item["id"]: item for item in items if item["state"] == "failing"}


def find_audit_findings(stage: Stage, key: str) -> list[ResourceFinding]:
    """The open findings of a check, by the stage's own outputs; nothing of it is unknown."""
    findings = find_in_view("audit", stage.outputs, stage.aws, [key])
    assert [f for f in findings if f.state == "unknown" and f.area != "account"] == []
    return [f for f in findings if isinstance(f, ResourceFinding) and f.state == "failing"]


def mend(stage: Stage, finding: dict[str, Any], run_line: RunLine | None = None) -> None:
    """Runs the line that a finding names; its commands of ops need `run_line`."""
    for line in finding["command"].split(" && "):
        if line.startswith("ops "):
            assert run_line is not None, line
            assert run_line(f"{line.removeprefix('ops ')} --yes") == 0, line
        else:
            run_aws_line(stage.client, line, REGION)

"""Reports of previews as they are typed, and previews of one step."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.ops.preview_files import write_preview

DATABASE_TYPE = "aws:rds/instance:Instance"
RunLine = Callable[..., tuple[int, str, str]]


def report_stack(run_line: RunLine, *words: str) -> tuple[int, Any]:
    """The exit code of a report, and its only stack as JSON."""
    code, out, _ = run_line("preview-report", *words, "--output", "json")
    return code, json.loads(out)["stacks"][0]


def write_single_step_preview(tmp_path: Path, step: dict[str, Any]) -> str:
    """A file of a preview with one step."""
    return write_preview(tmp_path, {"steps": [step], "changeSummary": {step["op"]: 1}})


def build_changed_step(
    type_: str, old: dict[str, Any], new: dict[str, Any], op: str = "update"
) -> Any:
    """A step of a resource that stands in no component."""
    urn = f"urn:pulumi:shop::bulwark::{type_}::it"
    states = {
        "oldState": {"type": type_, "inputs": old},
        "newState": {"type": type_, "inputs": new},
    }
    if op == "delete":
        del states["newState"]
    return {"op": op, "urn": urn, **states}

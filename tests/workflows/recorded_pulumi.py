"""A `pulumi` for the PATH that plays what was recorded: previews, and a stack that is deployed.

In the folder RECORDED_PULUMI stand STACK.json, which a preview prints, STACK.txt, which it prints
without --json, and STACK.exit where it fails; STACK-outputs.json and STACK-history.json are what
Pulumi knows of a stack. What it was asked is written into `pulumi-calls`.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

RECORDED_FOLDER = Path(os.environ["RECORDED_PULUMI"])
words = sys.argv[1:]
with (RECORDED_FOLDER / "pulumi-calls").open("a", encoding="utf-8") as calls_file:
    calls_file.write(" ".join(words) + "\n")
assert os.environ["PULUMI_BACKEND_URL"].startswith("s3://")
stack = words[words.index("--stack") + 1]


def read_or_write_record(name: str, value: Any = None) -> Any:
    """What is known of the stack; a value takes its place."""
    file = RECORDED_FOLDER / f"{stack}-{name}.json"
    if value is not None:
        file.write_text(json.dumps(value), encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def print_preview() -> int:
    assert "--non-interactive" in words, words
    code = RECORDED_FOLDER / f"{stack}.exit"
    if "--json" not in words:
        text = RECORDED_FOLDER / f"{stack}.txt"
        sys.stdout.write(text.read_text(encoding="utf-8") if text.exists() else "")
        return int(code.read_text(encoding="utf-8"))
    if not (RECORDED_FOLDER / f"{stack}.json").exists():
        sys.stderr.write(f"error: no stack named '{stack}' found\n")
        return 255
    sys.stdout.write((RECORDED_FOLDER / f"{stack}.json").read_text(encoding="utf-8"))
    return int(code.read_text(encoding="utf-8")) if code.exists() else 0


def print_state_export() -> int:
    resource = {
        "urn": f"urn:pulumi:{stack}::bulwark::aws:rds/instance:Instance::database",
        "id": "x",
    }
    text = json.dumps({"version": 3, "deployment": {"resources": [resource]}})
    if "--file" in words:
        Path(words[words.index("--file") + 1]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def record_update() -> int:
    assert "--yes" in words, words
    assert "--policy-pack" in words, words
    update = {
        "kind": "update",
        "result": "succeeded",
        "message": words[words.index("--message") + 1],
    }
    read_or_write_record("history", [update, *(read_or_write_record("history") or [])])
    return 0


def print_record(name: str, default: Any) -> int:
    sys.stdout.write(json.dumps(read_or_write_record(name) or default))
    return 0


def record_destruction() -> int:
    assert {"--yes", "--non-interactive"} <= set(words), words
    read_or_write_record("history", [{"kind": "destroy", "result": "succeeded"}])
    return 0


verbs: dict[str, Callable[[], int]] = {
    "destroy": record_destruction,
    "preview": print_preview,
    "up": record_update,
    "stack export": print_state_export,
    "stack output": lambda: print_record("outputs", {}),
    "stack history": lambda: print_record("history", []),
}
verb = words[0] if words[0] != "stack" else " ".join(words[:2])
raise SystemExit(verbs[verb]())

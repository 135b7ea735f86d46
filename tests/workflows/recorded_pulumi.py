"""A `pulumi` for the PATH that plays what was recorded: previews, and a stack that is deployed.

In the folder RECORDED_PULUMI stand STACK.json, which a preview prints, and STACK.exit where it
fails; STACK-outputs.json and STACK-history.json are what Pulumi knows of a stack. What it was asked
is written into `pulumi-calls`.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOME = Path(os.environ["RECORDED_PULUMI"])
words = sys.argv[1:]
with (HOME / "pulumi-calls").open("a", encoding="utf-8") as calls:
    calls.write(" ".join(words) + "\n")
assert os.environ["PULUMI_BACKEND_URL"].startswith("s3://")
stack = words[words.index("--stack") + 1]


def kept(name: str, value: Any = None) -> Any:
    """What is known of the stack; a value takes its place."""
    file = HOME / f"{stack}-{name}.json"
    if value is not None:
        file.write_text(json.dumps(value), encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def preview() -> int:
    assert "--json" in words, words
    assert "--non-interactive" in words, words
    code = HOME / f"{stack}.exit"
    if not (HOME / f"{stack}.json").exists():
        sys.stderr.write(f"error: no stack named '{stack}' found\n")
        return 255
    sys.stdout.write((HOME / f"{stack}.json").read_text(encoding="utf-8"))
    return int(code.read_text(encoding="utf-8")) if code.exists() else 0


def export() -> int:
    one = {"urn": f"urn:pulumi:{stack}::bulwark::aws:rds/instance:Instance::database", "id": "x"}
    text = json.dumps({"version": 3, "deployment": {"resources": [one]}})
    if "--file" in words:
        Path(words[words.index("--file") + 1]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def up() -> int:
    assert "--yes" in words, words
    assert "--policy-pack" in words, words
    made = {"kind": "update", "result": "succeeded", "message": words[words.index("--message") + 1]}
    kept("history", [made, *(kept("history") or [])])
    return 0


def told(name: str, nothing: Any) -> int:
    sys.stdout.write(json.dumps(kept(name) or nothing))
    return 0


verbs: dict[str, Callable[[], int]] = {
    "preview": preview,
    "up": up,
    "stack export": export,
    "stack output": lambda: told("outputs", {}),
    "stack history": lambda: told("history", []),
}
verb = words[0] if words[0] != "stack" else " ".join(words[:2])
raise SystemExit(verbs[verb]())

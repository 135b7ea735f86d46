"""Previews as the engine would write them, made of what the program registers under mocks."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.program import Graph, Registered

PREVIEWS = Path(__file__).parent / "previews"


def state(resource: Registered) -> dict[str, Any]:
    """A resource as a state has it; what is marked secret is blinded."""
    blind = dict.fromkeys(resource.secrets, "[secret]")
    return {
        "urn": resource.urn, "custom": resource.custom, "type": resource.type,
        "inputs": {**resource.inputs, **blind}, "parent": resource.parent,
        "protect": resource.protect,
    }  # fmt: skip


def step(op: str, resource: Registered, new: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What happens to a resource; `new` are inputs that are to be others than now."""
    made: dict[str, Any] = {"op": op, "urn": resource.urn, "detailedDiff": None}
    if op != "create":
        made["oldState"] = state(resource)
    if op != "delete":
        made["newState"] = after = state(resource)
        after["inputs"] = {**after["inputs"], **(new or {})}
    return made


def of(graph: Graph, op: str) -> dict[str, Any]:
    """A preview in which the same happens to every resource."""
    return {
        "config": {},
        "steps": [step(op, resource) for resource in graph],
        "changeSummary": {op: len(graph.resources)},
    }


def write(folder: Path, preview: Mapping[str, Any], name: str = "preview.json") -> str:
    """A file of a preview, and where it is."""
    file = folder / name
    file.write_text(json.dumps(preview), encoding="utf-8")
    return str(file)

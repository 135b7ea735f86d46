"""Previews as the engine would write them, made of what the program registers under mocks."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.program import RegisteredResource, ResourceGraph

PREVIEWS = Path(__file__).parent / "previews"


class Engine:
    """Writes of a graph what the engine would: its URNs name every component above a resource."""

    def __init__(self, graph: ResourceGraph) -> None:
        self.graph, self.by_urn = graph, {r.urn: r for r in graph}

    def urn(self, urn: str) -> str:
        """The engine's URN for that of the mocks, which names the nearest component only."""
        one = self.by_urn.get(urn)
        if one is None:
            return urn  # the stack itself
        kinds, above = [one.type], self.by_urn.get(one.parent)
        while above is not None:
            kinds.insert(0, above.type)
            above = self.by_urn.get(above.parent)
        stack, project = urn.split("::")[:2]
        return f"{stack}::{project}::{'$'.join(kinds)}::{one.name}"

    def state(self, resource: RegisteredResource) -> dict[str, Any]:
        """A resource as a state has it; what is marked secret is blinded."""
        blind = dict.fromkeys(resource.secrets, "[secret]")
        return {
            "urn": self.urn(resource.urn),
            "custom": resource.custom,
            "type": resource.type,
            "inputs": {**resource.inputs, **blind},
            "parent": self.urn(resource.parent),
            "protect": resource.protect,
        }

    def step(
        self, op: str, resource: RegisteredResource, new: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """What happens to a resource; `new` are inputs that are to be others than now."""
        made: dict[str, Any] = {"op": op, "urn": self.urn(resource.urn), "detailedDiff": None}
        if op != "create":
            made["oldState"] = self.state(resource)
        if op != "delete":
            made["newState"] = after = self.state(resource)
            after["inputs"] = {**after["inputs"], **(new or {})}
        return made

    def all(self, op: str) -> dict[str, Any]:
        """A preview in which the same happens to every resource."""
        steps = [self.step(op, resource) for resource in self.graph]
        return {"config": {}, "steps": steps, "changeSummary": {op: len(steps)}}


def write(folder: Path, preview: Mapping[str, Any], name: str = "preview.json") -> str:
    """A file of a preview, and where it is."""
    file = folder / name
    file.write_text(json.dumps(preview), encoding="utf-8")
    return str(file)

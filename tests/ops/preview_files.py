"""Previews as the engine would write them, made of what the program registers under mocks."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.program import RegisteredResource, ResourceGraph

PREVIEW_FOLDER = Path(__file__).parent / "previews"


class PreviewWriter:
    """Writes of a graph what the engine would: its URNs name every component above a resource."""

    def __init__(self, graph: ResourceGraph) -> None:
        self.graph, self.by_urn = graph, {r.urn: r for r in graph}

    def get_engine_urn(self, urn: str) -> str:
        """The engine's URN for that of the mocks, which names the nearest component only."""
        resource = self.by_urn.get(urn)
        if resource is None:
            return urn  # the stack itself
        kinds, component = [resource.type], self.by_urn.get(resource.parent)
        while component is not None:
            kinds.insert(0, component.type)
            component = self.by_urn.get(component.parent)
        stack, project = urn.split("::")[:2]
        return f"{stack}::{project}::{'$'.join(kinds)}::{resource.name}"

    def build_resource_state(self, resource: RegisteredResource) -> dict[str, Any]:
        """A resource as a state has it; what is marked secret is blinded."""
        redacted_secrets = dict.fromkeys(resource.secrets, "[secret]")
        return {
            "urn": self.get_engine_urn(resource.urn),
            "custom": resource.custom,
            "type": resource.type,
            "inputs": {**resource.inputs, **redacted_secrets},
            "parent": self.get_engine_urn(resource.parent),
            "protect": resource.protect,
        }

    def build_preview_step(
        self, op: str, resource: RegisteredResource, changed_inputs: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """What happens to a resource; `new` are inputs that are to be others than now."""
        preview_step: dict[str, Any] = {
            "op": op,
            "urn": self.get_engine_urn(resource.urn),
            "detailedDiff": None,
        }
        if op != "create":
            preview_step["oldState"] = self.build_resource_state(resource)
        if op != "delete":
            preview_step["newState"] = new_state = self.build_resource_state(resource)
            new_state["inputs"] = {**new_state["inputs"], **(changed_inputs or {})}
        return preview_step

    def build_preview(self, op: str) -> dict[str, Any]:
        """A preview in which the same happens to every resource."""
        steps = [self.build_preview_step(op, resource) for resource in self.graph]
        return {"config": {}, "steps": steps, "changeSummary": {op: len(steps)}}


def write_preview(folder: Path, preview: Mapping[str, Any], name: str = "preview.json") -> str:
    """A file of a preview, and where it is."""
    file = folder / name
    file.write_text(json.dumps(preview), encoding="utf-8")
    return str(file)

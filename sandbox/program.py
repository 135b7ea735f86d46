"""Runs the program, or a part of it, under Pulumi's mocks, and records what it registers.

`Mocks` decide what a resource's outputs are: the tests answer with stand-ins, the sandbox
creates the resource in moto. What the engine would get beside the inputs (parent, protect,
ignored changes, secrecy) is recorded from the requests.
"""

import asyncio
import json
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi
import yaml
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime import resource as pulumi_resource
from pulumi.runtime import rpc
from pulumi.runtime.proto import source_pb2
from pulumi.runtime.settings import get_root_resource, set_root_resource
from pulumi.runtime.stack import Stack
from pydantic import JsonValue

from sandbox.garbage_collection import reduce_garbage_collections

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SECRET_MARK = (rpc._special_sig_key, rpc._special_secret_sig)


@dataclass(frozen=True)
class RegisteredResource:
    """One resource as the engine would get it.

    `secrets` are the inputs marked secret, `after` the URNs of what it depends on.
    """

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    inputs: Mapping[str, Any]
    id: str
    outputs: Mapping[str, Any]
    protect: bool
    ignore_changes: tuple[str, ...]
    aliases: tuple[str, ...]
    secrets: frozenset[str]
    dependencies: frozenset[str] = frozenset()
    import_id: str = ""  # the id by which the engine would import it
    delete_before_replace: bool = False
    retain_on_delete: bool = False

    @property
    def is_in_aws(self) -> bool:
        """True if it is a resource in AWS, not a component or a provider."""
        return self.custom and not self.type.startswith("pulumi:")


@dataclass
class ResourceGraph:
    """What a program registered, in order, and what it exported."""

    resources: list[RegisteredResource] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)
    invokes: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def list_resources(self, type_: str) -> list[RegisteredResource]:
        """The resources of a type, like aws:ec2/vpc:Vpc."""
        return [resource for resource in self.resources if resource.type == type_]

    def get_resource(self, type_: str, name: str | None = None) -> RegisteredResource:
        """The only resource of a type, or the one of that logical name."""
        matches = [
            resource for resource in self.list_resources(type_) if name in (None, resource.name)
        ]
        if len(matches) != 1:
            raise LookupError(f"{len(matches)} of {type_} {name or ''}, not one")
        return matches[0]

    def find_component(self, resource: RegisteredResource) -> RegisteredResource | None:
        """The outermost component that a resource is in."""
        by_urn = {candidate.urn: candidate for candidate in self.resources}
        outermost = None
        while (parent := by_urn.get(resource.parent)) is not None:
            outermost = resource = parent
        return outermost

    def __iter__(self) -> Iterator[RegisteredResource]:
        return iter(self.resources)


class _Monitor(pulumi_mocks.MockMonitor):
    """Records each request in addition to the mocks' answer."""

    def __init__(self, mocks: pulumi.runtime.Mocks, graph: ResourceGraph) -> None:
        super().__init__(mocks)
        self.graph = graph
        self.regions: dict[str, str] = {}  # by URN of the provider

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        self.graph.invokes.append((request.tok, rpc.deserialize_properties(request.args)))
        return super().Invoke(request)  # type: ignore[no-untyped-call]

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        provider = request.provider.rsplit("::", 1)[0]  # without the id behind its URN
        if provider in self.regions and request.type.startswith("aws:"):
            request.object.update({"region": self.regions[provider]})
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            state = self.resources[response.urn].state
            inputs = rpc.deserialize_properties(request.object, keep_unknowns=True)
            if request.type == "pulumi:providers:aws":
                self.regions[response.urn] = inputs["region"]
            self.graph.resources.append(
                RegisteredResource(
                    urn=response.urn,
                    type=request.type,
                    name=request.name,
                    parent=request.parent,
                    custom=request.custom,
                    inputs=remove_secret_marks(inputs),
                    id=response.id,
                    outputs=remove_secret_marks(state),
                    protect=request.protect,
                    ignore_changes=tuple(request.ignoreChanges),
                    aliases=tuple(alias.urn or alias.spec.name for alias in request.aliases),
                    secrets=frozenset(key for key, value in inputs.items() if has_secret(value)),
                    dependencies=frozenset(request.dependencies),
                    import_id=request.importId,
                    delete_before_replace=request.deleteBeforeReplace,
                    retain_on_delete=request.retainOnDelete,
                )
            )
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        if "::pulumi:pulumi:Stack::" in request.urn:  # not a component, whose parent it is
            self.graph.exports = remove_secret_marks(rpc.deserialize_properties(request.outputs))
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def has_secret(value: Any) -> bool:
    """True if a value, or anything in it, is marked secret."""
    if isinstance(value, dict):
        return value.get(SECRET_MARK[0]) == SECRET_MARK[1] or any(
            has_secret(item) for item in value.values()
        )
    return isinstance(value, list) and any(has_secret(item) for item in value)


def remove_secret_marks(value: Any) -> Any:
    """A value without its secret marks."""
    if isinstance(value, dict):
        if value.get(SECRET_MARK[0]) == SECRET_MARK[1]:
            return remove_secret_marks(value["value"])
        return {key: remove_secret_marks(item) for key, item in value.items()}
    return [remove_secret_marks(item) for item in value] if isinstance(value, list) else value


def load_stack_config(
    stack: str, overrides: Mapping[str, JsonValue] | None = None, root: Path = PROJECT_ROOT
) -> tuple[str, dict[str, str]]:
    """(project, config) as the Pulumi CLI would pass them to the program of a stack."""
    project = yaml.safe_load((root / "Pulumi.yaml").read_text())
    name: str = project["name"]
    defaults: dict[str, JsonValue] = {
        key: declaration["default"]
        for key, declaration in (project.get("config") or {}).items()
        if isinstance(declaration, dict) and "default" in declaration
    }
    file = root / f"Pulumi.{stack}.yaml"
    if not file.exists():
        raise FileNotFoundError(f"there is no stack {stack}: {file.name} is not there")
    stack_values: dict[str, JsonValue] = yaml.safe_load(file.read_text()).get("config") or {}
    return name, {  # a key may have the project's name or not; the last one wins
        key if ":" in key else f"{name}:{key}": value
        if isinstance(value, str)
        else json.dumps(value)
        for values in (defaults, stack_values, overrides or {})
        for key, value in values.items()
    }


def run_program(
    program: Callable[[], None],
    mocks: pulumi.runtime.Mocks,
    *,
    project: str = "bulwark",
    stack: str = "test",
    config: Mapping[str, str] | None = None,
    preview: bool = False,
) -> ResourceGraph:
    """Runs a program under `mocks` to its end, outputs awaited, and returns what it registered.

    In a preview, outputs that the mocks do not answer with are unknown.
    """
    graph = ResourceGraph()
    loop = asyncio.new_event_loop()
    # The first failure is raised below; failures that follow from it are not reported.
    loop.set_exception_handler(lambda _loop, _context: None)
    asyncio.set_event_loop(loop)
    set_root_resource(None)  # type: ignore[arg-type]  # not the stack of the run before
    pulumi.runtime.set_mocks(mocks, project, stack, preview, monitor=_Monitor(mocks, graph))
    pulumi.runtime.set_all_config({"aws:region": "eu-north-1", **(config or {})})
    with (
        reduce_garbage_collections(),
        patch.object(pulumi_resource, "_get_stack_trace", _get_empty_stack_trace),
    ):
        pulumi.runtime.test(lambda: _run_in_stack(program))()  # type: ignore[no-untyped-call]
    return graph


def _get_empty_stack_trace() -> Any:
    """Skips the search for a resource's source position: slow, and only an engine shows it."""
    return source_pb2.StackTrace()


def _run_in_stack(program: Callable[[], None]) -> None:
    """Runs a program, then registers its exports; the mocks alone would register none."""
    program()
    root_stack = get_root_resource()
    assert isinstance(root_stack, Stack)
    root_stack._outputs_registered = False
    root_stack._finish()


def run_stack_program(
    stack: str,
    mocks: pulumi.runtime.Mocks,
    overrides: Mapping[str, JsonValue] | None = None,
    root: Path = PROJECT_ROOT,
    *,
    preview: bool = False,
) -> ResourceGraph:
    """Runs the project's own `__main__.py` for a stack under `mocks`."""
    project, config = load_stack_config(stack, overrides, root)
    previous_folder = Path.cwd()
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    os.chdir(root)
    try:
        return run_program(
            lambda: _discard_globals(
                runpy.run_path(str(root / "__main__.py"), run_name="__main__")
            ),
            mocks,
            project=project,
            stack=stack,
            config=config,
            preview=preview,
        )
    finally:
        os.chdir(previous_folder)


def _discard_globals(_: object) -> None:
    """Drops the program's globals, which nothing uses afterwards."""

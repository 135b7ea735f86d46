"""Deploys a stack into the in-memory AWS: the real program, each resource made as it registers.

with in_memory_aws("eu-north-1"):
    deployment = deploy("prod")
    boto3.client("rds").describe_db_instances()
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pulumi
from pydantic import JsonValue

from components.settings import load
from sandbox import aws
from sandbox import prerequisites as given
from sandbox.aws import in_memory_aws
from sandbox.program import ROOT, Graph, bare, run_stack, stack_config
from sandbox.resources import entry
from sandbox.resources.creation import Place, Resource, make
from sandbox.resources.invokes import answer

__all__ = ["Deployment", "Made", "deploy", "in_memory_aws", "region_of"]


@dataclass(frozen=True)
class Made:
    """A resource that was just made: what progress is told. `number` counts from one."""

    type: str
    name: str
    seconds: float
    number: int


_PROVIDER: Final = "pulumi:providers:"
Progress = Callable[[Made], None]


@dataclass(frozen=True)
class Deployment:
    """A stack as deployed. `seconds` is what making took, by resource type."""

    stack: str
    region: str
    graph: Graph
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def exports(self) -> Mapping[str, Any]:
        """What the stack exports: the contract of ops/outputs.py."""
        return self.graph.exports


def deploy(
    stack: str,
    overrides: Mapping[str, JsonValue] | None = None,
    *,
    progress: Progress | None = None,
    root: Path = ROOT,
) -> Deployment:
    """Runs the program for a stack, each resource made in the in-memory AWS that there is.

    Raises what the program raises, MakingError for a resource that AWS refuses, and
    UnknownTypeError for a type without an entry.
    """
    project, config = stack_config(stack, overrides, root)
    region = config["aws:region"]
    given.put(load(project, stack, region, config))
    makers = InMemory(region, progress)
    try:
        graph = run_stack(stack, makers, overrides, root)
    except Exception as error:
        # The engine hands one failure on from task to task; the first is the one to read.
        first = makers.failed or error
        raise first.with_traceback(None) from first.__cause__
    return Deployment(stack, region, graph, dict(makers.seconds))


def region_of(stack: str, overrides: Mapping[str, JsonValue] | None = None) -> str:
    """The region that a stack lives in."""
    return stack_config(stack, overrides)[1]["aws:region"]


class InMemory(pulumi.runtime.Mocks):
    """Pulumi's mocks that make each custom resource in the in-memory AWS of this process.

    The engine asks from several threads, moto is made for one: one resource at a time is made.
    After a failure nothing more is.
    """

    def __init__(self, region: str, progress: Progress | None = None) -> None:
        self.place = Place(aws.ACCOUNT, aws.PARTITION, region, aws.client)
        self.seconds: Counter[str] = Counter()
        self.failed: Exception | None = None
        self._progress = progress
        self._turn = threading.Lock()
        self._number = 0
        self._regions: dict[str, str] = {}  # by id of the provider

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        inputs = bare(args.inputs)
        if not args.custom or args.typ.startswith("pulumi:providers:"):
            return f"{args.name}-id", inputs
        with self._turn:
            if self.failed is not None:
                raise RuntimeError(f"{args.name} is not made: an earlier resource failed")
            try:
                if args.typ.startswith(_PROVIDER):
                    return self._provided(args.name, inputs)
                region = self._regions.get((args.provider or "").rpartition("::")[2])
                return self._made(args.typ, args.name, inputs, region or self.place.region)
            except Exception as error:
                self.failed = error
                raise

    def _provided(self, name: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """A provider of the program's own: what it stands for here is a region."""
        id_ = f"{name}-provider"
        self._regions[id_] = inputs.get("region") or self.place.region
        return id_, inputs

    def _made(
        self, type_: str, name: str, inputs: dict[str, Any], region: str
    ) -> tuple[str, dict[str, Any]]:
        began = time.perf_counter()
        found = entry(type_, inputs)
        place = replace(self.place, region=region)
        made = make(found, Resource(type_, name, inputs), place)
        took = time.perf_counter() - began
        self.seconds[type_] += took  # type: ignore[assignment]
        self._number += 1
        if self._progress is not None:
            self._progress(Made(type_, name, took, self._number))
        return made

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        with self._turn:
            return answer(args.token, bare(args.args), self.place), []

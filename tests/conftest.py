"""Fixtures for every test."""

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

if TYPE_CHECKING:  # Pulumi is half of what a process has: tests of operations do without it
    from sandbox.program import ResourceGraph

ROOT = Path(__file__).parents[1]
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION="eu-north-1",
    XDG_CACHE_HOME=str(ROOT / "build" / "cache"),
)
# Importing makes much and drops little: looking for garbage would be as long as all else of it.
gc.set_threshold(400_000, 20, 50)
# The same examples each time: a run says something of the change, not of its luck. New ones are
# looked for with HYPOTHESIS_PROFILE=search.
# Neither judges how long an example takes: that is the load of the machine.
hypothesis_settings.register_profile(
    "repeat",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis_settings.register_profile("search", max_examples=400, database=None, deadline=None)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))
Build: TypeAlias = "Callable[[Callable[[], object]], ResourceGraph]"


def pytest_collection_finish() -> None:
    """What was imported stays: looking through it for garbage again and again takes long."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def build() -> Build:
    """Runs a program under mocks to its end and returns the graph of what it registered."""
    from sandbox.program import run_program
    from tests.world import AwsMocks

    def build(program: Callable[[], object]) -> "ResourceGraph":
        graph = run_program(lambda: _discard_value(program()), AwsMocks())
        assert graph.resources, "the program registered nothing"
        return graph

    return build


def _discard_value(_: object) -> None:
    """A program's value is not an output."""

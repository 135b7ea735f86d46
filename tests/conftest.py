"""Fixtures for every test."""

import gc
import os
from collections.abc import Callable
from typing import TypeAlias

import pytest

from sandbox.program import ROOT, Graph, run
from tests.world import StandIns

os.environ.update(
    AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing", AWS_DEFAULT_REGION="eu-north-1",
    XDG_CACHE_HOME=str(ROOT / "build" / "cache"),
)  # fmt: skip
Build: TypeAlias = Callable[[Callable[[], object]], Graph]


def pytest_collection_finish() -> None:
    """What was imported stays: looking through it for garbage again and again takes long."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session")
def build() -> Build:
    """Runs a program under mocks to its end and returns the graph of what it registered."""

    def build(program: Callable[[], object]) -> Graph:
        graph = run(lambda: _void(program()), StandIns())
        assert graph.resources, "the program registered nothing"
        return graph

    return build


def _void(_: object) -> None:
    """A program's value is not an output."""

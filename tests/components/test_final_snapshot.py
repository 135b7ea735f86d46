"""A deleted database or cache leaves a snapshot whose name is its own."""

from components.component import Component
from components.final_snapshot import create_final_snapshot_name
from sandbox.program import ResourceGraph, run_program
from tests.world import AwsMocks, build_settings


def _build_names(discard: list[str]) -> tuple[ResourceGraph, list[str | None]]:
    names: list[str | None] = []

    def program() -> None:
        component = Component(
            "Anything", "database", settings=build_settings({"deletion": {"discard": [*discard]}})
        )
        name = create_final_snapshot_name(component, "database", identifier="bulwark-test-database")
        if name is None:
            names.append(None)
        else:
            name.apply(names.append)

    return run_program(program, AwsMocks()), names


def test_the_final_snapshots_name_ends_with_a_random_id() -> None:
    graph, names = _build_names([])
    suffix = graph.get_resource("random:index/randomId:RandomId", "database-final-snapshot")
    assert names == [f"bulwark-test-database-final-{suffix.outputs['hex']}"]


def test_a_discarded_database_has_no_final_snapshot_name() -> None:
    graph, names = _build_names(["database"])
    assert names == [None]
    assert graph.list_resources("random:index/randomId:RandomId") == []

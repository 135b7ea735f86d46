"""What is there already is imported where the settings say so, and nothing else is."""

import pytest
from pulumi import RunError
from pydantic import JsonValue

from components.imports import require_all_imports_used
from components.resource_keys import SeenResources
from sandbox.program import run_stack_program
from tests.world import AwsMocks, build_settings, run_whole_program

DATABASE_IMPORT_KEY = "rds/instance database"


def test_only_resources_named_by_the_settings_are_imported() -> None:
    graph = run_whole_program(
        "dev", {"compute": "none", "imports": {DATABASE_IMPORT_KEY: "bulwark-dev-database"}}
    )
    imported_resources = {
        (resource.type, resource.name, resource.import_id)
        for resource in graph
        if resource.import_id
    }
    assert imported_resources == {("aws:rds/instance:Instance", "database", "bulwark-dev-database")}


def test_an_imported_resource_has_the_inputs_of_a_created_one() -> None:
    """The engine holds its inputs against what is there: they are those of the settings."""
    database = run_whole_program("dev", {"compute": "none"}).get_resource(
        "aws:rds/instance:Instance"
    )
    imported_database = run_whole_program(
        "dev", {"compute": "none", "imports": {DATABASE_IMPORT_KEY: "x"}}
    ).get_resource(database.type)
    assert imported_database.inputs == database.inputs
    assert imported_database.parent == database.parent


@pytest.mark.parametrize("key", ["rds/instance databse", "rds/cluster database"])
def test_an_import_key_that_matches_no_resource_is_refused_by_name(key: str) -> None:
    with pytest.raises(RunError, match=f"bulwark:imports.{key} matches no resource"):
        run_whole_program("dev", {"compute": "none", "imports": {key: "x"}})


@pytest.mark.parametrize(
    "imports",
    [{"database": "x"}, {"aws:rds/instance:Instance database": "x"}, {DATABASE_IMPORT_KEY: ""}],
)
def test_a_key_is_a_type_and_a_name(imports: dict[str, str]) -> None:
    with pytest.raises(RunError, match="bulwark:imports"):
        run_whole_program("dev", {"compute": "none", "imports": dict(imports)})


def test_runs_of_the_program_share_no_imports() -> None:
    overrides: dict[str, JsonValue] = {"compute": "none", "imports": {DATABASE_IMPORT_KEY: "x"}}
    run_stack_program("dev", AwsMocks(), overrides)
    graph = run_stack_program("dev", AwsMocks(), {"compute": "none"})
    assert [resource.name for resource in graph if resource.import_id] == []


def test_used_imports_are_kept_outside_the_settings() -> None:
    settings = build_settings({"imports": {DATABASE_IMPORT_KEY: "x"}})
    used_imports = SeenResources()
    with pytest.raises(RunError, match="matches no resource of this stack"):
        require_all_imports_used(settings, used_imports)
    used_imports.add(DATABASE_IMPORT_KEY)
    require_all_imports_used(settings, used_imports)
    assert used_imports.keys == {DATABASE_IMPORT_KEY}
    assert SeenResources().keys == set()

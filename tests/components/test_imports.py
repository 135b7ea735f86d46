"""What is there already is imported where the settings say so, and nothing else is."""

import pytest
from pulumi import RunError

from tests.world import whole

DATABASE = "rds/instance database"


def test_what_the_settings_name_is_imported_and_nothing_else() -> None:
    graph = whole("dev", {"compute": "none", "imports": {DATABASE: "bulwark-dev-database"}})
    imported = {(one.type, one.name, one.import_id) for one in graph if one.import_id}
    assert imported == {("aws:rds/instance:Instance", "database", "bulwark-dev-database")}


def test_what_is_imported_is_what_would_be_made() -> None:
    """The engine holds its inputs against what is there: they are those of the settings."""
    made = whole("dev", {"compute": "none"}).get_resource("aws:rds/instance:Instance")
    taken = whole("dev", {"compute": "none", "imports": {DATABASE: "x"}}).get_resource(made.type)
    assert taken.inputs == made.inputs
    assert taken.parent == made.parent


@pytest.mark.parametrize("key", ["rds/instance databse", "rds/cluster database"])
def test_what_no_resource_is_called_is_an_error_that_names_it(key: str) -> None:
    with pytest.raises(RunError, match=f"bulwark:imports.{key} is of nothing"):
        whole("dev", {"compute": "none", "imports": {key: "x"}})


@pytest.mark.parametrize(
    "imports", [{"database": "x"}, {"aws:rds/instance:Instance database": "x"}, {DATABASE: ""}]
)
def test_a_key_is_a_type_and_a_name(imports: dict[str, str]) -> None:
    with pytest.raises(RunError, match="bulwark:imports"):
        whole("dev", {"compute": "none", "imports": dict(imports)})

"""How settings name a resource, and which were seen."""

from components.resource_keys import SeenResources, build_resource_key


def test_a_key_is_the_module_and_resource_of_the_type_and_the_name() -> None:
    assert build_resource_key("aws:rds/instance:Instance", "database") == "rds/instance database"


def test_seen_keys_are_a_copy() -> None:
    seen = SeenResources()
    keys = seen.keys
    seen.add("rds/instance database")
    assert keys == frozenset()
    assert seen.keys == {"rds/instance database"}

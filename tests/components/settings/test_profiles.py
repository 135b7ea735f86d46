"""The profiles: dev only loosens, in keys that there are."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import JsonValue

from components.settings.fields import find_field_at
from components.settings.profiles import DEV_PROFILE, PROFILES, merge_values
from tests.world import build_settings


def list_leaf_paths(
    values: Mapping[str, JsonValue], parent_path: tuple[str, ...] = ()
) -> Iterator[tuple[Any, ...]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from list_leaf_paths(value, (*parent_path, key))
        else:
            yield (*parent_path, key)


@pytest.mark.parametrize("path", sorted(list_leaf_paths(DEV_PROFILE)), ids=".".join)
def test_the_dev_profile_only_sets_values_that_differ_from_the_default(
    path: tuple[str, ...],
) -> None:
    field = find_field_at(path)
    assert field is not None
    value: Any = DEV_PROFILE
    for part in path:
        value = value[part]
    if path[0] not in ("backups", "database") or path[-1] not in ("crossRegionBackups",):
        profile_value = tuple(value) if isinstance(value, list) else value
        assert profile_value != field.default


def test_the_prod_profile_is_the_defaults_of_the_sections() -> None:
    assert PROFILES["prod"] == {}


def test_objects_are_merged_and_lists_replaced() -> None:
    under: dict[str, JsonValue] = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    over: dict[str, JsonValue] = {"a": {"y": [3]}, "c": {}}
    assert merge_values(under, over) == {"a": {"x": 1, "y": [3]}, "b": 1, "c": {}}
    assert under == {"a": {"x": 1, "y": [1, 2]}, "b": 1}


def test_a_single_value_of_a_stack_wins_over_its_profile() -> None:
    database = build_settings({"database": {"multiAz": True}}, profile="dev").database
    assert (database.multi_az, database.instance_class) == (True, "db.t4g.micro")


def test_dev_protects_no_resource_and_prod_every_stateful_one() -> None:
    assert not build_settings(profile="dev").protect
    assert build_settings().protect

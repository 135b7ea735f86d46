"""What the models say of a key."""

import pytest

from components.settings import Settings
from components.settings.database import DatabaseSettings
from components.settings.fields import (
    find_field_at,
    find_section_at,
    format_bounds,
    get_settings_fields,
    list_keys_at,
)
from components.settings.load_balancer import WafSettings
from components.settings.section import Section
from components.settings.services import ServiceSettings


@pytest.mark.parametrize(
    ("loc", "section"),
    [
        ((), Settings),
        (("database",), DatabaseSettings),
        (("services", "web"), ServiceSettings),
        (("loadBalancer", "waf"), WafSettings),
        (("database", "port"), None),
        (("services",), None),
        (("nothing", "there"), None),
        (("database", "port", "deeper"), None),
    ],
)
def test_a_path_leads_to_a_section_or_not(
    loc: tuple[int | str, ...], section: type[Section] | None
) -> None:
    assert find_section_at(loc) is section


@pytest.mark.parametrize(
    ("loc", "expected"),
    [
        (("database", "storageGb"), "20 to 65536"),
        (("serviceDefaults", "min"), "0 or more"),
        (("serviceDefaults", "cpuTarget"), "1 to 100"),
        (("database", "multiAz"), None),
    ],
)
def test_bounds_are_described_as_a_range(loc: tuple[str, ...], expected: str | None) -> None:
    field = find_field_at(loc)
    assert field is not None
    assert format_bounds(field) == expected


def test_keys_below_a_path_are_found_through_lists_and_names() -> None:
    assert "endpoint" in list_keys_at(("alarms",))
    assert "environment" in list_keys_at(("services",))
    assert list_keys_at(("database", "port")) == frozenset()


def test_values_set_by_pulumi_are_no_config_keys() -> None:
    assert not {"project", "stack", "region"} & get_settings_fields().keys()

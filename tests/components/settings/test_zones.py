"""The zones of regions: letters only, and those of our own stacks."""

import pytest

from components.settings.zones import ZONES


@pytest.mark.parametrize("region", sorted(ZONES))
def test_letters_are_in_order_and_each_once(region: str) -> None:
    assert list(ZONES[region]) == sorted(set(ZONES[region]))
    assert set(ZONES[region]) <= set("abcdef")


def test_the_regions_of_the_stacks_are_known() -> None:
    assert ZONES["eu-north-1"] == ZONES["eu-west-1"] == "abc"

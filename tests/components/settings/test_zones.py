"""The zones of regions: letters only, and those of our own stacks."""

import pytest

from components.settings.zones import ZONE_LETTERS_BY_REGION


@pytest.mark.parametrize("region", sorted(ZONE_LETTERS_BY_REGION))
def test_letters_are_in_order_and_each_once(region: str) -> None:
    assert list(ZONE_LETTERS_BY_REGION[region]) == sorted(set(ZONE_LETTERS_BY_REGION[region]))
    assert set(ZONE_LETTERS_BY_REGION[region]) <= set("abcdef")


def test_the_regions_of_the_stacks_are_known() -> None:
    assert ZONE_LETTERS_BY_REGION["eu-north-1"] == ZONE_LETTERS_BY_REGION["eu-west-1"] == "abc"

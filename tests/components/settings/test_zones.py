"""Regions: which are accepted, and the letters of their zones."""

import pytest
from pydantic import JsonValue

from components.settings import SettingsError, parse_settings
from components.settings.zones import ZONE_LETTERS_BY_REGION, validate_region
from tests.world import build_settings

CONFIG = {"bulwark:profile": "dev", "bulwark:owner": "platform", "bulwark:costCenter": "cc-1"}
WRONG_REGIONS = (
    "us-esat-1",
    "us-gov-west-1",
    "cn-north-1",
    "eusc-de-east-1",
    "us-iso-east-1",
    "eu-north",
    "EU-north-1",
    "eu-north-1a",
)


@pytest.mark.parametrize("region", sorted(ZONE_LETTERS_BY_REGION))
def test_letters_are_in_order_and_each_once(region: str) -> None:
    assert list(ZONE_LETTERS_BY_REGION[region]) == sorted(set(ZONE_LETTERS_BY_REGION[region]))
    assert set(ZONE_LETTERS_BY_REGION[region]) <= set("abcdef")


def test_the_regions_of_the_stacks_are_known() -> None:
    assert ZONE_LETTERS_BY_REGION["eu-north-1"] == ZONE_LETTERS_BY_REGION["eu-west-1"] == "abc"


@pytest.mark.parametrize(
    "region", [*sorted(ZONE_LETTERS_BY_REGION), "ap-southeast-7", "il-central-1", "mx-central-1"]
)
def test_regions_of_the_partition_are_accepted(region: str) -> None:
    assert validate_region(region) == region


@pytest.mark.parametrize("region", [*WRONG_REGIONS, ""])
def test_a_wrong_region_of_a_stack_is_refused_by_the_key_that_sets_it(region: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse_settings("bulwark", stack="test", region=region, config=CONFIG)
    assert str(error.value).startswith(f"aws:region is '{region}', must be a region of")


@pytest.mark.parametrize("region", WRONG_REGIONS)
def test_a_wrong_recovery_region_is_refused(region: str) -> None:
    values: dict[str, JsonValue] = {"recoveryRegion": region}
    with pytest.raises(SettingsError) as error:
        build_settings(values)
    assert str(error.value).startswith(f"bulwark:recoveryRegion is '{region}', must be a region of")

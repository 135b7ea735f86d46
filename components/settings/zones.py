"""Regions of the partition aws, and letters of the availability zones that they may have."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator

from components.facts.regions import REGION_PATTERN

# An account sees some or all of them; a region that is not here is not checked.
# Source: EC2 User Guide, "Regions and zones"; letters as describe-availability-zones gives them.
ZONE_LETTERS_BY_REGION: Final[Mapping[str, str]] = {
    "ap-northeast-1": "abcd",
    "ap-northeast-2": "abcd",
    "ap-northeast-3": "abc",
    "ap-south-1": "abc",
    "ap-southeast-1": "abc",
    "ap-southeast-2": "abc",
    "ca-central-1": "abd",
    "eu-central-1": "abc",
    "eu-north-1": "abc",
    "eu-west-1": "abc",
    "eu-west-2": "abc",
    "eu-west-3": "abc",
    "sa-east-1": "abc",
    "us-east-1": "abcdef",
    "us-east-2": "abc",
    "us-west-1": "abc",
    "us-west-2": "abcd",
}


def validate_region(region: str) -> str:
    """Returns the region unchanged. Raises ValueError unless its name is of the partition aws."""
    if not REGION_PATTERN.fullmatch(region):
        raise ValueError(
            "must be a region of the partition aws, like eu-north-1 (China, GovCloud and "
            "sovereign clouds are not supported)"
        )
    return region


Region = Annotated[str, AfterValidator(validate_region)]

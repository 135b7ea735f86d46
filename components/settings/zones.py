"""Letters of the availability zones that a region may have."""

from collections.abc import Mapping
from typing import Final

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

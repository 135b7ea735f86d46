"""A range of addresses is text, with nothing behind its prefix."""

from ipaddress import IPv4Network

import pytest
from pydantic import TypeAdapter, ValidationError

from components.settings.address_range import Ipv4Range

RANGE: TypeAdapter[IPv4Network] = TypeAdapter(Ipv4Range)


@pytest.mark.parametrize("text", ["10.0.0.0/16", "0.0.0.0/0", "192.0.2.1/32"])
def test_a_parsed_range_can_be_parsed_again(text: str) -> None:
    network = RANGE.validate_python(text)
    assert str(network) == text
    assert RANGE.validate_python(network) == network


@pytest.mark.parametrize("value", ["10.0.0.1/16", "10.0.0.0/33", "anywhere", "", 3, True, None])
def test_an_invalid_range_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match=r"must be a range like 10\.0\.0\.0/16"):
        RANGE.validate_python(value)

"""A range of IPv4 addresses, as a setting is written."""

from ipaddress import IPv4Network
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator


def _parse_range(value: object) -> IPv4Network:
    """Parses text alone: Python would also take 3 for 0.0.0.3/32, and true for 0.0.0.1/32."""
    if isinstance(value, IPv4Network):
        return value
    try:
        if isinstance(value, str):
            return IPv4Network(value)
    except ValueError:
        pass
    raise ValueError("must be a range like 10.0.0.0/16, without host bits")


Ipv4Range: TypeAlias = Annotated[IPv4Network, BeforeValidator(_parse_range)]

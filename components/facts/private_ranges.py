"""Ranges of IPv4 addresses that are nobody's on the internet."""

from ipaddress import IPv4Network
from typing import Final

# RFC 1918, and the shared addresses of RFC 6598, which VPCs have too ("VPC CIDR blocks").
PRIVATE_RANGES: Final = tuple(
    IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)


def is_private_range(cidr: IPv4Network) -> bool:
    """True if no address of a range is one of the internet."""
    return any(cidr.subnet_of(private_range) for private_range in PRIVATE_RANGES)

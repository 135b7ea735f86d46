"""Where each subnet lies: a pure function of the VPC's range, its tiers and its zones.

A tier is one block, so that a firewall rule can name it; in the block each zone letter has a
slot of its own. So a subnet depends on nothing but the tiers before its own and its letter:
adding a zone, or a tier at the end, never moves one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

# A slot for each zone letter that a region of AWS may have, used or not.
SLOTS: Final = "abcdefgh"
SMALLEST: Final = 28  # AWS's smallest subnet, /28 ("Subnet CIDR blocks")


@dataclass(frozen=True)
class Tier:
    """Subnets of one kind. The block takes 1 / 2**halvings of the VPC: 1 is a half, 3 an eighth."""

    name: str
    halvings: int


# New tiers go to the end, where a quarter of the VPC is left: two eighths.
TIERS: Final = (Tier("private", 1), Tier("public", 3), Tier("database", 3))


def blocks(cidr: IPv4Network, tiers: Sequence[Tier] = TIERS) -> dict[str, IPv4Network]:
    """The block of each tier. Raises ValueError where they do not fit or share a name."""
    free = [cidr]
    found: dict[str, IPv4Network] = {}
    for tier in tiers:
        length = cidr.prefixlen + tier.halvings
        roomy = [space for space in free if space.prefixlen <= length]
        if not roomy:
            raise ValueError(f"tier {tier.name} does not fit into what is left of {cidr}")
        if tier.name in found:
            raise ValueError(f"tier {tier.name} is there twice")
        # The tightest space, the lowest of those: large ones stay whole for later tiers.
        home = min(roomy, key=lambda space: (-space.prefixlen, space.network_address))
        block = next(home.subnets(new_prefix=length))
        free = [space for space in free if space != home] + list(home.address_exclude(block))
        found[tier.name] = block
    return found


def subnets(
    cidr: IPv4Network, zones: Sequence[str], tiers: Sequence[Tier] = TIERS
) -> dict[str, dict[str, IPv4Network]]:
    """The subnet of each zone letter, by tier. Raises ValueError where one cannot be."""
    if unknown := [zone for zone in zones if len(zone) != 1 or zone not in SLOTS]:
        raise ValueError(f"zone {unknown[0]} is none of {', '.join(SLOTS)}")
    layout: dict[str, dict[str, IPv4Network]] = {}
    for name, block in blocks(cidr, tiers).items():
        slots = block.prefixlen + (len(SLOTS) - 1).bit_length()
        if slots > SMALLEST:
            raise ValueError(f"tier {name} of {cidr} has subnets smaller than /{SMALLEST}")
        by_letter = dict(zip(SLOTS, block.subnets(new_prefix=slots), strict=True))
        layout[name] = {zone: by_letter[zone] for zone in zones}
    return layout

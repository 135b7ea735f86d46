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
ZONE_LETTERS: Final = "abcdefgh"
SMALLEST_SUBNET_PREFIX: Final = 28  # AWS's smallest subnet, /28 ("Subnet CIDR blocks")


@dataclass(frozen=True)
class SubnetTier:
    """Subnets of one kind. The block takes 1 / 2**halvings of the VPC: 1 is a half, 3 an eighth."""

    name: str
    halvings: int


# New tiers go to the end, where a quarter of the VPC is left: two eighths.
SUBNET_TIERS: Final = (SubnetTier("private", 1), SubnetTier("public", 3), SubnetTier("database", 3))


def compute_tier_blocks(
    cidr: IPv4Network, tiers: Sequence[SubnetTier] = SUBNET_TIERS
) -> dict[str, IPv4Network]:
    """The block of each tier. Raises ValueError where they do not fit or share a name."""
    free_spaces = [cidr]
    tier_blocks: dict[str, IPv4Network] = {}
    for tier in tiers:
        prefix_length = cidr.prefixlen + tier.halvings
        candidates = [space for space in free_spaces if space.prefixlen <= prefix_length]
        if not candidates:
            raise ValueError(f"tier {tier.name} does not fit into what is left of {cidr}")
        if tier.name in tier_blocks:
            raise ValueError(f"tier {tier.name} is there twice")
        # The tightest space, the lowest of those: large ones stay whole for later tiers.
        chosen_space = min(candidates, key=lambda space: (-space.prefixlen, space.network_address))
        block = next(chosen_space.subnets(new_prefix=prefix_length))
        free_spaces = [space for space in free_spaces if space != chosen_space] + list(
            chosen_space.address_exclude(block)
        )
        tier_blocks[tier.name] = block
    return tier_blocks


def compute_subnets(
    cidr: IPv4Network, *, zones: Sequence[str], tiers: Sequence[SubnetTier] = SUBNET_TIERS
) -> dict[str, dict[str, IPv4Network]]:
    """The subnet of each zone letter, by tier. Raises ValueError where one cannot be."""
    if unknown_zones := [zone for zone in zones if len(zone) != 1 or zone not in ZONE_LETTERS]:
        raise ValueError(f"zone {unknown_zones[0]} is none of {', '.join(ZONE_LETTERS)}")
    layout: dict[str, dict[str, IPv4Network]] = {}
    for name, block in compute_tier_blocks(cidr, tiers).items():
        slot_prefix = block.prefixlen + (len(ZONE_LETTERS) - 1).bit_length()
        if slot_prefix > SMALLEST_SUBNET_PREFIX:
            raise ValueError(
                f"tier {name} of {cidr} has subnets smaller than /{SMALLEST_SUBNET_PREFIX}"
            )
        subnets_by_letter = dict(
            zip(ZONE_LETTERS, block.subnets(new_prefix=slot_prefix), strict=True)
        )
        layout[name] = {zone: subnets_by_letter[zone] for zone in zones}
    return layout

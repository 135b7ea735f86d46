"""The allocator of subnets: what it places never moves, overlaps or leaves the VPC."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.subnets import (
    SUBNET_TIERS,
    ZONE_LETTERS,
    SubnetTier,
    compute_subnets,
    compute_tier_blocks,
)

VPC_CIDRS = st.builds(
    lambda octet, third, length: IPv4Network(f"10.{octet}.{third}.0/{length}", strict=False),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(16, 20),
)
ZONE_LISTS = st.lists(st.sampled_from(ZONE_LETTERS), unique=True, min_size=1)
# Tiers that fit: each takes half of what is left, or less; 5 halvings of a /20 leave /28 subnets.
EXTRA_TIERS = (
    st.lists(st.integers(1, 2), max_size=4)
    .filter(lambda steps: sum(steps) <= 5)
    .map(lambda steps: tuple(SubnetTier(f"t{i}", sum(steps[: i + 1])) for i in range(len(steps))))
)


def flatten_layout(layout: dict[str, dict[str, IPv4Network]]) -> dict[tuple[str, str], IPv4Network]:
    return {
        (tier, zone): network for tier, zones in layout.items() for zone, network in zones.items()
    }


@given(VPC_CIDRS, ZONE_LISTS, st.data())
def test_a_further_zone_moves_no_subnet(
    cidr: IPv4Network, zones: list[str], data: st.DataObject
) -> None:
    fewer = zones[: data.draw(st.integers(1, len(zones)))]
    assert (
        flatten_layout(compute_subnets(cidr, zones=fewer)).items()
        <= flatten_layout(compute_subnets(cidr, zones=zones)).items()
    )


@given(VPC_CIDRS, ZONE_LISTS)
def test_a_zones_subnet_does_not_depend_on_the_order_of_zones(
    cidr: IPv4Network, zones: list[str]
) -> None:
    assert compute_subnets(cidr, zones=zones) == compute_subnets(cidr, zones=list(reversed(zones)))


@given(VPC_CIDRS, ZONE_LISTS, EXTRA_TIERS, st.data())
def test_a_further_tier_moves_no_subnet(
    cidr: IPv4Network, zones: list[str], tiers: tuple[SubnetTier, ...], data: st.DataObject
) -> None:
    fewer = tiers[: data.draw(st.integers(0, len(tiers)))]
    assert (
        flatten_layout(compute_subnets(cidr, zones=zones, tiers=fewer)).items()
        <= flatten_layout(compute_subnets(cidr, zones=zones, tiers=tiers)).items()
    )


@given(VPC_CIDRS, ZONE_LISTS, EXTRA_TIERS)
def test_no_subnet_overlaps_another_or_leaves_the_vpc(
    cidr: IPv4Network, zones: list[str], tiers: tuple[SubnetTier, ...]
) -> None:
    for tier_list in (SUBNET_TIERS, tiers):
        nets = list(flatten_layout(compute_subnets(cidr, zones=zones, tiers=tier_list)).values())
        assert len(nets) == len(tier_list) * len(zones)
        assert all(net.subnet_of(cidr) for net in nets)
        assert not any(network.overlaps(other) for network, other in combinations(nets, 2))


@given(VPC_CIDRS, ZONE_LISTS)
def test_a_subnet_lies_in_the_block_of_its_tier(cidr: IPv4Network, zones: list[str]) -> None:
    tiers = compute_tier_blocks(cidr)
    for tier, by_zone in compute_subnets(cidr, zones=zones).items():
        assert all(net.subnet_of(tiers[tier]) for net in by_zone.values())


@pytest.mark.parametrize(
    ("cidr", "private", "others"), [("10.0.0.0/16", 4096, 1024), ("10.9.16.0/20", 256, 64)]
)
def test_sizes_suit_the_smallest_and_the_largest_vpc(cidr: str, private: int, others: int) -> None:
    layout = compute_subnets(IPv4Network(cidr), zones="abc")
    sizes = {tier: {net.num_addresses for net in nets.values()} for tier, nets in layout.items()}
    assert sizes == {"private": {private}, "public": {others}, "database": {others}}


@given(VPC_CIDRS)
def test_there_is_room_for_two_more_tiers(cidr: IPv4Network) -> None:
    extended_tiers = (*SUBNET_TIERS, SubnetTier("intra", 3), SubnetTier("cache", 3))
    assert (
        flatten_layout(compute_subnets(cidr, zones="abc")).items()
        <= flatten_layout(compute_subnets(cidr, zones="abc", tiers=extended_tiers)).items()
    )


@pytest.mark.parametrize(
    ("tiers", "zones", "message"),
    [
        (
            (*SUBNET_TIERS, SubnetTier("huge", 1)),
            "a",
            "tier huge does not fit into what is left of 10.0.0.0/16",
        ),
        ((*SUBNET_TIERS, SUBNET_TIERS[1]), "a", "tier public is there twice"),
        ((SubnetTier("tiny", 10),), "a", "tier tiny of 10.0.0.0/16 has subnets smaller than /28"),
        (SUBNET_TIERS, ("a", "z"), "zone z is none of a, b, c"),
        (SUBNET_TIERS, ("ab",), "zone ab is none of a, b, c"),
    ],
)
def test_a_zone_or_tier_that_does_not_fit_is_refused_by_name(
    tiers: tuple[SubnetTier, ...], zones: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compute_subnets(IPv4Network("10.0.0.0/16"), zones=zones, tiers=tiers)

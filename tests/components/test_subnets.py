"""The allocator of subnets: what it places never moves, overlaps or leaves the VPC."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.subnets import SLOTS, TIERS, Tier, blocks, subnets

VPCS = st.builds(
    lambda octet, third, length: IPv4Network(f"10.{octet}.{third}.0/{length}", strict=False),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(16, 20),
)
ZONES = st.lists(st.sampled_from(SLOTS), unique=True, min_size=1)
# Tiers that fit: each takes half of what is left, or less; 5 halvings of a /20 leave /28 subnets.
MORE_TIERS = (
    st.lists(st.integers(1, 2), max_size=4)
    .filter(lambda steps: sum(steps) <= 5)
    .map(lambda steps: tuple(Tier(f"t{i}", sum(steps[: i + 1])) for i in range(len(steps))))
)


def flat(layout: dict[str, dict[str, IPv4Network]]) -> dict[tuple[str, str], IPv4Network]:
    return {(tier, zone): net for tier, zones in layout.items() for zone, net in zones.items()}


@given(VPCS, ZONES, st.data())
def test_a_further_zone_moves_no_subnet(
    cidr: IPv4Network, zones: list[str], data: st.DataObject
) -> None:
    fewer = zones[: data.draw(st.integers(1, len(zones)))]
    assert flat(subnets(cidr, fewer)).items() <= flat(subnets(cidr, zones)).items()


@given(VPCS, ZONES)
def test_a_zone_has_its_place_whatever_the_order(cidr: IPv4Network, zones: list[str]) -> None:
    assert subnets(cidr, zones) == subnets(cidr, list(reversed(zones)))


@given(VPCS, ZONES, MORE_TIERS, st.data())
def test_a_further_tier_moves_no_subnet(
    cidr: IPv4Network, zones: list[str], tiers: tuple[Tier, ...], data: st.DataObject
) -> None:
    fewer = tiers[: data.draw(st.integers(0, len(tiers)))]
    assert flat(subnets(cidr, zones, fewer)).items() <= flat(subnets(cidr, zones, tiers)).items()


@given(VPCS, ZONES, MORE_TIERS)
def test_no_subnet_overlaps_another_or_leaves_the_vpc(
    cidr: IPv4Network, zones: list[str], tiers: tuple[Tier, ...]
) -> None:
    for chosen in (TIERS, tiers):
        nets = list(flat(subnets(cidr, zones, chosen)).values())
        assert len(nets) == len(chosen) * len(zones)
        assert all(net.subnet_of(cidr) for net in nets)
        assert not any(one.overlaps(other) for one, other in combinations(nets, 2))


@given(VPCS, ZONES)
def test_a_subnet_lies_in_the_block_of_its_tier(cidr: IPv4Network, zones: list[str]) -> None:
    tiers = blocks(cidr)
    for tier, by_zone in subnets(cidr, zones).items():
        assert all(net.subnet_of(tiers[tier]) for net in by_zone.values())


@pytest.mark.parametrize(
    ("cidr", "private", "others"), [("10.0.0.0/16", 4096, 1024), ("10.9.16.0/20", 256, 64)]
)
def test_sizes_suit_the_smallest_and_the_largest_vpc(cidr: str, private: int, others: int) -> None:
    layout = subnets(IPv4Network(cidr), "abc")
    sizes = {tier: {net.num_addresses for net in nets.values()} for tier, nets in layout.items()}
    assert sizes == {"private": {private}, "public": {others}, "database": {others}}


@given(VPCS)
def test_there_is_room_for_two_more_tiers(cidr: IPv4Network) -> None:
    more = (*TIERS, Tier("intra", 3), Tier("cache", 3))
    assert flat(subnets(cidr, "abc")).items() <= flat(subnets(cidr, "abc", more)).items()


@pytest.mark.parametrize(
    ("tiers", "zones", "message"),
    [
        ((*TIERS, Tier("huge", 1)), "a", "tier huge does not fit into what is left of 10.0.0.0/16"),
        ((*TIERS, TIERS[1]), "a", "tier public is there twice"),
        ((Tier("tiny", 10),), "a", "tier tiny of 10.0.0.0/16 has subnets smaller than /28"),
        (TIERS, ("a", "z"), "zone z is none of a, b, c"),
        (TIERS, ("ab",), "zone ab is none of a, b, c"),
    ],
)
def test_what_cannot_be_placed_is_refused_by_name(
    tiers: tuple[Tier, ...], zones: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        subnets(IPv4Network("10.0.0.0/16"), zones, tiers)

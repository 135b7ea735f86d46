"""Security groups, network ACLs and routes: compared with AWS's rules applied one by one."""

from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from ops.network.model import (
    ANY_NETWORK,
    INTERNAL_NETWORKS,
    PUBLIC_NETWORKS,
    AclEntry,
    GroupRule,
    NetworkAcl,
    NetworkState,
    Place,
    Route,
    RouteTable,
    SecurityGroup,
)
from ops.network.routes import choose_route
from ops.network.rules import judge_acl, judge_security_groups

# A small world, so that every address and port of it can be tried.
NETWORKS = st.builds(
    lambda address, length: IPv4Network((0x0A000000 + address, length), strict=False),
    st.integers(0, 15),
    st.integers(28, 32),
)
PORTS = st.tuples(st.integers(1, 8), st.integers(1, 8)).map(lambda pair: (min(pair), max(pair)))
PROTOCOLS = st.sampled_from(["-1", "6", "17"])
ENTRIES = st.lists(
    st.builds(
        AclEntry, st.integers(1, 99), st.booleans(), st.booleans(), PROTOCOLS, NETWORKS, PORTS
    ),
    max_size=6,
    unique_by=lambda entry: (entry.number, entry.is_egress),
)
GROUP_RULES = st.lists(
    st.builds(
        GroupRule,
        st.sampled_from(["-1", "tcp", "udp"]),
        PORTS,
        st.lists(NETWORKS, max_size=2).map(tuple),
        st.lists(st.sampled_from(["sg-1", "sg-2"]), max_size=1).map(tuple),
        st.lists(st.sampled_from(["pl-1", "pl-2"]), max_size=1).map(tuple),
    ),
    max_size=4,
).map(tuple)


def passes_acl(entries: list[AclEntry], address: IPv4Address, port: int, is_egress: bool) -> bool:
    """The lowest number that matches decides; nothing else passes."""
    for entry in sorted(entries, key=lambda entry: entry.number):
        if (
            entry.is_egress == is_egress
            and entry.protocol in ("-1", "6")
            and address in entry.network
            and entry.ports[0] <= port <= entry.ports[1]
        ):
            return entry.is_allow
    return False


@given(ENTRIES, NETWORKS, PORTS, st.booleans())
def test_an_acl_is_judged_as_its_rules_in_their_order(
    entries: list[AclEntry], network: IPv4Network, ports: tuple[int, int], is_egress: bool
) -> None:
    judgement = judge_acl(
        NetworkAcl("acl-1", tuple(entries)), [network], ports, is_egress=is_egress
    )
    numbers = range(ports[0], ports[1] + 1)
    passing = {
        address: [passes_acl(entries, address, port, is_egress) for port in numbers]
        for address in network
    }
    if all(all(row) for row in passing.values()):
        assert judgement.verdict == "allowed"
    else:
        assert judgement.verdict != "allowed"
    if not any(any(row) for row in passing.values()):
        assert judgement.verdict == "stopped"
    if judgement.verdict == "stopped":
        assert all(not all(row) for row in passing.values())


@given(ENTRIES, NETWORKS, PORTS)
def test_a_lower_rule_that_denies_it_all_is_the_one_that_is_named(
    entries: list[AclEntry], network: IPv4Network, ports: tuple[int, int]
) -> None:
    deny = AclEntry(0, True, False, "6", network, ports)
    judgement = judge_acl(NetworkAcl("acl-1", (*entries, deny)), [network], ports, is_egress=True)
    assert (judgement.verdict, judgement.entry) == ("stopped", deny)


@given(GROUP_RULES, GROUP_RULES, NETWORKS, st.integers(1, 8), st.sampled_from([(), ("sg-1",)]))
def test_security_groups_are_judged_as_the_union_of_their_rules(
    first: tuple[GroupRule, ...],
    second: tuple[GroupRule, ...],
    network: IPv4Network,
    port: int,
    peer_groups: tuple[str, ...],
) -> None:
    lists = {"pl-1": (IPv4Network("10.0.0.0/30"),), "pl-2": (IPv4Network("10.0.0.8/29"),)}
    groups = {
        "sg-a": SecurityGroup("sg-a", "a", ingress=first),
        "sg-b": SecurityGroup("sg-b", "b", ingress=second),
    }
    state = NetworkState("vpc-1", (ANY_NETWORK,), groups=groups, prefix_lists=lists)
    place = Place("here", (IPv4Network("10.0.0.99"),), "subnet-1", ("sg-a", "sg-b"))
    peer = Place("there", (network,), "subnet-2", peer_groups)
    judgement = judge_security_groups(state, place, peer, port, is_egress=False)

    def passes(address: IPv4Address) -> bool:
        return any(
            (
                rule.protocol == "-1"
                or (rule.protocol == "tcp" and rule.ports[0] <= port <= rule.ports[1])
            )
            and (
                set(rule.groups) & set(peer_groups)
                or any(address in own for own in rule.networks)
                or any(address in own for name in rule.prefix_lists for own in lists[name])
            )
            for rule in (*first, *second)
        )

    passing = [passes(address) for address in network]
    expected = "allowed" if all(passing) else "unknown" if any(passing) else "stopped"
    assert judgement.verdict == expected
    assert judge_security_groups(state, place, peer, port, is_egress=True).verdict == "stopped"


@given(
    st.lists(
        st.builds(
            Route,
            st.sampled_from(["local", "nat-1", "igw-1", "pcx-1"]),
            NETWORKS,
            is_propagated=st.booleans(),
        ),
        max_size=6,
    ),
    st.integers(0, 15),
)
def test_the_most_specific_route_is_taken_and_static_ones_first(
    routes: list[Route], number: int
) -> None:
    address = IPv4Address(0x0A000000 + number)
    table, state = RouteTable("rtb-1", tuple(routes)), NetworkState("vpc-1", ())
    choice = choose_route(state, table, IPv4Network(address))
    matching = [route for route in routes if route.network and address in route.network]
    if not matching:
        assert choice.route is None
        return
    assert choice.route in matching
    assert choice.route is not None
    assert choice.route.network is not None
    longest = max(route.network.prefixlen for route in matching if route.network)
    assert choice.route.network.prefixlen == longest
    equal = [route for route in matching if route.network and route.network.prefixlen == longest]
    assert choice.route.is_propagated == all(route.is_propagated for route in equal)
    assert choice.others == ()


def test_parts_of_the_internet_that_go_elsewhere_are_named() -> None:
    default, hole = (
        Route("nat-1", ANY_NETWORK),
        Route("tgw-1", IPv4Network("52.0.0.0/8"), is_blackhole=True),
    )
    inside = Route("local", IPv4Network("10.0.0.0/16"))
    table, state = RouteTable("rtb-1", (default, hole, inside)), NetworkState("vpc-1", ())
    others = {
        other
        for network in PUBLIC_NETWORKS
        for other in choose_route(state, table, network, is_internet=True).others
    }
    assert others == {hole}


def test_the_internet_is_every_address_but_those_that_are_inside() -> None:
    total = sum(network.num_addresses for network in (*PUBLIC_NETWORKS, *INTERNAL_NETWORKS))
    assert total == 2**32
    assert not any(a.overlaps(b) for a in PUBLIC_NETWORKS for b in INTERNAL_NETWORKS)


def test_a_rule_of_a_group_that_could_not_be_read_is_unknown() -> None:
    state = NetworkState("vpc-1", (ANY_NETWORK,))
    place = Place("here", (IPv4Network("10.0.0.1"),), "subnet-1", ("sg-gone",))
    peer = Place("there", (IPv4Network("10.0.0.2"),), "subnet-1", ())
    judgement = judge_security_groups(state, place, peer, 443, is_egress=True)
    assert judgement.verdict == "unknown"
    assert "sg-gone" in judgement.rule

"""Network ACLs: what each tier lets in and out, asked as a packet would be."""

from ipaddress import IPv4Address, IPv4Network
from typing import Final

import pytest
from pydantic import JsonValue

from components.internet import ANYWHERE_CIDR
from components.network_acls import (
    ANY_PROTOCOL,
    ICMP_PROTOCOL,
    TCP_PROTOCOL,
    UDP_PROTOCOL,
    AllowRule,
    build_acl_rules,
)
from components.subnets import compute_tier_blocks
from tests.world import build_settings

VPC_CIDR: Final = IPv4Network("10.0.0.0/16")
TIER_BLOCKS: Final = compute_tier_blocks(VPC_CIDR)
ACL_RULES: Final = build_acl_rules(VPC_CIDR, TIER_BLOCKS)
EXTERNAL_ADDRESS: Final = "198.51.100.7"
PUBLIC_ADDRESS, PRIVATE_ADDRESS, DATABASE_ADDRESS = (
    str(TIER_BLOCKS[t][9]) for t in ("public", "private", "database")
)


def is_packet_allowed(
    allow_rules: tuple[AllowRule, ...], protocol: str, remote_address: str, port: int
) -> bool:
    """Whether a packet between `port` here and the host `other` there is let through."""
    return any(
        IPv4Address(remote_address) in IPv4Network(rule.cidr)
        and rule.protocol in (ANY_PROTOCOL, protocol)
        and (rule.protocol == ANY_PROTOCOL or rule.ports[0] <= port <= rule.ports[1])
        for rule in allow_rules
    )


@pytest.mark.parametrize(
    ("cidrs", "let_in"),
    [(None, False), (["10.0.32.0/20"], False), (["10.0.0.0/16", "172.16.0.0/12"], True)],
)
def test_clients_of_connected_networks_reach_an_internal_load_balancer(
    cidrs: list[JsonValue] | None, let_in: bool
) -> None:
    values: dict[str, JsonValue] = {"internal": True, **({"allowedCidrs": cidrs} if cidrs else {})}
    settings = build_settings({"loadBalancer": values}, profile="dev")
    assert settings.has_balancer_clients_outside is let_in
    rules = build_acl_rules(VPC_CIDR, TIER_BLOCKS, has_private_clients=let_in)
    for port in (80, 443):
        assert (
            is_packet_allowed(rules["private"].ingress, TCP_PROTOCOL, "172.16.1.1", port) is let_in
        )
    assert not is_packet_allowed(rules["private"].ingress, TCP_PROTOCOL, "172.16.1.1", 22)
    assert len(rules["private"].ingress) <= 20
    assert {**rules, "private": None} == {**ACL_RULES, "private": None}


def test_clients_of_connected_networks_reach_the_databases_port_alone() -> None:
    clients = tuple(IPv4Network(f"172.16.{number}.0/24") for number in range(15))
    rules = build_acl_rules(VPC_CIDR, TIER_BLOCKS, database_clients=clients, database_port=5433)
    database = rules["database"]
    for client in ("172.16.0.9", "172.16.14.9"):
        assert is_packet_allowed(database.ingress, TCP_PROTOCOL, client, 5433)
        assert not is_packet_allowed(database.ingress, TCP_PROTOCOL, client, 22)
        assert not is_packet_allowed(database.ingress, UDP_PROTOCOL, client, 5433)
        for port in (1024, 51000, 65535):  # where the answer goes
            assert is_packet_allowed(database.egress, TCP_PROTOCOL, client, port)
        assert not is_packet_allowed(database.egress, TCP_PROTOCOL, client, 22)
    assert not is_packet_allowed(database.ingress, TCP_PROTOCOL, "172.16.15.9", 5433)
    assert max(len(database.ingress), len(database.egress)) <= 20  # "Amazon VPC quotas"
    assert {**rules, "database": None} == {**ACL_RULES, "database": None}


@pytest.mark.parametrize("tier", ["public", "private", "database"])
@pytest.mark.parametrize("port", [22, 3389])
@pytest.mark.parametrize("protocol", [TCP_PROTOCOL, UDP_PROTOCOL])
def test_ec2_21_no_rule_lets_the_world_in_to_ssh_or_rdp(
    tier: str, port: int, protocol: str
) -> None:
    assert not is_packet_allowed(ACL_RULES[tier].ingress, protocol, EXTERNAL_ADDRESS, port)


@pytest.mark.parametrize(
    ("tier", "other", "port"),
    [
        ("public", EXTERNAL_ADDRESS, 80),
        ("public", EXTERNAL_ADDRESS, 443),
        ("public", EXTERNAL_ADDRESS, 1024),  # an answer to a NAT gateway
        ("public", PRIVATE_ADDRESS, 443),  # what a NAT device is to send on
        ("private", PUBLIC_ADDRESS, 8080),  # the load balancer calls a service
        ("private", EXTERNAL_ADDRESS, 40000),  # an answer through NAT keeps the stranger's address
        ("private", DATABASE_ADDRESS, 40000),
        ("database", PRIVATE_ADDRESS, 5433),
        ("database", DATABASE_ADDRESS, 5433),  # a replica
        ("database", EXTERNAL_ADDRESS, 40000),  # an answer of S3
    ],
)
def test_required_traffic_is_admitted_inbound(tier: str, other: str, port: int) -> None:
    assert is_packet_allowed(ACL_RULES[tier].ingress, TCP_PROTOCOL, other, port)


@pytest.mark.parametrize(
    ("tier", "other", "port"),
    [
        ("private", EXTERNAL_ADDRESS, 443),
        ("private", EXTERNAL_ADDRESS, 80),
        ("database", EXTERNAL_ADDRESS, 5433),
        ("database", EXTERNAL_ADDRESS, 443),
        ("database", PUBLIC_ADDRESS, 5433),
        ("database", PRIVATE_ADDRESS, 22),
    ],
)
def test_unneeded_traffic_is_denied_inbound(tier: str, other: str, port: int) -> None:
    assert not is_packet_allowed(ACL_RULES[tier].ingress, TCP_PROTOCOL, other, port)


@pytest.mark.parametrize(
    ("tier", "other", "port", "let"),
    [
        ("public", EXTERNAL_ADDRESS, 50000, True),
        ("private", EXTERNAL_ADDRESS, 443, True),
        ("private", DATABASE_ADDRESS, 5433, True),
        ("database", PRIVATE_ADDRESS, 40000, True),
        ("database", EXTERNAL_ADDRESS, 443, True),  # S3, by the gateway endpoint
        ("database", EXTERNAL_ADDRESS, 80, False),
        ("database", PUBLIC_ADDRESS, 40000, False),
    ],
)
def test_outbound_traffic_is_limited_to_what_a_tier_needs(
    tier: str, other: str, port: int, let: bool
) -> None:
    assert is_packet_allowed(ACL_RULES[tier].egress, TCP_PROTOCOL, other, port) is let


@pytest.mark.parametrize("tier", ["public", "private"])
def test_routers_may_say_that_a_packet_is_too_large(tier: str) -> None:
    kinds = [
        r.icmp
        for r in ACL_RULES[tier].ingress
        if r.protocol == ICMP_PROTOCOL and r.cidr == ANYWHERE_CIDR
    ]
    assert kinds == [(3, 4)]


@pytest.mark.parametrize("tier", ["public", "private", "database"])
def test_a_tier_stays_within_awss_twenty_rules_a_direction(tier: str) -> None:
    assert max(len(ACL_RULES[tier].ingress), len(ACL_RULES[tier].egress)) <= 20

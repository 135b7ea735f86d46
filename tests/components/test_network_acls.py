"""Network ACLs: what each tier lets in and out, asked as a packet would be."""

from ipaddress import IPv4Address, IPv4Network
from typing import Final

import pytest

from components.network_acls import (
    ANY_PROTOCOL,
    ANYWHERE_CIDR,
    ICMP_PROTOCOL,
    TCP_PROTOCOL,
    UDP_PROTOCOL,
    AllowRule,
    build_acl_rules,
)
from components.subnets import compute_tier_blocks

VPC: Final = IPv4Network("10.0.0.0/16")
BLOCKS: Final = compute_tier_blocks(VPC)
RULES: Final = build_acl_rules(VPC, BLOCKS)
STRANGER: Final = "198.51.100.7"
PUBLIC, PRIVATE, DATABASE = (str(BLOCKS[t][9]) for t in ("public", "private", "database"))


def passes(allowed: tuple[AllowRule, ...], protocol: str, other: str, port: int) -> bool:
    """Whether a packet between `port` here and the host `other` there is let through."""
    return any(
        IPv4Address(other) in IPv4Network(rule.cidr)
        and rule.protocol in (ANY_PROTOCOL, protocol)
        and (rule.protocol == ANY_PROTOCOL or rule.ports[0] <= port <= rule.ports[1])
        for rule in allowed
    )


@pytest.mark.parametrize("tier", ["public", "private", "database"])
@pytest.mark.parametrize("port", [22, 3389])
@pytest.mark.parametrize("protocol", [TCP_PROTOCOL, UDP_PROTOCOL])
def test_ec2_21_no_rule_lets_the_world_in_to_ssh_or_rdp(
    tier: str, port: int, protocol: str
) -> None:
    assert not passes(RULES[tier].ingress, protocol, STRANGER, port)


@pytest.mark.parametrize(
    ("tier", "other", "port"),
    [
        ("public", STRANGER, 80),
        ("public", STRANGER, 443),
        ("public", STRANGER, 1024),  # an answer to a NAT gateway
        ("public", PRIVATE, 443),  # what a NAT device is to send on
        ("private", PUBLIC, 8080),  # the load balancer calls a service
        ("private", STRANGER, 40000),  # an answer through NAT keeps the stranger's address
        ("private", DATABASE, 40000),
        ("database", PRIVATE, 5433),
        ("database", DATABASE, 5433),  # a replica
        ("database", STRANGER, 40000),  # an answer of S3
    ],
)
def test_what_the_stack_lives_on_comes_in(tier: str, other: str, port: int) -> None:
    assert passes(RULES[tier].ingress, TCP_PROTOCOL, other, port)


@pytest.mark.parametrize(
    ("tier", "other", "port"),
    [
        ("private", STRANGER, 443),
        ("private", STRANGER, 80),
        ("database", STRANGER, 5433),
        ("database", STRANGER, 443),
        ("database", PUBLIC, 5433),
        ("database", PRIVATE, 22),
    ],
)
def test_what_has_no_business_there_stays_out(tier: str, other: str, port: int) -> None:
    assert not passes(RULES[tier].ingress, TCP_PROTOCOL, other, port)


@pytest.mark.parametrize(
    ("tier", "other", "port", "let"),
    [
        ("public", STRANGER, 50000, True),
        ("private", STRANGER, 443, True),
        ("private", DATABASE, 5433, True),
        ("database", PRIVATE, 40000, True),
        ("database", STRANGER, 443, True),  # S3, by the gateway endpoint
        ("database", STRANGER, 80, False),
        ("database", PUBLIC, 40000, False),
    ],
)
def test_what_goes_out(tier: str, other: str, port: int, let: bool) -> None:
    assert passes(RULES[tier].egress, TCP_PROTOCOL, other, port) is let


@pytest.mark.parametrize("tier", ["public", "private"])
def test_routers_may_say_that_a_packet_is_too_large(tier: str) -> None:
    kinds = [
        r.icmp
        for r in RULES[tier].ingress
        if r.protocol == ICMP_PROTOCOL and r.cidr == ANYWHERE_CIDR
    ]
    assert kinds == [(3, 4)]


@pytest.mark.parametrize("tier", ["public", "private", "database"])
def test_a_tier_stays_within_awss_twenty_rules_a_direction(tier: str) -> None:
    assert max(len(RULES[tier].ingress), len(RULES[tier].egress)) <= 20

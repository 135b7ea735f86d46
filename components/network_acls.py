"""The network ACLs of the tiers, as tables. They are coarse: security groups name who calls whom.

An ACL is stateless, so answers need rules of their own, to the ports that callers call from:
1024 and up for NAT gateways and load balancers, 32768 and up for Linux hosts ("Ephemeral
ports"). AWS's own resolver, clock and metadata are never filtered by an ACL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Final, Literal

import pulumi_aws as aws
from pulumi import Input

from components.component import Component
from components.internet import ANYWHERE_CIDR, HTTP_PORT, HTTPS_PORT

# No allowed range may hold 3389, not even behind a rule that denies it (EC2.21). The price: a
# NAT gateway that calls from just that port, one call in 64,000, gets no answer.
RETURN_PORT_RANGES: Final = ((1024, 3388), (3390, 65535))
LINUX_RETURN_PORTS: Final = (32768, 65535)
CLIENT_RETURN_PORTS: Final = (1024, 65535)  # of any system, and of a load balancer or a NAT device
# Protocols by their IANA numbers, as AWS keeps them.
ANY_PROTOCOL, ICMP_PROTOCOL, TCP_PROTOCOL, UDP_PROTOCOL = "-1", "1", "6", "17"


@dataclass(frozen=True)
class AllowRule:
    """Allows traffic from `cidr`, or to it."""

    cidr: str
    protocol: str = ANY_PROTOCOL
    ports: tuple[int, int] = (0, 0)
    icmp: tuple[int, int] = (0, 0)

    def to_rule_args(self, number: int) -> dict[str, Any]:
        """The rule as the provider spells it."""
        return {
            "rule_no": number,
            "action": "allow",
            "protocol": self.protocol,
            "cidr_block": self.cidr,
            "from_port": self.ports[0],
            "to_port": self.ports[1],
            "icmp_type": self.icmp[0],
            "icmp_code": self.icmp[1],
        }


@dataclass(frozen=True)
class TierRules:
    """The rules of one tier; their order is their number."""

    ingress: tuple[AllowRule, ...]
    egress: tuple[AllowRule, ...]


# "Fragmentation needed": without it large packets vanish ("Path MTU Discovery").
PATH_MTU_RULE: Final = AllowRule(ANYWHERE_CIDR, ICMP_PROTOCOL, icmp=(3, 4))
RETURN_RULES: Final = (
    *(AllowRule(ANYWHERE_CIDR, TCP_PROTOCOL, ports) for ports in RETURN_PORT_RANGES),
    *(AllowRule(ANYWHERE_CIDR, UDP_PROTOCOL, ports) for ports in RETURN_PORT_RANGES),
    PATH_MTU_RULE,
)


def build_acl_rules(
    vpc_cidr: IPv4Network,
    tier_blocks: Mapping[str, IPv4Network],
    *,
    has_private_clients: bool = False,
    database_clients: Sequence[IPv4Network] = (),
    database_port: int = 0,
) -> dict[str, TierRules]:
    """The rules of each tier of a VPC whose tiers have these blocks.

    With `has_private_clients`, networks outside the VPC reach a load balancer in the private tier.
    `database_clients` are ranges beside the private tier that reach the database on its port.
    """
    web_rules = tuple(
        AllowRule(ANYWHERE_CIDR, TCP_PROTOCOL, (port, port)) for port in (HTTP_PORT, HTTPS_PORT)
    )
    vpc_rule, private_cidr, database_cidr = (
        AllowRule(str(vpc_cidr)),
        str(tier_blocks["private"]),
        str(tier_blocks["database"]),
    )
    any_destination = (AllowRule(ANYWHERE_CIDR),)
    return {
        "public": TierRules(
            (
                vpc_rule,
                *web_rules,
                *RETURN_RULES,
            ),
            any_destination,
        ),
        "private": TierRules(
            (vpc_rule, *(web_rules if has_private_clients else ()), *RETURN_RULES),
            any_destination,
        ),
        # Called from the private tier, and from the settings' ranges. Calls S3 (the gateway
        # endpoint's addresses are public ones, but there is no other way out) and interface
        # endpoints.
        "database": TierRules(
            (
                AllowRule(private_cidr, TCP_PROTOCOL, (1024, 65535)),
                AllowRule(database_cidr),
                AllowRule(ANYWHERE_CIDR, TCP_PROTOCOL, LINUX_RETURN_PORTS),
                *(
                    AllowRule(str(cidr), TCP_PROTOCOL, (database_port, database_port))
                    for cidr in database_clients
                ),
            ),
            (
                AllowRule(private_cidr, TCP_PROTOCOL, (1024, 65535)),
                AllowRule(database_cidr),
                AllowRule(ANYWHERE_CIDR, TCP_PROTOCOL, (HTTPS_PORT, HTTPS_PORT)),
                *(
                    AllowRule(str(cidr), TCP_PROTOCOL, CLIENT_RETURN_PORTS)
                    for cidr in database_clients
                ),
            ),
        ),
    }


def create_network_acl(
    component: Component,
    tier: Literal["public", "private", "database"],
    *,
    vpc_id: Input[str],
    subnet_ids: Sequence[Input[str]],
    rules: TierRules,
) -> aws.ec2.NetworkAcl:
    """The ACL of a tier: what it does not allow is denied, and what others add is taken away."""
    return aws.ec2.NetworkAcl(
        component.format_logical_name(tier),
        vpc_id=vpc_id,
        subnet_ids=subnet_ids,
        ingress=_build_numbered_rules(rules.ingress),
        egress=_build_numbered_rules(rules.egress),
        opts=component.child_options,
    )


def _build_numbered_rules(rules: Sequence[AllowRule]) -> Any:
    """Rules 100, 110, ...: room between them for an emergency rule by hand."""
    return [rule.to_rule_args(100 + 10 * index) for index, rule in enumerate(rules)]

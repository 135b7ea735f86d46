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

WORLD: Final = "0.0.0.0/0"
HTTP: Final = 80
HTTPS: Final = 443
# No allowed range may hold 3389, not even behind a rule that denies it (EC2.21). The price: a
# NAT gateway that calls from just that port, one call in 64,000, gets no answer.
ANSWERS: Final = ((1024, 3388), (3390, 65535))
LINUX_ANSWERS: Final = (32768, 65535)
# Protocols by their IANA numbers, as AWS keeps them.
ANY, ICMP, TCP, UDP = "-1", "1", "6", "17"


@dataclass(frozen=True)
class Allow:
    """What may come from `cidr`, or go to it."""

    cidr: str
    protocol: str = ANY
    ports: tuple[int, int] = (0, 0)
    icmp: tuple[int, int] = (0, 0)

    def plain(self, number: int) -> dict[str, Any]:
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
class Rules:
    """The rules of one tier; their order is their number."""

    ingress: tuple[Allow, ...]
    egress: tuple[Allow, ...]


# "Fragmentation needed": without it large packets vanish ("Path MTU Discovery").
TOO_LARGE: Final = Allow(WORLD, ICMP, icmp=(3, 4))
FROM_WORLD: Final = (
    *(Allow(WORLD, TCP, ports) for ports in ANSWERS),
    *(Allow(WORLD, UDP, ports) for ports in ANSWERS),
    TOO_LARGE,
)


def rules(vpc: IPv4Network, blocks: Mapping[str, IPv4Network]) -> dict[str, Rules]:
    """The rules of each tier of a VPC whose tiers have these blocks."""
    inside, private, database = Allow(str(vpc)), str(blocks["private"]), str(blocks["database"])
    everywhere = (Allow(WORLD),)
    return {
        "public": Rules(
            (
                inside,
                Allow(WORLD, TCP, (HTTP, HTTP)),
                Allow(WORLD, TCP, (HTTPS, HTTPS)),
                *FROM_WORLD,
            ),
            everywhere,
        ),
        "private": Rules((inside, *FROM_WORLD), everywhere),
        # Called from the private tier only. Calls S3 (the gateway endpoint's addresses are
        # public ones, but there is no other way out) and interface endpoints.
        "database": Rules(
            (
                Allow(private, TCP, (1024, 65535)),
                Allow(database),
                Allow(WORLD, TCP, LINUX_ANSWERS),
            ),
            (
                Allow(private, TCP, (1024, 65535)),
                Allow(database),
                Allow(WORLD, TCP, (HTTPS, HTTPS)),
            ),
        ),
    }


def network_acl(
    component: Component,
    tier: Literal["public", "private", "database"],
    vpc_id: Input[str],
    subnet_ids: Sequence[Input[str]],
    rules: Rules,
) -> aws.ec2.NetworkAcl:
    """The ACL of a tier: what it does not allow is denied, and what others add is taken away."""
    return aws.ec2.NetworkAcl(
        component.key(tier),
        vpc_id=vpc_id,
        subnet_ids=subnet_ids,
        ingress=_numbered(rules.ingress),
        egress=_numbered(rules.egress),
        opts=component.child,
    )


def _numbered(allowed: Sequence[Allow]) -> Any:
    """Rules 100, 110, ...: room between them for an emergency rule by hand."""
    return [rule.plain(100 + 10 * place) for place, rule in enumerate(allowed)]

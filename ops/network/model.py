"""The network as it is in AWS, as data: what `ops network reach` evaluates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Final, Literal

Verdict = Literal["allowed", "stopped", "unknown"]
Ports = tuple[int, int]
ANY_NETWORK: Final = IPv4Network("0.0.0.0/0")
# What is not an address of the internet (IANA IPv4 Special-Purpose Address Registry; multicast).
INTERNAL_NETWORKS: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "224.0.0.0/3",
        ),
    )
)


def _list_public_networks() -> Iterator[IPv4Network]:
    remaining = [ANY_NETWORK]
    for internal in INTERNAL_NETWORKS:
        remaining = [
            part
            for network in remaining
            for part in (
                network.address_exclude(internal) if internal.subnet_of(network) else (network,)
            )
        ]
    yield from sorted(remaining)


PUBLIC_NETWORKS: Final = tuple(_list_public_networks())  # any address of the internet
ANY_PORTS: Final[Ports] = (0, 65535)
# "Ephemeral ports" of the VPC User Guide ("Custom network ACLs"): Linux kernels call from 32768 to
# 60999 (61000 in the guide; net.ipv4.ip_local_port_range of Linux), NAT gateways and load
# balancers from 1024 to 65535.
LINUX_CALLER_PORTS: Final[Ports] = (32768, 60999)
WIDE_CALLER_PORTS: Final[Ports] = (1024, 65535)
# Reads of a network, by what they are of: a key of `NetworkState.unreadable`.
NetworkSubject = Literal[
    "security groups",
    "network ACLs",
    "route tables",
    "endpoints",
    "NAT gateways",
    "NAT instances",
    "prefix lists",
    "DNS",
]


@dataclass(frozen=True)
class GroupRule:
    """A rule of a security group: it allows. `protocol` is -1 (all), tcp, udp, icmp or a number."""

    protocol: str
    ports: Ports
    networks: tuple[IPv4Network, ...] = ()
    groups: tuple[str, ...] = ()
    prefix_lists: tuple[str, ...] = ()


@dataclass(frozen=True)
class SecurityGroup:
    """A security group and its rules."""

    id: str
    name: str
    ingress: tuple[GroupRule, ...] = ()
    egress: tuple[GroupRule, ...] = ()


@dataclass(frozen=True)
class AclEntry:
    """A rule of a network ACL; the lowest number that matches decides."""

    number: int
    is_egress: bool
    is_allow: bool
    protocol: str
    network: IPv4Network
    ports: Ports = ANY_PORTS


@dataclass(frozen=True)
class NetworkAcl:
    """The network ACL of a subnet."""

    id: str
    entries: tuple[AclEntry, ...]


@dataclass(frozen=True)
class Route:
    """A route: to a network, or to the networks of a prefix list."""

    target: str  # local, igw-…, nat-…, eni-…, i-…, vpce-…, pcx-…, tgw-…, vgw-…
    network: IPv4Network | None = None
    prefix_list: str | None = None
    is_blackhole: bool = False
    is_propagated: bool = False

    @property
    def destination(self) -> str:
        """What it is to, for a person."""
        return str(self.network or self.prefix_list)


@dataclass(frozen=True)
class RouteTable:
    """The route table of a subnet."""

    id: str
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Endpoint:
    """A VPC endpoint. `service` is like `secretsmanager`, without the region."""

    id: str
    service: str
    is_interface: bool
    state: str
    subnets: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    has_private_dns: bool = False


@dataclass(frozen=True)
class NatDevice:
    """A NAT gateway, or an instance that is one. `groups` are of an instance only.

    `forwards` is false if an instance checks that it is source or destination of its traffic.
    """

    id: str
    state: str
    subnet: str
    private: IPv4Address | None = None
    public: IPv4Address | None = None
    groups: tuple[str, ...] | None = None
    forwards: bool = True
    is_private: bool = False


@dataclass(frozen=True)
class NetworkState:
    """A VPC as it was read; `unreadable` says why a part of it was not."""

    vpc: str
    networks: tuple[IPv4Network, ...]
    subnets: Mapping[str, IPv4Network] = field(default_factory=dict)
    groups: Mapping[str, SecurityGroup] = field(default_factory=dict)
    acls: Mapping[str, NetworkAcl] = field(default_factory=dict)  # by subnet
    tables: Mapping[str, RouteTable] = field(default_factory=dict)  # by subnet
    endpoints: tuple[Endpoint, ...] = ()
    nat_devices: Mapping[str, NatDevice] = field(default_factory=dict)  # by what routes name
    prefix_lists: Mapping[str, tuple[IPv4Network, ...]] = field(default_factory=dict)
    prefix_list_names: Mapping[str, str] = field(default_factory=dict)
    has_dns_support: bool = True
    has_dns_hostnames: bool = True
    dns_servers: tuple[str, ...] = ("AmazonProvidedDNS",)
    unreadable: Mapping[NetworkSubject, str] = field(default_factory=dict)

    def has_network(self, network: IPv4Network) -> bool:
        """True if the VPC has all of these addresses."""
        return any(network.subnet_of(own_network) for own_network in self.networks)


@dataclass(frozen=True)
class Place:
    """Where traffic begins or ends. Without a subnet it is outside the VPC.

    `networks` are the addresses that it may have: one, or those of its subnet if it is not known
    which. `groups` is None if nothing is known to have the address. `public` is its public address;
    `has_public_address` is set if it has one, whichever. `host` is the name that it is called by.
    """

    name: str
    networks: tuple[IPv4Network, ...]
    subnet: str | None = None
    groups: tuple[str, ...] | None = None
    public: IPv4Address | None = None
    return_ports: Ports = LINUX_CALLER_PORTS
    prefix_list: str | None = None
    has_public_address: bool = False
    host: str | None = None

    @property
    def is_internet(self) -> bool:
        """True if it may be any address of the internet."""
        return self.networks == PUBLIC_NETWORKS

    @property
    def is_public(self) -> bool:
        """True if its addresses are public."""
        return not any(
            network.overlaps(internal)
            for network in self.networks
            for internal in INTERNAL_NETWORKS
        )


@dataclass(frozen=True)
class Check:
    """One rule that was evaluated: what it is, its verdict, its text, and what mends it."""

    name: str
    verdict: Verdict
    rule: str
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Path:
    """The checks from one place to another, in the order of the packet's way."""

    source: str
    target: str
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """Stopped if one rule stops it; else unknown if one is unknown."""
        verdicts = {check.verdict for check in self.checks}
        if "stopped" in verdicts:
            return "stopped"
        return "unknown" if "unknown" in verdicts or not self.checks else "allowed"

"""Settings of the network: the VPC, its zones and its way to the internet."""

import re
from collections import Counter
from ipaddress import IPv4Network
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, field_validator

from components.settings.address_range import Ipv4Range
from components.settings.section import Section

NatPlacement = Literal["none", "one", "per-zone"]
NatDevice = Literal["gateway", "instance"]
ZoneLetter = Literal["a", "b", "c", "d", "e", "f"]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]

# RFC 1918, as AWS recommends ("VPC CIDR blocks"); AWS refuses loopback and link-local ranges.
PRIVATE_NETWORKS: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
DOCKER_NETWORK: Final = IPv4Network("172.17.0.0/16")
GATEWAY_ENDPOINT_SERVICES: Final = ("s3", "dynamodb")
ENDPOINT_SERVICE_PATTERN: Final = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)*")
# What EC2.10, EC2.55, EC2.56 and EC2.57 require, and what Session Manager needs besides ssm.
SECURITY_HUB_ENDPOINT_SERVICES: Final = (
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "ssm",
    "ssmmessages",
    "ec2messages",
)


class NetworkSettings(Section):
    """The VPC of the stack. The defaults are safe; the dev profile loosens them."""

    cidr: Ipv4Range = Field(
        default=IPv4Network("10.0.0.0/16"), description="address range of the VPC, /16 to /20"
    )
    zones: tuple[ZoneLetter, ...] = Field(
        default=("a", "b", "c"),
        min_length=2,
        max_length=3,
        description="letters of the availability zones; new ones go to the end",
    )
    nat: NatPlacement = Field(
        default="per-zone",
        description="NAT devices: none, one, or one per zone; none if compute is 'none', "
        "since nothing calls the internet then. With none what runs reaches only what "
        "interfaceEndpoints lead to: images and secrets of the stack's region",
    )
    nat_device: NatDevice = Field(
        default="gateway",
        description="NAT gateway, or a small instance (cheap, a single host, forwards ports "
        "80 and 443 only)",
    )
    interface_endpoints: tuple[str, ...] = Field(
        default=(),
        description="AWS services with an interface endpoint; for the controls EC2.10, .55, .56 "
        f"and .57: {', '.join(SECURITY_HUB_ENDPOINT_SERVICES)} (7.30 $ a month per endpoint and "
        "zone); S3 and DynamoDB always have gateway endpoints",
    )
    s3_accounts: tuple[AccountId, ...] = Field(
        default=(),
        description="other accounts whose buckets may be written to; reading is allowed from any",
    )
    flow_logs: tuple[Literal["cloudwatch", "s3"], ...] = Field(
        default=("cloudwatch",), description="destinations of the flow logs of the VPC"
    )

    @field_validator("cidr")
    @classmethod
    def _validate_cidr(cls, cidr: IPv4Network) -> IPv4Network:
        if not (
            16 <= cidr.prefixlen <= 20
            and any(cidr.subnet_of(network) for network in PRIVATE_NETWORKS)
        ):
            raise ValueError(
                "must be a range from /16 to /20 in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
            )
        if cidr.overlaps(DOCKER_NETWORK):
            raise ValueError(
                f"must be any private range but {DOCKER_NETWORK}, which Docker uses on hosts"
            )
        return cidr

    @field_validator("zones", "interface_endpoints", "s3_accounts", "flow_logs")
    @classmethod
    def _validate_unique_items(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if duplicates := [value for value, count in Counter(values).items() if count > 1]:
            raise ValueError(f"must name {duplicates[0]!r} only once")
        return values

    @field_validator("interface_endpoints")
    @classmethod
    def _validate_interface_endpoints(cls, services: tuple[str, ...]) -> tuple[str, ...]:
        for service in services:
            if service in GATEWAY_ENDPOINT_SERVICES:
                raise ValueError(f"must not hold {service!r}: it always has a gateway endpoint")
            if service.startswith("com.amazonaws.") or not ENDPOINT_SERVICE_PATTERN.fullmatch(
                service
            ):
                raise ValueError(
                    f"must not hold {service!r}: names are like 'ecr.api', without the region"
                )
        return services

    @property
    def nat_zones(self) -> tuple[ZoneLetter, ...]:
        """The zones that `nat` asks a NAT device for; `Settings.nat_zones` are those with one."""
        zones_by_placement: dict[NatPlacement, tuple[ZoneLetter, ...]] = {
            "none": (),
            "one": self.zones[:1],
            "per-zone": self.zones,
        }
        return zones_by_placement[self.nat]

"""Settings of the network: where the stack lives and how it reaches the world."""

import re
from collections import Counter
from ipaddress import IPv4Network
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, field_validator

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
# What EC2.10, EC2.55, EC2.56 and EC2.57 ask for, with what Session Manager needs beside ssm.
SECURITY_HUB_ENDPOINT_SERVICES: Final = (
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "ssm",
    "ssmmessages",
    "ec2messages",
)

# Without NAT, what runs needs at least these; layers of images come from S3.
ENDPOINT_SERVICES_WITHOUT_NAT: Final = ("ecr.api", "ecr.dkr", "logs", "secretsmanager")


class NetworkSettings(Section):
    """Where the stack lives. Defaults are the safe ones; the dev profile loosens them."""

    cidr: IPv4Network = Field(
        default=IPv4Network("10.0.0.0/16"), description="address range of the VPC, /16 to /20"
    )
    zones: tuple[ZoneLetter, ...] = Field(
        default=("a", "b", "c"),
        min_length=2,
        max_length=3,
        description="letters of the availability zones; only ever add to the end",
    )
    nat: NatPlacement = Field(
        default="per-zone",
        description="NAT devices: none, one, or one in each zone; none where compute is 'none', "
        "for then nothing calls the internet",
    )
    nat_device: NatDevice = Field(
        default="gateway",
        description="what translates addresses: a NAT gateway, or a small instance (cheap, one "
        "host, passes ports 80 and 443 only)",
    )
    interface_endpoints: tuple[str, ...] = Field(
        default=(),
        description="AWS services to reach by interface endpoints; for the controls EC2.10, .55, "
        f".56 and .57: {', '.join(SECURITY_HUB_ENDPOINT_SERVICES)} (7.30 $ a month each "
        "and zone); S3 and DynamoDB have "
        "gateways always",
    )
    s3_accounts: tuple[AccountId, ...] = Field(
        default=(),
        description="further accounts whose buckets may be written to; any may be read from",
    )
    flow_logs: tuple[Literal["cloudwatch", "s3"], ...] = Field(
        default=("cloudwatch",), description="where the VPC's flow logs go"
    )

    @field_validator("cidr", mode="before")
    @classmethod
    def _parse_cidr(cls, cidr: object) -> IPv4Network:
        try:
            return IPv4Network(str(cidr))
        except ValueError:
            raise ValueError("must be a range like 10.0.0.0/16, without host bits") from None

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
                raise ValueError(f"must not hold {service!r}: it has a gateway endpoint always")
            if service.startswith("com.amazonaws.") or not ENDPOINT_SERVICE_PATTERN.fullmatch(
                service
            ):
                raise ValueError(
                    f"must not hold {service!r}: names are like 'ecr.api', without the region"
                )
        return services

    @property
    def nat_zones(self) -> tuple[ZoneLetter, ...]:
        """The zones that this asks a NAT device for; `Settings.nat_zones` says which get one."""
        zones_by_placement: dict[NatPlacement, tuple[ZoneLetter, ...]] = {
            "none": (),
            "one": self.zones[:1],
            "per-zone": self.zones,
        }
        return zones_by_placement[self.nat]

"""What the flow logs say: who was refused, who talks most, and who costs by the NAT gateways.

Fields and their meaning: VPC User Guide, "Flow log records" and "Flow log record examples". Traffic
through a NAT gateway is counted at the interface of who calls: there the other address is the one
outside, while at the gateway's own interface it is the gateway's. A gateway is paid for each GB
that it processes, of both directions (Amazon VPC pricing).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final

from components.facts.units import GIB_BYTES
from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.logs.parts import LogPart, list_log_parts
from ops.network.model import NetworkState
from ops.outputs import Outputs
from ops.prices.price_table import DEFAULT_PRICE_TABLE

FLOW_KEYS: Final = "srcAddr, dstAddr, dstPort, protocol, interfaceId"
REJECTED_QUERY: Final = (
    "filter action = 'REJECT' | stats count(*) as flows, sum(bytes) as total "
    f"by {FLOW_KEYS} | sort flows desc"
)
TOP_QUERY: Final = (
    "filter action = 'ACCEPT' | stats count(*) as flows, sum(bytes) as total "
    f"by {FLOW_KEYS} | sort total desc"
)
NAT_QUERY: Final = (
    "filter action = 'ACCEPT' | stats sum(bytes) as total by interfaceId, srcAddr, dstAddr "
    "| sort total desc"
)
PROTOCOL_NAMES: Final[Mapping[str, str]] = {"1": "icmp", "6": "tcp", "17": "udp"}


@dataclass(frozen=True)
class Interface:
    """A network interface of the VPC, and the part of the stack that it belongs to, if any."""

    id: str
    subnet: str
    name: str


def get_flow_part(outputs: Outputs) -> LogPart:
    """The flow logs in CloudWatch. Raises UsageError if the stack has none there."""
    part = list_log_parts(outputs).get("flow-logs")
    if part is None:
        raise UsageError(
            "network.flowLogs must have cloudwatch: the files in S3 are Parquet, which this does "
            "not read"
        )
    return part


def read_interfaces(aws: Aws, outputs: Outputs) -> tuple[dict[str, Interface], dict[str, str]]:
    """The interfaces of the VPC that are there now, by id, and their names by address."""
    names = _list_group_names(outputs)
    answer: Any = aws.call(
        "ec2.describe_network_interfaces",
        {"Filters": [{"Name": "vpc-id", "Values": [outputs.network.vpc_id]}]},
    )
    interfaces: dict[str, Interface] = {}
    by_address: dict[str, str] = {}
    for item in answer["NetworkInterfaces"]:
        groups = [group["GroupId"] for group in item.get("Groups") or ()]
        part = next((names[group] for group in groups if group in names), None)
        name = part or item.get("Description") or item["NetworkInterfaceId"]
        interface = Interface(item["NetworkInterfaceId"], item["SubnetId"], name)
        interfaces[interface.id] = interface
        for address in item.get("PrivateIpAddresses") or ():
            by_address[address["PrivateIpAddress"]] = name
    return interfaces, by_address


def build_flow_rows(
    rows: Sequence[Mapping[str, str]], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Flows with the parts at both ends, if their addresses are still in use."""
    return [
        {
            "flows": int(float(row["flows"])),
            "bytes": int(float(row["total"] or 0)),
            "from": _format_address(row.get("srcAddr"), names),
            "to": _format_address(row.get("dstAddr"), names),
            "port": row.get("dstPort"),
            "protocol": PROTOCOL_NAMES.get(row.get("protocol", ""), row.get("protocol")),
            "interface": row.get("interfaceId"),
        }
        for row in rows
    ]


def build_nat_rows(
    rows: Sequence[Mapping[str, str]],
    outputs: Outputs,
    state: NetworkState,
    interfaces: Mapping[str, Interface],
) -> list[dict[str, Any]]:
    """Who sent through NAT, to which address, both directions, with the price; the dearest first.

    What goes to a gateway endpoint's addresses does not pass NAT, nor what a public subnet sends.
    """
    public_subnets = set(outputs.network.public_subnets.values())
    free = [network for networks in state.prefix_lists.values() for network in networks]
    own = state.networks or (IPv4Network(outputs.network.cidr),)
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        interface = interfaces.get(row.get("interfaceId", ""))
        if interface is not None and interface.subnet in public_subnets:
            continue
        try:
            ends = [IPv4Address(row.get(name, "")) for name in ("srcAddr", "dstAddr")]
        except ValueError:
            continue  # IPv6, or a record without data
        outside = [end for end in ends if not any(end in network for network in own)]
        if len(outside) != 1 or any(outside[0] in network for network in free):
            continue
        inside = next(end for end in ends if end is not outside[0])
        name = interface.name if interface is not None else f"{inside} (gone)"
        totals[name, str(outside[0])] += int(float(row["total"] or 0))
    price = DEFAULT_PRICE_TABLE.nat_gb
    return [
        {"from": name, "to": target, "bytes": total, "cost": round(total / GIB_BYTES * price, 4)}
        for (name, target), total in sorted(totals.items(), key=lambda item: -item[1])
    ]


def _list_group_names(outputs: Outputs) -> dict[str, str]:
    """The parts of the stack, by the security group that is theirs."""
    names = {outputs.database.security_group_id: "database"}
    for service in outputs.services.services.values() if outputs.services is not None else ():
        names[service.security_group_id] = service.name
    if outputs.cache is not None:
        names[outputs.cache.security_group_id] = "cache"
    if outputs.fleet is not None:
        names[outputs.fleet.security_group_id] = "fleet"
    if outputs.load_balancer is not None:
        names[outputs.load_balancer.security_group_id] = "load-balancer"
    return names


def _format_address(address: str | None, names: Mapping[str, str]) -> str:
    name = names.get(address or "")
    return f"{address} ({name})" if name is not None else str(address)

"""What a TCP connection from a place in a VPC comes to, by the network of the sandbox as it is now.

A second reading of AWS's rules, which shares no code with `ops network reach`. Security groups are
stateful and only allow; network ACLs are passed at the border of a subnet, in the order of their
numbers, both ways; the longest route decides (VPC User Guide: "Security group rules", "Network ACL
rules", "Route priority"). What is dropped is never answered: it times out. A connection to a port
on which nothing listens is refused by the host itself (TCP, RFC 9293, 3.10.7.1).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final

from moto.ec2.models import EC2Backend

from sandbox.patches.ec2.destinations import Destination, find_destination, list_subnets

# Host, port, its address (None if the name does not resolve), and what a connection comes to.
ConnectionOutcome = tuple[str, int, str | None, str]
CONNECTED: Final = "connected"
REFUSED: Final = "refused"
TIMED_OUT: Final = "timed out"
UNRESOLVED: Final = "unresolved"
# Of what Linux chooses from (32768 to 60999), the port that callers here call from: an assumption.
CALLER_PORT: Final = 45000
NAT_CALLER_PORT: Final = 2048  # of what NAT gateways choose from (1024 to 65535): an assumption
TCP_PROTOCOLS: Final = ("-1", "tcp", "6")


@dataclass(frozen=True)
class Caller:
    """Where a connection comes from."""

    subnet: str
    address: str
    groups: tuple[str, ...]
    public_address: str | None = None


def build_instance_caller(instance: Any) -> Caller:
    """An instance, as it calls."""
    groups = tuple(group.id for group in instance.security_groups)
    public = str(instance.public_ip) if instance.public_ip else None
    return Caller(str(instance.subnet_id), str(instance.private_ip), groups, public)


def try_connections(
    ec2: EC2Backend, caller: Caller, targets: Iterable[tuple[str, int]]
) -> list[ConnectionOutcome]:
    """What the connections to hosts and ports come to."""
    return [_try_connection(ec2, caller, host, port) for host, port in targets]


def _try_connection(ec2: EC2Backend, caller: Caller, host: str, port: int) -> ConnectionOutcome:
    subnet = ec2.get_subnet(caller.subnet)
    vpc: Any = ec2.vpcs[subnet.vpc_id]
    destination = find_destination(ec2, vpc.id, host)
    is_name = destination is not None and destination.address != host
    if destination is None or (is_name and vpc.enable_dns_support in (False, "false")):
        return host, port, None, UNRESOLVED
    if not _is_delivered(ec2, caller, destination, port) or not destination.is_up:
        return host, port, destination.address, TIMED_OUT
    listens = destination.ports is None or port in destination.ports
    return host, port, destination.address, CONNECTED if listens else REFUSED


def _is_delivered(ec2: EC2Backend, caller: Caller, destination: Destination, port: int) -> bool:
    """True if packets get there, and answers back."""
    # A rule that names a group is of private addresses: public ones are of none.
    groups = destination.groups if destination.subnet is not None else ()
    if not _is_let_by_groups(ec2, caller.groups, destination.address, groups, port, is_egress=True):
        return False
    if destination.subnet is None:
        return _leaves_vpc(ec2, caller, destination, port)
    crossings = (
        (caller.subnet, True, destination.address, port),
        (destination.subnet, False, caller.address, port),
        (destination.subnet, True, caller.address, CALLER_PORT),
        (caller.subnet, False, destination.address, CALLER_PORT),
    )
    if caller.subnet != destination.subnet and not _is_let_by_acls(ec2, crossings):
        return False
    return _is_let_by_groups(
        ec2, destination.groups, caller.address, caller.groups, port, is_egress=False
    )


def _leaves_vpc(ec2: EC2Backend, caller: Caller, destination: Destination, port: int) -> bool:
    crossings = (
        (caller.subnet, True, destination.address, port),
        (caller.subnet, False, destination.address, CALLER_PORT),
    )
    if not _is_let_by_acls(ec2, crossings):
        return False
    table = _find_table(ec2, caller.subnet)
    if destination.service and _has_gateway_endpoint(ec2, table, destination.service):
        return True
    route = _choose_route(table, destination.address)
    if route is None:
        return False
    if route.nat_gateway is not None:
        gateway = route.nat_gateway
        nat_crossings = (
            (gateway.subnet_id, False, caller.address, port),
            (gateway.subnet_id, True, destination.address, port),
            (gateway.subnet_id, False, destination.address, NAT_CALLER_PORT),
            (gateway.subnet_id, True, caller.address, CALLER_PORT),
        )
        return (
            gateway.state == "available"
            and _is_let_by_acls(ec2, nat_crossings)
            and _is_let_in_by_balancer(ec2, destination, _get_public_address(gateway), port)
        )
    if route.gateway is not None:
        return caller.public_address is not None and _is_let_in_by_balancer(
            ec2, destination, caller.public_address, port
        )
    return route.instance is not None and route.instance.state == "running"


def _get_public_address(gateway: Any) -> str:
    return next(str(item["publicIp"]) for item in gateway.address_set if item.get("publicIp"))


def _is_let_in_by_balancer(
    ec2: EC2Backend, destination: Destination, address: str, port: int
) -> bool:
    """True unless it is a load balancer whose groups let nothing of a public address in."""
    return not destination.groups or _is_let_by_groups(
        ec2, destination.groups, address, (), port, is_egress=False
    )


def _is_let_by_groups(
    ec2: EC2Backend,
    groups: Iterable[str],
    address: str,
    other_groups: Sequence[str],
    port: int,
    *,
    is_egress: bool,
) -> bool:
    """True if a rule of one of the groups lets a port of an address, or of its groups, pass."""
    for group_id in groups:
        group: Any = ec2.get_security_group_from_id(group_id)
        for rule in (
            () if group is None else group.egress_rules if is_egress else group.ingress_rules
        ):
            if _is_rule_of_port(rule, port) and _is_rule_of_peer(ec2, rule, address, other_groups):
                return True
    return False


def _is_rule_of_port(rule: Any, port: int) -> bool:
    if rule.ip_protocol not in TCP_PROTOCOLS:
        return False
    return rule.ip_protocol == "-1" or int(rule.from_port) <= port <= int(rule.to_port)


def _is_rule_of_peer(ec2: EC2Backend, rule: Any, address: str, other_groups: Sequence[str]) -> bool:
    network = (rule.ip_range or {}).get("CidrIp")
    if network and IPv4Address(address) in IPv4Network(network):
        return True
    if (rule.source_group or {}).get("GroupId") in other_groups:
        return True
    return bool(rule.prefix_list_id) and any(
        IPv4Address(address) in IPv4Network(entry["Cidr"])
        for entry in _list_prefixes(ec2, rule.prefix_list_id)
        if ":" not in entry["Cidr"]
    )


def _list_prefixes(ec2: EC2Backend, prefix_list: str) -> Iterator[Any]:
    lists: dict[str, Any] = ec2.managed_prefix_lists
    managed = lists.get(prefix_list)
    if managed is not None:
        yield from managed.entries.get(managed.version) or ()


def _is_let_by_acls(ec2: EC2Backend, crossings: Iterable[tuple[str, bool, str, int]]) -> bool:
    """True if the ACL of each subnet lets a port to (`is_egress`) or from an address pass."""
    return all(
        _is_let_by_acl(ec2, subnet, address, port, is_egress=is_egress)
        for subnet, is_egress, address, port in crossings
    )


def _is_let_by_acl(
    ec2: EC2Backend, subnet: str, address: str, port: int, *, is_egress: bool
) -> bool:
    acl = next(
        acl
        for acl in ec2.network_acls.values()
        if any(association.subnet_id == subnet for association in acl.associations)
    )
    for entry in sorted(acl.network_acl_entries, key=lambda item: int(item.rule_number)):
        if (str(entry.egress).lower() == "true") != is_egress or not entry.cidr_block:
            continue
        first, last = entry.port_range_from, entry.port_range_to
        is_of_port = str(entry.protocol) == "-1" or (
            str(entry.protocol) in TCP_PROTOCOLS
            and (first is None or int(first) <= port <= int(last or first))
        )
        if is_of_port and IPv4Address(address) in IPv4Network(entry.cidr_block):
            return entry.rule_action == "allow"
    return False


def _find_table(ec2: EC2Backend, subnet: str) -> Any:
    """The route table of a subnet, or the main one of its VPC."""
    tables: list[Any] = list(ec2.route_tables.values())
    for table in tables:
        if subnet in table._associations.values():
            return table
    vpc = next(each.vpc_id for each in list_subnets(ec2) if each.id == subnet)
    return next(table for table in tables if table.vpc_id == vpc and table.main_association_id)


def _choose_route(table: Any, address: str) -> Any:
    """The longest route to an address; None if there is none."""
    routes = [
        route
        for route in table.routes
        if route.destination_cidr_block
        and IPv4Address(address) in IPv4Network(route.destination_cidr_block)
    ]
    return max(routes, key=_get_prefix_length, default=None)


def _get_prefix_length(route: Any) -> int:
    return IPv4Network(route.destination_cidr_block).prefixlen


def _has_gateway_endpoint(ec2: EC2Backend, table: Any, service: str) -> bool:
    return any(
        str(endpoint.vpc_endpoint_type).lower() == "gateway"
        and endpoint.service_name.endswith(f".{service}")
        and endpoint.state == "available"
        and table.id in (endpoint.route_table_ids or ())
        for endpoint in ec2.vpc_end_points.values()
    )

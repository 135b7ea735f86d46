"""Reads the network of the stack's VPC; what cannot be read is unknown, and says why."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final

from botocore.exceptions import ClientError
from pydantic import JsonValue

from ops.core.aws import Aws, get_error_code
from ops.core.errors import DeniedError, ThrottledError, UnreachableError
from ops.network.model import (
    ANY_PORTS,
    AclEntry,
    Endpoint,
    GroupRule,
    NatDevice,
    NetworkAcl,
    NetworkState,
    NetworkSubject,
    Ports,
    Route,
    RouteTable,
    SecurityGroup,
)
from ops.outputs import Outputs

UNREAD_ERRORS: Final = (DeniedError, ThrottledError, UnreachableError, ClientError)
AWS_DHCP_OPTIONS: Final = "default"  # the VPC has no set of options: Amazon's DNS is not given


class NetworkReader:
    """Reads a VPC, and keeps what could not be read with the reason."""

    def __init__(self, aws: Aws, outputs: Outputs) -> None:
        self.aws, self.vpc = aws, outputs.network.vpc_id
        self.region = outputs.stack.region
        self.unreadable: dict[NetworkSubject, str] = {}

    def read(self) -> NetworkState:
        """The network of the VPC as AWS has it now."""
        networks = tuple(self._read_networks())
        subnets = {
            item["SubnetId"]: IPv4Network(item["CidrBlock"])
            for item in self._list("ec2.describe_subnets", "Subnets", "route tables")
            if item.get("CidrBlock")
        }
        tables = self._read_tables(subnets)
        groups = [
            _parse_group(item)
            for item in self._list(
                "ec2.describe_security_groups", "SecurityGroups", "security groups"
            )
        ]
        lists = self._read_prefix_lists(tables.values(), groups)
        has_support, has_hostnames, servers = self._read_dns()
        return NetworkState(
            vpc=self.vpc,
            networks=networks,
            subnets=subnets,
            groups={group.id: group for group in groups},
            acls=self._read_acls(),
            tables=tables,
            endpoints=tuple(self._read_endpoints()),
            nat_devices=self._read_nat_devices(tables.values()),
            prefix_lists=lists,
            prefix_list_names=self._read_list_names(),
            has_dns_support=has_support,
            has_dns_hostnames=has_hostnames,
            dns_servers=servers,
            unreadable=dict(self.unreadable),
        )

    def _try(self, subject: NetworkSubject, read: Callable[[], Any], default: Any) -> Any:
        try:
            return read()
        except UNREAD_ERRORS as error:
            self.unreadable.setdefault(subject, f"{subject} could not be read: {error}")
            return default

    def _list(
        self,
        api: str,
        key: str,
        subject: NetworkSubject,
        *,
        filter_name: str = "vpc-id",
        values: Iterable[str] = (),
    ) -> list[dict[str, Any]]:
        """Items of the VPC; an empty list if they cannot be read."""
        filters: JsonValue = [{"Name": filter_name, "Values": [*(values or (self.vpc,))]}]
        items: list[dict[str, Any]] = self._try(
            subject, lambda: list(self.aws.list_items(api, key, {"Filters": filters})), []
        )
        return items

    def _read_networks(self) -> Iterator[IPv4Network]:
        self._dhcp_options = ""
        for vpc in self._list("ec2.describe_vpcs", "Vpcs", "DNS"):
            self._dhcp_options = str(vpc.get("DhcpOptionsId", ""))
            for association in vpc.get("CidrBlockAssociationSet") or ():
                if association["CidrBlockState"]["State"] == "associated":
                    yield IPv4Network(association["CidrBlock"])

    def _read_dns(self) -> tuple[bool, bool, tuple[str, ...]]:
        values = [
            self._try("DNS", partial(self._read_attribute, name), default=True)
            for name in ("enableDnsSupport", "enableDnsHostnames")
        ]
        servers: tuple[str, ...] = ("AmazonProvidedDNS",)
        if self._dhcp_options not in ("", AWS_DHCP_OPTIONS):
            options = self._list(
                "ec2.describe_dhcp_options",
                "DhcpOptions",
                "DNS",
                filter_name="dhcp-options-id",
                values=(self._dhcp_options,),
            )
            servers = tuple(
                value["Value"]
                for item in options
                for entry in item["DhcpConfigurations"]
                if entry["Key"] == "domain-name-servers"
                for value in entry["Values"]
            )
        return values[0], values[1], servers

    def _read_attribute(self, name: str) -> bool:
        answer: Any = self.aws.call(
            "ec2.describe_vpc_attribute", {"VpcId": self.vpc, "Attribute": name}
        )
        return bool(answer[f"{name[0].upper()}{name[1:]}"]["Value"])

    def _read_acls(self) -> dict[str, NetworkAcl]:
        acls: dict[str, NetworkAcl] = {}
        for item in self._list("ec2.describe_network_acls", "NetworkAcls", "network ACLs"):
            entries = tuple(
                AclEntry(
                    int(entry["RuleNumber"]),
                    bool(entry["Egress"]),
                    entry["RuleAction"] == "allow",
                    str(entry["Protocol"]),
                    IPv4Network(entry["CidrBlock"]),
                    _parse_ports(entry.get("PortRange"), "From", "To"),
                )
                for entry in item["Entries"]
                if entry.get("CidrBlock")
            )
            acl = NetworkAcl(item["NetworkAclId"], entries)
            acls |= {association["SubnetId"]: acl for association in item["Associations"]}
        return acls

    def _read_tables(self, subnets: Iterable[str]) -> dict[str, RouteTable]:
        """The table of each subnet: the VPC's main one unless it has one of its own."""
        by_subnet: dict[str, RouteTable] = {}
        main: RouteTable | None = None
        for item in self._list("ec2.describe_route_tables", "RouteTables", "route tables"):
            table = RouteTable(item["RouteTableId"], tuple(_parse_routes(item["Routes"])))
            for association in item.get("Associations") or ():
                if association.get("Main"):
                    main = table
                if association.get("SubnetId"):
                    by_subnet[association["SubnetId"]] = table
        if main is None:
            return by_subnet
        return {subnet: by_subnet.get(subnet, main) for subnet in subnets}

    def _read_endpoints(self) -> Iterator[Endpoint]:
        prefix = f"com.amazonaws.{self.region}."
        for item in self._list("ec2.describe_vpc_endpoints", "VpcEndpoints", "endpoints"):
            if item["State"].lower() == "deleted":
                continue
            yield Endpoint(
                item["VpcEndpointId"],
                item["ServiceName"].removeprefix(prefix),
                item["VpcEndpointType"] == "Interface",
                item["State"].lower(),
                tuple(item.get("SubnetIds") or ()),
                tuple(group["GroupId"] for group in item.get("Groups") or ()),
                item["VpcEndpointType"] == "Interface" and bool(item.get("PrivateDnsEnabled")),
            )

    def _read_nat_devices(self, tables: Iterable[RouteTable]) -> dict[str, NatDevice]:
        """Gateways of the VPC, and the instances that routes lead to, by what routes name."""
        devices: dict[str, NatDevice] = {}
        for item in self._list("ec2.describe_nat_gateways", "NatGateways", "NAT gateways"):
            address = (item.get("NatGatewayAddresses") or [{}])[0]
            devices[item["NatGatewayId"]] = NatDevice(
                item["NatGatewayId"],
                item["State"],
                item["SubnetId"],
                _parse_address(address.get("PrivateIp")),
                _parse_address(address.get("PublicIp")),
                is_private=item.get("ConnectivityType") == "private",
            )
        targets = {route.target for table in tables for route in table.routes}
        interfaces = sorted(target for target in targets if target.startswith("eni-"))
        if interfaces:
            instances = self._list(
                "ec2.describe_instances",
                "Reservations",
                "NAT instances",
                filter_name="network-interface.network-interface-id",
                values=interfaces,
            )
            devices |= _parse_nat_instances(instances)
        return devices

    def _read_prefix_lists(
        self, tables: Iterable[RouteTable], groups: Iterable[SecurityGroup]
    ) -> dict[str, tuple[IPv4Network, ...]]:
        names = {route.prefix_list for table in tables for route in table.routes} | {
            name
            for group in groups
            for rule in (*group.ingress, *group.egress)
            for name in rule.prefix_lists
        }
        lists: dict[str, tuple[IPv4Network, ...]] = {}
        for name in sorted(filter(None, names)):
            entries = self._try("prefix lists", partial(self._read_entries, name), None)
            if entries is not None:
                lists[name] = entries
        return lists

    def _read_entries(self, name: str) -> tuple[IPv4Network, ...]:
        items = self.aws.list_items(
            "ec2.get_managed_prefix_list_entries", "Entries", {"PrefixListId": name}
        )
        return tuple(IPv4Network(item["Cidr"]) for item in items if ":" not in item["Cidr"])

    def _read_list_names(self) -> dict[str, str]:
        names = self._list(
            "ec2.describe_managed_prefix_lists",
            "PrefixLists",
            "prefix lists",
            filter_name="owner-id",
            values=("AWS",),
        )
        return {item["PrefixListId"]: item["PrefixListName"] for item in names}


def _parse_group(item: Mapping[str, Any]) -> SecurityGroup:
    return SecurityGroup(
        item["GroupId"],
        item["GroupName"],
        tuple(_parse_group_rule(rule) for rule in item.get("IpPermissions") or ()),
        tuple(_parse_group_rule(rule) for rule in item.get("IpPermissionsEgress") or ()),
    )


def _parse_group_rule(rule: Mapping[str, Any]) -> GroupRule:
    return GroupRule(
        str(rule["IpProtocol"]),
        _parse_ports(rule, "FromPort", "ToPort"),
        tuple(IPv4Network(entry["CidrIp"]) for entry in rule.get("IpRanges") or ()),
        tuple(
            entry["GroupId"] for entry in rule.get("UserIdGroupPairs") or () if "GroupId" in entry
        ),
        tuple(entry["PrefixListId"] for entry in rule.get("PrefixListIds") or ()),
    )


def _parse_ports(value: Mapping[str, Any] | None, first: str, last: str) -> Ports:
    """Ports of a rule; all of them if it names none, or -1."""
    if not value or value.get(first) in (None, -1) or value.get(last) is None:
        return ANY_PORTS
    return int(value[first]), int(value[last])


def _parse_routes(routes: Iterable[Mapping[str, Any]]) -> Iterator[Route]:
    for route in routes:
        network, prefix_list = (
            route.get("DestinationCidrBlock"),
            route.get("DestinationPrefixListId"),
        )
        if network is None and prefix_list is None:
            continue  # of IPv6
        targets = (
            "GatewayId",
            "NatGatewayId",
            "NetworkInterfaceId",
            "InstanceId",
            "VpcPeeringConnectionId",
            "TransitGatewayId",
            "LocalGatewayId",
            "CarrierGatewayId",
            "CoreNetworkArn",
        )
        target = next((str(route[name]) for name in targets if route.get(name)), "nothing")
        yield Route(
            target,
            IPv4Network(network) if network else None,
            prefix_list,
            route.get("State") == "blackhole",
            route.get("Origin") == "EnableVgwRoutePropagation",
        )


def _parse_nat_instances(reservations: Iterable[Mapping[str, Any]]) -> dict[str, NatDevice]:
    devices: dict[str, NatDevice] = {}
    for item in (item for entry in reservations for item in entry["Instances"]):
        for interface in item.get("NetworkInterfaces") or ():
            devices[interface["NetworkInterfaceId"]] = NatDevice(
                item["InstanceId"],
                item["State"]["Name"],
                interface["SubnetId"],
                _parse_address(interface.get("PrivateIpAddress")),
                _parse_address((interface.get("Association") or {}).get("PublicIp")),
                tuple(group["GroupId"] for group in interface.get("Groups") or ()),
                bool(interface.get("SourceDestCheck")) is False,
            )
    return devices


def _parse_address(text: str | None) -> IPv4Address | None:
    return IPv4Address(text) if text else None


def describe_unread(error: Exception) -> str:
    """Says why something was not read."""
    if isinstance(error, ClientError):
        return f"{get_error_code(error)}: {error.response['Error'].get('Message', '')}"
    return str(error)

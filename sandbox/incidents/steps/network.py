"""What happens to the network, by hand: rules, ACLs, routes, endpoints, NAT gateways, names."""

import ipaddress
from typing import Any, Literal

from sandbox.incidents.model import happening
from sandbox.incidents.world import TimeSpanBack, World

Direction = Literal["ingress", "egress"]
Tier = Literal["public", "private", "database"]


@happening("revoke-rules")
def revoke_rules(
    world: World,
    span: TimeSpanBack,
    *,
    part: str,
    direction: Direction,
    port: int | None = None,
    by: str = "jane.doe",
) -> None:
    """The rules of a part's security group are deleted, of all ports or of one."""
    group = get_security_group(world, part)
    description = world.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][
        0
    ]
    key = "IpPermissions" if direction == "ingress" else "IpPermissionsEgress"
    rules = [rule for rule in description[key] if port is None or rule.get("FromPort") == port]
    ec2 = world.person("ec2", by)
    revoke = getattr(ec2, f"revoke_security_group_{direction}")
    revoke(GroupId=group, IpPermissions=rules)


@happening("deny-in-acl")
def deny_in_acl(
    world: World,
    span: TimeSpanBack,
    *,
    tier: Tier,
    ports: list[int],
    is_egress: bool = False,
    cidr: str = "0.0.0.0/0",
    by: str = "jane.doe",
) -> None:
    """A rule that denies, before all others, in the network ACL of a tier's subnets."""
    subnet = next(iter(get_subnets(world, tier).values()))
    acls = world.client("ec2").describe_network_acls(
        Filters=[{"Name": "association.subnet-id", "Values": [subnet]}]
    )["NetworkAcls"]
    world.person("ec2", by).create_network_acl_entry(
        NetworkAclId=acls[0]["NetworkAclId"],
        RuleNumber=10,
        Protocol="6",
        RuleAction="deny",
        Egress=is_egress,
        CidrBlock=cidr,
        PortRange={"From": ports[0], "To": ports[-1]},
    )


@happening("delete-route")
def delete_route(
    world: World,
    span: TimeSpanBack,
    *,
    tier: Tier,
    cidr: str = "0.0.0.0/0",
    zone: str | None = None,
    by: str = "jane.doe",
) -> None:
    """A route of a tier's tables is deleted, in one zone or in all."""
    for name, subnet in get_subnets(world, tier).items():
        if zone not in (None, name):
            continue
        for table in list_route_tables(world, subnet):
            if any(r.get("DestinationCidrBlock") == cidr for r in table["Routes"]):
                world.person("ec2", by).delete_route(
                    RouteTableId=table["RouteTableId"], DestinationCidrBlock=cidr
                )


@happening("delete-endpoint")
def delete_endpoint(
    world: World, span: TimeSpanBack, *, service: str, by: str = "jane.doe"
) -> None:
    """The VPC endpoint of a service of AWS, such as `s3`, is deleted."""
    endpoint = find_endpoint(world, service)
    world.person("ec2", by).delete_vpc_endpoints(VpcEndpointIds=[endpoint])


@happening("delete-nat-gateway")
def delete_nat_gateway(
    world: World, span: TimeSpanBack, *, zone: str = "a", by: str = "jane.doe"
) -> None:
    """A NAT gateway is deleted; routes to it stay and lead nowhere."""
    world.person("ec2", by).delete_nat_gateway(
        NatGatewayId=world.outputs.network.nat_gateways[zone]
    )


@happening("stop-nat-instance")
def stop_nat_instance(
    world: World, span: TimeSpanBack, *, zone: str = "a", by: str = "jane.doe"
) -> None:
    """A NAT instance is stopped."""
    world.person("ec2", by).stop_instances(InstanceIds=[world.outputs.network.nat_instances[zone]])


@happening("break-names")
def break_names(world: World, span: TimeSpanBack, *, by: str = "jane.doe") -> None:
    """The VPC's names are resolved by a server of nobody's from now on."""
    ec2 = world.person("ec2", by)
    options = ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "domain-name-servers", "Values": ["10.0.250.99"]}]
    )["DhcpOptions"]["DhcpOptionsId"]
    ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=world.outputs.network.vpc_id)


@happening("disable-names")
def disable_names(world: World, span: TimeSpanBack, *, by: str = "jane.doe") -> None:
    """DNS support of the VPC is switched off."""
    world.person("ec2", by).modify_vpc_attribute(
        VpcId=world.outputs.network.vpc_id, EnableDnsSupport={"Value": False}
    )


@happening("unrelated-rule")
def add_unrelated_rule(
    world: World, span: TimeSpanBack, *, part: str = "load-balancer", by: str = "john.roe"
) -> None:
    """A rule more in a security group, which stops nothing."""
    group = get_security_group(world, part)
    world.person("ec2", by).authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 443,
                "ToPort": 443,
                "IpRanges": [{"CidrIp": "198.51.100.0/24", "Description": "new office"}],
            }
        ],
    )


def get_security_group(world: World, part: str) -> str:
    """The security group of a part: database, cache, load-balancer, fleet or a service."""
    outputs = world.outputs
    parts: dict[str, Any] = {
        "database": outputs.database,
        "cache": outputs.cache,
        "load-balancer": outputs.load_balancer,
        "fleet": outputs.fleet,
        **(outputs.services.services if outputs.services is not None else {}),
    }
    return str(parts[part].security_group_id)


def get_subnets(world: World, tier: Tier) -> dict[str, str]:
    """The subnets of a tier by zone."""
    network = world.outputs.network
    subnets = {
        "public": network.public_subnets,
        "private": network.private_subnets,
        "database": network.database_subnets,
    }
    return dict(subnets[tier])


def list_route_tables(world: World, subnet: str) -> list[Any]:
    """The route tables of a subnet."""
    answer = world.client("ec2").describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": [subnet]}]
    )
    tables: list[Any] = answer["RouteTables"]
    return tables


def find_endpoint(world: World, service: str) -> str:
    """The id of the VPC endpoint of a service of AWS."""
    answer = world.client("ec2").describe_vpc_endpoints(
        Filters=[{"Name": "vpc-id", "Values": [world.outputs.network.vpc_id]}]
    )
    return next(
        str(endpoint["VpcEndpointId"])
        for endpoint in answer["VpcEndpoints"]
        if str(endpoint["ServiceName"]).endswith(f".{service}")
    )


def get_address(world: World, tier: Tier, number: int) -> str:
    """An address of a tier's first subnet."""
    subnet = next(iter(get_subnets(world, tier).values()))
    answer = world.client("ec2").describe_subnets(SubnetIds=[subnet])
    network = ipaddress.ip_network(answer["Subnets"][0]["CidrBlock"])
    return str(network[number])

"""Network: its tiers, their routes and locks. Ways out, endpoints and logs have their own tests."""

import json
from typing import Any

import pytest
from pydantic import JsonValue

from components.account import Account
from components.keys import Keys, KeysArgs
from components.log_bucket import LogBucket, LogBucketArgs
from components.network import Network, NetworkArgs
from ops.outputs import NetworkPart
from sandbox.program import RegisteredResource, ResourceGraph
from tests.conftest import Build
from tests.world import settings

VPC, SUBNET, TABLE = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:ec2/routeTable:RouteTable"
ROUTE, ACL = "aws:ec2/route:Route", "aws:ec2/networkAcl:NetworkAcl"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
TIERS = ("public", "private", "database")


def network(
    build: Build, values: dict[str, JsonValue] | None = None, profile: str = "prod"
) -> tuple[ResourceGraph, dict[str, Any]]:
    """The graph of a network, and its part of the contract; the same for the same settings."""
    key = json.dumps([values, profile])
    if key not in _MADE:
        _MADE[key] = _network(build, values, profile)
    return _MADE[key]


_MADE: dict[str, tuple[ResourceGraph, dict[str, Any]]] = {}


def _network(
    build: Build, values: dict[str, JsonValue] | None, profile: str
) -> tuple[ResourceGraph, dict[str, Any]]:
    part: dict[str, Any] = {}

    def program() -> None:
        chosen, account = settings(values, profile=profile), Account.get_current()
        keys = Keys("keys", KeysArgs(chosen, account))
        logs = LogBucket("logs", LogBucketArgs(chosen, account)) if chosen.has_log_bucket else None
        made = Network("network", NetworkArgs(chosen, account, keys, logs))
        made.part.apply(part.update)

    return build(program), part


def tables(graph: ResourceGraph, tier: str) -> set[str]:
    """Ids of the route tables that a tier's subnets are given."""
    attached = [
        a for a in graph.list_resources(ASSOCIATION) if a.name.startswith(f"network-{tier}-")
    ]
    assert attached
    return {a.inputs["routeTableId"] for a in attached}


def world_routes(graph: ResourceGraph, tier: str) -> list[RegisteredResource]:
    """The routes out of the VPC that a tier has."""
    ids = tables(graph, tier)
    return [r for r in graph.list_resources(ROUTE) if r.inputs["routeTableId"] in ids]


def test_a_prod_vpc_has_three_tiers_in_three_zones(build: Build) -> None:
    graph, _ = network(build)
    places = {s.name: s.inputs["availabilityZone"] for s in graph.list_resources(SUBNET)}
    assert places == {
        f"network-{tier}-{zone}": f"eu-north-1{zone}" for tier in TIERS for zone in "abc"
    }
    assert {s.inputs["tags"]["Tier"] for s in graph.list_resources(SUBNET)} == set(TIERS)


def test_the_vpc_resolves_names_and_is_protected(build: Build) -> None:
    graph, _ = network(build)
    vpc = graph.get_resource(VPC)
    assert vpc.inputs["enableDnsSupport"]
    assert vpc.inputs["enableDnsHostnames"]
    assert vpc.protect
    assert not network(build, {"protect": False})[0].get_resource(VPC).protect


def test_a_further_zone_only_adds(build: Build) -> None:
    two, _ = network(build, {"network": {"zones": ["a", "b"]}})
    three, _ = network(build, {"network": {"zones": ["a", "b", "c"]}})
    before = {(r.type, r.name): r for r in two}
    after = {(r.type, r.name): r for r in three}
    assert before.keys() < after.keys()
    for kind in (SUBNET, TABLE, ROUTE, ASSOCIATION):
        for resource in two.list_resources(kind):
            assert after[kind, resource.name].inputs == resource.inputs


def test_ec2_2_default_security_group_has_no_rule(build: Build) -> None:
    group = network(build)[0].get_resource("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert (group.inputs["ingress"], group.inputs["egress"]) == ([], [])
    assert group.inputs["vpcId"] == "network-id"


def test_the_default_route_table_and_acl_lead_nowhere(build: Build) -> None:
    graph, _ = network(build)
    table = graph.get_resource("aws:ec2/defaultRouteTable:DefaultRouteTable")
    acl = graph.get_resource("aws:ec2/defaultNetworkAcl:DefaultNetworkAcl")
    assert table.inputs["routes"] == []
    assert (acl.inputs["ingress"], acl.inputs["egress"]) == ([], [])
    assert acl.ignore_changes == ("subnetIds",)


def test_ec2_15_no_subnet_gives_out_public_addresses(build: Build) -> None:
    subnets = network(build)[0].list_resources(SUBNET)
    assert [s.inputs["mapPublicIpOnLaunch"] for s in subnets] == [False] * 9


def test_ec2_16_each_acl_is_used_and_each_subnet_has_its_tiers(build: Build) -> None:
    graph, _ = network(build)
    used = {acl.name: set(acl.inputs["subnetIds"]) for acl in graph.list_resources(ACL)}
    assert used == {f"network-{t}": {f"network-{t}-{z}-id" for z in "abc"} for t in TIERS}


def test_rds_46_only_the_public_tier_leads_to_the_internet_gateway(build: Build) -> None:
    graph, _ = network(build)
    assert world_routes(graph, "database") == []
    (public,) = world_routes(graph, "public")
    assert (
        public.inputs["gatewayId"]
        == graph.get_resource("aws:ec2/internetGateway:InternetGateway").id
    )
    assert all(r.inputs.get("gatewayId") is None for r in world_routes(graph, "private"))
    shared = tables(graph, "public") & tables(graph, "private") & tables(graph, "database")
    assert not shared


@pytest.mark.parametrize(
    ("nat", "gateways"),
    [
        ("per-zone", ["network-nat-a-id", "network-nat-b-id", "network-nat-c-id"]),
        ("one", ["network-nat-a-id"] * 3),
    ],
)
def test_each_private_table_leads_to_its_zones_gateway_or_to_the_only_one(
    build: Build, nat: str, gateways: list[str]
) -> None:
    graph, _ = network(build, {"network": {"nat": nat}})
    routes = sorted(world_routes(graph, "private"), key=lambda r: r.name)
    assert [r.inputs["natGatewayId"] for r in routes] == gateways
    assert [r.inputs["routeTableId"] for r in routes] == [
        f"network-private-{zone}-id" for zone in "abc"
    ]


def test_a_database_alone_has_no_nat(build: Build) -> None:
    graph, part = network(build, {"compute": "none"})
    assert world_routes(graph, "private") == []
    assert (
        graph.list_resources("aws:ec2/natGateway:NatGateway")
        == []
        == graph.list_resources("aws:ec2/eip:Eip")
    )
    assert part["natAddresses"] == {}


def test_gateway_endpoints_serve_the_private_and_the_database_tier(build: Build) -> None:
    graph, _ = network(build)
    for service in ("s3", "dynamodb"):
        endpoint = graph.get_resource(
            "aws:ec2/vpcEndpoint:VpcEndpoint", f"network-endpoint-{service}"
        )
        served = tables(graph, "private") | tables(graph, "database")
        assert set(endpoint.inputs["routeTableIds"]) == served


def test_a_subnet_is_handed_out_by_its_association(build: Build) -> None:
    """What starts in a subnet waits for the association, and so for routes and ACL."""
    graph, part = network(build, {"network": {"interfaceEndpoints": ["ecr.api"]}})
    before = {
        association.name: {r.name for r in graph if r.urn in association.dependencies}
        for association in graph.list_resources(ASSOCIATION)
    }
    endpoints = {f"network-endpoint-{service}" for service in ("s3", "dynamodb", "ecr.api")}
    for zone in "abc":
        routes = {r.urn for r in graph.list_resources(ROUTE) if r.name == f"network-private-{zone}"}
        assert routes <= graph.get_resource(ASSOCIATION, f"network-private-{zone}").dependencies
        assert {"network-private", *endpoints} <= before[f"network-private-{zone}"]
        assert {"network-database", *endpoints} <= before[f"network-database-{zone}"]
        acl, route = (
            graph.get_resource(ACL, "network-public"),
            graph.get_resource(ROUTE, "network-public"),
        )
        assert {acl.urn, route.urn} <= graph.get_resource(
            ASSOCIATION, f"network-public-{zone}"
        ).dependencies
    assert part["privateSubnets"] == {z: f"network-private-{z}-id" for z in "abc"}


def test_nat_waits_for_the_public_tiers_way_out(build: Build) -> None:
    graph, _ = network(build)
    for zone in "abc":
        gateway = graph.get_resource("aws:ec2/natGateway:NatGateway", f"network-nat-{zone}")
        assert graph.get_resource(ASSOCIATION, f"network-public-{zone}").urn in gateway.dependencies


def test_the_part_of_the_contract_is_whole(build: Build) -> None:
    _, part = network(build)
    read = NetworkPart.model_validate(part)
    assert read.vpc_id == "network-id"
    assert read.cidr == "10.0.0.0/16"
    assert list(read.nat_gateways) == list(read.nat_addresses) == list("abc")
    assert read.nat_instances == {}
    assert read.flow_log_group == "/bulwark/test/flow-logs"


@pytest.mark.parametrize("control", ["EC2.13", "EC2.14", "EC2.18", "EC2.19"])
@pytest.mark.parametrize("device", ["gateway", "instance"])
def test_no_security_group_lets_the_world_in(build: Build, control: str, device: str) -> None:
    graph, _ = network(
        build, {"network": {"natDevice": device, "interfaceEndpoints": ["ssm", "ecr.api"]}}
    )
    rules = graph.list_resources("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rules, control
    assert all(r.inputs["cidrIpv4"].startswith("10.0.") for r in rules), control
    assert not any(
        g.inputs.get("ingress") for g in graph.list_resources("aws:ec2/securityGroup:SecurityGroup")
    )


def test_every_child_is_tagged_and_stands_in_the_network(build: Build) -> None:
    graph, _ = network(build)
    mine = [r for r in graph if r.name.startswith("network") and r.custom]
    assert len(mine) > 40
    for resource in mine:
        component = graph.find_component(resource)
        assert component is not None
        assert component.name == "network"
        if "tags" in resource.inputs:
            assert resource.inputs["tags"]["Component"] == "network", resource.urn

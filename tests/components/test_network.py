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
from tests.world import build_settings

VPC_TYPE, SUBNET_TYPE, ROUTE_TABLE_TYPE = (
    "aws:ec2/vpc:Vpc",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/routeTable:RouteTable",
)
ROUTE_TYPE, NETWORK_ACL_TYPE = "aws:ec2/route:Route", "aws:ec2/networkAcl:NetworkAcl"
ROUTE_TABLE_ASSOCIATION_TYPE = "aws:ec2/routeTableAssociation:RouteTableAssociation"
TIER_NAMES = ("public", "private", "database")


def build_network_graph(
    build: Build, values: dict[str, JsonValue] | None = None, profile: str = "prod"
) -> tuple[ResourceGraph, dict[str, Any]]:
    """The graph of a network, and its part of the contract; the same for the same settings."""
    key = json.dumps([values, profile])
    if key not in _CACHED_NETWORKS:
        _CACHED_NETWORKS[key] = _run_network_program(build, values, profile)
    return _CACHED_NETWORKS[key]


_CACHED_NETWORKS: dict[str, tuple[ResourceGraph, dict[str, Any]]] = {}


def _run_network_program(
    build: Build, values: dict[str, JsonValue] | None, profile: str
) -> tuple[ResourceGraph, dict[str, Any]]:
    part: dict[str, Any] = {}

    def program() -> None:
        settings, account = build_settings(values, profile=profile), Account.get_current()
        keys = Keys("keys", args=KeysArgs(settings=settings, account=account))
        log_bucket = (
            LogBucket("logs", args=LogBucketArgs(settings=settings, account=account))
            if settings.has_log_bucket
            else None
        )
        network_component = Network(
            "network",
            args=NetworkArgs(settings=settings, account=account, keys=keys, log_bucket=log_bucket),
        )
        network_component.part.apply(part.update)

    return build(program), part


def list_route_table_ids(graph: ResourceGraph, tier: str) -> set[str]:
    """Ids of the route tables that a tier's subnets are given."""
    associations = [
        a
        for a in graph.list_resources(ROUTE_TABLE_ASSOCIATION_TYPE)
        if a.name.startswith(f"network-{tier}-")
    ]
    assert associations
    return {a.inputs["routeTableId"] for a in associations}


def list_world_routes(graph: ResourceGraph, tier: str) -> list[RegisteredResource]:
    """The routes out of the VPC that a tier has."""
    ids = list_route_table_ids(graph, tier)
    return [r for r in graph.list_resources(ROUTE_TYPE) if r.inputs["routeTableId"] in ids]


def test_a_prod_vpc_has_three_tiers_in_three_zones(build: Build) -> None:
    graph, _ = build_network_graph(build)
    places = {s.name: s.inputs["availabilityZone"] for s in graph.list_resources(SUBNET_TYPE)}
    assert places == {
        f"network-{tier}-{zone}": f"eu-north-1{zone}" for tier in TIER_NAMES for zone in "abc"
    }
    assert {s.inputs["tags"]["Tier"] for s in graph.list_resources(SUBNET_TYPE)} == set(TIER_NAMES)


def test_the_vpc_resolves_names_and_is_protected(build: Build) -> None:
    graph, _ = build_network_graph(build)
    vpc = graph.get_resource(VPC_TYPE)
    assert vpc.inputs["enableDnsSupport"]
    assert vpc.inputs["enableDnsHostnames"]
    assert vpc.protect
    assert not build_network_graph(build, {"protect": False})[0].get_resource(VPC_TYPE).protect


def test_adding_a_zone_changes_nothing_that_exists(build: Build) -> None:
    two, _ = build_network_graph(build, {"network": {"zones": ["a", "b"]}})
    three, _ = build_network_graph(build, {"network": {"zones": ["a", "b", "c"]}})
    before = {(r.type, r.name): r for r in two}
    after = {(r.type, r.name): r for r in three}
    assert before.keys() < after.keys()
    for kind in (SUBNET_TYPE, ROUTE_TABLE_TYPE, ROUTE_TYPE, ROUTE_TABLE_ASSOCIATION_TYPE):
        for resource in two.list_resources(kind):
            assert after[kind, resource.name].inputs == resource.inputs


def test_ec2_2_default_security_group_has_no_rule(build: Build) -> None:
    group = build_network_graph(build)[0].get_resource(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    )
    assert (group.inputs["ingress"], group.inputs["egress"]) == ([], [])
    assert group.inputs["vpcId"] == "network-id"


def test_the_default_route_table_and_acl_lead_nowhere(build: Build) -> None:
    graph, _ = build_network_graph(build)
    table = graph.get_resource("aws:ec2/defaultRouteTable:DefaultRouteTable")
    acl = graph.get_resource("aws:ec2/defaultNetworkAcl:DefaultNetworkAcl")
    assert table.inputs["routes"] == []
    assert (acl.inputs["ingress"], acl.inputs["egress"]) == ([], [])
    assert acl.ignore_changes == ("subnetIds",)


def test_ec2_15_no_subnet_gives_out_public_addresses(build: Build) -> None:
    subnets = build_network_graph(build)[0].list_resources(SUBNET_TYPE)
    assert [s.inputs["mapPublicIpOnLaunch"] for s in subnets] == [False] * 9


def test_ec2_16_each_acl_is_used_and_each_subnet_has_its_tiers(build: Build) -> None:
    graph, _ = build_network_graph(build)
    subnet_ids_by_acl = {
        acl.name: set(acl.inputs["subnetIds"]) for acl in graph.list_resources(NETWORK_ACL_TYPE)
    }
    assert subnet_ids_by_acl == {
        f"network-{t}": {f"network-{t}-{z}-id" for z in "abc"} for t in TIER_NAMES
    }


def test_rds_46_only_the_public_tier_leads_to_the_internet_gateway(build: Build) -> None:
    graph, _ = build_network_graph(build)
    assert list_world_routes(graph, "database") == []
    (public,) = list_world_routes(graph, "public")
    assert (
        public.inputs["gatewayId"]
        == graph.get_resource("aws:ec2/internetGateway:InternetGateway").id
    )
    assert all(r.inputs.get("gatewayId") is None for r in list_world_routes(graph, "private"))
    shared_route_tables = (
        list_route_table_ids(graph, "public")
        & list_route_table_ids(graph, "private")
        & list_route_table_ids(graph, "database")
    )
    assert not shared_route_tables


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
    graph, _ = build_network_graph(build, {"network": {"nat": nat}})
    routes = sorted(list_world_routes(graph, "private"), key=lambda r: r.name)
    assert [r.inputs["natGatewayId"] for r in routes] == gateways
    assert [r.inputs["routeTableId"] for r in routes] == [
        f"network-private-{zone}-id" for zone in "abc"
    ]


def test_a_database_alone_has_no_nat(build: Build) -> None:
    graph, part = build_network_graph(build, {"compute": "none"})
    assert list_world_routes(graph, "private") == []
    assert (
        graph.list_resources("aws:ec2/natGateway:NatGateway")
        == []
        == graph.list_resources("aws:ec2/eip:Eip")
    )
    assert part["natAddresses"] == {}


def test_gateway_endpoints_serve_the_private_and_the_database_tier(build: Build) -> None:
    graph, _ = build_network_graph(build)
    for service in ("s3", "dynamodb"):
        endpoint = graph.get_resource(
            "aws:ec2/vpcEndpoint:VpcEndpoint", f"network-endpoint-{service}"
        )
        route_table_ids = list_route_table_ids(graph, "private") | list_route_table_ids(
            graph, "database"
        )
        assert set(endpoint.inputs["routeTableIds"]) == route_table_ids


def test_a_subnet_id_resolves_after_its_route_table_association(build: Build) -> None:
    """What starts in a subnet waits for the association, and so for routes and ACL."""
    graph, part = build_network_graph(build, {"network": {"interfaceEndpoints": ["ecr.api"]}})
    before = {
        association.name: {r.name for r in graph if r.urn in association.dependencies}
        for association in graph.list_resources(ROUTE_TABLE_ASSOCIATION_TYPE)
    }
    endpoints = {f"network-endpoint-{service}" for service in ("s3", "dynamodb", "ecr.api")}
    for zone in "abc":
        routes = {
            r.urn for r in graph.list_resources(ROUTE_TYPE) if r.name == f"network-private-{zone}"
        }
        assert (
            routes
            <= graph.get_resource(
                ROUTE_TABLE_ASSOCIATION_TYPE, f"network-private-{zone}"
            ).dependencies
        )
        assert {"network-private", *endpoints} <= before[f"network-private-{zone}"]
        assert {"network-database", *endpoints} <= before[f"network-database-{zone}"]
        acl, route = (
            graph.get_resource(NETWORK_ACL_TYPE, "network-public"),
            graph.get_resource(ROUTE_TYPE, "network-public"),
        )
        assert {acl.urn, route.urn} <= graph.get_resource(
            ROUTE_TABLE_ASSOCIATION_TYPE, f"network-public-{zone}"
        ).dependencies
    assert part["privateSubnets"] == {z: f"network-private-{z}-id" for z in "abc"}


def test_nat_is_created_after_the_route_to_the_internet_gateway(build: Build) -> None:
    graph, _ = build_network_graph(build)
    for zone in "abc":
        gateway = graph.get_resource("aws:ec2/natGateway:NatGateway", f"network-nat-{zone}")
        assert (
            graph.get_resource(ROUTE_TABLE_ASSOCIATION_TYPE, f"network-public-{zone}").urn
            in gateway.dependencies
        )


def test_the_network_part_of_the_contract_is_complete(build: Build) -> None:
    _, part = build_network_graph(build)
    read = NetworkPart.model_validate(part)
    assert read.vpc_id == "network-id"
    assert read.cidr == "10.0.0.0/16"
    assert list(read.nat_gateways) == list(read.nat_addresses) == list("abc")
    assert read.nat_instances == {}
    assert read.flow_log_group == "/bulwark/test/flow-logs"


@pytest.mark.parametrize("control", ["EC2.13", "EC2.14", "EC2.18", "EC2.19"])
@pytest.mark.parametrize("device", ["gateway", "instance"])
def test_no_security_group_lets_the_world_in(build: Build, control: str, device: str) -> None:
    graph, _ = build_network_graph(
        build, {"network": {"natDevice": device, "interfaceEndpoints": ["ssm", "ecr.api"]}}
    )
    rules = graph.list_resources("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rules, control
    assert all(r.inputs["cidrIpv4"].startswith("10.0.") for r in rules), control
    assert not any(
        g.inputs.get("ingress") for g in graph.list_resources("aws:ec2/securityGroup:SecurityGroup")
    )


def test_every_child_is_tagged_and_parented_by_the_network(build: Build) -> None:
    graph, _ = build_network_graph(build)
    mine = [r for r in graph if r.name.startswith("network") and r.custom]
    assert len(mine) > 40
    for resource in mine:
        component = graph.find_component(resource)
        assert component is not None
        assert component.name == "network"
        if "tags" in resource.inputs:
            assert resource.inputs["tags"]["Component"] == "network", resource.urn

"""Endpoints: which stand, and what the gateways let through."""

import json
from typing import Any

from pydantic import JsonValue

from components.account import Account
from components.endpoints import Endpoints, EndpointsArgs
from components.settings.network import SECURITY_HUB_ENDPOINT_SERVICES
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import ACCOUNT, build_settings

VPC_ENDPOINT_TYPE = "aws:ec2/vpcEndpoint:VpcEndpoint"


def build_endpoints_graph(build: Build, **network: JsonValue) -> ResourceGraph:
    def program() -> None:
        Endpoints(
            "endpoint",
            args=EndpointsArgs(
                settings=build_settings({"network": network}),
                account=Account.get_current(),
                vpc_id="vpc-1",
                route_table_ids=["rtb-private", "rtb-database"],
                subnet_ids=["subnet-a", "subnet-b"],
            ),
        )

    return build(program)


def get_policy_statements(graph: ResourceGraph, service: str) -> dict[str, dict[str, Any]]:
    """Statements of a gateway's policy by their sid."""
    text = graph.get_resource(VPC_ENDPOINT_TYPE, f"endpoint-{service}").inputs["policy"]
    return {s["Sid"]: s for s in json.loads(text)["Statement"]}


def test_by_default_there_are_gateway_endpoints_only(build: Build) -> None:
    graph = build_endpoints_graph(build)
    endpoint_types = {
        e.inputs["serviceName"]: e.inputs["vpcEndpointType"]
        for e in graph.list_resources(VPC_ENDPOINT_TYPE)
    }
    assert endpoint_types == {
        "com.amazonaws.eu-north-1.s3": "Gateway",
        "com.amazonaws.eu-north-1.dynamodb": "Gateway",
    }
    assert graph.list_resources("aws:ec2/securityGroup:SecurityGroup") == []
    for endpoint in graph.list_resources(VPC_ENDPOINT_TYPE):
        assert endpoint.inputs["routeTableIds"] == ["rtb-private", "rtb-database"]


def test_endpoints_deny_writes_to_buckets_of_other_accounts(build: Build) -> None:
    statements = get_policy_statements(
        build_endpoints_graph(build, s3Accounts=["210987654321"]), "s3"
    )
    assert statements["ReadAnywhere"]["Action"] == ["s3:Get*", "s3:List*"]
    write = statements["WriteToKnownAccounts"]
    assert write["Condition"] == {
        "StringEquals": {"aws:ResourceAccount": [ACCOUNT, "210987654321"]}
    }
    assert len(statements) == 2


def test_endpoints_reach_tables_of_the_own_account_only(build: Build) -> None:
    (statement,) = get_policy_statements(build_endpoints_graph(build), "dynamodb").values()
    assert statement["Condition"] == {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}


def test_ec2_10_ec2_55_ec2_56_ec2_57_are_met_by_the_strict_list(build: Build) -> None:
    graph = build_endpoints_graph(build, interfaceEndpoints=list(SECURITY_HUB_ENDPOINT_SERVICES))
    interfaces = [
        e
        for e in graph.list_resources(VPC_ENDPOINT_TYPE)
        if e.inputs["vpcEndpointType"] == "Interface"
    ]
    services = {
        e.inputs["serviceName"].removeprefix("com.amazonaws.eu-north-1.") for e in interfaces
    }
    assert {"ec2", "ecr.api", "ecr.dkr", "ssm"} <= services
    for endpoint in interfaces:
        assert endpoint.inputs["privateDnsEnabled"] is True
        assert endpoint.inputs["subnetIds"] == ["subnet-a", "subnet-b"]


def test_interfaces_are_reached_from_the_vpc_by_https_only(build: Build) -> None:
    graph = build_endpoints_graph(build, interfaceEndpoints=["ssm", "logs"], cidr="10.7.0.0/16")
    rule = graph.get_resource("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert (rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) == ("10.7.0.0/16", 443, 443)
    for service in ("ssm", "logs"):
        inputs = graph.get_resource(VPC_ENDPOINT_TYPE, f"endpoint-{service}").inputs
        assert inputs["securityGroupIds"] == [rule["securityGroupId"]]
    assert graph.list_resources("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule") == []

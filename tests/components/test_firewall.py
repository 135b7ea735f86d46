"""Security groups: closed until two of them are connected."""

from collections.abc import Callable

import pytest
from pydantic import JsonValue

from components.component import Component
from components.firewall import (
    allow_connection,
    allow_inbound,
    allow_outbound,
    create_security_group,
)
from sandbox.program import ResourceGraph
from tests.components.stores import build_stores_graph
from tests.conftest import Build
from tests.world import build_settings

INGRESS_RULE_TYPE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS_RULE_TYPE = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"


@pytest.fixture
def build_component_graph(build: Build) -> Callable[[Callable[[Component], object]], ResourceGraph]:
    """Runs something with a component."""
    return lambda use_component: build(
        lambda: use_component(Component("Door", "door", settings=build_settings()))
    )


def test_a_security_group_has_no_rule(build_component_graph: Callable[..., ResourceGraph]) -> None:
    graph = build_component_graph(
        lambda door: create_security_group(door, "tasks", description="what runs", vpc_id="vpc-1")
    )
    group = graph.get_resource("aws:ec2/securityGroup:SecurityGroup", "door-tasks").inputs
    assert group["namePrefix"] == "bulwark-test-door-tasks-"  # a replacement stands beside it
    assert not group.get("ingress")
    assert not group.get("egress")
    assert graph.list_resources(INGRESS_RULE_TYPE) == graph.list_resources(EGRESS_RULE_TYPE) == []


def test_connected_security_groups_reference_each_other(
    build_component_graph: Callable[..., ResourceGraph],
) -> None:
    graph = build_component_graph(
        lambda door: allow_connection(
            door, "database", client_group_id="sg-client", server_group_id="sg-server", port=5433
        )
    )
    out, into = (
        graph.get_resource(EGRESS_RULE_TYPE, "door-database").inputs,
        graph.get_resource(INGRESS_RULE_TYPE, "door-database").inputs,
    )
    assert (out["securityGroupId"], out["referencedSecurityGroupId"]) == ("sg-client", "sg-server")
    assert (into["securityGroupId"], into["referencedSecurityGroupId"]) == (
        "sg-server",
        "sg-client",
    )
    for rule in (out, into):
        assert (rule["fromPort"], rule["toPort"], rule["ipProtocol"]) == (5433, 5433, "tcp")
        assert "cidrIpv4" not in rule


def test_an_egress_rule_is_one_range_and_one_port(
    build_component_graph: Callable[..., ResourceGraph],
) -> None:
    graph = build_component_graph(
        lambda door: allow_outbound(
            door, "https", client_group_id="sg-client", cidr="0.0.0.0/0", port=443
        )
    )
    rule = graph.get_resource(EGRESS_RULE_TYPE, "door-https").inputs
    assert (rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) == ("0.0.0.0/0", 443, 443)


def test_an_ingress_rule_is_one_range_and_one_port(
    build_component_graph: Callable[..., ResourceGraph],
) -> None:
    graph = build_component_graph(
        lambda door: allow_inbound(
            door, "office", server_group_id="sg-server", cidr="10.20.0.0/16", port=5433
        )
    )
    rule = graph.get_resource(INGRESS_RULE_TYPE, "door-office").inputs
    assert (rule["securityGroupId"], rule["cidrIpv4"]) == ("sg-server", "10.20.0.0/16")
    assert (rule["fromPort"], rule["toPort"], rule["ipProtocol"]) == (5433, 5433, "tcp")


def test_only_the_ranges_of_the_settings_reach_the_database_beside_its_own_clients() -> None:
    cidrs: list[JsonValue] = ["10.20.0.0/16", "100.64.0.0/24"]
    graph = build_stores_graph({"database": {"allowedCidrs": cidrs, "port": 5499}})
    rules = list_database_client_rules(graph)
    assert [(r["cidrIpv4"], r["fromPort"], r["toPort"], r["ipProtocol"]) for r in rules] == [
        (cidr, 5499, 5499, "tcp") for cidr in cidrs
    ]
    primary = graph.get_resource("aws:rds/instance:Instance", "database").inputs
    # And not the group of a replaced database.
    assert [rule["securityGroupId"] for rule in rules] == primary["vpcSecurityGroupIds"] * 2
    assert list_database_client_rules(build_stores_graph({})) == []


def list_database_client_rules(graph: ResourceGraph) -> list[dict[str, JsonValue]]:
    """What lets addresses, not security groups, call the database, by the address."""
    rules = [
        dict(rule.inputs)
        for rule in graph.list_resources(INGRESS_RULE_TYPE)
        if rule.name.startswith("database-") and rule.inputs.get("cidrIpv4")
    ]
    return sorted(rules, key=lambda rule: str(rule["cidrIpv4"]))

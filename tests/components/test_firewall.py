"""Security groups: closed until two of them are connected."""

from collections.abc import Callable

import pytest

from components.component import Component
from components.firewall import allow_connection, allow_outbound, create_security_group
from sandbox.program import ResourceGraph
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

"""What the look at the network sees of a rule, route, device or endpoint that was changed."""

import json

import pytest

from ops.diagnose.facts import Fact, Facts
from ops.diagnose.readers.network import is_refused_by_policy, read_network
from tests.ops import change_stage
from tests.ops.call_recorder import record_calls
from tests.ops.db_stage import fail_operations
from tests.ops.diagnose_stage import build_request
from tests.ops.network_stage import (
    CACHE_PORT,
    DATABASE_PORT,
    SERVICE_PORT,
    build_permission,
    deny_in_acl,
    find_group,
    find_table,
)
from tests.ops.stage import Stage


def look(stage: Stage) -> Facts:
    return read_network(build_request(stage))


def get_fact(stage: Stage, key: str) -> Fact:
    facts = look(stage)
    selected = facts.select(key)
    assert len(selected) == 1, [fact.key for fact in facts.facts]
    assert selected[0].command
    return selected[0]


def test_a_network_as_it_was_made_stops_nothing(stage: Stage) -> None:
    facts = look(stage)
    assert [fact.key for fact in facts.facts] == ["network.reachable"]
    assert not facts.gaps


@pytest.mark.parametrize(
    ("caller", "called", "port"),
    [("tasks", "database", DATABASE_PORT), ("tasks", "cache", CACHE_PORT)],
)
def test_a_revoked_rule_of_the_called_is_named_with_who_revoked_it(
    stage: Stage, caller: str, called: str, port: int
) -> None:
    group = find_group(stage, called)
    stage.client("ec2").revoke_security_group_ingress(
        GroupId=group, IpPermissions=build_permission(port, find_group(stage, caller))
    )
    change_stage.put_call(stage, "RevokeSecurityGroupIngress", {"groupId": group})
    fact = get_fact(stage, "network.stopped.security-group")
    assert fact.subject == group
    assert fact.actor == "ada"
    assert fact.since is not None
    assert f"to {called}:{port}" in fact.text
    assert "backend to" in fact.text


def test_a_revoked_rule_of_the_load_balancer_is_named(stage: Stage) -> None:
    tasks, balancer = find_group(stage, "tasks"), find_group(stage, "balancer")
    stage.client("ec2").revoke_security_group_ingress(
        GroupId=tasks, IpPermissions=build_permission(SERVICE_PORT, balancer)
    )
    fact = get_fact(stage, "network.stopped.security-group")
    assert "load-balancer to backend:8080" in fact.text


def test_a_load_balancer_that_lets_nobody_in_is_named_and_few_are_a_setting(stage: Stage) -> None:
    ec2, group = stage.client("ec2"), find_group(stage, "balancer")
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=build_permission(443))
    assert "internet to load-balancer:443" in get_fact(stage, "network.stopped.*").text
    office = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[office | {"IpRanges": [{"CidrIp": "203.0.113.0/24"}]}]
    )
    assert not look(stage).select("network.stopped.*")


def test_a_rule_at_neither_end_is_no_fault_if_another_gets_through(stage: Stage) -> None:
    """A service that is not meant to call the cache has no rule at either end."""
    ec2 = stage.client("ec2")
    tasks, cache = find_group(stage, "tasks"), find_group(stage, "cache")
    rule = build_permission(CACHE_PORT, cache)
    ec2.revoke_security_group_egress(GroupId=tasks, IpPermissions=rule)
    ec2.revoke_security_group_ingress(
        GroupId=cache, IpPermissions=build_permission(CACHE_PORT, tasks)
    )
    facts = look(stage)
    assert not facts.select("network.stopped.*")
    assert facts.select("network.unlinked.security-group")


def test_a_part_with_another_group_is_named(stage: Stage) -> None:
    outputs = stage.outputs
    database = outputs.database.model_copy(update={"security_group_id": "sg-0123"})
    stage.outputs = outputs.model_copy(update={"database": database})
    facts = look(stage).select("network.detached.security-group", "database")
    assert [fact.subject for fact in facts] == ["sg-0123"]


@pytest.mark.parametrize("is_egress", [True, False])
def test_a_denying_acl_is_named_once(stage: Stage, *, is_egress: bool) -> None:
    acl = deny_in_acl(stage, "database", (0, 65535), is_egress=is_egress)
    facts = look(stage).select("network.stopped.network-acl")
    assert {fact.part for fact in facts} == {"network"}
    assert all(acl in fact.text for fact in facts)
    assert facts[0].value is not None
    assert facts[0].value >= 2


def test_a_deleted_route_and_a_deleted_gateway_are_told_apart(stage: Stage) -> None:
    ec2 = stage.client("ec2")
    ec2.delete_route(RouteTableId=find_table(stage, "private"), DestinationCidrBlock="0.0.0.0/0")
    facts = look(stage)
    assert facts.select("network.stopped.route")
    assert not facts.select("network.stopped.nat")
    gateway = stage.outputs.network.nat_gateways["b"]
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    change_stage.put_call(stage, "DeleteNatGateway", {"NatGatewayId": gateway})
    facts = look(stage)
    (down,) = facts.select("nat.down")
    assert down.subject == gateway
    assert down.actor == "ada"
    assert facts.select("network.stopped.nat")


def test_a_stack_without_nat_misses_its_endpoints(stage: Stage) -> None:
    stage.client("ec2").delete_route(
        RouteTableId=find_table(stage, "private"), DestinationCidrBlock="0.0.0.0/0"
    )
    network = stage.outputs.network.model_copy(update={"nat_gateways": {}})
    stage.outputs = stage.outputs.model_copy(update={"network": network})
    facts = look(stage)
    assert facts.select("network.stopped.endpoint")
    assert not facts.select("network.stopped.route")


def test_an_endpoint_that_is_gone_or_refuses_is_named(stage: Stage) -> None:
    ec2 = stage.client("ec2")
    vpc = stage.outputs.network.vpc_id
    endpoint = next(
        item
        for item in ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])[
            "VpcEndpoints"
        ]
        if item["ServiceName"].endswith(".s3")
    )
    policy = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}
    ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint["VpcEndpointId"], PolicyDocument=json.dumps(policy)
    )
    assert get_fact(stage, "network.endpoint.refuses").subject == endpoint["VpcEndpointId"]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
    subjects = [fact.subject for fact in look(stage).select("network.endpoint.missing")]
    assert "s3" in subjects


@pytest.mark.parametrize(
    ("statements", "is_refused"),
    [
        ([{"Effect": "Allow", "Action": "*", "Resource": "*"}], False),
        ([{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}], False),
        ([{"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"}], True),
        (
            [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Action": "s3:GetObject", "Condition": {"Bool": {}}},
            ],
            False,
        ),
        (
            [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
            ],
            True,
        ),
    ],
)
def test_a_policy_refuses_what_nothing_allows_or_something_denies(
    statements: list[dict[str, object]], *, is_refused: bool
) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    assert is_refused_by_policy(document, "s3:GetObject") is is_refused


def test_names_that_do_not_resolve_are_named(stage: Stage) -> None:
    vpc = stage.outputs.network.vpc_id
    stage.client("ec2").modify_vpc_attribute(VpcId=vpc, EnableDnsSupport={"Value": False})
    facts = look(stage)
    assert facts.select("network.dns.off")
    assert facts.select("network.stopped.dns")


def test_other_servers_of_names_are_a_fact_and_no_fault_alone(stage: Stage) -> None:
    ec2 = stage.client("ec2")
    options = ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "domain-name-servers", "Values": ["10.0.0.99"]}]
    )["DhcpOptions"]["DhcpOptionsId"]
    ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=stage.outputs.network.vpc_id)
    assert "10.0.0.99" in get_fact(stage, "network.dns.other-servers").text


@pytest.mark.parametrize(
    "operation", ["describe_security_groups", "describe_services", "describe_db_instances"]
)
def test_what_is_denied_is_a_gap_and_no_fault(stage: Stage, operation: str) -> None:
    with fail_operations("AccessDenied", operation):
        facts = look(stage)
    assert facts.gaps
    assert not facts.select("network.stopped.*")
    assert not facts.select("network.reachable")


def test_many_services_take_a_call_for_ten_of_them(stage: Stage) -> None:
    services = stage.outputs.services
    assert services is not None
    backend = services.services["backend"]
    many = {f"web-{n}": backend.model_copy(update={"name": f"web-{n}"}) for n in range(24)}
    many["backend"] = backend
    with record_calls() as few:
        look(stage)
    stage.outputs = stage.outputs.model_copy(
        update={"services": services.model_copy(update={"services": many})}
    )
    with record_calls() as calls:
        look(stage)
    described = [call for call in calls if call.api == "ecs.describe_services"]
    assert len(calls) - len(few) <= 2 * len(described)
    assert len(described) == 3 * 3  # of this look, and of two sources of changes

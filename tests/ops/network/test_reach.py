"""`ops network reach`: what is broken in AWS is named, with what mends it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ops.db_stage import fail_operations
from tests.ops.every_command import open_command_line
from tests.ops.network_stage import (
    DATABASE_PORT,
    build_permission,
    deny_in_acl,
    find_acl,
    find_group,
    find_table,
    put_idle_network,
    put_network,
    put_network_with_dns_servers,
)
from tests.ops.stage import Stage

Typed = tuple[Stage, Callable[[str], int]]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def typed() -> Iterator[Typed]:
    with open_command_line(put_network) as (stage, run_line):
        yield stage, run_line


@pytest.mark.parametrize(
    "line",
    [
        "backend database",
        "backend cache",
        "backend s3",
        "backend secretsmanager",
        "backend secretsmanager.eu-north-1.amazonaws.com",
        "backend internet:443",
        "backend 192.0.2.10:443",
        "backend load-balancer",
        "load-balancer backend",
        "internet load-balancer",
    ],
)
def test_what_the_rules_let_through_is_reachable(typed: Typed, capsys: Captured, line: str) -> None:
    _, run_line = typed
    assert run_line(f"network reach {line}") == 0
    out = capsys.readouterr().out
    assert "may reach" in out
    assert "stopped" not in out


def test_the_rules_that_let_it_through_are_named(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    assert run_line("network reach backend database --output json") == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["kind"], body["verdict"], len(body["items"])) == ("network-reach", "allowed", 2)
    checks = {check["check"].split(" ")[0]: check for check in body["items"][0]["checks"]}
    assert checks.keys() == {"DNS", "security", "network", "route"}
    rules = [check["rule"] for check in body["items"][0]["checks"]]
    tasks, database = find_group(stage, "tasks"), find_group(stage, "database")
    assert f"{tasks} allows tcp 5433 {database}" in rules
    assert f"{database} allows tcp 5433 {tasks}" in rules
    assert any(rule.endswith("in, rule 100 allows all traffic 0.0.0.0/0") for rule in rules)


def run_failing(run_line: Callable[[str], int], capsys: Captured, line: str) -> str:
    """Runs a look that finds something, and returns what it says."""
    assert run_line(f"network reach {line}") == 3
    captured = capsys.readouterr()
    assert "may reach" not in captured.out
    return captured.err


def test_a_deleted_rule_of_the_target_is_named(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    tasks, database = find_group(stage, "tasks"), find_group(stage, "database")
    stage.client("ec2").revoke_security_group_ingress(
        GroupId=database, IpPermissions=build_permission(DATABASE_PORT, tasks)
    )
    err = run_failing(run_line, capsys, "backend database")
    assert f"{database} (bulwark-test-database): no rule lets tcp 5433 from" in err
    assert "pulumi up --refresh" in err
    assert f"authorize-security-group-ingress --group-id {database}" in err
    assert "egress" not in err


def test_a_deleted_rule_of_the_source_is_named(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    tasks, database = find_group(stage, "tasks"), find_group(stage, "database")
    stage.client("ec2").revoke_security_group_egress(
        GroupId=tasks, IpPermissions=build_permission(DATABASE_PORT, database)
    )
    err = run_failing(run_line, capsys, "backend database")
    assert f"{tasks} (bulwark-test-tasks): no rule lets tcp 5433 to 10.0.3" in err
    assert f"GroupId={database}" in err
    assert "authorize-security-group-egress" in err


@pytest.mark.parametrize(
    ("tier", "ports", "is_egress", "name"),
    [
        ("private", (5433, 5433), True, "out of the subnet of backend"),
        ("database", (5433, 5433), False, "into the subnet of bulwark-test-database"),
        ("database", (1024, 65535), True, "out of the subnet of bulwark-test-database"),
        ("private", (32768, 65535), False, "into the subnet of backend"),
    ],
)
def test_an_acl_that_denies_is_named_each_way(
    typed: Typed,
    capsys: Captured,
    tier: str,
    ports: tuple[int, int],
    is_egress: bool,
    name: str,
) -> None:
    stage, run_line = typed
    acl = deny_in_acl(stage, tier, ports, is_egress=is_egress)
    err = run_failing(run_line, capsys, "backend database")
    assert f"network ACL, {name}" in err
    assert f"{acl} {'out' if is_egress else 'in'}, rule 10 denies tcp" in err
    direction = "--egress" if is_egress else "--ingress"
    assert f"--network-acl-id {acl} --rule-number 10 {direction}" in err


def test_answers_that_are_partly_denied_stop_it(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    deny_in_acl(stage, "private", (40000, 60000), is_egress=False)
    err = run_failing(run_line, capsys, "backend database")
    assert "stops ports 40000-60000, 71% of them" in err


def test_a_port_of_thousands_is_said_and_does_not_stop_it(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    deny_in_acl(stage, "private", (40000, 40000), is_egress=False)
    assert run_line("network reach backend database") == 0
    assert "rule 10 denies tcp 40000 0.0.0.0/0, stops ports 40000" in capsys.readouterr().out


def test_an_acl_that_denies_part_of_a_subnet_is_unknown(typed: Typed, capsys: Captured) -> None:
    """Where in its subnet the database is, AWS does not say."""
    stage, run_line = typed
    deny_in_acl(stage, "private", (5433, 5433), is_egress=True, cidr="10.0.32.0/20")
    err = run_failing(run_line, capsys, "backend database")
    assert "cannot reach" in err  # all of it
    stage.client("ec2").delete_network_acl_entry(
        NetworkAclId=find_acl(stage, "private"), RuleNumber=10, Egress=True
    )
    for number in (32, 33):
        stage.client("ec2").create_network_acl_entry(
            NetworkAclId=find_acl(stage, "private"),
            RuleNumber=number,
            Protocol="6",
            RuleAction="deny",
            Egress=True,
            CidrBlock=f"10.0.{number}.0/26",
            PortRange={"From": 5433, "To": 5433},
        )
    err = run_failing(run_line, capsys, "backend database")
    assert "backend is not known to reach database:5433" in err


def test_a_deleted_nat_gateway_leaves_a_blackhole(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    gateway = stage.outputs.network.nat_gateways["a"]
    stage.client("ec2").delete_nat_gateway(NatGatewayId=gateway)
    err = run_failing(run_line, capsys, "backend secretsmanager")
    assert f"0.0.0.0/0 to {gateway} (blackhole): its target is gone" in err
    assert "by 1 of 2 paths" in err
    assert "pulumi up --refresh" in err


def test_a_deleted_route_is_named(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    table = find_table(stage, "private")
    stage.client("ec2").delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    err = run_failing(run_line, capsys, "backend secretsmanager")
    assert f"route: {table} has no route to secretsmanager" in err
    assert "pulumi config set --path network.nat one" in err


def test_a_detached_internet_gateway_is_named_behind_the_nat(
    typed: Typed, capsys: Captured
) -> None:
    stage, run_line = typed
    ec2 = stage.client("ec2")
    gateway = ec2.describe_internet_gateways(
        Filters=[{"Name": "attachment.vpc-id", "Values": [stage.outputs.network.vpc_id]}]
    )["InternetGateways"][0]["InternetGatewayId"]
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=stage.outputs.network.vpc_id)
    err = run_failing(run_line, capsys, "backend internet:443")
    assert f"route of the NAT: {find_table(stage, 'public')}: 0.0.0.0/0 to {gateway}" in err
    err = run_failing(run_line, capsys, "internet load-balancer")
    assert "(blackhole): its target is gone" in err


def put_endpoint(stage: Stage, groups: list[str], *, has_private_dns: bool = True) -> str:
    endpoint = stage.client("ec2").create_vpc_endpoint(
        VpcId=stage.outputs.network.vpc_id,
        ServiceName="com.amazonaws.eu-north-1.secretsmanager",
        VpcEndpointType="Interface",
        SubnetIds=list(stage.outputs.network.private_subnets.values()),
        SecurityGroupIds=groups,
        PrivateDnsEnabled=has_private_dns,
    )
    return str(endpoint["VpcEndpoint"]["VpcEndpointId"])


def test_an_endpoint_takes_the_traffic_and_its_group_may_stop_it(
    typed: Typed, capsys: Captured
) -> None:
    stage, run_line = typed
    cache = find_group(stage, "cache")
    endpoint = put_endpoint(stage, [cache])
    err = run_failing(run_line, capsys, "backend secretsmanager")
    assert f"security group, into secretsmanager ({endpoint}): {cache}" in err
    stage.client("ec2").authorize_security_group_ingress(
        GroupId=cache, IpPermissions=build_permission(443)
    )
    assert run_line("network reach backend secretsmanager") == 0
    out = capsys.readouterr().out
    assert f"{endpoint} answers with private DNS" in out
    assert "nat-" not in out


def test_private_dns_needs_the_attributes_of_the_vpc(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    cache, vpc = find_group(stage, "cache"), stage.outputs.network.vpc_id
    put_endpoint(stage, [cache])
    ec2 = stage.client("ec2")
    ec2.authorize_security_group_ingress(GroupId=cache, IpPermissions=build_permission(443))
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": False})
    err = run_failing(run_line, capsys, "backend secretsmanager")
    assert f"{vpc} has enableDnsHostnames off" in err
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsSupport={"Value": False})
    err = run_failing(run_line, capsys, "backend database")
    assert f"DNS: {vpc} has enableDnsSupport off" in err
    assert run_line("network reach backend 192.0.2.10:443") == 0  # no name is resolved


def test_an_endpoint_without_private_dns_is_passed_by(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    endpoint = put_endpoint(stage, [find_group(stage, "cache")], has_private_dns=False)
    assert run_line("network reach backend secretsmanager") == 0
    out = capsys.readouterr().out
    assert f"{endpoint} has no private DNS" in out
    table = find_table(stage, "private")
    stage.client("ec2").delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    err = run_failing(run_line, capsys, "backend secretsmanager")
    assert f"modify-vpc-endpoint --vpc-endpoint-id {endpoint} --private-dns-enabled" in err


def test_names_that_other_servers_resolve_are_unknown(capsys: Captured) -> None:
    with open_command_line(put_network_with_dns_servers) as (_, run_line):
        err = run_failing(run_line, capsys, "backend database")
    assert "is not known to reach" in err
    assert "names are resolved by 10.0.0.99" in err


@pytest.mark.parametrize(
    ("operation", "subject"),
    [
        ("describe_security_groups", "security groups"),
        ("describe_network_acls", "network ACLs"),
        ("describe_route_tables", "route tables"),
        ("describe_vpc_attribute", "DNS"),
        ("describe_db_instances", "where bulwark-test-database is"),
        ("describe_tasks", "where backend is"),
    ],
)
def test_what_could_not_be_read_is_unknown_and_never_reachable(
    typed: Typed, capsys: Captured, operation: str, subject: str
) -> None:
    _, run_line = typed
    with fail_operations("AccessDeniedException", operation):
        err = run_failing(run_line, capsys, "backend database")
    assert "backend is not known to reach database:5433" in err
    assert subject in err


def test_a_denied_look_at_endpoints_does_not_call_a_service_reachable(
    typed: Typed, capsys: Captured
) -> None:
    _, run_line = typed
    for operation in ("describe_vpc_endpoints", "describe_nat_gateways"):
        with fail_operations("UnauthorizedOperation", operation):
            err = run_failing(run_line, capsys, "backend secretsmanager")
        assert "is not known to reach" in err


def test_what_is_stopped_is_stopped_though_something_else_is_unknown(
    typed: Typed, capsys: Captured
) -> None:
    stage, run_line = typed
    deny_in_acl(stage, "database", (5433, 5433), is_egress=False)
    with fail_operations("UnauthorizedOperation", "describe_security_groups"):
        assert "cannot reach" in run_failing(run_line, capsys, "backend database")


def test_the_internet_does_not_reach_the_database(typed: Typed, capsys: Captured) -> None:
    _, run_line = typed
    err = run_failing(run_line, capsys, "internet database")
    assert "bulwark-test-database has no public address" in err
    assert "authorize" not in err


def test_ends_are_tasks_instances_and_addresses(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    arns = stage.client("ecs").list_tasks(cluster="bulwark-test")["taskArns"]
    task = arns[0].rsplit("/", 1)[-1]
    assert run_line(f"network reach {task} database --output json") == 0
    body: Any = json.loads(capsys.readouterr().out)
    assert [item["from"] for item in body["items"]] == [f"backend {task[:8]}"]
    described = stage.client("ecs").describe_tasks(cluster="bulwark-test", tasks=[arns[0]])
    details = {
        item["name"]: item["value"] for item in described["tasks"][0]["attachments"][0]["details"]
    }
    address = details["privateIPv4Address"]
    assert run_line(f"network reach {address} database") == 0
    assert run_line("network reach fleet database") == 3
    assert run_line(f"network reach load-balancer {address}:8080") == 0
    instances = stage.client("ec2").describe_instances()["Reservations"][0]["Instances"]
    capsys.readouterr()
    assert run_line(f"network reach {instances[0]['InstanceId']} database:5433") == 3
    assert "no rule lets tcp 5433" in capsys.readouterr().err
    assert run_line("network reach 10.0.16.250 database") == 3
    assert "nothing is known to have 10.0.16.250" in capsys.readouterr().out


def test_the_way_through_a_nat_instance_is_evaluated(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    ec2 = stage.client("ec2")
    subnet = stage.outputs.network.public_subnets["a"]
    settings = {"ImageId": "ami-12c6146b", "SubnetId": subnet, "MinCount": 1, "MaxCount": 1}
    (instance,) = ec2.run_instances(**settings)["Instances"]
    interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    for zone in "ab":
        ec2.replace_route(
            RouteTableId=find_table(stage, "private", zone),
            DestinationCidrBlock="0.0.0.0/0",
            NetworkInterfaceId=interface,
        )
    run_line("network reach backend 192.0.2.10:443 --output json")
    out = capsys.readouterr().out
    assert instance["InstanceId"] in out
    assert interface in out


def test_without_a_task_the_next_one_is_evaluated(capsys: Captured) -> None:
    with open_command_line(put_idle_network) as (_, run_line):
        assert run_line("network reach backend database") == 0
    assert "backend has no running task: what the next one would have" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nonsense database", "frontend, rotation, cache-rotation, fleet, load-balancer, alb.elb."),
        ("nonsense database", "FROM must be backend, "),
        ("backend nonsense", "TO must be backend, "),
        ("database backend", "FROM must be a service, fleet, load-balancer, the id of a task"),
        ("backend database:0", "TO must have a port from 1 to 65535, not '0'"),
        ("backend 10.0.0.1", "TO must have a port, like 10.0.0.1:443"),
        ("backend 10.0.0.1:٣", "TO must have a port from 1 to 65535"),
        ("10.1.0.0/16 database", "FROM must be"),
        ("192.0.2.1 192.0.2.2:443", "must be in the stack's VPC"),
        ("i-0123456789abcdef0 database", "FROM must be an instance that is there"),
        (f"{'0' * 32} database", "FROM must be the id of a running task"),
    ],
)
def test_bad_input_is_one_error(typed: Typed, capsys: Captured, line: str, expected: str) -> None:
    _, run_line = typed
    assert run_line(f"network reach {line}") == 2
    assert expected in capsys.readouterr().err

"""`ops network reach --probe`: the connection is tried, and compared with what the rules say."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ops.db_stage import fail_operations
from tests.ops.every_command import open_command_line
from tests.ops.fleet_stage import get_first_instance, list_sent_commands
from tests.ops.network_stage import (
    DATABASE_PORT,
    build_permission,
    deny_in_acl,
    find_database_host,
    find_group,
    put_connected_fleet,
)
from tests.ops.stage import STACK_PREFIX, Stage

Typed = tuple[Stage, Callable[[str], int]]
Captured = pytest.CaptureFixture[str]
LINE = "network reach fleet database --probe --yes"


@pytest.fixture
def typed() -> Iterator[Typed]:
    with open_command_line(put_connected_fleet) as (stage, run_line):
        yield stage, run_line


def read_probes(run_line: Callable[[str], int], capsys: Captured, line: str, code: int) -> Any:
    capsys.readouterr()
    assert run_line(f"{line} --output json") == code
    return json.loads(capsys.readouterr().out)


def test_what_connects_from_each_instance_is_said_with_its_time(
    typed: Typed, capsys: Captured
) -> None:
    stage, run_line = typed
    body = read_probes(run_line, capsys, LINE, 0)
    assert (body["verdict"], len(body["probes"])) == ("allowed", 2)
    for probe in body["probes"]:
        assert (probe["outcome"], probe["rules"]) == ("connected", "allowed")
        assert probe["to"] == f"{find_database_host(stage)}:{DATABASE_PORT}"
        assert probe["dns_ms"] >= 0
        assert probe["connect_ms"] >= 0
        assert probe["address"].startswith("10.0.3")
    assert list_sent_commands(stage) == [("Success", 2)]
    assert run_line(LINE) == 0
    assert "fleet reaches database:5433: connected in " in capsys.readouterr().out


def test_a_deleted_rule_stops_the_rules_and_the_connection(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    group = find_group(stage, "database")
    stage.client("ec2").revoke_security_group_ingress(
        GroupId=group, IpPermissions=build_permission(DATABASE_PORT, find_group(stage, "tasks"))
    )
    assert run_line(LINE) == 3
    err = capsys.readouterr().err
    assert "fleet does not reach database:5433: the rules stop it, and it does not connect" in err
    assert "(no answer in 5 s)" in err
    assert f"authorize-security-group-ingress --group-id {group}" in err


@pytest.mark.parametrize(
    ("tier", "ports", "is_egress"),
    [
        ("private", (DATABASE_PORT, DATABASE_PORT), True),
        ("database", (DATABASE_PORT, DATABASE_PORT), False),
        ("database", (1024, 65535), True),
        ("private", (32768, 65535), False),
    ],
)
def test_an_acl_stops_the_connection_each_way(
    typed: Typed, capsys: Captured, tier: str, ports: tuple[int, int], is_egress: bool
) -> None:
    stage, run_line = typed
    deny_in_acl(stage, tier, ports, is_egress=is_egress)
    body = read_probes(run_line, capsys, LINE, 3)
    assert {(item["outcome"], item["rules"]) for item in body["probes"]} == {
        ("timed-out", "stopped")
    }


def test_a_database_that_is_down_is_the_other_end(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    stage.client("rds").stop_db_instance(DBInstanceIdentifier=f"{STACK_PREFIX}-database")
    stage.clock.sleep(3600)
    assert run_line(LINE) == 3
    err = capsys.readouterr().err
    assert (
        "the rules let it through, and it does not connect: the other end is down or drops it"
    ) in err
    assert "ops db status" in err


def test_a_port_that_nothing_listens_on_is_refused(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    tasks, database = find_group(stage, "tasks"), find_group(stage, "database")
    stage.client("ec2").authorize_security_group_egress(
        GroupId=tasks, IpPermissions=build_permission(6000, database)
    )
    stage.client("ec2").authorize_security_group_ingress(
        GroupId=database, IpPermissions=build_permission(6000, tasks)
    )
    assert run_line("network reach fleet database:6000 --probe --yes") == 3
    err = capsys.readouterr().err
    assert "and it was refused: nothing listens on port 6000 there (connection refused)" in err


def test_a_name_that_does_not_resolve_is_dns(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    stage.client("ec2").modify_vpc_attribute(
        VpcId=stage.outputs.network.vpc_id, EnableDnsSupport={"Value": False}
    )
    body = read_probes(run_line, capsys, LINE, 3)
    for probe in body["probes"]:
        assert (probe["outcome"], probe["connect_ms"]) == ("unresolved", None)
        assert probe["reason"] == "Name or service not known"
        assert probe["conclusion"].startswith("the name does not resolve there: DNS")


def test_what_connects_although_the_rules_are_unreadable_is_reachable(
    typed: Typed, capsys: Captured
) -> None:
    _, run_line = typed
    with fail_operations("UnauthorizedOperation", "describe_network_acls"):
        body = read_probes(run_line, capsys, LINE, 0)
    assert body["verdict"] == "unknown"
    assert {item["conclusion"] for item in body["probes"]} == {
        "what the rules say is unknown, and it connects"
    }


def test_an_instance_that_cannot_try_is_unknown_and_never_healthy(
    typed: Typed, capsys: Captured
) -> None:
    stage, run_line = typed
    instance = get_first_instance(stage)
    tags = [{"Key": "sandbox:commands", "Value": "fail"}]
    stage.client("ec2").create_tags(Resources=[instance], Tags=tags)
    body = read_probes(run_line, capsys, LINE, 3)
    outcomes = {item["from"]: item["outcome"] for item in body["probes"]}
    assert outcomes.pop(instance) == "not-run"
    assert list(outcomes.values()) == ["connected"]
    assert run_line(f"network reach {instance} database --probe --yes") == 3
    err = capsys.readouterr().err
    assert f"{instance} is not known to reach database:5433: it was not tried: unknown" in err
    assert "(Run Command: Failed)" in err


@pytest.mark.parametrize(
    "line", ["secretsmanager", "s3", "192.0.2.10:443", "load-balancer", "ecr.dkr"]
)
def test_what_is_outside_the_vpc_is_tried_by_its_name(
    typed: Typed, capsys: Captured, line: str
) -> None:
    stage, run_line = typed
    instance = get_first_instance(stage)
    body = read_probes(run_line, capsys, f"network reach {instance} {line} --probe --yes", 0)
    (probe,) = body["probes"]
    assert (probe["from"], probe["outcome"]) == (instance, "connected")
    assert (probe["dns_ms"] is None) == line.startswith("192")


def test_a_nat_gateway_that_is_gone_stops_what_is_outside(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    for gateway in stage.outputs.network.nat_gateways.values():
        stage.client("ec2").delete_nat_gateway(NatGatewayId=gateway)
    stage.clock.sleep(600)
    body = read_probes(run_line, capsys, "network reach fleet secretsmanager --probe --yes", 3)
    assert {item["outcome"] for item in body["probes"]} == {"timed-out"}
    assert run_line("network reach fleet s3 --probe --yes") == 0  # by its gateway endpoint


def test_a_dry_run_shows_the_plan_and_sends_nothing(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    assert run_line("network reach fleet database --probe --dry-run") == 0
    out = capsys.readouterr().out
    assert f"try {find_database_host(stage)}:5433 from 2 instances" in out
    assert "nothing is sent over the connection" in out
    assert list_sent_commands(stage) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("load-balancer backend --probe", "FROM must be a service, a task, fleet or an instance"),
        ("internet load-balancer --probe", "not 'internet', where nothing can be run"),
        ("fleet internet:443 --probe", "TO must be an address with --probe, like 192.0.2.10:443"),
        ("fleet database --probe --watch 5", "--watch must not be set with --probe"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_any_call(
    typed: Typed, capsys: Captured, line: str, message: str
) -> None:
    stage, run_line = typed
    assert run_line(f"network reach {line} --yes") == 2
    assert message in capsys.readouterr().err
    assert list_sent_commands(stage) == []


def test_an_instance_that_is_not_of_the_fleet_is_refused(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    subnet = next(iter(stage.outputs.network.private_subnets.values()))
    other = stage.client("ec2").run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet
    )["Instances"][0]["InstanceId"]
    assert run_line(f"network reach {other} database --probe --yes") == 2
    assert "FROM must be an instance of the fleet in service" in capsys.readouterr().err
    assert list_sent_commands(stage) == []

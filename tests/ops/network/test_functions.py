"""`ops network reach` from Lambda functions: of the stack, of others, in a VPC or in none."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.ops.db_stage import fail_operations
from tests.ops.every_command import open_command_line
from tests.ops.network_stage import find_group, put_function, put_network
from tests.ops.stage import STACK_PREFIX, Stage

Typed = tuple[Stage, Callable[[str], int]]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def typed() -> Iterator[Typed]:
    with open_command_line(put_network) as (stage, run_line):
        yield stage, run_line


def test_a_function_calls_from_its_subnets_with_its_groups(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    subnets = list(stage.outputs.network.private_subnets.values())
    group = find_group(stage, "tasks")
    put_function(stage, "reporter", subnets, [group])
    assert run_line("network reach function/reporter database --output json") == 0
    body = json.loads(capsys.readouterr().out)
    assert {item["from"] for item in body["items"]} == {f"reporter in {name}" for name in subnets}
    stage.client("ec2").revoke_security_group_egress(
        GroupId=group,
        IpPermissions=stage.client("ec2").describe_security_groups(GroupIds=[group])[
            "SecurityGroups"
        ][0]["IpPermissionsEgress"],
    )
    assert run_line("network reach function/reporter database") == 3
    assert "function/reporter cannot reach database" in capsys.readouterr().err


def test_a_function_in_no_vpc_calls_over_the_internet(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    put_function(stage, f"{STACK_PREFIX}-rotation", [], [])
    assert run_line("network reach rotation database") == 3
    captured = capsys.readouterr()
    assert "is in no VPC: it calls over the internet, from Lambda's own network" in captured.out
    assert "rotation cannot reach database" in captured.err
    assert run_line("network reach rotation load-balancer") == 0


def test_a_function_of_another_vpc_or_none_is_refused(typed: Typed, capsys: Captured) -> None:
    stage, run_line = typed
    ec2 = stage.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="f", Description="f", VpcId=vpc)["GroupId"]
    put_function(stage, "elsewhere", [subnet], [group])
    for name, message in (
        ("elsewhere", f"FROM must be a function in {stage.outputs.network.vpc_id}; elsewhere is"),
        ("missing", "FROM must be a Lambda function of eu-north-1, not 'missing'"),
    ):
        assert run_line(f"network reach function/{name} database") == 2
        assert message in capsys.readouterr().err


def test_a_function_that_may_not_be_read_is_unknown(typed: Typed, capsys: Captured) -> None:
    _, run_line = typed
    with fail_operations("AccessDenied", "get_function_configuration"):
        assert run_line("network reach rotation database") == 3
    err = capsys.readouterr().err
    assert "is not known to reach" in err
    assert "lambda.get_function_configuration" in err

"""Security groups that let the internet in: found by rule, mended by the line that is named."""

from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from ops.audit.security_groups import is_internet
from tests.ops.audit.looks import mend, read_items, read_open
from tests.ops.audit_stage import open_port, put_open_group, put_vpc
from tests.ops.every_command import open_command_line
from tests.ops.stage import Stage

KEY = "open-security-groups"


def put_group(stage: Stage, name: str) -> str:
    return str(
        stage.client("ec2").create_security_group(
            GroupName=name, Description="x", VpcId=stage.outputs.network.vpc_id
        )["GroupId"]
    )


def test_an_open_rule_is_found_and_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_open_group) as (stage, run_line):
        (found,) = read_open(run_line, capsys, KEY).values()
        assert found["evidence"] == "tcp/22 is open to 0.0.0.0/0; attached to nothing"
        assert found["severity"] == "medium"
        assert "EC2.13" in found["reason"]
        mend(stage, found)
        assert read_open(run_line, capsys, KEY) == {}


def test_each_rule_is_a_finding_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        group = put_group(stage, "many")
        for network in ("0.0.0.0/0", "::/0", "0.0.0.0/1", "10.0.0.0/8", "203.0.113.0/24"):
            open_port(stage, group, 5432, network)
        open_port(stage, group, -1, "0.0.0.0/0", "icmp")
        findings = read_open(run_line, capsys, KEY)
        assert set(findings) == {
            f"{KEY}/{group}/tcp/5432/0.0.0.0-0",
            f"{KEY}/{group}/tcp/5432/::-0",
            f"{KEY}/{group}/tcp/5432/0.0.0.0-1",
            f"{KEY}/{group}/icmp/0.0.0.0-0",
        }
        for finding in findings.values():
            mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}
        (left,) = stage.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
        assert len(left["IpPermissions"][0]["IpRanges"]) == 2


def test_what_an_open_group_is_attached_to_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_open_group) as (stage, run_line):
        ec2, vpc = stage.client("ec2"), stage.outputs.network.vpc_id
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        (group,) = ec2.describe_security_groups(
            Filters=[{"Name": "group-name", "Values": ["by-hand"]}]
        )["SecurityGroups"]
        ec2.create_network_interface(
            SubnetId=subnet, Groups=[group["GroupId"]], Description="the old bastion"
        )
        (found,) = read_open(run_line, capsys, KEY).values()
        assert found["severity"] == "critical"
        assert found["evidence"].endswith("; attached to the old bastion")


def test_the_load_balancers_web_ports_are_its_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    def put_balancer_group(stage: Stage) -> None:
        put_vpc(stage)
        group = put_group(stage, "alb")
        for port in (80, 443, 8443):
            open_port(stage, group, port)
        balancer = stage.outputs.load_balancer
        assert balancer is not None
        part = balancer.model_copy(update={"security_group_id": group})
        stage.outputs = stage.outputs.model_copy(update={"load_balancer": part})

    with open_command_line(put_balancer_group) as (_, run_line):
        (found,) = read_open(run_line, capsys, KEY).values()
        assert found["evidence"].startswith("tcp/8443 is open")


def test_groups_of_other_networks_are_not_ours(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_open_group) as (stage, run_line):
        own = read_open(run_line, capsys, KEY)
        put_vpc(stage)  # the file of outputs keeps the first one
        open_port(stage, put_group(stage, "theirs"), 22)
        assert read_open(run_line, capsys, KEY) == own


def test_hundreds_of_groups_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        for number in range(300):
            open_port(stage, put_group(stage, f"g{number}"), 22)
        assert len(read_open(run_line, capsys, KEY)) == 300


def test_a_prefix_list_with_the_internet_in_it_is_open(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_vpc) as (stage, run_line):
        ec2, group = stage.client("ec2"), put_group(stage, "by-list")
        for name, network in (("all", "0.0.0.0/0"), ("office", "203.0.113.0/24")):
            prefix_list = ec2.create_managed_prefix_list(
                PrefixListName=name,
                MaxEntries=2,
                AddressFamily="IPv4",
                Entries=[{"Cidr": network}],
            )["PrefixList"]["PrefixListId"]
            ec2.authorize_security_group_ingress(
                GroupId=group,
                IpPermissions=[
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 22,
                        "ToPort": 22,
                        "PrefixListIds": [{"PrefixListId": prefix_list}],
                    }
                ],
            )
        (found,) = read_open(run_line, capsys, KEY).values()
        mend(stage, found)
        assert read_open(run_line, capsys, KEY) == {}


def test_denied_reads_are_unknown_and_name_the_permission(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_open_group) as (stage, run_line):
        real_call = stage.aws.list_items

        def deny(api: str, *args: object) -> object:
            if api == "ec2.describe_security_groups":
                raise ClientError(
                    {"Error": {"Code": "UnauthorizedOperation", "Message": f"no {api}"}}, api
                )
            return real_call(api, *args)  # type: ignore[arg-type]

        with patch.object(type(stage.aws), "list_items", lambda _, api, *args: deny(api, *args)):
            (item,) = read_items(run_line, capsys, f"audit --only {KEY}")
        assert item["state"] == "unknown"
        assert "ec2.describe_security_groups" in item["evidence"]


@pytest.mark.parametrize(
    ("network", "is_open"),
    [
        ("0.0.0.0/0", True),
        ("128.0.0.0/1", True),
        ("::/0", True),
        ("2000::/3", True),
        ("8.0.0.0/8", False),
        ("10.0.0.0/8", False),
        ("2a00:1450::/32", False),
    ],
)
def test_the_internet_is_what_is_wider_than_anybodys_network(network: str, is_open: bool) -> None:
    assert is_internet(network) is is_open

"""The VPC's default group, its network ACLs, and instances with a public address."""

import pytest

from tests.ops.audit.looks import mend, read_open
from tests.ops.audit_stage import put_vpc
from tests.ops.every_command import open_command_line
from tests.ops.stage import Stage

ALL_PORTS = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def put_plain_vpc(stage: Stage) -> None:
    """A VPC whose default group is without rules, as the program makes it."""
    put_vpc(stage)
    ec2, group = stage.client("ec2"), get_default_group(stage)
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[ALL_PORTS])


def get_default_group(stage: Stage) -> str:
    filters = [
        {"Name": "vpc-id", "Values": [stage.outputs.network.vpc_id]},
        {"Name": "group-name", "Values": ["default"]},
    ]
    (group,) = stage.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
    return str(group["GroupId"])


def test_rules_of_the_default_group_are_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_plain_vpc) as (stage, run_line):
        assert read_open(run_line, capsys, "default-security-group") == {}
        ec2, group = stage.client("ec2"), get_default_group(stage)
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[ALL_PORTS])
        # As AWS makes it: whatever is in the group reaches all that is in it.
        own = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[own])
        found = read_open(run_line, capsys, "default-security-group")
        assert set(found) == {
            f"default-security-group/{group}/in/all/{group}",
            f"default-security-group/{group}/out/all/0.0.0.0-0",
        }
        for finding in found.values():
            mend(stage, finding)
        assert read_open(run_line, capsys, "default-security-group") == {}


def put_acl(stage: Stage) -> str:
    ec2, vpc = stage.client("ec2"), stage.outputs.network.vpc_id
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    acl = str(ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"])
    associations = ec2.describe_network_acls(
        Filters=[{"Name": "association.subnet-id", "Values": [subnet]}]
    )["NetworkAcls"][0]["Associations"]
    (association,) = (a["NetworkAclAssociationId"] for a in associations if a["SubnetId"] == subnet)
    ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)
    return acl


def put_entry(stage: Stage, acl: str, number: int, action: str, ports: tuple[int, int]) -> None:
    stage.client("ec2").create_network_acl_entry(
        NetworkAclId=acl,
        RuleNumber=number,
        Protocol="6",
        RuleAction=action,
        Egress=False,
        CidrBlock="0.0.0.0/0",
        PortRange={"From": ports[0], "To": ports[1]},
    )


def test_an_acl_that_lets_administration_in_is_closed(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_plain_vpc) as (stage, run_line):
        acl = put_acl(stage)
        put_entry(stage, acl, 110, "allow", (1024, 3388))
        put_entry(stage, acl, 120, "deny", (3389, 3389))
        put_entry(stage, acl, 130, "allow", (3389, 65535))
        assert read_open(run_line, capsys, "open-network-acls") == {}
        put_entry(stage, acl, 105, "allow", (20, 30))
        (found,) = read_open(run_line, capsys, "open-network-acls").values()
        assert found["id"] == f"open-network-acls/{acl}/22"
        assert found["evidence"] == "rule 105 lets 0.0.0.0/0 in to port 22"
        mend(stage, found)
        assert read_open(run_line, capsys, "open-network-acls") == {}


def test_an_instance_with_a_public_address_loses_it(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_plain_vpc) as (stage, run_line):
        ec2, vpc = stage.client("ec2"), stage.outputs.network.vpc_id
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        image = ec2.register_image(Name="base")["ImageId"]
        (instance,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet)[
            "Instances"
        ]
        assert read_open(run_line, capsys, "public-instances") == {}
        address = ec2.allocate_address(Domain="vpc")
        ec2.associate_address(
            AllocationId=address["AllocationId"], InstanceId=instance["InstanceId"]
        )
        (found,) = read_open(run_line, capsys, "public-instances").values()
        assert address["PublicIp"] in found["evidence"]
        mend(stage, found)
        assert read_open(run_line, capsys, "public-instances") == {}

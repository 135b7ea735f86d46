"""Volumes and snapshots that are not encrypted, and the account's default."""

from typing import Any

import pytest

from sandbox.account_guards import guard_account
from tests.ops.audit.looks import mend, read_open
from tests.ops.audit_stage import put_vpc
from tests.ops.every_command import open_command_line
from tests.ops.stage import ACCOUNT, REGION, Stage

KEY = "volume-encryption"
STACK_TAGS = [{"Key": "Project", "Value": "bulwark"}, {"Key": "Environment", "Value": "test"}]
OTHER_TAGS = [{"Key": "Project", "Value": "bulwark"}, {"Key": "Environment", "Value": "other"}]


def put_guarded_vpc(stage: Stage) -> None:
    put_vpc(stage)
    guard_account(REGION)
    key = stage.client("kms").create_key()["KeyMetadata"]["Arn"]
    part = stage.outputs.stack.model_copy(update={"data_key_arn": key})
    stage.outputs = stage.outputs.model_copy(update={"stack": part})


def put_volume(stage: Stage, tags: list[dict[str, str]]) -> str:
    specification = [{"ResourceType": "volume", "Tags": tags}] if tags else []
    volume = stage.client("ec2").create_volume(
        AvailabilityZone=f"{REGION}a", Size=8, Encrypted=False, TagSpecifications=specification
    )
    return str(volume["VolumeId"])


def test_new_volumes_are_encrypted_again(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_guarded_vpc) as (stage, run_line):
        assert read_open(run_line, capsys, KEY) == {}
        stage.client("ec2").disable_ebs_encryption_by_default()
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["subject"] == f"account {ACCOUNT} in {REGION}"
        mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}


def mend_all(stage: Stage, run_line: Any, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Runs what is named until nothing is; the operations in their order."""
    operations: list[str] = []
    while findings := read_open(run_line, capsys, KEY):
        assert len(operations) < 10, findings
        finding = next(iter(findings.values()))
        operations.append(finding["command"].split()[2])
        mend(stage, finding)
    return operations


@pytest.mark.parametrize("tags", [STACK_TAGS, []])
def test_a_volume_that_nothing_uses_is_replaced_by_an_encrypted_one(
    tags: list[dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_guarded_vpc) as (stage, run_line):
        volume = put_volume(stage, tags)
        put_volume(stage, OTHER_TAGS)
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["id"] == f"{KEY}/{volume}"
        operations = mend_all(stage, run_line, capsys)
        assert operations[0] == "create-snapshot"
        assert {"create-volume", "delete-volume", "copy-snapshot"} <= set(operations)
        ec2 = stage.client("ec2")
        left = [v for v in ec2.describe_volumes()["Volumes"] if v.get("Tags") != OTHER_TAGS]
        assert [v["Encrypted"] for v in left] == [True]
        snapshots = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        assert [s["Encrypted"] for s in snapshots] == [True]


def put_instance(stage: Stage, tags: list[dict[str, str]]) -> str:
    ec2, vpc = stage.client("ec2"), stage.outputs.network.vpc_id
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.9.0/24")["Subnet"]["SubnetId"]
    image = ec2.register_image(
        Name="base",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "Encrypted": False}}
        ],
    )["ImageId"]
    specification = [{"ResourceType": "instance", "Tags": tags}]
    (instance,) = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet, TagSpecifications=specification
    )["Instances"]
    return str(instance["InstanceId"])


def test_the_disk_of_an_instance_of_the_stack_is_replaced_with_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_guarded_vpc) as (stage, run_line):
        instance = put_instance(stage, STACK_TAGS)
        findings = read_open(run_line, capsys, KEY).values()
        (finding,) = (f for f in findings if instance in f["evidence"])
        assert finding["command"] == "pulumi up --refresh"
        stage.client("ec2").terminate_instances(InstanceIds=[instance])
        assert finding["id"] not in read_open(run_line, capsys, KEY)

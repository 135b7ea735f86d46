"""Instances whose metadata answers without a token."""

import pytest

from tests.ops.audit.looks import mend, read_open
from tests.ops.audit_stage import put_vpc
from tests.ops.every_command import open_command_line
from tests.ops.stage import Stage

KEY = "instance-metadata"


def put_network(stage: Stage) -> None:
    put_vpc(stage)
    stage.outputs = stage.outputs.model_copy(update={"fleet": None})


def put_instance(stage: Stage, tokens: str) -> str:
    ec2, vpc = stage.client("ec2"), stage.outputs.network.vpc_id
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.9.0/24")["Subnet"]["SubnetId"]
    (instance,) = ec2.run_instances(
        ImageId=ec2.register_image(Name="base")["ImageId"],
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        MetadataOptions={"HttpTokens": tokens},
    )["Instances"]
    return str(instance["InstanceId"])


def test_an_instance_asks_for_a_token_again(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_network) as (stage, run_line):
        assert read_open(run_line, capsys, KEY) == {}
        instance = put_instance(stage, "optional")
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["id"] == f"{KEY}/{instance}"
        assert "EC2.8" in finding["reason"]
        mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}


def test_a_launch_template_without_a_token_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    def put_template(stage: Stage) -> None:
        put_vpc(stage)
        ec2, fleet = stage.client("ec2"), stage.outputs.fleet
        assert fleet is not None
        template = ec2.create_launch_template(
            LaunchTemplateName="fleet",
            LaunchTemplateData={"MetadataOptions": {"HttpTokens": "optional"}},
        )["LaunchTemplate"]["LaunchTemplateId"]
        part = fleet.model_copy(update={"launch_template_id": template})
        stage.outputs = stage.outputs.model_copy(update={"fleet": part})

    with open_command_line(put_template) as (stage, run_line):
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["command"] == "pulumi up --refresh"
        ec2, template = stage.client("ec2"), finding["subject"]
        # What that does: the next version, which becomes the default.
        version = ec2.create_launch_template_version(
            LaunchTemplateId=template,
            LaunchTemplateData={"MetadataOptions": {"HttpTokens": "required"}},
        )["LaunchTemplateVersion"]["VersionNumber"]
        ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=str(version))
        assert read_open(run_line, capsys, KEY) == {}

"""`ops fleet ami`: the AMI in use, the newest, and the setting that brings it."""

import json

import pytest

from components.facts.fleet import AMI_PARAMETERS
from ops.core import clock
from ops.fleet.ami import AMI_COLUMNS, build_ami_rows
from ops.fleet.model import get_fleet_state
from tests.ops.every_command import open_command_line
from tests.ops.fleet_stage import put_fleet
from tests.ops.stage import Stage, open_stage

OTHER_AMI_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"


def get_newest_ami(stage: Stage, architecture: str) -> str:
    parameter = stage.client("ssm").get_parameter(Name=AMI_PARAMETERS[architecture])
    return str(parameter["Parameter"]["Value"])


def put_template_ami(stage: Stage, ami: str) -> None:
    """A fleet whose group uses a template version with this AMI."""
    put_fleet(stage)
    fleet_state = get_fleet_state(stage.aws, stage.outputs)
    stage.client("ec2").create_launch_template_version(
        LaunchTemplateId=fleet_state.launch_template_id,
        SourceVersion="1",
        LaunchTemplateData={"ImageId": ami},
    )
    policy = dict(fleet_state.mixed_instances_policy or {})
    specification = policy["LaunchTemplate"]["LaunchTemplateSpecification"]
    policy["LaunchTemplate"]["LaunchTemplateSpecification"] = {
        "LaunchTemplateId": specification["LaunchTemplateId"],
        "Version": "3",
    }
    stage.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=fleet_state.part.group, MixedInstancesPolicy=policy
    )


def put_other_ami(stage: Stage) -> None:
    """A fleet of an AMI that AWS publishes, which is not the newest one for ECS."""
    parameter = stage.client("ssm").get_parameter(Name=OTHER_AMI_PARAMETER)
    put_template_ami(stage, parameter["Parameter"]["Value"])


def test_the_ami_in_use_and_the_newest_with_the_line_that_sets_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_other_ami) as (stage, run_line):
        assert run_line("fleet ami --output json") == 0
        current, newest = json.loads(capsys.readouterr().out)["items"]
        assert current["use"] == "in use"
        assert current["name"].startswith("al2023-ami")
        assert current["architecture"] == newest["architecture"] == "arm64"
        assert current["created"]
        assert current["age"]
        assert newest["ami"] == get_newest_ami(stage, "arm64")
        command = f"pulumi config set --stack test --path bulwark:fleet.ami {newest['ami']}"
        assert newest["command"] == command
        assert run_line("fleet ami") == 0
        out = capsys.readouterr().out
        assert out.split("\n")[0].split() == list(AMI_COLUMNS)
        assert f"{command}, then ops deploy test" in out.replace("\n", " ")


def test_an_ami_that_aws_no_longer_shows_has_both_architectures_to_choose_from() -> None:
    with open_stage() as stage:
        put_template_ami(stage, "ami-0123456789abcdef0")
        state = get_fleet_state(stage.aws, stage.outputs)
        current, *others = build_ami_rows(stage.aws, stage.outputs, state, clock.now())
        assert (current["ami"], current["age"]) == ("ami-0123456789abcdef0", None)
        assert [row["ami"] for row in others] == [
            get_newest_ami(stage, name) for name in AMI_PARAMETERS
        ]


def test_the_newest_needs_no_line() -> None:
    with open_stage() as stage:
        put_template_ami(stage, get_newest_ami(stage, "arm64"))
        state = get_fleet_state(stage.aws, stage.outputs)
        rows = build_ami_rows(stage.aws, stage.outputs, state, clock.now())
        assert rows[0]["use"] == "in use, the newest"

"""A stage with the stack's fleet on it: an Auto Scaling group behind the load balancer."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.ops.command_line import OpsConsole
from tests.ops.service_stage import FIRST_IMAGE, patch_command_line
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage, open_stage

FLEET_REPOSITORY = "bulwark/test/fleet"
FLEET_IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{FLEET_REPOSITORY}"
FLEET_IMAGE_TAGS = ("v2", "v3", "v5-unhealthy")
WARMUP_SECONDS = 60
FLEET_GROUP = "bulwark-test-fleet"
IMAGE_PARAMETER = "/bulwark/test/fleet/image"


def put_fleet(stage: Stage, size: int = 2, **overrides: Any) -> None:
    """The fleet, and time until its instances are in service; its repository with a few images."""
    ec2, elb = stage.client("ec2"), stage.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    target = elb.create_target_group(Name="fleet", Protocol="HTTP", Port=8080, VpcId=vpc)
    arn = target["TargetGroups"][0]["TargetGroupArn"]
    attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": "30"}
    elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[attribute])
    stage.client("ssm").put_parameter(Name=IMAGE_PARAMETER, Value=FIRST_IMAGE, Type="String")
    stage.client("ecr").create_repository(repositoryName=FLEET_REPOSITORY)
    for number, tag in enumerate(FLEET_IMAGE_TAGS):
        stage.client("ecr").put_image(
            repositoryName=FLEET_REPOSITORY,
            imageManifest=build_image_manifest(number),
            imageTag=tag,
        )
    template = ec2.create_launch_template(
        LaunchTemplateName="fleet",
        LaunchTemplateData={
            "ImageId": "ami-12c6146b",
            "InstanceType": "t4g.small",
            "UserData": build_fleet_user_data(),
        },
    )["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_launch_template_version(
        LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"EbsOptimized": True}
    )
    specification = {"LaunchTemplateId": template, "Version": "1"}
    mixed = {
        "LaunchTemplateSpecification": specification,
        "Overrides": [{"InstanceType": "t4g.small"}, {"InstanceType": "t4g.medium"}],
    }
    tags = {"Project": "bulwark", "Environment": "test"}
    stage.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=FLEET_GROUP,
        TargetGroupARNs=[arn],
        **{
            "VPCZoneIdentifier": ",".join(subnets),
            "MinSize": 1,
            "MaxSize": 4,
            "DesiredCapacity": size,
            "HealthCheckType": "ELB",
            "MixedInstancesPolicy": {"LaunchTemplate": mixed},
            "HealthCheckGracePeriod": 300,
            "DefaultInstanceWarmup": WARMUP_SECONDS,
            "InstanceMaintenancePolicy": {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110},
            "Tags": [{"Key": k, "Value": v, "PropagateAtLaunch": True} for k, v in tags.items()],
            **overrides,
        },
    )
    assert stage.outputs.fleet is not None
    assert stage.outputs.load_balancer is not None
    balancer = stage.outputs.load_balancer
    target_part = balancer.targets["fleet"].model_copy(update={"target_group_arn": arn})
    stage.outputs = stage.outputs.model_copy(
        update={
            "fleet": stage.outputs.fleet.model_copy(update={"launch_template_id": template}),
            "load_balancer": balancer.model_copy(
                update={"targets": {**balancer.targets, "fleet": target_part}}
            ),
        }
    )
    stage.clock.sleep(3600)


def get_first_instance(stage: Stage) -> str:
    """The id of one of the fleet's instances."""
    answer = stage.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[FLEET_GROUP]
    )
    return str(answer["AutoScalingGroups"][0]["Instances"][0]["InstanceId"])


def put_slow_fleet_of_one(stage: Stage) -> None:
    """A fleet of one instance, slow to warm up: what is done to it is looked at few times."""
    put_fleet(stage, 1, DefaultInstanceWarmup=540)


def build_image_manifest(number: int) -> str:
    """An image that differs from others by its number."""
    layer = {"digest": f"sha256:{number:064x}", "size": 1, "mediaType": "layer"}
    media = "application/vnd.docker.distribution.manifest.v2+json"
    document = {"schemaVersion": 2, "mediaType": media, "layers": [layer], "config": {"size": 1}}
    return json.dumps(document)


def build_fleet_user_data() -> str:
    """As components/user_data.py writes it, as far as the sandbox reads it."""
    config = json.dumps({"imageParameter": IMAGE_PARAMETER, "port": 8080})
    cloud = json.dumps(
        {"write_files": [{"path": "/opt/bulwark/container.json", "content": config}]}
    )
    return base64.b64encode(f"#cloud-config\n{cloud}\n".encode()).decode()


def get_digest_reference(stage: Stage, tag: str) -> str:
    """The reference by digest of an image of the repository."""
    response = stage.client("ecr").describe_images(
        repositoryName=FLEET_REPOSITORY, imageIds=[{"imageTag": tag}]
    )
    return f"{FLEET_IMAGE}@{response['imageDetails'][0]['imageDigest']}"


def describe_group(stage: Stage) -> dict[str, Any]:
    """The group as AWS describes it."""
    response = stage.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[FLEET_GROUP]
    )
    group: dict[str, Any] = response["AutoScalingGroups"][0]
    return group


def list_group_instances(stage: Stage) -> list[dict[str, Any]]:
    """Its instances, by their ids."""
    return sorted(
        describe_group(stage)["Instances"], key=lambda instance: str(instance["InstanceId"])
    )


def list_instance_ids(stage: Stage) -> set[str]:
    """The ids of its instances."""
    return {instance["InstanceId"] for instance in describe_group(stage)["Instances"]}


def list_target_states(stage: Stage) -> list[str]:
    """The states of its targets."""
    assert stage.outputs.load_balancer is not None
    arn = stage.outputs.load_balancer.targets["fleet"].target_group_arn
    response = stage.client("elbv2").describe_target_health(TargetGroupArn=arn)
    return sorted(
        description["TargetHealth"]["State"] for description in response["TargetHealthDescriptions"]
    )


def list_instance_refreshes(stage: Stage) -> list[dict[str, Any]]:
    """Its instance refreshes, the newest first."""
    response = stage.client("autoscaling").describe_instance_refreshes(
        AutoScalingGroupName=FLEET_GROUP
    )
    instance_refreshes: list[dict[str, Any]] = response["InstanceRefreshes"]
    return instance_refreshes


def get_image_parameter(stage: Stage) -> str:
    """What the parameter says."""
    return str(stage.client("ssm").get_parameter(Name=IMAGE_PARAMETER)["Parameter"]["Value"])


def collect_fleet_facts(stage: Stage) -> object:
    """What must not differ between a killed run and an undisturbed one."""
    stage.clock.sleep(4 * 3600)
    group = describe_group(stage)
    template = group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    return (
        (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]),
        template["Version"],
        sorted(
            (item["LifecycleState"], item["LaunchTemplate"]["Version"])
            for item in list_group_instances(stage)
        ),
        list_target_states(stage),
        get_image_parameter(stage),
        [item["Status"] for item in list_instance_refreshes(stage)],
    )


def list_sent_commands(stage: Stage) -> list[tuple[str, int]]:
    """What was sent to instances: its status, and to how many."""
    sent_commands = stage.client("ssm").list_commands()["Commands"]
    return [(sent_command["Status"], sent_command["TargetCount"]) for sent_command in sent_commands]


@contextmanager
def open_fleet_console(
    capture: pytest.CaptureFixture[str] | None, folder: Path, size: int = 2
) -> Iterator[OpsConsole]:
    """A stage with the fleet and the operations bucket, seen from the command line."""
    with open_stage() as stage:
        put_fleet(stage, size)
        with (
            patch_command_line(stage, folder) as file,
            patch("ops.core.clock.now", stage.clock.held_clock.now),
        ):
            yield OpsConsole(stage, file, capture)


def put_fleet_only(stage: Stage) -> None:
    """A stack whose only compute is a fleet of one instance."""
    autoscaling = stage.client("autoscaling")
    autoscaling.create_launch_configuration(
        LaunchConfigurationName="l", ImageId="ami-12345678", InstanceType="t3.micro"
    )
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=f"{STACK_PREFIX}-fleet",
        LaunchConfigurationName="l",
        MinSize=1,
        MaxSize=1,
        AvailabilityZones=[f"{REGION}a"],
    )
    stage.clock.sleep(3600)
    stage.outputs = stage.outputs.model_copy(update={"services": None})

"""A stage with the stack's fleet on it: an Auto Scaling group behind the load balancer."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.ops.command_line import Console
from tests.ops.service_stage import FIRST, commanded
from tests.ops.stage import ACCOUNT, REGION, Stage, stage

REPOSITORY = "bulwark/test/fleet"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}"
TAGS = ("v2", "v3", "v5-unhealthy")
WARMUP = 60
GROUP = "bulwark-test-fleet"
PARAMETER = "/bulwark/test/fleet/image"


def put(on: Stage, size: int = 2, **given: Any) -> None:
    """The fleet, and time until its instances are in service; its repository with a few images."""
    ec2, elb = on.client("ec2"), on.client("elbv2")
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
    on.client("ssm").put_parameter(Name=PARAMETER, Value=FIRST, Type="String")
    on.client("ecr").create_repository(repositoryName=REPOSITORY)
    for number, tag in enumerate(TAGS):
        on.client("ecr").put_image(
            repositoryName=REPOSITORY, imageManifest=manifest(number), imageTag=tag
        )
    template = ec2.create_launch_template(
        LaunchTemplateName="fleet",
        LaunchTemplateData={
            "ImageId": "ami-12c6146b",
            "InstanceType": "t4g.small",
            "UserData": user_data(),
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
    on.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=GROUP,
        VPCZoneIdentifier=",".join(subnets),
        TargetGroupARNs=[arn],
        **{
            "MinSize": 1,
            "MaxSize": 4,
            "DesiredCapacity": size,
            "HealthCheckType": "ELB",
            "MixedInstancesPolicy": {"LaunchTemplate": mixed},
            "HealthCheckGracePeriod": 300,
            "DefaultInstanceWarmup": WARMUP,
            "InstanceMaintenancePolicy": {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110},
            "Tags": [{"Key": k, "Value": v, "PropagateAtLaunch": True} for k, v in tags.items()],
            **given,
        },
    )
    assert on.outputs.fleet is not None
    assert on.outputs.load_balancer is not None
    balancer = on.outputs.load_balancer
    own = balancer.targets["fleet"].model_copy(update={"target_group_arn": arn})
    on.outputs = on.outputs.model_copy(
        update={
            "fleet": on.outputs.fleet.model_copy(update={"launch_template_id": template}),
            "load_balancer": balancer.model_copy(
                update={"targets": {**balancer.targets, "fleet": own}}
            ),
        }
    )
    on.clock.sleep(3600)


def put_one(on: Stage) -> None:
    """A fleet of one instance, slow to warm up: what is done to it is looked at few times."""
    put(on, 1, DefaultInstanceWarmup=540)


def manifest(number: int) -> str:
    """An image that differs from others by its number."""
    layer = {"digest": f"sha256:{number:064x}", "size": 1, "mediaType": "layer"}
    media = "application/vnd.docker.distribution.manifest.v2+json"
    made = {"schemaVersion": 2, "mediaType": media, "layers": [layer], "config": {"size": 1}}
    return json.dumps(made)


def user_data() -> str:
    """As components/user_data.py writes it, as far as the sandbox reads it."""
    config = json.dumps({"imageParameter": PARAMETER, "port": 8080})
    cloud = json.dumps(
        {"write_files": [{"path": "/opt/bulwark/container.json", "content": config}]}
    )
    return base64.b64encode(f"#cloud-config\n{cloud}\n".encode()).decode()


def digest(on: Stage, tag: str) -> str:
    """The reference by digest of an image of the repository."""
    found = on.client("ecr").describe_images(
        repositoryName=REPOSITORY, imageIds=[{"imageTag": tag}]
    )
    return f"{IMAGE}@{found['imageDetails'][0]['imageDigest']}"


def seen(on: Stage) -> dict[str, Any]:
    """The group as AWS describes it."""
    found = on.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])
    group: dict[str, Any] = found["AutoScalingGroups"][0]
    return group


def instances(on: Stage) -> list[dict[str, Any]]:
    """Its instances, by their ids."""
    return sorted(seen(on)["Instances"], key=lambda it: str(it["InstanceId"]))


def ids(on: Stage) -> set[str]:
    """The ids of its instances."""
    return {it["InstanceId"] for it in seen(on)["Instances"]}


def targets(on: Stage) -> list[str]:
    """The states of its targets."""
    assert on.outputs.load_balancer is not None
    arn = on.outputs.load_balancer.targets["fleet"].target_group_arn
    found = on.client("elbv2").describe_target_health(TargetGroupArn=arn)
    return sorted(it["TargetHealth"]["State"] for it in found["TargetHealthDescriptions"])


def refreshes(on: Stage) -> list[dict[str, Any]]:
    """Its instance refreshes, the newest first."""
    found = on.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName=GROUP)
    listed: list[dict[str, Any]] = found["InstanceRefreshes"]
    return listed


def image(on: Stage) -> str:
    """What the parameter says."""
    return str(on.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"])


def facts(on: Stage) -> object:
    """What must not differ between a killed run and an undisturbed one."""
    on.clock.sleep(4 * 3600)
    group = seen(on)
    template = group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    return (
        (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]),
        template["Version"],
        sorted((it["LifecycleState"], it["LaunchTemplate"]["Version"]) for it in instances(on)),
        targets(on),
        image(on),
        [it["Status"] for it in refreshes(on)],
    )


def commands(on: Stage) -> list[tuple[str, int]]:
    """What was sent to instances: its status, and to how many."""
    found = on.client("ssm").list_commands()["Commands"]
    return [(it["Status"], it["TargetCount"]) for it in found]


@contextmanager
def console(
    capture: pytest.CaptureFixture[str] | None, folder: Path, size: int = 2
) -> Iterator[Console]:
    """A stage with the fleet and the operations bucket, seen from the command line."""
    with stage() as on:
        put(on, size)
        with commanded(on, folder) as file, patch("ops.core.clock.now", on.clock.held.now):
            yield Console(on, file, capture)

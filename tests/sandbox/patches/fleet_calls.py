"""Calls to EC2 Auto Scaling that its tests share: the stage's fleet scaled, refreshed, read."""

from typing import Any

from tests.ops import fleet_stage as fleet
from tests.ops.stage import Stage

UNHEALTHY_IMAGE = "registry.example.com/app:unhealthy"


def list_lifecycle_states(stage: Stage) -> list[str]:
    return sorted(item["LifecycleState"] for item in fleet.list_group_instances(stage))


def create_autoscaling_client(stage: Stage) -> Any:
    return stage.client("autoscaling")


def set_fleet_capacity(stage: Stage, count: int) -> None:
    create_autoscaling_client(stage).set_desired_capacity(
        AutoScalingGroupName=fleet.FLEET_GROUP, DesiredCapacity=count
    )


def list_activities(stage: Stage, **parameters: Any) -> list[dict[str, Any]]:
    response = create_autoscaling_client(stage).describe_scaling_activities(
        AutoScalingGroupName=fleet.FLEET_GROUP, **parameters
    )
    scaling_activities: list[dict[str, Any]] = response["Activities"]
    return scaling_activities


def build_desired_configuration(stage: Stage, version: str = "2") -> dict[str, Any]:
    policy = fleet.describe_group(stage)["MixedInstancesPolicy"]["LaunchTemplate"]
    specification = policy["LaunchTemplateSpecification"]
    template_version = {"LaunchTemplateId": specification["LaunchTemplateId"], "Version": version}
    template = {"LaunchTemplateSpecification": template_version, "Overrides": policy["Overrides"]}
    return {"MixedInstancesPolicy": {"LaunchTemplate": template}}


def start_fleet_refresh(stage: Stage, version: str | None = "2", **preferences: Any) -> str:
    configuration = (
        {"DesiredConfiguration": build_desired_configuration(stage, version)} if version else {}
    )
    response = create_autoscaling_client(stage).start_instance_refresh(
        AutoScalingGroupName=fleet.FLEET_GROUP, Preferences=preferences, **configuration
    )
    return str(response["InstanceRefreshId"])


def list_template_versions(stage: Stage) -> list[str]:
    return sorted(item["LaunchTemplate"]["Version"] for item in fleet.list_group_instances(stage))


def put_unhealthy_image(stage: Stage, value: str = UNHEALTHY_IMAGE) -> None:
    stage.client("ssm").put_parameter(
        Name=fleet.IMAGE_PARAMETER, Value=value, Type="String", Overwrite=True
    )

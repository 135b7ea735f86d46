"""EC2 Auto Scaling in the sandbox: groups whose instances take time to come and to go."""

from collections.abc import Iterator

import pytest

from sandbox import clock
from tests.ops import fleet_stage as fleet
from tests.ops.stage import REGION, Stage, open_stage
from tests.sandbox.conftest import ClientFactory, RefusalGetter
from tests.sandbox.patches.fleet_calls import (
    create_autoscaling_client,
    list_activities,
    list_lifecycle_states,
    put_unhealthy_image,
    set_fleet_capacity,
)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as opened_stage:
        fleet.put_fleet(opened_stage)
        yield opened_stage


def test_a_group_of_mixed_instances_has_as_many_as_it_should(stage: Stage) -> None:
    assert list_lifecycle_states(stage) == ["InService", "InService"]
    assert {item["AvailabilityZone"] for item in fleet.list_group_instances(stage)} == {
        f"{REGION}a",
        f"{REGION}b",
    }
    assert fleet.list_target_states(stage) == ["healthy", "healthy"]


def test_an_instance_is_pending_then_a_target_then_healthy(stage: Stage) -> None:
    set_fleet_capacity(stage, 3)
    assert list_lifecycle_states(stage) == ["InService", "InService", "Pending"]
    assert fleet.list_target_states(stage) == ["healthy", "healthy"]
    newest = list_activities(stage)[0]
    assert newest["StatusCode"] == "InProgress"
    assert "from 2 to 3" in newest["Cause"]
    stage.clock.sleep(60)
    assert list_lifecycle_states(stage) == ["InService"] * 3
    assert fleet.list_target_states(stage) == ["healthy", "healthy", "initial"]
    stage.clock.sleep(90)
    assert fleet.list_target_states(stage) == ["healthy"] * 3
    ended = list_activities(stage)[0]
    assert ended["StatusCode"] == "Successful"
    assert (ended["EndTime"] - ended["StartTime"]).total_seconds() == 60


def test_an_instance_that_goes_drains_first(stage: Stage) -> None:
    before = fleet.list_instance_ids(stage)
    set_fleet_capacity(stage, 1)
    assert list_lifecycle_states(stage) == ["InService", "Terminating"]
    assert fleet.list_target_states(stage) == ["draining", "healthy"]
    stage.clock.sleep(30)
    assert list_lifecycle_states(stage) == ["InService"]
    assert fleet.list_target_states(stage) == ["healthy"]
    (gone,) = before - fleet.list_instance_ids(stage)
    response = stage.client("ec2").describe_instances(InstanceIds=[gone])
    assert response["Reservations"][0]["Instances"][0]["State"]["Name"] == "terminated"


def test_an_unhealthy_instance_is_replaced_after_its_grace_period(stage: Stage) -> None:
    put_unhealthy_image(stage)
    set_fleet_capacity(stage, 3)
    stage.clock.sleep(200)
    assert fleet.list_target_states(stage) == ["healthy", "healthy", "unhealthy"]
    (bad,) = (
        item
        for item in fleet.list_group_instances(stage)
        if item["InstanceId"] in list_activities(stage)[0]["Description"]
    )
    put_unhealthy_image(stage, fleet.FLEET_IMAGE + ":v2")
    stage.clock.sleep(400)
    assert bad["InstanceId"] not in fleet.list_instance_ids(stage)
    assert any(
        "ELB system health check failure" in item["Cause"] for item in list_activities(stage)
    )
    stage.clock.sleep(400)
    assert fleet.list_target_states(stage) == ["healthy"] * 3


def test_an_instance_terminated_in_ec2_is_replaced(stage: Stage) -> None:
    gone = fleet.list_group_instances(stage)[0]["InstanceId"]
    stage.client("ec2").terminate_instances(InstanceIds=[gone])
    assert gone not in fleet.list_instance_ids(stage)
    assert list_lifecycle_states(stage) == ["InService", "Pending"]
    assert any("EC2 health check" in item["Cause"] for item in list_activities(stage))


def test_activities_come_in_pages_and_by_filter(stage: Stage) -> None:
    set_fleet_capacity(stage, 3)
    stage.clock.sleep(600)
    set_fleet_capacity(stage, 4)
    assert [item["StatusCode"] for item in list_activities(stage)] == ["InProgress"] + [
        "Successful"
    ] * 3
    pages = (
        create_autoscaling_client(stage)
        .get_paginator("describe_scaling_activities")
        .paginate(AutoScalingGroupName=fleet.FLEET_GROUP, PaginationConfig={"PageSize": 1})
    )
    assert len([item for page in pages for item in page["Activities"]]) == 4
    status = [{"Name": "Status", "Values": ["InProgress"]}]
    assert len(list_activities(stage, Filters=status)) == 1


@pytest.mark.parametrize(("count", "words"), [(5, "above max value 4"), (0, "below min value 1")])
def test_a_size_beyond_the_limits_is_refused(
    stage: Stage, get_refusal: RefusalGetter, count: int, words: str
) -> None:
    code, message = get_refusal(
        create_autoscaling_client(stage).set_desired_capacity,
        AutoScalingGroupName=fleet.FLEET_GROUP,
        DesiredCapacity=count,
    )
    assert code == "ValidationError"
    assert words in message
    assert list_lifecycle_states(stage) == ["InService", "InService"]


def test_limits_that_do_not_fit_are_refused(stage: Stage, get_refusal: RefusalGetter) -> None:
    update = create_autoscaling_client(stage).update_auto_scaling_group
    assert (
        get_refusal(update, AutoScalingGroupName=fleet.FLEET_GROUP, MinSize=5)[0]
        == "ValidationError"
    )
    code, _ = get_refusal(
        update, AutoScalingGroupName=fleet.FLEET_GROUP, MaxSize=3, DesiredCapacity=4
    )
    assert code == "ValidationError"


def test_an_update_keeps_the_policy_and_sizes_follow_the_limits(stage: Stage) -> None:
    before = fleet.describe_group(stage)["MixedInstancesPolicy"]
    create_autoscaling_client(stage).update_auto_scaling_group(
        AutoScalingGroupName=fleet.FLEET_GROUP, MinSize=3
    )
    assert fleet.describe_group(stage)["MixedInstancesPolicy"] == before
    assert fleet.describe_group(stage)["DesiredCapacity"] == 3
    assert list_lifecycle_states(stage) == ["InService", "InService", "Pending"]


def test_the_cooldown_is_honoured_if_requested(stage: Stage, get_refusal: RefusalGetter) -> None:
    set_fleet_capacity(stage, 3)
    call = create_autoscaling_client(stage).set_desired_capacity
    parameters = {
        "AutoScalingGroupName": fleet.FLEET_GROUP,
        "DesiredCapacity": 4,
        "HonorCooldown": True,
    }
    assert get_refusal(call, **parameters)[0] == "ScalingActivityInProgress"
    stage.clock.sleep(60 + 300)
    call(**parameters)


def test_a_group_with_something_in_it_is_deleted_only_by_force(
    stage: Stage, get_refusal: RefusalGetter
) -> None:
    delete = create_autoscaling_client(stage).delete_auto_scaling_group
    assert get_refusal(delete, AutoScalingGroupName=fleet.FLEET_GROUP)[0] == "ResourceInUse"
    set_fleet_capacity(stage, 3)
    assert (
        get_refusal(delete, AutoScalingGroupName=fleet.FLEET_GROUP)[0]
        == "ScalingActivityInProgress"
    )
    delete(AutoScalingGroupName=fleet.FLEET_GROUP, ForceDelete=True)
    assert (
        create_autoscaling_client(stage).describe_auto_scaling_groups()["AutoScalingGroups"] == []
    )
    assert fleet.list_target_states(stage) == []


def test_a_suspended_process_acts_once_it_is_resumed(stage: Stage) -> None:
    only = {"AutoScalingGroupName": fleet.FLEET_GROUP, "ScalingProcesses": ["Launch"]}
    create_autoscaling_client(stage).suspend_processes(**only)
    set_fleet_capacity(stage, 3)
    stage.clock.sleep(600)
    assert len(list_lifecycle_states(stage)) == 2
    create_autoscaling_client(stage).resume_processes(**only)
    assert list_lifecycle_states(stage) == ["InService", "InService", "Pending"]


def test_with_the_instant_clock_instances_are_in_service_at_once(aws_client: ClientFactory) -> None:
    ec2, api = aws_client("ec2"), aws_client("autoscaling")
    assert isinstance(clock.get_sandbox_clock(), clock.InstantClock)
    template = ec2.create_launch_template(
        LaunchTemplateName="t",
        LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "t4g.small"},
    )["LaunchTemplate"]["LaunchTemplateId"]
    template_version = {"LaunchTemplateId": template, "Version": "1"}
    api.create_auto_scaling_group(
        AutoScalingGroupName="g",
        MinSize=1,
        MaxSize=4,
        LaunchTemplate=template_version,
        AvailabilityZones=[f"{REGION}a"],
    )
    api.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=3)
    (group,) = api.describe_auto_scaling_groups()["AutoScalingGroups"]
    before = {item["InstanceId"] for item in group["Instances"]}
    assert [item["LifecycleState"] for item in group["Instances"]] == ["InService"] * 3
    api.start_instance_refresh(
        AutoScalingGroupName="g",
        DesiredConfiguration={"LaunchTemplate": template_version},
        Preferences={"AutoRollback": True},
    )
    (instance_refresh,) = api.describe_instance_refreshes(AutoScalingGroupName="g")[
        "InstanceRefreshes"
    ]
    assert instance_refresh["Status"] == "Successful"
    (group,) = api.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert len(group["Instances"]) == 3
    assert not before & {item["InstanceId"] for item in group["Instances"]}


def test_a_parameter_was_changed_when_the_sandbox_says(stage: Stage) -> None:
    put_unhealthy_image(stage)
    parameter = stage.client("ssm").get_parameter(Name=fleet.IMAGE_PARAMETER)["Parameter"]
    assert abs(parameter["LastModifiedDate"].timestamp() - stage.clock.now()) < 1

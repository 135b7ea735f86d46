"""SSM in the sandbox: what instances lack follows releases, AMIs, installations and reboots."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.patches.ssm.patch_catalogue import publish_ami, release_patches
from tests.ops.fleet_stage import FLEET_GROUP, list_instance_ids, put_fleet
from tests.ops.stage import ACCOUNT, REGION, Stage, open_stage

DAY = 24 * 3600


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as opened_stage:
        put_fleet(opened_stage)
        yield opened_stage


def run_patching(stage: Stage, operation: str, **parameters: list[str]) -> None:
    stage.client("ssm").send_command(
        DocumentName="AWS-RunPatchBaseline",
        InstanceIds=sorted(list_instance_ids(stage)),
        Parameters={"Operation": [operation], **parameters},
    )
    stage.clock.sleep(600)


def list_states(stage: Stage) -> list[dict[str, Any]]:
    ids = sorted(list_instance_ids(stage))
    answer = stage.client("ssm").describe_instance_patch_states(InstanceIds=ids)
    states: list[dict[str, Any]] = answer["InstancePatchStates"]
    return states


def test_an_instance_that_was_never_scanned_has_no_state(stage: Stage) -> None:
    release_patches(ACCOUNT, REGION, days_ago=30)
    assert list_states(stage) == []


def test_what_was_approved_is_missing_until_it_is_installed_and_rebooted(stage: Stage) -> None:
    release_patches(ACCOUNT, REGION, days_ago=30)
    run_patching(stage, "Scan")
    assert [state["MissingCount"] for state in list_states(stage)] == [3, 3]
    run_patching(stage, "Install", RebootOption=["NoReboot"])
    assert [state["InstalledPendingRebootCount"] for state in list_states(stage)] == [1, 1]
    run_patching(stage, "Install")
    assert {state["MissingCount"] for state in list_states(stage)} == {0}


def test_what_is_not_approved_yet_is_not_missing(stage: Stage) -> None:
    release_patches(ACCOUNT, REGION, days_ago=3)
    run_patching(stage, "Scan")
    assert {state["MissingCount"] for state in list_states(stage)} == {0}
    stage.clock.sleep(5 * DAY)
    run_patching(stage, "Scan")
    assert {state["MissingCount"] for state in list_states(stage)} == {3}


def test_a_patch_says_what_it_closes_while_it_is_missing(stage: Stage) -> None:
    release_patches(ACCOUNT, REGION, days_ago=30)
    run_patching(stage, "Scan")
    (instance, *_) = sorted(list_instance_ids(stage))
    ssm = stage.client("ssm")
    patches = ssm.describe_instance_patches(InstanceId=instance)["Patches"]
    assert {p["State"] for p in patches} == {"Missing"}
    assert any(p["CVEIds"] == "CVE-2024-12797,CVE-2024-9143" for p in patches)
    run_patching(stage, "Install")
    patches = ssm.describe_instance_patches(InstanceId=instance)["Patches"]
    assert {(p["State"], p.get("CVEIds")) for p in patches} == {("Installed", None)}


def test_an_association_scans_by_itself_every_day(stage: Stage) -> None:
    stage.client("ssm").create_association(
        Name="AWS-RunPatchBaseline",
        AssociationName="scan",
        Parameters={"Operation": ["Scan"]},
        ScheduleExpression="rate(1 day)",
        Targets=[{"Key": "tag:aws:autoscaling:groupName", "Values": [FLEET_GROUP]}],
    )
    stage.clock.sleep(600)
    (first, _) = list_states(stage)
    assert first["MissingCount"] == 0
    release_patches(ACCOUNT, REGION, days_ago=30)
    stage.clock.sleep(DAY)
    (second, _) = list_states(stage)
    assert second["MissingCount"] == 3
    assert second["OperationEndTime"] > first["OperationEndTime"]


def test_an_instance_without_an_agent_takes_no_command(stage: Stage) -> None:
    (instance, *_) = sorted(list_instance_ids(stage))
    stage.client("ec2").create_tags(
        Resources=[instance], Tags=[{"Key": "sandbox:managed", "Value": "no"}]
    )
    answer = stage.client("ssm").describe_instance_information()
    assert instance not in {i["InstanceId"] for i in answer["InstanceInformationList"]}
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        run_patching(stage, "Scan")


def test_a_new_ami_is_the_newest_of_its_family(stage: Stage) -> None:
    ami = publish_ami(ACCOUNT, REGION)
    (image,) = stage.client("ec2").describe_images(ImageIds=[ami])["Images"]
    assert image["Architecture"] == "arm64"
    assert image["Name"].startswith("al2023-ami-ecs-hvm-")


def test_standby_drains_and_takes_from_the_capacity(stage: Stage) -> None:
    (instance, *_) = sorted(list_instance_ids(stage))
    group = {"AutoScalingGroupName": FLEET_GROUP, "InstanceIds": [instance]}
    auto_scaling = stage.client("autoscaling")
    auto_scaling.enter_standby(**group, ShouldDecrementDesiredCapacity=True)
    assert get_member(stage, instance) == ("EnteringStandby", 1)
    stage.clock.sleep(600)
    assert get_member(stage, instance) == ("Standby", 1)
    auto_scaling.exit_standby(**group)
    stage.clock.sleep(600)
    assert get_member(stage, instance) == ("InService", 2)


def test_standby_keeps_the_minimum(stage: Stage) -> None:
    with pytest.raises(ClientError, match="ValidationError"):
        stage.client("autoscaling").enter_standby(
            AutoScalingGroupName=FLEET_GROUP,
            InstanceIds=sorted(list_instance_ids(stage)),
            ShouldDecrementDesiredCapacity=True,
        )


def get_member(stage: Stage, instance: str) -> tuple[str, int]:
    """The state of an instance in its group, and the group's capacity."""
    (group,) = stage.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[FLEET_GROUP]
    )["AutoScalingGroups"]
    (state,) = (i["LifecycleState"] for i in group["Instances"] if i["InstanceId"] == instance)
    return state, group["DesiredCapacity"]


def test_a_baseline_takes_tags_with_its_creation_and_afterwards(stage: Stage) -> None:
    ssm = stage.client("ssm")
    baseline = ssm.create_patch_baseline(
        Name="fleet", OperatingSystem="AMAZON_LINUX_2023", Tags=[{"Key": "Stack", "Value": "prod"}]
    )["BaselineId"]
    resource = {"ResourceType": "PatchBaseline", "ResourceId": baseline}
    ssm.add_tags_to_resource(**resource, Tags=[{"Key": "Project", "Value": "shop"}])
    assert {t["Key"]: t["Value"] for t in ssm.list_tags_for_resource(**resource)["TagList"]} == {
        "Stack": "prod",
        "Project": "shop",
    }
    with pytest.raises(ClientError, match="InvalidResourceId"):
        ssm.list_tags_for_resource(ResourceType="PatchBaseline", ResourceId="pb-0")

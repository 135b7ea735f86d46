"""EC2 Auto Scaling in the sandbox: groups that take their time, and instance refreshes."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import clock
from tests.ops import fleet_stage as fleet
from tests.ops.stage import REGION, Stage, stage
from tests.sandbox.conftest import Clients, Refusal

BAD = "registry.example.com/app:unhealthy"


@pytest.fixture
def on() -> Iterator[Stage]:
    with stage() as made:
        fleet.put(made)
        yield made


def states(on: Stage) -> list[str]:
    return sorted(it["LifecycleState"] for it in fleet.instances(on))


def scaling(on: Stage) -> Any:
    return on.client("autoscaling")


def desire(on: Stage, count: int) -> None:
    scaling(on).set_desired_capacity(AutoScalingGroupName=fleet.GROUP, DesiredCapacity=count)


def activities(on: Stage, **given: Any) -> list[dict[str, Any]]:
    found = scaling(on).describe_scaling_activities(AutoScalingGroupName=fleet.GROUP, **given)
    listed: list[dict[str, Any]] = found["Activities"]
    return listed


def desired_configuration(on: Stage, version: str = "2") -> dict[str, Any]:
    policy = fleet.seen(on)["MixedInstancesPolicy"]["LaunchTemplate"]
    specification = policy["LaunchTemplateSpecification"]
    own = {"LaunchTemplateId": specification["LaunchTemplateId"], "Version": version}
    template = {"LaunchTemplateSpecification": own, "Overrides": policy["Overrides"]}
    return {"MixedInstancesPolicy": {"LaunchTemplate": template}}


def refresh(on: Stage, version: str | None = "2", **preferences: Any) -> str:
    desired = {"DesiredConfiguration": desired_configuration(on, version)} if version else {}
    made = scaling(on).start_instance_refresh(
        AutoScalingGroupName=fleet.GROUP, Preferences=preferences, **desired
    )
    return str(made["InstanceRefreshId"])


def versions(on: Stage) -> list[str]:
    return sorted(it["LaunchTemplate"]["Version"] for it in fleet.instances(on))


def bad_image(on: Stage, value: str = BAD) -> None:
    on.client("ssm").put_parameter(Name=fleet.PARAMETER, Value=value, Type="String", Overwrite=True)


def test_a_group_of_mixed_instances_has_as_many_as_it_should(on: Stage) -> None:
    assert states(on) == ["InService", "InService"]
    assert {it["AvailabilityZone"] for it in fleet.instances(on)} == {f"{REGION}a", f"{REGION}b"}
    assert fleet.targets(on) == ["healthy", "healthy"]


def test_an_instance_is_pending_then_a_target_then_healthy(on: Stage) -> None:
    desire(on, 3)
    assert states(on) == ["InService", "InService", "Pending"]
    assert fleet.targets(on) == ["healthy", "healthy"]
    newest = activities(on)[0]
    assert newest["StatusCode"] == "InProgress"
    assert "from 2 to 3" in newest["Cause"]
    on.clock.sleep(60)
    assert states(on) == ["InService"] * 3
    assert fleet.targets(on) == ["healthy", "healthy", "initial"]
    on.clock.sleep(90)
    assert fleet.targets(on) == ["healthy"] * 3
    ended = activities(on)[0]
    assert ended["StatusCode"] == "Successful"
    assert (ended["EndTime"] - ended["StartTime"]).total_seconds() == 60


def test_an_instance_that_goes_drains_first(on: Stage) -> None:
    before = fleet.ids(on)
    desire(on, 1)
    assert states(on) == ["InService", "Terminating"]
    assert fleet.targets(on) == ["draining", "healthy"]
    on.clock.sleep(30)
    assert states(on) == ["InService"]
    assert fleet.targets(on) == ["healthy"]
    (gone,) = before - fleet.ids(on)
    found = on.client("ec2").describe_instances(InstanceIds=[gone])
    assert found["Reservations"][0]["Instances"][0]["State"]["Name"] == "terminated"


def test_one_whose_health_checks_fail_is_replaced_after_its_grace(on: Stage) -> None:
    bad_image(on)
    desire(on, 3)
    on.clock.sleep(200)
    assert fleet.targets(on) == ["healthy", "healthy", "unhealthy"]
    (bad,) = (
        it for it in fleet.instances(on) if it["InstanceId"] in activities(on)[0]["Description"]
    )
    bad_image(on, fleet.IMAGE + ":v2")
    on.clock.sleep(400)
    assert bad["InstanceId"] not in fleet.ids(on)
    assert any("ELB system health check failure" in it["Cause"] for it in activities(on))
    on.clock.sleep(400)
    assert fleet.targets(on) == ["healthy"] * 3


def test_what_is_terminated_in_ec2_is_replaced(on: Stage) -> None:
    gone = fleet.instances(on)[0]["InstanceId"]
    on.client("ec2").terminate_instances(InstanceIds=[gone])
    assert gone not in fleet.ids(on)
    assert states(on) == ["InService", "Pending"]
    assert any("EC2 health check" in it["Cause"] for it in activities(on))


def test_activities_come_in_pages_and_by_filter(on: Stage) -> None:
    desire(on, 3)
    on.clock.sleep(600)
    desire(on, 4)
    assert [it["StatusCode"] for it in activities(on)] == ["InProgress"] + ["Successful"] * 3
    pages = (
        scaling(on)
        .get_paginator("describe_scaling_activities")
        .paginate(AutoScalingGroupName=fleet.GROUP, PaginationConfig={"PageSize": 1})
    )
    assert len([it for page in pages for it in page["Activities"]]) == 4
    status = [{"Name": "Status", "Values": ["InProgress"]}]
    assert len(activities(on, Filters=status)) == 1


@pytest.mark.parametrize(("count", "words"), [(5, "above max value 4"), (0, "below min value 1")])
def test_a_size_beyond_the_limits_is_refused(
    on: Stage, refused: Refusal, count: int, words: str
) -> None:
    code, message = refused(
        scaling(on).set_desired_capacity, AutoScalingGroupName=fleet.GROUP, DesiredCapacity=count
    )
    assert code == "ValidationError"
    assert words in message
    assert states(on) == ["InService", "InService"]


def test_limits_that_do_not_fit_are_refused(on: Stage, refused: Refusal) -> None:
    update = scaling(on).update_auto_scaling_group
    assert refused(update, AutoScalingGroupName=fleet.GROUP, MinSize=5)[0] == "ValidationError"
    code, _ = refused(update, AutoScalingGroupName=fleet.GROUP, MaxSize=3, DesiredCapacity=4)
    assert code == "ValidationError"


def test_an_update_keeps_the_policy_and_sizes_follow_the_limits(on: Stage) -> None:
    before = fleet.seen(on)["MixedInstancesPolicy"]
    scaling(on).update_auto_scaling_group(AutoScalingGroupName=fleet.GROUP, MinSize=3)
    assert fleet.seen(on)["MixedInstancesPolicy"] == before
    assert fleet.seen(on)["DesiredCapacity"] == 3
    assert states(on) == ["InService", "InService", "Pending"]


def test_the_cooldown_is_honoured_where_it_is_to_be(on: Stage, refused: Refusal) -> None:
    desire(on, 3)
    call = scaling(on).set_desired_capacity
    given = {"AutoScalingGroupName": fleet.GROUP, "DesiredCapacity": 4, "HonorCooldown": True}
    assert refused(call, **given)[0] == "ScalingActivityInProgress"
    on.clock.sleep(60 + 300)
    call(**given)


def test_a_group_with_something_in_it_is_deleted_only_by_force(on: Stage, refused: Refusal) -> None:
    delete = scaling(on).delete_auto_scaling_group
    assert refused(delete, AutoScalingGroupName=fleet.GROUP)[0] == "ResourceInUse"
    desire(on, 3)
    assert refused(delete, AutoScalingGroupName=fleet.GROUP)[0] == "ScalingActivityInProgress"
    delete(AutoScalingGroupName=fleet.GROUP, ForceDelete=True)
    assert scaling(on).describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert fleet.targets(on) == []


def test_what_is_suspended_happens_once_it_is_resumed(on: Stage) -> None:
    only = {"AutoScalingGroupName": fleet.GROUP, "ScalingProcesses": ["Launch"]}
    scaling(on).suspend_processes(**only)
    desire(on, 3)
    on.clock.sleep(600)
    assert len(states(on)) == 2
    scaling(on).resume_processes(**only)
    assert states(on) == ["InService", "InService", "Pending"]


def test_a_refresh_replaces_one_after_another_and_is_then_the_groups_own(on: Stage) -> None:
    old = fleet.ids(on)
    refresh(on)
    assert fleet.refreshes(on)[0]["Status"] == "Pending"
    most, least, percents = 0, 9, set()
    for _ in range(80):
        on.clock.sleep(10)
        now = states(on)
        most, least = (
            max(most, len(now) - now.count("Terminating")),
            min(least, fleet.targets(on).count("healthy")),
        )
        percents.add(fleet.refreshes(on)[0]["PercentageComplete"])
    found = fleet.refreshes(on)[0]
    assert (found["Status"], found["InstancesToUpdate"]) == ("Successful", 0)
    assert percents == {0, 50, 100}
    assert (most, least) == (3, 2), "one more at a time, and never too few that serve"
    assert not old & fleet.ids(on)
    assert versions(on) == ["2", "2"]
    policy = fleet.seen(on)["MixedInstancesPolicy"]["LaunchTemplate"]
    assert policy["LaunchTemplateSpecification"]["Version"] == "2"


def test_scaled_meanwhile_a_refresh_keeps_what_it_has_launched(on: Stage) -> None:
    refresh(on)
    on.clock.sleep(10)
    desire(on, 3)
    assert states(on) == ["InService", "InService", "Pending", "Pending"]
    on.clock.sleep(3600)
    assert fleet.refreshes(on)[0]["Status"] == "Successful"
    assert states(on) == ["InService"] * 3
    assert versions(on) == ["2"] * 3, "what is launched meanwhile is of the new version"


def test_terminated_first_where_no_more_are_allowed(on: Stage) -> None:
    refresh(on, MinHealthyPercentage=50, MaxHealthyPercentage=100)
    on.clock.sleep(10)
    assert states(on) == ["InService", "Pending", "Terminating"]


def test_a_refresh_pauses_at_its_checkpoints(on: Stage) -> None:
    refresh(on, CheckpointPercentages=[50, 100], CheckpointDelay=1800)
    on.clock.sleep(600)
    found = fleet.refreshes(on)[0]
    assert (found["Status"], found["PercentageComplete"]) == ("InProgress", 50)
    on.clock.sleep(1200)
    assert fleet.refreshes(on)[0]["PercentageComplete"] == 50
    on.clock.sleep(600)
    assert fleet.refreshes(on)[0]["Status"] == "Successful"


def test_what_matches_is_skipped(on: Stage) -> None:
    before = fleet.ids(on)
    refresh(on, "1", SkipMatching=True)
    on.clock.sleep(60)
    assert fleet.refreshes(on)[0]["Status"] == "Successful"
    assert fleet.ids(on) == before


def test_a_refresh_bakes(on: Stage) -> None:
    refresh(on, BakeTime=3600)
    on.clock.sleep(1200)
    assert fleet.refreshes(on)[0]["Status"] == "Baking"
    on.clock.sleep(3000)
    assert fleet.refreshes(on)[0]["Status"] == "Successful"


@pytest.mark.parametrize(("automatic", "ends"), [(False, "Failed"), (True, "RollbackSuccessful")])
def test_a_refresh_gives_up_where_new_instances_stay_ill(
    on: Stage, automatic: bool, ends: str
) -> None:
    old = fleet.ids(on)
    bad_image(on)
    refresh(on, AutoRollback=automatic)
    on.clock.sleep(3000)
    assert fleet.refreshes(on)[0]["Status"] == "InProgress"
    on.clock.sleep(1200)
    found = fleet.refreshes(on)[0]
    assert found["Status"] == ends
    assert "did not pass its health checks" in found["StatusReason"]
    on.clock.sleep(600)
    assert fleet.ids(on) == old, "what served goes on serving"
    assert versions(on) == ["1", "1"]


def test_a_rollback_replaces_what_was_replaced(on: Stage) -> None:
    refresh(on)
    on.clock.sleep(200)
    assert fleet.refreshes(on)[0]["PercentageComplete"] == 50
    scaling(on).rollback_instance_refresh(AutoScalingGroupName=fleet.GROUP)
    assert fleet.refreshes(on)[0]["Status"] == "RollbackInProgress"
    on.clock.sleep(1200)
    found = fleet.refreshes(on)[0]
    assert (found["Status"], found["PercentageComplete"]) == ("RollbackSuccessful", 0)
    assert found["RollbackDetails"]["PercentageCompleteOnRollback"] == 50
    assert versions(on) == ["1", "1"]
    assert fleet.targets(on) == ["healthy", "healthy"]


def test_a_rollback_to_an_image_that_stays_ill_fails(on: Stage) -> None:
    refresh(on)
    on.clock.sleep(200)
    bad_image(on)
    scaling(on).rollback_instance_refresh(AutoScalingGroupName=fleet.GROUP)
    on.clock.sleep(2 * 3600)
    assert fleet.refreshes(on)[0]["Status"] == "RollbackFailed"


def test_a_refresh_that_is_cancelled_leaves_what_it_has_done(on: Stage) -> None:
    refresh(on)
    on.clock.sleep(250)
    scaling(on).cancel_instance_refresh(AutoScalingGroupName=fleet.GROUP)
    assert fleet.refreshes(on)[0]["Status"] == "Cancelling"
    on.clock.sleep(600)
    assert fleet.refreshes(on)[0]["Status"] == "Cancelled"
    assert versions(on) == ["1", "2"]
    assert fleet.targets(on) == ["healthy", "healthy"]


def test_what_aws_refuses_of_refreshes(on: Stage, refused: Refusal) -> None:
    group, api = {"AutoScalingGroupName": fleet.GROUP}, scaling(on)
    none = "ActiveInstanceRefreshNotFound"
    assert refused(api.cancel_instance_refresh, **group)[0] == none
    assert refused(api.rollback_instance_refresh, **group)[0] == none
    for preferences in (
        {"CheckpointDelay": 60},
        {"CheckpointPercentages": [50, 20]},
        {"MaxHealthyPercentage": 110},
        {"MinHealthyPercentage": 50, "MaxHealthyPercentage": 200},
        {"AutoRollback": True},
    ):
        code, _ = refused(api.start_instance_refresh, **group, Preferences=preferences)
        assert code == "ValidationError", preferences
    wrong = {"DesiredConfiguration": desired_configuration(on, "9")}
    assert refused(api.start_instance_refresh, **group, **wrong)[0] == "ValidationError"
    refresh(on, None)
    assert refused(api.start_instance_refresh, **group)[0] == "InstanceRefreshInProgress"
    assert refused(api.rollback_instance_refresh, **group)[0] == "IrreversibleInstanceRefresh"
    api.cancel_instance_refresh(**group)
    assert refused(api.rollback_instance_refresh, **group)[0] == none


def test_a_group_of_the_latest_version_has_nothing_to_go_back_to(
    on: Stage, refused: Refusal
) -> None:
    policy = desired_configuration(on, "$Latest")["MixedInstancesPolicy"]
    group = {"AutoScalingGroupName": fleet.GROUP}
    scaling(on).update_auto_scaling_group(**group, MixedInstancesPolicy=policy)
    refresh(on, "2")
    assert refused(scaling(on).rollback_instance_refresh, **group)[0] == (
        "IrreversibleInstanceRefresh"
    )


def test_where_nothing_takes_time_everything_is_there_at_once(mended: Clients) -> None:
    ec2, api = mended("ec2"), mended("autoscaling")
    assert isinstance(clock.get_sandbox_clock(), clock.InstantClock)
    template = ec2.create_launch_template(
        LaunchTemplateName="t",
        LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "t4g.small"},
    )["LaunchTemplate"]["LaunchTemplateId"]
    own = {"LaunchTemplateId": template, "Version": "1"}
    api.create_auto_scaling_group(
        AutoScalingGroupName="g",
        MinSize=1,
        MaxSize=4,
        LaunchTemplate=own,
        AvailabilityZones=[f"{REGION}a"],
    )
    api.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=3)
    (group,) = api.describe_auto_scaling_groups()["AutoScalingGroups"]
    before = {it["InstanceId"] for it in group["Instances"]}
    assert [it["LifecycleState"] for it in group["Instances"]] == ["InService"] * 3
    api.start_instance_refresh(
        AutoScalingGroupName="g",
        DesiredConfiguration={"LaunchTemplate": own},
        Preferences={"AutoRollback": True},
    )
    (found,) = api.describe_instance_refreshes(AutoScalingGroupName="g")["InstanceRefreshes"]
    assert found["Status"] == "Successful"
    (group,) = api.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert len(group["Instances"]) == 3
    assert not before & {it["InstanceId"] for it in group["Instances"]}


def test_a_parameter_was_changed_when_the_sandbox_says(on: Stage) -> None:
    bad_image(on)
    found = on.client("ssm").get_parameter(Name=fleet.PARAMETER)["Parameter"]
    assert abs(found["LastModifiedDate"].timestamp() - on.clock.now()) < 1

"""EC2 Auto Scaling in the sandbox: instance refreshes, their rollbacks and cancellations."""

from collections.abc import Iterator

import pytest

from tests.ops import fleet_stage as fleet
from tests.ops.stage import Stage, open_stage
from tests.sandbox.conftest import RefusalGetter
from tests.sandbox.patches.fleet_calls import (
    build_desired_configuration,
    create_autoscaling_client,
    list_lifecycle_states,
    list_template_versions,
    put_unhealthy_image,
    set_fleet_capacity,
    start_fleet_refresh,
)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as opened_stage:
        fleet.put_fleet(opened_stage)
        yield opened_stage


def test_a_refresh_replaces_one_after_another_and_is_then_the_groups_own(stage: Stage) -> None:
    old = fleet.list_instance_ids(stage)
    start_fleet_refresh(stage)
    assert fleet.list_instance_refreshes(stage)[0]["Status"] == "Pending"
    most, least, percents = 0, 9, set()
    for _ in range(80):
        stage.clock.sleep(10)
        now = list_lifecycle_states(stage)
        most, least = (
            max(most, len(now) - now.count("Terminating")),
            min(least, fleet.list_target_states(stage).count("healthy")),
        )
        percents.add(fleet.list_instance_refreshes(stage)[0]["PercentageComplete"])
    latest_refresh = fleet.list_instance_refreshes(stage)[0]
    assert (latest_refresh["Status"], latest_refresh["InstancesToUpdate"]) == ("Successful", 0)
    assert percents == {0, 50, 100}
    assert (most, least) == (3, 2), "one more at a time, and never too few that serve"
    assert not old & fleet.list_instance_ids(stage)
    assert list_template_versions(stage) == ["2", "2"]
    policy = fleet.describe_group(stage)["MixedInstancesPolicy"]["LaunchTemplate"]
    assert policy["LaunchTemplateSpecification"]["Version"] == "2"


def test_a_refresh_during_scaling_keeps_the_instances_it_launched(stage: Stage) -> None:
    start_fleet_refresh(stage)
    stage.clock.sleep(10)
    set_fleet_capacity(stage, 3)
    assert list_lifecycle_states(stage) == ["InService", "InService", "Pending", "Pending"]
    stage.clock.sleep(3600)
    assert fleet.list_instance_refreshes(stage)[0]["Status"] == "Successful"
    assert list_lifecycle_states(stage) == ["InService"] * 3
    assert list_template_versions(stage) == ["2"] * 3, (
        "what is launched meanwhile is of the new version"
    )


def test_without_room_above_capacity_old_instances_are_terminated_first(stage: Stage) -> None:
    start_fleet_refresh(stage, MinHealthyPercentage=50, MaxHealthyPercentage=100)
    stage.clock.sleep(10)
    assert list_lifecycle_states(stage) == ["InService", "Pending", "Terminating"]


def test_a_refresh_pauses_at_its_checkpoints(stage: Stage) -> None:
    start_fleet_refresh(stage, CheckpointPercentages=[50, 100], CheckpointDelay=1800)
    stage.clock.sleep(600)
    latest_refresh = fleet.list_instance_refreshes(stage)[0]
    assert (latest_refresh["Status"], latest_refresh["PercentageComplete"]) == ("InProgress", 50)
    stage.clock.sleep(1200)
    assert fleet.list_instance_refreshes(stage)[0]["PercentageComplete"] == 50
    stage.clock.sleep(600)
    assert fleet.list_instance_refreshes(stage)[0]["Status"] == "Successful"


def test_skip_matching_keeps_matching_instances(stage: Stage) -> None:
    before = fleet.list_instance_ids(stage)
    start_fleet_refresh(stage, "1", SkipMatching=True)
    stage.clock.sleep(60)
    assert fleet.list_instance_refreshes(stage)[0]["Status"] == "Successful"
    assert fleet.list_instance_ids(stage) == before


def test_a_refresh_waits_for_its_bake_time(stage: Stage) -> None:
    start_fleet_refresh(stage, BakeTime=3600)
    stage.clock.sleep(1200)
    assert fleet.list_instance_refreshes(stage)[0]["Status"] == "Baking"
    stage.clock.sleep(3000)
    assert fleet.list_instance_refreshes(stage)[0]["Status"] == "Successful"


@pytest.mark.parametrize(("automatic", "ends"), [(False, "Failed"), (True, "RollbackSuccessful")])
def test_a_refresh_gives_up_where_new_instances_stay_ill(
    stage: Stage, automatic: bool, ends: str
) -> None:
    old = fleet.list_instance_ids(stage)
    put_unhealthy_image(stage)
    start_fleet_refresh(stage, AutoRollback=automatic)
    stage.clock.sleep(3000)
    assert fleet.list_instance_refreshes(stage)[0]["Status"] == "InProgress"
    stage.clock.sleep(1200)
    latest_refresh = fleet.list_instance_refreshes(stage)[0]
    assert latest_refresh["Status"] == ends
    assert "did not pass its health checks" in latest_refresh["StatusReason"]
    stage.clock.sleep(600)
    assert fleet.list_instance_ids(stage) == old, "what served goes on serving"
    assert list_template_versions(stage) == ["1", "1"]


def test_a_rollback_replaces_what_was_replaced(stage: Stage) -> None:
    start_fleet_refresh(stage)
    stage.clock.sleep(200)
    assert fleet.list_instance_refreshes(stage)[0]["PercentageComplete"] == 50
    create_autoscaling_client(stage).rollback_instance_refresh(
        AutoScalingGroupName=fleet.FLEET_GROUP
    )
    assert fleet.list_instance_refreshes(stage)[0]["Status"] == "RollbackInProgress"
    stage.clock.sleep(1200)
    latest_refresh = fleet.list_instance_refreshes(stage)[0]
    assert (latest_refresh["Status"], latest_refresh["PercentageComplete"]) == (
        "RollbackSuccessful",
        0,
    )
    assert latest_refresh["RollbackDetails"]["PercentageCompleteOnRollback"] == 50
    assert list_template_versions(stage) == ["1", "1"]
    assert fleet.list_target_states(stage) == ["healthy", "healthy"]


def test_a_rollback_to_an_image_that_stays_ill_fails(stage: Stage) -> None:
    start_fleet_refresh(stage)
    stage.clock.sleep(200)
    put_unhealthy_image(stage)
    create_autoscaling_client(stage).rollback_instance_refresh(
        AutoScalingGroupName=fleet.FLEET_GROUP
    )
    stage.clock.sleep(2 * 3600)
    assert fleet.list_instance_refreshes(stage)[0]["Status"] == "RollbackFailed"


def test_a_refresh_that_is_cancelled_leaves_what_it_has_done(stage: Stage) -> None:
    start_fleet_refresh(stage)
    stage.clock.sleep(250)
    create_autoscaling_client(stage).cancel_instance_refresh(AutoScalingGroupName=fleet.FLEET_GROUP)
    assert fleet.list_instance_refreshes(stage)[0]["Status"] == "Cancelling"
    stage.clock.sleep(600)
    assert fleet.list_instance_refreshes(stage)[0]["Status"] == "Cancelled"
    assert list_template_versions(stage) == ["1", "2"]
    assert fleet.list_target_states(stage) == ["healthy", "healthy"]


def test_impossible_refreshes_are_refused_as_aws_does(
    stage: Stage, get_refusal: RefusalGetter
) -> None:
    group, api = {"AutoScalingGroupName": fleet.FLEET_GROUP}, create_autoscaling_client(stage)
    none = "ActiveInstanceRefreshNotFound"
    assert get_refusal(api.cancel_instance_refresh, **group)[0] == none
    assert get_refusal(api.rollback_instance_refresh, **group)[0] == none
    for preferences in (
        {"CheckpointDelay": 60},
        {"CheckpointPercentages": [50, 20]},
        {"MaxHealthyPercentage": 110},
        {"MinHealthyPercentage": 50, "MaxHealthyPercentage": 200},
        {"AutoRollback": True},
    ):
        code, _ = get_refusal(api.start_instance_refresh, **group, Preferences=preferences)
        assert code == "ValidationError", preferences
    wrong = {"DesiredConfiguration": build_desired_configuration(stage, "9")}
    assert get_refusal(api.start_instance_refresh, **group, **wrong)[0] == "ValidationError"
    start_fleet_refresh(stage, None)
    assert get_refusal(api.start_instance_refresh, **group)[0] == "InstanceRefreshInProgress"
    assert get_refusal(api.rollback_instance_refresh, **group)[0] == "IrreversibleInstanceRefresh"
    api.cancel_instance_refresh(**group)
    assert get_refusal(api.rollback_instance_refresh, **group)[0] == none


def test_a_group_of_the_latest_version_has_nothing_to_go_back_to(
    stage: Stage, get_refusal: RefusalGetter
) -> None:
    policy = build_desired_configuration(stage, "$Latest")["MixedInstancesPolicy"]
    group = {"AutoScalingGroupName": fleet.FLEET_GROUP}
    create_autoscaling_client(stage).update_auto_scaling_group(**group, MixedInstancesPolicy=policy)
    start_fleet_refresh(stage, "2")
    assert get_refusal(create_autoscaling_client(stage).rollback_instance_refresh, **group)[0] == (
        "IrreversibleInstanceRefresh"
    )

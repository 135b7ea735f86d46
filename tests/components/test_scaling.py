"""How the number of a service's tasks follows what happens, and the clock."""

from pydantic import JsonValue

from tests.components.neighbours import build_services_graph
from tests.conftest import Build

SCALABLE_TARGET_TYPE = "aws:appautoscaling/target:Target"
SCALING_POLICY_TYPE = "aws:appautoscaling/policy:Policy"
SCHEDULED_ACTION_TYPE = "aws:appautoscaling/scheduledAction:ScheduledAction"
SCHEDULED_SERVICES: JsonValue = {
    "web": {
        "schedule": {
            "morning": {
                "cron": "0 6 ? * MON-FRI *",
                "min": 4,
                "max": 10,
                "timezone": "Europe/Stockholm",
            },
            "night": {"cron": "0 20 ? * MON-FRI *", "min": 1, "max": 2},
        }
    }
}


def test_scaling_limits_come_from_the_settings_and_pulumi_keeps_them(build: Build) -> None:
    target = build_services_graph(build).get_resource(SCALABLE_TARGET_TYPE)
    assert (target.inputs["minCapacity"], target.inputs["maxCapacity"]) == (2, 10)
    assert target.inputs["resourceId"] == "service/bulwark-test/web"
    assert target.ignore_changes == ()


def test_each_target_of_the_settings_is_followed(build: Build) -> None:
    graph = build_services_graph(build, {"services": {"web": {"requestsTarget": 500}}})
    tracking_policies = {
        p.name: p.inputs["targetTrackingScalingPolicyConfiguration"]
        for p in graph.list_resources(SCALING_POLICY_TYPE)
    }
    assert {name: policy["targetValue"] for name, policy in tracking_policies.items()} == {
        "services-web-scaling-cpu": 70,
        "services-web-scaling-memory": 80,
        "services-web-scaling-requests": 500,
    }
    requests = tracking_policies["services-web-scaling-requests"]["predefinedMetricSpecification"]
    assert requests == {
        "predefinedMetricType": "ALBRequestCountPerTarget",
        "resourceLabel": "app/test/50dc6c495c0c9188/targetgroup/web/73e2d6bc24d8a067",
    }
    assert all(
        policy["scaleInCooldown"] > policy["scaleOutCooldown"]
        for policy in tracking_policies.values()
    )


def test_the_cooldowns_are_those_of_the_settings(build: Build) -> None:
    cooldowns: JsonValue = {"scaleOutCooldownSeconds": 0, "scaleInCooldownSeconds": 900}
    graph = build_services_graph(build, {"services": {"web": cooldowns}})
    policies = [
        p.inputs["targetTrackingScalingPolicyConfiguration"]
        for p in graph.list_resources(SCALING_POLICY_TYPE)
    ]
    assert {(p["scaleOutCooldown"], p["scaleInCooldown"]) for p in policies} == {(0, 900)}


def test_a_null_scaling_target_makes_no_policy(build: Build) -> None:
    graph = build_services_graph(build, {"services": {"web": {"memoryTarget": None}}})
    assert [p.name for p in graph.list_resources(SCALING_POLICY_TYPE)] == [
        "services-web-scaling-cpu"
    ]


def test_without_scaling_targets_there_is_no_scaling(build: Build) -> None:
    graph = build_services_graph(
        build, {"services": {"web": {"memoryTarget": None, "cpuTarget": None}}}
    )
    assert (
        graph.list_resources(SCALABLE_TARGET_TYPE)
        == graph.list_resources(SCALING_POLICY_TYPE)
        == []
    )


def test_with_a_schedule_pulumi_ignores_the_scaling_limits(build: Build) -> None:
    graph = build_services_graph(build, {"services": SCHEDULED_SERVICES})
    assert set(graph.get_resource(SCALABLE_TARGET_TYPE).ignore_changes) == {
        "minCapacity",
        "maxCapacity",
    }
    morning_action = graph.get_resource(
        SCHEDULED_ACTION_TYPE, "services-web-schedule-morning"
    ).inputs
    assert (morning_action["schedule"], morning_action["timezone"]) == (
        "cron(0 6 ? * MON-FRI *)",
        "Europe/Stockholm",
    )
    assert morning_action["scalableTargetAction"] == {"minCapacity": 4, "maxCapacity": 10}
    assert (
        graph.get_resource(SCHEDULED_ACTION_TYPE, "services-web-schedule-night").inputs["timezone"]
        == "UTC"
    )

"""The fleet: its Auto Scaling group, its rights, its firewall."""

import base64
import json
from typing import Any

import pulumi
import pytest
from pydantic import JsonValue

from ops.outputs import FleetPart
from sandbox.program import ResourceGraph, run_program
from tests.components.neighbours import (
    CACHE_SECRET_ARN,
    DATABASE_SECRET_ARN,
    StackNeighbours,
    build_fleet_graph,
    collect_part,
)
from tests.conftest import Build
from tests.world import AwsMocks, build_settings

AUTO_SCALING_GROUP_TYPE = "aws:autoscaling/group:Group"
LAUNCH_TEMPLATE_TYPE = "aws:ec2/launchTemplate:LaunchTemplate"
AUTO_SCALING_POLICY_TYPE = "aws:autoscaling/policy:Policy"
SSM_PARAMETER_TYPE = "aws:ssm/parameter:Parameter"
EGRESS_RULE_TYPE = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
INGRESS_RULE_TYPE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


def _get_instance_statements(graph: ResourceGraph) -> dict[str, dict[str, Any]]:
    policy = graph.get_resource("aws:iam/rolePolicy:RolePolicy", "fleet-instance")
    return {s["Sid"]: s for s in json.loads(policy.inputs["policy"])["Statement"]}


def _load_container_config(graph: ResourceGraph) -> dict[str, Any]:
    """What the instances are told of their container."""
    text = base64.b64decode(graph.get_resource(LAUNCH_TEMPLATE_TYPE).inputs["userData"]).decode()
    files = json.loads(text.removeprefix("#cloud-config\n"))["write_files"]
    (content,) = (f["content"] for f in files if f["path"].endswith("container.json"))
    container_config = json.loads(content)
    assert isinstance(container_config, dict)
    return container_config


def _get_mixed_instances_policy(graph: ResourceGraph) -> dict[str, Any]:
    instances_policy = graph.get_resource(AUTO_SCALING_GROUP_TYPE).inputs["mixedInstancesPolicy"]
    assert isinstance(instances_policy, dict)
    return instances_policy


def test_autoscaling_1_instance_health_comes_from_the_load_balancer(build: Build) -> None:
    group = build_fleet_graph(build).get_resource(AUTO_SCALING_GROUP_TYPE).inputs
    assert (group["healthCheckType"], group["healthCheckGracePeriod"]) == ("ELB", 300)
    assert len(group["targetGroupArns"]) == 1


def test_autoscaling_2_instances_are_in_every_zone(build: Build) -> None:
    assert (
        len(
            set(
                build_fleet_graph(build)
                .get_resource(AUTO_SCALING_GROUP_TYPE)
                .inputs["vpcZoneIdentifiers"]
            )
        )
        == 3
    )


def test_autoscaling_6_there_are_several_types_in_several_zones(build: Build) -> None:
    overrides = _get_mixed_instances_policy(build_fleet_graph(build))["launchTemplate"]["overrides"]
    assert [o["instanceType"] for o in overrides] == ["t4g.small", "t4g.medium"]


def test_autoscaling_9_the_group_uses_a_launch_template_by_number(build: Build) -> None:
    graph = build_fleet_graph(build)
    template = _get_mixed_instances_policy(graph)["launchTemplate"]["launchTemplateSpecification"]
    assert template == {
        "launchTemplateId": graph.get_resource(LAUNCH_TEMPLATE_TYPE).id,
        "version": "1",
    }
    assert "launchConfiguration" not in graph.get_resource(AUTO_SCALING_GROUP_TYPE).inputs


def test_ssm_1_instances_are_managed_but_cannot_read_every_parameter(build: Build) -> None:
    managed_actions = _get_instance_statements(build_fleet_graph(build))["Managed"]["Action"]
    assert "ssm:UpdateInstanceInformation" in managed_actions
    assert "ssmmessages:OpenControlChannel" in managed_actions
    assert not [action for action in managed_actions if "GetParameter" in action]


@pytest.mark.parametrize("control", ["IAM.1", "IAM.21", "KMS.1", "KMS.2"])
def test_the_role_has_no_whole_service_and_no_whole_key_ring(build: Build, control: str) -> None:
    for statement in _get_instance_statements(
        build_fleet_graph(build, {"cache": {"enabled": True}})
    ).values():
        assert not [action for action in statement["Action"] if action.endswith("*")]
        if "kms:Decrypt" in statement["Action"]:
            assert "*" not in statement["Resource"]


def test_the_role_reads_its_own_image_secrets_and_repository_only(build: Build) -> None:
    rights = _get_instance_statements(build_fleet_graph(build, {"cache": {"enabled": True}}))
    assert rights["Secrets"]["Resource"] == [DATABASE_SECRET_ARN, CACHE_SECRET_ARN]
    assert rights["Image"]["Resource"] == [
        "arn:aws:ssm:eu-north-1:123456789012:parameter/fleet-image"
    ]
    assert rights["Pull"]["Resource"] == [
        "arn:aws:ecr:eu-north-1:123456789012:repository/bulwark/test/fleet"
    ]
    assert rights["Metrics"]["Condition"] == {"StringEquals": {"cloudwatch:namespace": "CWAgent"}}


def test_pulumi_ignores_capacity_and_image_of_the_fleet(build: Build) -> None:
    graph = build_fleet_graph(build)
    group, image = (
        graph.get_resource(AUTO_SCALING_GROUP_TYPE),
        graph.get_resource(SSM_PARAMETER_TYPE),
    )
    assert group.ignore_changes == ("desiredCapacity",)
    assert group.protect
    assert image.ignore_changes == ("value",)
    assert image.inputs["name"] == "/bulwark/test/fleet/image"
    assert image.inputs["value"].startswith("public.ecr.aws/")


def test_a_new_template_waits_for_a_refresh_that_can_go_back(build: Build) -> None:
    """A refresh that Pulumi starts has nothing to go back to: the group is changed before it."""
    group = build_fleet_graph(build).get_resource(AUTO_SCALING_GROUP_TYPE)
    assert "instanceRefresh" not in group.inputs


@pytest.mark.parametrize(
    ("deployed_version", "version", "is_warned"), [(None, "1", False), ("7", "7", True)]
)
def test_the_group_keeps_its_launch_template_version(
    deployed_version: str | None,
    version: str,
    is_warned: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also if the state is older than an instance refresh: none goes back unasked."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: warnings.append(text))
    parts: list[list[Any]] = []

    def build_fleet() -> None:
        settings = build_settings({"compute": "fleet"})
        fleet = StackNeighbours(settings).build_fleet(deployed_version=deployed_version)
        parts.append(collect_part(fleet))

    graph = run_program(build_fleet, AwsMocks())
    template = _get_mixed_instances_policy(graph)["launchTemplate"]
    assert template["launchTemplateSpecification"]["version"] == version
    assert parts[0][0]["launchTemplateVersion"] == "1"
    assert bool(warnings) is is_warned
    assert all("ops fleet refresh start --template-version latest" in text for text in warnings)


def test_the_pauses_of_a_refresh_are_in_the_contract(build: Build) -> None:
    parts: list[list[Any]] = []
    settings = build_settings(
        {"compute": "fleet", "fleet": {"checkpoints": [25, 100], "checkpointMinutes": 5}}
    )
    build(lambda: parts.append(collect_part(StackNeighbours(settings).build_fleet())))
    part = parts[0][0]
    assert (part["checkpoints"], part["checkpointMinutes"]) == ([25, 100], 5)


@pytest.mark.parametrize(("share", "on_demand", "rebalance"), [(0, 100, False), (60, 40, True)])
def test_spot_takes_its_share_above_the_minimum(
    build: Build, share: int, on_demand: int, rebalance: bool
) -> None:
    graph = build_fleet_graph(build, {"fleet": {"spotShare": share}})
    distribution = _get_mixed_instances_policy(graph)["instancesDistribution"]
    assert distribution["onDemandBaseCapacity"] == 2
    assert distribution["onDemandPercentageAboveBaseCapacity"] == on_demand
    assert distribution["spotAllocationStrategy"] == "price-capacity-optimized"
    assert graph.get_resource(AUTO_SCALING_GROUP_TYPE).inputs["capacityRebalance"] is rebalance


def test_group_metrics_are_on_and_new_instances_warm_up(build: Build) -> None:
    group = build_fleet_graph(build).get_resource(AUTO_SCALING_GROUP_TYPE).inputs
    metrics = {"GroupDesiredCapacity", "GroupInServiceCapacity", "GroupInServiceInstances"}
    assert metrics <= set(group["enabledMetrics"])
    assert group["defaultInstanceWarmup"] == 180


def test_the_fleet_follows_its_load(build: Build) -> None:
    graph = build_fleet_graph(build, {"fleet": {"requestsTarget": 1000}})
    target_tracking = {
        p.name: p.inputs["targetTrackingConfiguration"]
        for p in graph.list_resources(AUTO_SCALING_POLICY_TYPE)
    }
    assert target_tracking["fleet-cpu"]["predefinedMetricSpecification"] == {
        "predefinedMetricType": "ASGAverageCPUUtilization"
    }
    assert target_tracking["fleet-cpu"]["targetValue"] == 70
    label = target_tracking["fleet-requests"]["predefinedMetricSpecification"]["resourceLabel"]
    assert label == "app/test/50dc6c495c0c9188/targetgroup/fleet/73e2d6bc24d8a067"
    assert [p.name for p in build_fleet_graph(build).list_resources(AUTO_SCALING_POLICY_TYPE)] == [
        "fleet-cpu"
    ]


@pytest.mark.parametrize(("days", "seconds"), [(None, None), (30, 2_592_000)])
def test_instances_are_replaced_at_the_maximum_age_of_the_settings(
    build: Build, days: int | None, seconds: int | None
) -> None:
    group = (
        build_fleet_graph(build, {"fleet": {"maxLifetimeDays": days}})
        .get_resource(AUTO_SCALING_GROUP_TYPE)
        .inputs
    )
    assert group.get("maxInstanceLifetime") == seconds


def test_instances_are_called_by_the_load_balancer_and_call_what_they_need(build: Build) -> None:
    graph = build_fleet_graph(build, {"cache": {"enabled": True}})
    group = graph.get_resource("aws:ec2/securityGroup:SecurityGroup")
    into = [
        r
        for r in graph.list_resources(INGRESS_RULE_TYPE)
        if r.inputs["securityGroupId"] == group.id
    ]
    assert [(r.inputs["referencedSecurityGroupId"], r.inputs["fromPort"]) for r in into] == [
        ("sg-0123456789abcdef1", 8080)
    ]
    out = [
        r for r in graph.list_resources(EGRESS_RULE_TYPE) if r.inputs["securityGroupId"] == group.id
    ]
    assert {r.name: r.inputs["fromPort"] for r in out} == {
        "fleet-database": 5433,
        "fleet-cache": 6379,
        "fleet-https": 443,
    }


def test_instances_get_arns_of_secrets_and_no_values(build: Build) -> None:
    secret_arn = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:own-abc123"
    graph = build_fleet_graph(
        build, {"fleet": {"secrets": {"KEY": secret_arn}, "environment": {"A": "1"}}}
    )
    container_config = _load_container_config(graph)
    assert container_config["secrets"]["DB_PASSWORD"] == {
        "arn": DATABASE_SECRET_ARN,
        "key": "password",
    }
    assert container_config["secrets"]["KEY"] == {"arn": secret_arn, "key": None}
    assert container_config["environment"] == {"A": "1"}
    assert container_config["imageParameter"] == "/bulwark/test/fleet/image"
    assert container_config["logGroup"] == "/bulwark/test/fleet"


def test_a_fleet_without_database_and_cache_reaches_neither(build: Build) -> None:
    lonely: JsonValue = {"database": False, "cache": False}
    graph = build_fleet_graph(build, {"cache": {"enabled": True}, "fleet": lonely})
    assert _load_container_config(graph)["secrets"] == {}
    assert "Secrets" not in _get_instance_statements(graph)
    assert sorted(r.name for r in graph.list_resources(EGRESS_RULE_TYPE)) == [
        "fleet-alb",
        "fleet-https",
    ]


def test_the_groups_tags_reach_its_instances(build: Build) -> None:
    tags = {
        tag["key"]: tag
        for tag in build_fleet_graph(build).get_resource(AUTO_SCALING_GROUP_TYPE).inputs["tags"]
    }
    assert tags["Component"]["value"] == "fleet"
    assert all(tag["propagateAtLaunch"] for tag in tags.values())


def test_the_fleet_part_has_what_operations_need(build: Build) -> None:
    parts: list[list[object]] = []
    build(
        lambda: parts.append(
            collect_part(StackNeighbours(build_settings({"compute": "fleet"})).build_fleet())
        )
    )
    part = FleetPart.model_validate(parts[0][0])
    assert part.group == "bulwark-test-fleet"
    assert part.image_parameter == "/bulwark/test/fleet/image"
    assert part.log_group == "/bulwark/test/fleet"


def test_one_instance_type_and_the_cooldown_are_those_of_the_settings(build: Build) -> None:
    fleet: JsonValue = {
        "architecture": "x86_64",
        "instanceTypes": ["m7i.large"],
        "cooldownSeconds": 60,
        "honorCooldown": True,
    }
    graph = build_fleet_graph(build, {"fleet": fleet})
    assert _get_mixed_instances_policy(graph)["launchTemplate"]["overrides"] == [
        {"instanceType": "m7i.large"}
    ]
    group = graph.get_resource("aws:autoscaling/group:Group").inputs
    assert group["defaultCooldown"] == 60

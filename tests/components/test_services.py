"""The cluster and its services."""

import pytest
from pydantic import JsonValue

from ops.outputs import ServicesPart
from tests.components.neighbours import StackNeighbours, build_services_graph, collect_part
from tests.conftest import Build
from tests.world import build_settings

ECS_CLUSTER_TYPE = "aws:ecs/cluster:Cluster"
CAPACITY_PROVIDERS_TYPE = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
LOG_GROUP_TYPE = "aws:cloudwatch/logGroup:LogGroup"
ECS_SERVICE_TYPE = "aws:ecs/service:Service"
TWO_SERVICES_CONFIG: dict[str, JsonValue] = {"services": {"api": {"paths": ["/api/*"]}, "web": {}}}


def test_each_service_is_a_component_of_its_own_with_its_own_log(build: Build) -> None:
    graph = build_services_graph(build, TWO_SERVICES_CONFIG)
    assert sorted(s.name for s in graph.list_resources(ECS_SERVICE_TYPE)) == [
        "services-api",
        "services-web",
    ]
    for service in graph.list_resources(ECS_SERVICE_TYPE):
        assert service.parent.endswith(f"bulwark:index:Service::{service.name}")
        outer = graph.find_component(service)
        assert outer is not None
        assert outer.name == "services"
        assert service.inputs["tags"]["Component"] == "services"
    names = sorted(log.inputs["name"] for log in graph.list_resources(LOG_GROUP_TYPE))
    assert names == [
        "/aws/ecs/containerinsights/bulwark-test/performance",
        "/bulwark/test/exec",
        "/bulwark/test/services/api",
        "/bulwark/test/services/web",
    ]


def test_adding_a_service_changes_nothing_of_the_others(build: Build) -> None:
    single_service_graph = build_services_graph(build, {"services": {"web": {}}})
    before = {(r.type, r.name): r.inputs for r in single_service_graph}
    after = {(r.type, r.name): r.inputs for r in build_services_graph(build, TWO_SERVICES_CONFIG)}
    assert before.items() <= after.items()


@pytest.mark.parametrize("insights", ["enhanced", "enabled"])
def test_ecs_12_container_insights_are_on(build: Build, insights: str) -> None:
    graph = build_services_graph(build, {"cluster": {"containerInsights": insights}})
    assert graph.get_resource(ECS_CLUSTER_TYPE).inputs["settings"] == [
        {"name": "containerInsights", "value": insights}
    ]


def test_without_insights_there_is_no_log_group_for_them(build: Build) -> None:
    graph = build_services_graph(build, profile="dev")
    assert graph.get_resource(ECS_CLUSTER_TYPE).inputs["settings"][0]["value"] == "disabled"
    assert not [
        log
        for log in graph.list_resources(LOG_GROUP_TYPE)
        if "containerinsights" in log.inputs["name"]
    ]


def test_exec_sessions_are_encrypted_and_logged(build: Build) -> None:
    graph = build_services_graph(build)
    command = graph.get_resource(ECS_CLUSTER_TYPE).inputs["configuration"][
        "executeCommandConfiguration"
    ]
    assert command["logging"] == "OVERRIDE"
    assert command["kmsKeyId"].endswith("keys-logs")
    assert command["logConfiguration"] == {
        "cloudWatchLogGroupName": "/bulwark/test/exec",
        "cloudWatchEncryptionEnabled": True,
    }


def test_without_own_keys_exec_sessions_are_still_logged(build: Build) -> None:
    graph = build_services_graph(build, profile="dev")
    command = graph.get_resource(ECS_CLUSTER_TYPE).inputs["configuration"][
        "executeCommandConfiguration"
    ]
    assert "kmsKeyId" not in command
    assert command["logConfiguration"]["cloudWatchEncryptionEnabled"] is False


def test_without_exec_the_cluster_has_no_configuration_for_it(build: Build) -> None:
    graph = build_services_graph(build, {"cluster": {"exec": False}})
    assert graph.get_resource(ECS_CLUSTER_TYPE).inputs.get("configuration") is None
    assert not [
        log for log in graph.list_resources(LOG_GROUP_TYPE) if log.inputs["name"].endswith("/exec")
    ]


def test_both_kinds_of_fargate_can_be_asked_for(build: Build) -> None:
    graph = build_services_graph(build, profile="dev")
    assert graph.get_resource(CAPACITY_PROVIDERS_TYPE).inputs["capacityProviders"] == [
        "FARGATE",
        "FARGATE_SPOT",
    ]
    assert [
        (s["capacityProvider"], s["weight"])
        for s in graph.get_resource(ECS_SERVICE_TYPE).inputs["capacityProviderStrategies"]
    ] == [("FARGATE", 0), ("FARGATE_SPOT", 100)]


def test_every_log_group_is_kept_as_long_as_the_settings_say(build: Build) -> None:
    logs = build_services_graph(build, {"logs": {"retentionDays": 30}}).list_resources(
        LOG_GROUP_TYPE
    )
    assert {log.inputs["retentionInDays"] for log in logs} == {30}
    assert all(log.inputs["kmsKeyId"].endswith("keys-logs") for log in logs)


def test_the_services_part_has_what_operations_need(build: Build) -> None:
    parts: list[list[object]] = []
    build(
        lambda: parts.append(
            collect_part(StackNeighbours(build_settings(TWO_SERVICES_CONFIG)).build_services())
        )
    )
    part = ServicesPart.model_validate(parts[0][0])
    assert (part.cluster, sorted(part.services)) == ("bulwark-test", ["api", "web"])
    api = part.services["api"]
    assert (api.name, api.container, api.port) == ("api", "api", 8080)
    assert api.log_group == "/bulwark/test/services/api"
    assert api.scaling_resource_id == "service/bulwark-test/api"


def test_a_service_without_automatic_scaling_has_no_scaling_id(build: Build) -> None:
    still: JsonValue = {"web": {"cpuTarget": None, "memoryTarget": None}}
    parts: list[list[object]] = []
    build(
        lambda: parts.append(
            collect_part(StackNeighbours(build_settings({"services": still})).build_services())
        ),
    )
    assert ServicesPart.model_validate(parts[0][0]).services["web"].scaling_resource_id is None

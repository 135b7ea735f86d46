"""A worker: a Fargate service that nothing calls."""

import json
from typing import Any, Final

from pydantic import JsonValue

from sandbox.program import ResourceGraph
from tests.components.monitored_stack import plan_stack_alarms
from tests.components.neighbours import build_services_graph
from tests.conftest import Build
from tests.world import run_whole_program

ECS_SERVICE_TYPE = "aws:ecs/service:Service"
TASK_DEFINITION_TYPE = "aws:ecs/taskDefinition:TaskDefinition"
INGRESS_RULE_TYPE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
SCALING_POLICY_TYPE = "aws:appautoscaling/policy:Policy"
MAILER: Final[dict[str, JsonValue]] = {
    "kind": "worker",
    "healthCheck": {"command": ["CMD-SHELL", "test -f /tmp/ready"], "startPeriodSeconds": 20},
}
SERVICES: dict[str, JsonValue] = {"services": {"web": {}, "mailer": MAILER}}


def _find_inputs(graph: ResourceGraph, type_: str, name: str) -> dict[str, Any]:
    (inputs,) = [r.inputs for r in graph.list_resources(type_) if r.name == name]
    return dict(inputs)


def _load_container(graph: ResourceGraph, service: str) -> dict[str, Any]:
    inputs = _find_inputs(graph, TASK_DEFINITION_TYPE, f"services-{service}")
    (container,) = json.loads(inputs["containerDefinitions"])
    return dict(container)


def test_a_worker_has_no_target_group_no_port_and_no_grace_period(build: Build) -> None:
    graph = build_services_graph(build, SERVICES)
    service = _find_inputs(graph, ECS_SERVICE_TYPE, "services-mailer")
    assert "loadBalancers" not in service
    assert "healthCheckGracePeriodSeconds" not in service
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert _load_container(graph, "mailer")["portMappings"] == []
    assert _load_container(graph, "web")["portMappings"][0]["containerPort"] == 8080


def test_a_worker_is_checked_by_its_command_and_restarted_in_its_task(build: Build) -> None:
    graph = build_services_graph(build, SERVICES)
    container = _load_container(graph, "mailer")
    assert container["healthCheck"] == {
        "command": ["CMD-SHELL", "test -f /tmp/ready"],
        "interval": 15,
        "timeout": 5,
        "retries": 3,
        "startPeriod": 20,
    }
    assert container["restartPolicy"] == {"enabled": True, "restartAttemptPeriod": 60}
    assert not {"healthCheck", "restartPolicy"} & _load_container(graph, "web").keys()


def test_nothing_may_call_a_worker(build: Build) -> None:
    graph = build_services_graph(build, SERVICES)
    rules = {r.name for r in graph.list_resources(INGRESS_RULE_TYPE)}
    assert {name for name in rules if "mailer" in name} == {"services-mailer-database"}
    assert "services-web-alb" in rules


def test_a_worker_scales_by_processor_and_memory(build: Build) -> None:
    graph = build_services_graph(build, SERVICES)
    names = {r.name for r in graph.list_resources(SCALING_POLICY_TYPE) if "mailer" in r.name}
    assert names == {"services-mailer-scaling-cpu", "services-mailer-scaling-memory"}


def test_a_stack_of_workers_has_no_load_balancer() -> None:
    graph = run_whole_program("prod", {"services": {"mailer": MAILER}})
    types = {resource.type for resource in graph}
    assert not any(type_.startswith(("aws:lb/", "aws:acm/", "aws:wafv2/")) for type_ in types)
    assert ECS_SERVICE_TYPE in types
    repositories = graph.list_resources("aws:ecr/repository:Repository")
    assert [repository.name for repository in repositories] == ["registry-mailer"]


def test_the_published_parts_of_a_worker_say_its_kind_and_no_port() -> None:
    graph = run_whole_program("prod", {"services": {"web": {}, "mailer": MAILER}})
    values = {
        r.inputs["name"].removeprefix("/bulwark/prod/outputs/"): r.inputs["value"]
        for r in graph.list_resources("aws:ssm/parameter:Parameter")
        if r.name.startswith("outputs-")
    }
    part = json.loads(values["services/mailer"])["mailer"]
    assert (part["kind"], part["port"]) == ("worker", None)
    assert "loadBalancer/web" in values
    assert "loadBalancer/mailer" not in values


def test_a_worker_has_the_alarms_of_its_tasks_and_none_of_targets() -> None:
    alarms = plan_stack_alarms(SERVICES).alarms
    assert {alarm.entry.key for alarm in alarms if alarm.subject == "mailer"} == {
        "service-cpu-high",
        "service-memory-high",
        "service-tasks-missing",
        "worker-restarting",
    }
    assert [a.subject for a in alarms if a.entry.key == "worker-restarting"] == ["mailer"]
    assert "target-none-healthy" in {a.entry.key for a in alarms if a.subject == "web"}


def test_a_worker_scales_by_the_backlog_of_each_task(build: Build) -> None:
    queue = "arn:aws:sqs:eu-north-1:123456789012:mails"
    mailer: JsonValue = {**MAILER, "scaling": {"queue": queue, "backlogPerTask": 100}}
    graph = build_services_graph(build, {"services": {"web": {}, "mailer": mailer}})
    inputs = _find_inputs(graph, SCALING_POLICY_TYPE, "services-mailer-scaling-backlog")
    configuration = inputs["targetTrackingScalingPolicyConfiguration"]
    visible, running, backlog = configuration["customizedMetricSpecification"]["metrics"]
    assert configuration["targetValue"] == 100
    assert visible["metricStat"]["metric"] == {
        "namespace": "AWS/SQS",
        "metricName": "ApproximateNumberOfMessagesVisible",
        "dimensions": [{"name": "QueueName", "value": "mails"}],
    }
    assert running["metricStat"]["metric"]["metricName"] == "RunningTaskCount"
    assert [d["name"] for d in running["metricStat"]["metric"]["dimensions"]] == [
        "ClusterName",
        "ServiceName",
    ]
    assert running["metricStat"]["metric"]["dimensions"][1]["value"] == "mailer"
    assert backlog["expression"] == "visible / IF(FILL(running, 0) > 0, running, 1)"
    assert [metric["returnData"] for metric in (visible, running, backlog)] == [False, False, True]


def test_a_late_message_is_an_alarm_of_workers_with_a_queue() -> None:
    mailer: JsonValue = {**MAILER, "scaling": {"queue": "mails", "backlogPerTask": 100}}
    services: JsonValue = {"web": {}, "mailer": mailer, "cleaner": {"kind": "worker"}}
    alarms = plan_stack_alarms({"services": services}).alarms
    assert [(a.subject, a.threshold) for a in alarms if a.entry.key == "worker-queue-late"] == [
        ("mailer", 900)
    ]

"""Facts of the Fargate services and their cluster."""

from collections.abc import Iterable
from typing import Final

from components.facts.billing import (
    Charge,
    PricedResource,
    PriceTerm,
    StackResources,
    build_usage_charge,
)
from components.facts.model import ASSUMPTION, RECREATION_MINUTES, ChangeEffect, ResourceFact

TASK_DEFINITION_TYPE: Final = "aws:ecs/taskDefinition:TaskDefinition"
# What Application Auto Scaling calls the number of tasks of a service (API reference).
ECS_SCALING_NAMESPACE: Final = "ecs"
DESIRED_COUNT_DIMENSION: Final = "ecs:service:DesiredCount"
ROLLING_UPDATE_EFFECT: Final = ChangeEffect(
    "every task is replaced, the new ones first",
    "none while the new ones become healthy",
    ("ECS Developer Guide, Rolling update; the circuit breaker rolls a failed one back"),
)


def _list_service_charges(resource: PricedResource, stack: StackResources) -> Iterable[Charge]:
    """The desired tasks, at the price of their processor."""
    task = stack.find_sibling(resource, TASK_DEFINITION_TYPE)
    count = resource.inputs.get("desiredCount") or 0
    if task is None:
        yield Charge("tasks", unknown="unknown: its task definition is not in the preview")
        return
    cpu, memory = float(task.inputs["cpu"]) / 1024, float(task.inputs["memory"]) / 1024
    processor = (task.inputs.get("runtimePlatform") or {}).get("cpuArchitecture") or "X86_64"
    yield Charge(
        f"{count:g} x {cpu:g} vCPU, {memory:g} GB",
        (
            PriceTerm("fargate", cpu * count, hourly=True, entry=processor, part=0),
            PriceTerm("fargate", memory * count, hourly=True, entry=processor, part=1),
        ),
    )
    yield build_usage_charge("scaling", "scale")


def _list_cluster_charges(resource: PricedResource, _stack: StackResources) -> Iterable[Charge]:
    settings = resource.inputs.get("settings") or ()
    if any(
        setting["name"] == "containerInsights" and setting["value"] != "disabled"
        for setting in settings
    ):
        yield build_usage_charge("Container Insights", "insights")


FACTS: Final = (
    ResourceFact(type="aws:appautoscaling/policy:Policy"),
    ResourceFact(type="aws:appautoscaling/target:Target", is_taggable=True),
    ResourceFact(
        type="aws:ecs/cluster:Cluster",
        list_charges=_list_cluster_charges,
        removal=ChangeEffect("all its services are created again", RECREATION_MINUTES, ASSUMPTION),
        is_taggable=True,
    ),
    ResourceFact(type="aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"),
    ResourceFact(
        type="aws:ecs/service:Service",
        list_charges=_list_service_charges,
        price_properties=("desiredCount",),
        updates={
            "taskDefinition": ROLLING_UPDATE_EFFECT,
            "networkConfiguration": ROLLING_UPDATE_EFFECT,
            "loadBalancers": ROLLING_UPDATE_EFFECT,
            "capacityProviderStrategies": ROLLING_UPDATE_EFFECT,
            "platformVersion": ROLLING_UPDATE_EFFECT,
            "forceNewDeployment": ROLLING_UPDATE_EFFECT,
            "desiredCount": ChangeEffect(
                "the number of tasks changes",
                "none, unless it is 0",
                "ECS API Reference, UpdateService",
            ),
        },
        removal=ChangeEffect(
            "all its tasks stop before or after the new ones start",
            RECREATION_MINUTES,
            "ECS Developer Guide, Deleting a service",
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ecs/taskDefinition:TaskDefinition",
        price_properties=("cpu", "memory"),
        updates=dict.fromkeys(("containerDefinitions", "cpu", "memory"), ROLLING_UPDATE_EFFECT),
        removal=ROLLING_UPDATE_EFFECT,
        is_taggable=True,
    ),
    ResourceFact(type="aws:appautoscaling/scheduledAction:ScheduledAction"),
)

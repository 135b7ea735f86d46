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
from components.facts.model import (
    ASSUMPTION,
    RECREATION_MINUTES,
    ChangeEffect,
    Guard,
    ProtectionRule,
    ResourceFact,
)

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
    ResourceFact(
        type="aws:appautoscaling/policy:Policy",
        replacing=("policyType", "resourceId", "scalableDimension", "serviceNamespace"),
        protections=(
            ProtectionRule(
                "targetTrackingScalingPolicyConfiguration",
                "changed",
                "the service scales at other values, or not at all",
                "Application Auto Scaling User Guide, Target tracking",
            ),
        ),
        guard=Guard(
            "the service no longer scales with its load",
            "Application Auto Scaling User Guide, Delete a target tracking scaling policy",
        ),
    ),
    ResourceFact(
        type="aws:appautoscaling/target:Target",
        replacing=("resourceId", "scalableDimension", "serviceNamespace"),
        other_costs=("maxCapacity", "minCapacity"),
        protections=(
            ProtectionRule(
                "maxCapacity",
                "lower",
                "the service cannot scale out as far",
                "Application Auto Scaling User Guide, Scalable targets",
            ),
            ProtectionRule(
                "minCapacity",
                "lower",
                "fewer tasks run when the load is low",
                "Application Auto Scaling User Guide, Scalable targets",
            ),
            ProtectionRule(
                "minCapacity",
                "zero",
                "the service may scale in to no task at all",
                "Application Auto Scaling User Guide, Scalable targets",
            ),
        ),
        guard=Guard(
            "the service no longer scales",
            "Application Auto Scaling API Reference, DeregisterScalableTarget",
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ecs/cluster:Cluster",
        harmless=("settings",),
        other_costs=("settings",),
        updates={
            "configuration": ChangeEffect(
                "sessions of ECS Exec are logged in another place or with another key",
                "none",
                "ECS Developer Guide, ECS Exec logging",
            ),
            "serviceConnectDefaults": ChangeEffect(
                "new services have another namespace",
                "none",
                "ECS Developer Guide, Service Connect",
            ),
        },
        list_charges=_list_cluster_charges,
        removal=ChangeEffect("all its services are created again", RECREATION_MINUTES, ASSUMPTION),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
        replacing=("clusterName",),
        updates={
            "capacityProviders": ChangeEffect(
                "new tasks run on other capacity",
                "none for running tasks",
                "ECS Developer Guide, Capacity providers",
            ),
            "defaultCapacityProviderStrategies": ChangeEffect(
                "new tasks run on other capacity",
                "none for running tasks",
                "ECS Developer Guide, Capacity providers",
            ),
        },
        removal=ChangeEffect(
            "services that name its capacity providers start no task",
            "until it is created again",
            "ECS Developer Guide, Capacity providers",
        ),
    ),
    ResourceFact(
        type="aws:ecs/service:Service",
        replacing=("cluster",),
        harmless=(
            "enableEcsManagedTags",
            "propagateTags",
            "waitForSteadyState",
            "availabilityZoneRebalancing",
            "triggers",
            "healthCheckGracePeriodSeconds",
            "deploymentMaximumPercent",
        ),
        protections=(
            ProtectionRule(
                "alarms",
                "changed",
                "a bad deployment may no longer be rolled back by alarms",
                "ECS Developer Guide, Deployment alarms",
            ),
            ProtectionRule(
                "deploymentCircuitBreaker",
                "changed",
                "a deployment that fails may no longer be rolled back",
                "ECS Developer Guide, Deployment circuit breaker",
            ),
            ProtectionRule(
                "deploymentMinimumHealthyPercent",
                "lower",
                "fewer tasks stay up during a deployment",
                "ECS Developer Guide, Rolling update",
            ),
            ProtectionRule(
                "enableExecuteCommand",
                "on",
                "shells may be opened in its tasks",
                "ECS Developer Guide, ECS Exec",
            ),
        ),
        list_charges=_list_service_charges,
        price_properties=("desiredCount",),
        updates={
            "serviceRegistries": ChangeEffect(
                "other names lead to its tasks",
                "until clients have resolved them",
                "ECS Developer Guide, Service discovery",
            ),
            "taskDefinition": ROLLING_UPDATE_EFFECT,
            "networkConfiguration": ROLLING_UPDATE_EFFECT,
            "loadBalancers": ChangeEffect(
                "its tasks register with another port or target group: requests fail until new "
                "ones are healthy there",
                "until the new tasks are healthy: minutes, an assumption",
                "ECS API Reference, UpdateService; pulumi-awsx#1172",
            ),
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
        replacing=("family", "networkMode", "requiresCompatibilities"),
        harmless=("skipDestroy",),
        price_properties=("cpu", "memory"),
        updates={
            "executionRoleArn": ChangeEffect(
                "tasks have another role: without its permissions they fail, or do not start",
                "until the next good revision",
                "ECS Developer Guide, Task IAM role; Task execution IAM role",
            ),
            "taskRoleArn": ChangeEffect(
                "tasks have another role: without its permissions they fail, or do not start",
                "until the next good revision",
                "ECS Developer Guide, Task IAM role; Task execution IAM role",
            ),
        }
        | dict.fromkeys(
            ("containerDefinitions", "cpu", "memory", "runtimePlatform", "volumes"),
            ROLLING_UPDATE_EFFECT,
        ),
        removal=ROLLING_UPDATE_EFFECT,
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:appautoscaling/scheduledAction:ScheduledAction",
        replacing=("resourceId", "scalableDimension", "serviceNamespace"),
        harmless=("schedule", "timezone", "startTime", "endTime"),
        protections=(
            ProtectionRule(
                "scalableTargetAction",
                "changed",
                "the service has other limits at the scheduled time",
                "Application Auto Scaling User Guide, Scheduled scaling",
            ),
        ),
        guard=Guard(
            "the service no longer scales by the clock",
            "Application Auto Scaling User Guide, Scheduled scaling",
        ),
    ),
)

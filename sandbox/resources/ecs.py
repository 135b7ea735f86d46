"""Clusters, task definitions and services."""

from typing import Any, Final

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

# What stands beside the deployment in Pulumi and inside its configuration in AWS.
_DEPLOYMENT_NAMES: Final = {
    "deploymentCircuitBreaker": "deploymentCircuitBreaker",
    "deploymentMaximumPercent": "maximumPercent",
    "deploymentMinimumHealthyPercent": "minimumHealthyPercent",
    "alarms": "alarms",
}
_STRATEGY_NAMES: Final = {
    "strategy": "strategy",
    "bakeTimeInMinutes": "bakeTimeInMinutes",
    "lifecycleHooks": "lifecycleHooks",
    "canaryConfiguration": "canaryConfiguration",
    "linearConfiguration": "linearConfiguration",
}


def _prepare_task_definition(inputs: EntryInputs) -> EntryInputs:
    """Volumes and the container definitions as the API takes them."""
    volumes = []
    for volume_input in inputs.pop("volumes", None) or []:
        volume = {
            key: value
            for key, value in volume_input.items()
            if key not in ("hostPath", "configureAtLaunch")
        }
        if "hostPath" in volume_input:
            volume["host"] = {"sourcePath": volume_input["hostPath"]}
        if "configureAtLaunch" in volume_input:
            volume["configuredAtLaunch"] = volume_input["configureAtLaunch"]
        volumes.append(volume)
    return inputs | ({"volumes": volumes} if volumes else {})


def _prepare_service(inputs: EntryInputs) -> EntryInputs:
    deployment: dict[str, Any] = {
        aws_name: inputs.pop(input_name)
        for input_name, aws_name in _DEPLOYMENT_NAMES.items()
        if input_name in inputs
    }
    configuration = inputs.pop("deploymentConfiguration", None) or {}
    deployment |= {_STRATEGY_NAMES[name]: value for name, value in configuration.items()}
    if deployment:
        inputs["deploymentConfiguration"] = deployment
    if network := inputs.pop("networkConfiguration", None):
        has_public_ip = network.get("assignPublicIp")
        awsvpc_configuration = {
            **network,
            "assignPublicIp": "ENABLED" if has_public_ip else "DISABLED",
        }
        inputs["networkConfiguration"] = {"awsvpcConfiguration": awsvpc_configuration}
    return inputs


ENTRIES: EntryTable = {
    "aws:ecs/cluster:Cluster": ResourceEntry(
        "ecs.create_cluster",
        id="out.cluster.clusterArn",
        naming=PhysicalNaming(prefix=None),
        outputs={"arn": "id"},
        find_call=EntryCall("ecs.describe_clusters", {"clusters": ["id"]}),
        find_result="out.clusters",
    ),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": ResourceEntry(
        EntryCall(
            "ecs.put_cluster_capacity_providers",
            {
                "capacityProviders": "in.capacityProviders || `[]`",
                "defaultCapacityProviderStrategy": "in.defaultCapacityProviderStrategies || `[]`",
            },
            inputs=REMAINING_INPUTS,
            rename={"clusterName": "cluster"},
        ),
        id="in.clusterName",
        find_call=EntryCall("ecs.describe_clusters", {"clusters": ["id"]}),
        find_result="out.clusters[0].capacityProviders",
    ),
    "aws:ecs/taskDefinition:TaskDefinition": ResourceEntry(
        EntryCall(
            "ecs.register_task_definition",
            {"containerDefinitions": "parsed(in.containerDefinitions)"},
            inputs=REMAINING_INPUTS,
        ),
        id="in.family",
        prepare=_prepare_task_definition,
        ignored_inputs={
            "skipDestroy": "it is for the deletion",
            "trackLatest": "it is for a refresh",
        },
        outputs={
            "arn": "out.taskDefinition.taskDefinitionArn",
            "arnWithoutRevision": "before(out.taskDefinition.taskDefinitionArn, ':')",
            "revision": "out.taskDefinition.revision",
        },
        find_call=EntryCall("ecs.describe_task_definition", {"taskDefinition": "id"}),
        find_result="out.taskDefinition",
    ),
    "aws:ecs/service:Service": ResourceEntry(
        EntryCall("ecs.create_service", inputs=REMAINING_INPUTS, rename={"name": "serviceName"}),
        id="out.service.serviceArn",
        naming=PhysicalNaming(prefix=None),
        prepare=_prepare_service,
        ignored_inputs={
            "waitForSteadyState": "its tasks are there at once",
            "forceNewDeployment": "it is new",
            "triggers": "it is new",
            "sigintRollback": "nobody interrupts",
        },
        outputs={"arn": "id", "launchType": "out.service.launchType"},
        find_call=EntryCall("ecs.describe_services", {"cluster": "in.cluster", "services": ["id"]}),
        find_result="out.services",
    ),
}

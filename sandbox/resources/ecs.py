"""Clusters, task definitions and services."""

from typing import Any, Final

from sandbox.resources.entry import REST, Call, Entries, Entry, Inputs, Naming

# What stands beside the deployment in Pulumi and inside its configuration in AWS.
_DEPLOYMENT: Final = {
    "deploymentCircuitBreaker": "deploymentCircuitBreaker",
    "deploymentMaximumPercent": "maximumPercent",
    "deploymentMinimumHealthyPercent": "minimumHealthyPercent",
    "alarms": "alarms",
}
_STRATEGY: Final = {
    "strategy": "strategy",
    "bakeTimeInMinutes": "bakeTimeInMinutes",
    "lifecycleHooks": "lifecycleHooks",
    "canaryConfiguration": "canaryConfiguration",
    "linearConfiguration": "linearConfiguration",
}


def _task(inputs: Inputs) -> Inputs:
    """Volumes and the container definitions as the API takes them."""
    volumes = []
    for given in inputs.pop("volumes", None) or []:
        volume = {k: v for k, v in given.items() if k not in ("hostPath", "configureAtLaunch")}
        if "hostPath" in given:
            volume["host"] = {"sourcePath": given["hostPath"]}
        if "configureAtLaunch" in given:
            volume["configuredAtLaunch"] = given["configureAtLaunch"]
        volumes.append(volume)
    return inputs | ({"volumes": volumes} if volumes else {})


def _service(inputs: Inputs) -> Inputs:
    deployment: dict[str, Any] = {
        inner: inputs.pop(outer) for outer, inner in _DEPLOYMENT.items() if outer in inputs
    }
    chosen = inputs.pop("deploymentConfiguration", None) or {}
    deployment |= {_STRATEGY[name]: value for name, value in chosen.items()}
    if deployment:
        inputs["deploymentConfiguration"] = deployment
    if network := inputs.pop("networkConfiguration", None):
        public = network.get("assignPublicIp")
        awsvpc = {**network, "assignPublicIp": "ENABLED" if public else "DISABLED"}
        inputs["networkConfiguration"] = {"awsvpcConfiguration": awsvpc}
    return inputs


ENTRIES: Entries = {
    "aws:ecs/cluster:Cluster": Entry(
        "ecs.create_cluster",
        id="out.cluster.clusterArn",
        naming=Naming(prefix=None),
        outputs={"arn": "id"},
        find=Call("ecs.describe_clusters", {"clusters": ["id"]}),
        found="out.clusters",
    ),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": Entry(
        Call(
            "ecs.put_cluster_capacity_providers",
            {
                "capacityProviders": "in.capacityProviders || `[]`",
                "defaultCapacityProviderStrategy": "in.defaultCapacityProviderStrategies || `[]`",
            },
            fit=REST,
            rename={"clusterName": "cluster"},
        ),
        id="in.clusterName",
        find=Call("ecs.describe_clusters", {"clusters": ["id"]}),
        found="out.clusters[0].capacityProviders",
    ),
    "aws:ecs/taskDefinition:TaskDefinition": Entry(
        Call(
            "ecs.register_task_definition",
            {"containerDefinitions": "parsed(in.containerDefinitions)"},
            fit=REST,
        ),
        id="in.family",
        prepare=_task,
        left={
            "skipDestroy": "it is for the deletion",
            "trackLatest": "it is for a refresh",
        },
        outputs={
            "arn": "out.taskDefinition.taskDefinitionArn",
            "arnWithoutRevision": "before(out.taskDefinition.taskDefinitionArn, ':')",
            "revision": "out.taskDefinition.revision",
        },
        find=Call("ecs.describe_task_definition", {"taskDefinition": "id"}),
        found="out.taskDefinition",
    ),
    "aws:ecs/service:Service": Entry(
        Call("ecs.create_service", fit=REST, rename={"name": "serviceName"}),
        id="out.service.serviceArn",
        naming=Naming(prefix=None),
        prepare=_service,
        left={
            "waitForSteadyState": "its tasks are there at once",
            "forceNewDeployment": "it is new",
            "triggers": "it is new",
            "sigintRollback": "nobody interrupts",
        },
        outputs={"arn": "id", "launchType": "out.service.launchType"},
        find=Call("ecs.describe_services", {"cluster": "in.cluster", "services": ["id"]}),
        found="out.services",
    ),
}

"""What a service runs with: its task definition, how it is deployed, how it scales by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

from components.facts.services import DESIRED_COUNT_DIMENSION, ECS_SCALING_NAMESPACE
from ops.core.aws import Aws
from ops.core.console_links import build_service_link
from ops.core.errors import CredentialsError, OpsError, UsageError
from ops.core.scaling_apis import SCALING_ACTIVITIES_API
from ops.outputs import Outputs
from ops.services.hidden_values import hide_value
from ops.services.model import (
    ServiceState,
    get_arn_name,
    get_task_definition,
    list_service_tasks,
)
from ops.services.scale import find_scaling_limits

Answer = TypeVar("Answer")
JsonObject = dict[str, Any]
# Scaling activities that are shown. Application Auto Scaling keeps those of six weeks (User Guide,
# "Scaling activities for Application Auto Scaling").
SHOWN_ACTIVITIES: Final = 5
ALARMS_PAGE: Final = 100  # names per DescribeAlarms. Source: API reference
# What DescribeTasks shows of a container is that of a running task alone.
RUNNING_STATE: Final = "RUNNING"


@dataclass
class UnknownParts:
    """What could not be read, as sentences; the rest is shown without it."""

    reasons: list[str] = field(default_factory=list)

    def read(self, subject: str, read: Callable[[], Answer]) -> Answer | None:
        """What `read` returns, or None with the reason noted. Raises errors of the input."""
        try:
            return read()
        except (UsageError, CredentialsError):
            raise
        except (OpsError, ClientError) as error:
            self.reasons.append(f"{subject}: unknown, {error}")
            return None


def describe_service_settings(
    aws: Aws, outputs: Outputs, service: ServiceState
) -> tuple[JsonObject, list[str]]:
    """Reads what a service runs with; values that look secret are hidden.

    Returns it as JSON, and what could not be read beside the service and its task definition, whose
    errors are raised.
    """
    definition, _ = get_task_definition(aws, service.revision)
    unknown = UnknownParts()
    tasks = unknown.read("digests", lambda: list_service_tasks(aws, service, stopped=False))
    digests = _list_digests(service, tasks or ())
    return {
        "service": service.name,
        "console": build_service_link(outputs, service.cluster, service.name),
        "revision": get_arn_name(service.revision),
        "deployedRevision": get_arn_name(service.part.task_definition_arn),
        "tasks": {
            "desired": service.desired_count,
            "running": service.running_count,
            "pending": service.pending_count,
        },
        "deployments": [_build_deployment(item) for item in service.deployments],
        "deployment": _build_deployment_settings(service.description),
        "task": _build_task(definition),
        "containers": [
            _build_container(container, digests.get(container["name"], ()))
            for container in definition["containerDefinitions"]
        ],
        "scaling": _read_scaling(aws, service, unknown),
        "unknown": unknown.reasons,
    }, unknown.reasons


def _list_digests(
    service: ServiceState, tasks: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[str, ...]]:
    """Digests that running tasks of the newest revision pulled, by container."""
    digests: dict[str, set[str]] = {}
    for task in tasks:
        if task["taskDefinitionArn"] == service.revision and task["lastStatus"] == RUNNING_STATE:
            for container in task.get("containers") or ():
                if container.get("imageDigest"):
                    digests.setdefault(container["name"], set()).add(container["imageDigest"])
    return {name: tuple(sorted(values)) for name, values in digests.items()}


def _build_deployment(deployment: Mapping[str, Any]) -> JsonObject:
    return {
        "id": deployment["id"],
        "status": deployment["status"],
        "rollout": deployment.get("rolloutState"),
        "reason": deployment.get("rolloutStateReason"),
        "revision": get_arn_name(deployment["taskDefinition"]),
        "desired": deployment.get("desiredCount"),
        "running": deployment.get("runningCount"),
        "failed": deployment.get("failedTasks"),
        "since": deployment.get("createdAt"),
    }


def _build_deployment_settings(description: Mapping[str, Any]) -> JsonObject:
    configuration = description.get("deploymentConfiguration") or {}
    breaker = configuration.get("deploymentCircuitBreaker") or {}
    alarms = configuration.get("alarms") or {}
    network = (description.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    return {
        "strategy": configuration.get("strategy"),
        "minimumHealthyPercent": configuration.get("minimumHealthyPercent"),
        "maximumPercent": configuration.get("maximumPercent"),
        "circuitBreaker": bool(breaker.get("enable")),
        "circuitBreakerRollsBack": bool(breaker.get("enable") and breaker.get("rollback")),
        "alarms": list(alarms.get("alarmNames") or ()) if alarms.get("enable") else [],
        "alarmsRollBack": bool(alarms.get("enable") and alarms.get("rollback")),
        "healthCheckGraceSeconds": description.get("healthCheckGracePeriodSeconds"),
        "exec": bool(description.get("enableExecuteCommand")),
        "platformVersion": description.get("platformVersion"),
        "launchType": description.get("launchType"),
        "capacityProviders": [
            {key: item.get(key) for key in ("capacityProvider", "base", "weight")}
            for item in description.get("capacityProviderStrategy") or ()
        ],
        "subnets": list(network.get("subnets") or ()),
        "securityGroups": list(network.get("securityGroups") or ()),
        "publicAddress": network.get("assignPublicIp") == "ENABLED",
        "targetGroups": [
            item["targetGroupArn"]
            for item in description.get("loadBalancers") or ()
            if item.get("targetGroupArn")
        ],
    }


def _build_task(definition: Mapping[str, Any]) -> JsonObject:
    platform = definition.get("runtimePlatform") or {}
    return {
        "family": definition["family"],
        "cpu": definition.get("cpu"),
        "memory": definition.get("memory"),
        # Fargate runs what names none on X86_64 (API reference, RuntimePlatform).
        "architecture": platform.get("cpuArchitecture") or "X86_64",
        "operatingSystem": platform.get("operatingSystemFamily") or "LINUX",
        "storageGib": (definition.get("ephemeralStorage") or {}).get("sizeInGiB"),
        "registered": definition.get("registeredAt"),
        "taskRole": definition.get("taskRoleArn"),
        "executionRole": definition.get("executionRoleArn"),
        "volumes": [item["name"] for item in definition.get("volumes") or ()],
    }


def _build_container(container: Mapping[str, Any], digests: Sequence[str]) -> JsonObject:
    image = str(container["image"])
    _, _, digest = image.partition("@")
    log = container.get("logConfiguration") or {}
    return {
        "name": container["name"],
        "image": image,
        "digests": [digest] if digest else list(digests),
        "essential": container.get("essential", True),
        "cpu": container.get("cpu") or None,
        "memory": container.get("memory"),
        "memoryReservation": container.get("memoryReservation"),
        "ports": [item["containerPort"] for item in container.get("portMappings") or ()],
        "user": container.get("user"),
        "readOnlyRoot": bool(container.get("readonlyRootFilesystem")),
        "entryPoint": _hide_words(container.get("entryPoint") or ()),
        "command": _hide_words(container.get("command") or ()),
        "environment": [
            {"name": item["name"], "value": hide_value(item["name"], str(item.get("value") or ""))}
            for item in container.get("environment") or ()
        ],
        "environmentFiles": [item["value"] for item in container.get("environmentFiles") or ()],
        "secrets": [item["name"] for item in container.get("secrets") or ()],
        "healthCheck": _build_health_check(container.get("healthCheck")),
        "ulimits": [
            {key: item.get(key) for key in ("name", "softLimit", "hardLimit")}
            for item in container.get("ulimits") or ()
        ],
        "stopTimeout": container.get("stopTimeout"),
        "logDriver": log.get("logDriver"),
        "logGroup": (log.get("options") or {}).get("awslogs-group"),
    }


def _hide_words(words: Sequence[str]) -> list[str]:
    """Hides secrets in a command, also if an option and its value are two words."""
    return [
        hide_value(before.lstrip("-") if before.startswith("-") and "=" not in before else "", word)
        for before, word in zip(("", *words), words, strict=False)
    ]


def _build_health_check(check: Mapping[str, Any] | None) -> JsonObject | None:
    if not check:
        return None
    # Defaults: API reference, HealthCheck.
    return {
        "command": _hide_words(check.get("command") or ()),
        "interval": check.get("interval") or 30,
        "timeout": check.get("timeout") or 5,
        "retries": check.get("retries") or 3,
        "startPeriod": check.get("startPeriod") or 0,
    }


def _read_scaling(aws: Aws, service: ServiceState, unknown: UnknownParts) -> JsonObject | None:
    """Limits, policies with their alarms, schedules and the newest activities; None if it has none.

    What could not be read is None, and noted.
    """
    resource = service.part.scaling_resource_id
    if resource is None:
        return None
    target: JsonObject = {
        "ServiceNamespace": ECS_SCALING_NAMESPACE,
        "ResourceId": resource,
        "ScalableDimension": DESIRED_COUNT_DIMENSION,
    }
    limits = unknown.read("scaling limits", lambda: (find_scaling_limits(aws, service),))
    policies = unknown.read(
        "scaling policies",
        lambda: [
            _build_policy(item)
            for item in aws.list_items(
                "application-autoscaling.describe_scaling_policies", "ScalingPolicies", target
            )
        ],
    )
    names = [alarm["name"] for policy in policies or () for alarm in policy["alarms"]]
    states = unknown.read("alarms of scaling", lambda: _read_alarm_states(aws, names))
    for alarm in (alarm for policy in policies or () for alarm in policy["alarms"]):
        alarm |= _build_alarm_state(states, alarm["name"])
    schedules = unknown.read(
        "scaling schedules",
        lambda: [
            _build_schedule(item)
            for item in aws.list_items(
                "application-autoscaling.describe_scheduled_actions", "ScheduledActions", target
            )
        ],
    )
    activities = unknown.read("scaling activities", lambda: _read_activities(aws, target))
    return {
        "registered": None if limits is None else limits[0] is not None,
        "min": limits[0].min_tasks if limits and limits[0] else None,
        "max": limits[0].max_tasks if limits and limits[0] else None,
        "suspended": limits[0].is_suspended if limits and limits[0] else None,
        "policies": policies,
        "schedules": schedules,
        "activities": activities,
    }


def _build_policy(policy: Mapping[str, Any]) -> JsonObject:
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration") or {}
    predefined = tracking.get("PredefinedMetricSpecification") or {}
    custom = tracking.get("CustomizedMetricSpecification") or {}
    return {
        "name": policy["PolicyName"],
        "type": policy["PolicyType"],
        "metric": predefined.get("PredefinedMetricType") or _find_custom_metric(custom),
        "target": tracking.get("TargetValue"),
        "scaleInDisabled": bool(tracking.get("DisableScaleIn")),
        "scaleInCooldown": tracking.get("ScaleInCooldown"),
        "scaleOutCooldown": tracking.get("ScaleOutCooldown"),
        "steps": [
            {
                "from": step.get("MetricIntervalLowerBound"),
                "to": step.get("MetricIntervalUpperBound"),
                "change": step.get("ScalingAdjustment"),
            }
            for step in (policy.get("StepScalingPolicyConfiguration") or {}).get("StepAdjustments")
            or ()
        ],
        "alarms": [{"name": alarm["AlarmName"]} for alarm in policy.get("Alarms") or ()],
    }


def _find_custom_metric(custom: Mapping[str, Any]) -> str | None:
    """The metric of a policy's own: its name, or the label of the metric math that counts."""
    counted = [item for item in custom.get("Metrics") or () if item.get("ReturnData", True)]
    texts = [custom.get("MetricName"), *(item.get("Label") or item.get("Id") for item in counted)]
    return next((str(text) for text in texts if text), None)


def _read_alarm_states(aws: Aws, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    alarms: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(names), ALARMS_PAGE):
        params: JsonObject = {"AlarmNames": list(names[start : start + ALARMS_PAGE])}
        for alarm in aws.list_items("cloudwatch.describe_alarms", "MetricAlarms", params):
            alarms[alarm["AlarmName"]] = alarm
    return alarms


def _build_alarm_state(states: Mapping[str, Mapping[str, Any]] | None, name: str) -> JsonObject:
    """An alarm's state: `unknown` if it could not be read, `absent` if somebody deleted it."""
    if states is None:
        return {"state": "unknown", "since": None, "reason": None}
    if name not in states:
        return {"state": "absent", "since": None, "reason": None}
    alarm = states[name]
    return {
        "state": alarm["StateValue"],
        "since": alarm.get("StateUpdatedTimestamp"),
        "reason": alarm.get("StateReason"),
    }


def _build_schedule(action: Mapping[str, Any]) -> JsonObject:
    limits = action.get("ScalableTargetAction") or {}
    return {
        "name": action["ScheduledActionName"],
        "schedule": action["Schedule"],
        "timezone": action.get("Timezone") or "UTC",
        "min": limits.get("MinCapacity"),
        "max": limits.get("MaxCapacity"),
    }


def _read_activities(aws: Aws, target: Mapping[str, Any]) -> list[JsonObject]:
    """Reads the newest activities, those too that did not scale, with the reason why not."""
    items, _ = aws.list_first_items(
        SCALING_ACTIVITIES_API,
        "ScalingActivities",
        {**target, "IncludeNotScaledActivities": True},
        None,
        1,
    )
    items.sort(key=lambda item: str(item.get("StartTime")), reverse=True)
    return [
        {
            "at": item.get("StartTime"),
            "status": item.get("StatusCode"),
            "activity": item.get("Description"),
            "cause": item.get("Cause"),
            "message": item.get("StatusMessage"),
            "notScaled": [reason["Code"] for reason in item.get("NotScaledReasons") or ()],
        }
        for item in items[:SHOWN_ACTIVITIES]
    ]

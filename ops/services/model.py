"""Reads of the ECS services: state, revisions, deployments and tasks."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.errors import OpsError, RefusedError, UsageError
from ops.outputs import Outputs, ServicePart

DESCRIBE_SERVICES_LIMIT: Final = 10  # services per DescribeServices. Source: API reference
DESCRIBE_REVISIONS_LIMIT: Final = 20  # per DescribeServiceRevisions. Source: API reference
DESCRIBE_TASKS_LIMIT: Final = 100  # tasks per DescribeTasks. Source: API reference


@dataclass(frozen=True)
class ServiceState:
    """One service as DescribeServices returned it; `description` is all of that."""

    part: ServicePart
    cluster: str
    desired_count: int
    running_count: int
    pending_count: int
    primary_deployment: Mapping[str, Any]
    deployments: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]
    has_rollback_breaker: bool
    description: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The service's name in ECS."""
        return self.part.name

    @property
    def revision(self) -> str:
        """ARN of the primary deployment's task definition."""
        return str(self.primary_deployment["taskDefinition"])

    @property
    def is_rollout_completed(self) -> bool:
        """True if the primary deployment is COMPLETED."""
        return self.primary_deployment.get("rolloutState") == "COMPLETED"

    def build_row(self) -> dict[str, object]:
        """Returns the row of `ops service list`, without the image."""
        return {
            "service": self.name,
            "desired": self.desired_count,
            "running": self.running_count,
            "pending": self.pending_count,
            "revision": get_arn_name(self.revision),
            "rollout": self.primary_deployment.get("rolloutState"),
            "deployments": len(self.deployments),
        }


SERVICE_COLUMNS: Final = (
    "service",
    "desired",
    "running",
    "pending",
    "revision",
    "rollout",
    "deployments",
    "image",
)
SERVICE_TASK_COLUMNS: Final = (
    "service",
    "task",
    "state",
    "revision",
    "health",
    "started",
    "stopped",
    "reason",
)


def get_arn_name(arn: str) -> str:
    """Returns the part of an ARN after its last slash."""
    return arn.rsplit("/", 1)[-1]


def resolve_service(outputs: Outputs, name: str | None, option: str = "--service") -> ServicePart:
    """Returns the service that `option` names, or the only one. Raises UsageError if unclear."""
    parts = outputs.services.services if outputs.services else {}
    if not parts:
        raise UsageError(f"the stack {outputs.stack.stack} has no services")
    if name is None and len(parts) == 1:
        return next(iter(parts.values()))
    service_names = ", ".join(sorted(parts))
    if name is None:
        raise UsageError(f"{option} is not set; must be one of {service_names}")
    if name not in parts:
        raise UsageError(f"{option} must be one of {service_names}, not {name!r}")
    return parts[name]


def list_service_states(
    aws: Aws, outputs: Outputs, parts: Iterable[ServicePart]
) -> list[ServiceState]:
    """Returns the services' states. Raises OpsError if one is not active."""
    cluster = outputs.services.cluster if outputs.services else ""
    requested_parts = list(parts)
    states: dict[str, ServiceState] = {}
    for start in range(0, len(requested_parts), DESCRIBE_SERVICES_LIMIT):
        page = {
            part.name: part for part in requested_parts[start : start + DESCRIBE_SERVICES_LIMIT]
        }
        answer = call_ecs(
            aws, "ecs.describe_services", {"cluster": cluster, "services": list(page)}
        )
        for description in answer["services"]:
            if description["status"] == "ACTIVE" and description["serviceName"] in page:
                states[description["serviceName"]] = _parse_service(
                    page[description["serviceName"]], cluster, description
                )
    if missing := [part.name for part in requested_parts if part.name not in states]:
        raise OpsError(
            f"cluster {cluster} has no active service {', '.join(missing)}",
            "ops service list",
        )
    return [states[part.name] for part in requested_parts]


def get_service(
    aws: Aws, outputs: Outputs, name: str | None, option: str = "--service"
) -> ServiceState:
    """The service that `option` names."""
    return list_service_states(aws, outputs, [resolve_service(outputs, name, option)])[0]


def _parse_service(part: ServicePart, cluster: str, description: Mapping[str, Any]) -> ServiceState:
    deployments = tuple(description.get("deployments") or ())
    primary = next(
        (deployment for deployment in deployments if deployment["status"] == "PRIMARY"), None
    )
    if primary is None:
        raise OpsError(f"service {part.name} has no deployment of ECS's own controller")
    breaker = (description.get("deploymentConfiguration") or {}).get(
        "deploymentCircuitBreaker"
    ) or {}
    return ServiceState(
        part=part,
        cluster=cluster,
        desired_count=int(description["desiredCount"]),
        running_count=int(description["runningCount"]),
        pending_count=int(description["pendingCount"]),
        primary_deployment=primary,
        deployments=deployments,
        events=tuple(description.get("events") or ()),
        has_rollback_breaker=bool(breaker.get("enable") and breaker.get("rollback")),
        description=description,
    )


def get_task_definition(aws: Aws, arn: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Returns a task definition and its tags."""
    answer = call_ecs(
        aws, "ecs.describe_task_definition", {"taskDefinition": arn, "include": ["TAGS"]}
    )
    return answer["taskDefinition"], answer.get("tags") or []


def get_container_image(revision: Mapping[str, Any], container: str) -> str:
    """Returns the image of the service's container. Raises OpsError if it is missing."""
    for item in revision["containerDefinitions"]:
        if item["name"] == container:
            return str(item["image"])
    name = get_arn_name(str(revision.get("taskDefinitionArn")))
    raise OpsError(f"revision {name} has no container {container}; run `pulumi up` first")


def list_deployment_history(
    aws: Aws, service: ServiceState, *statuses: str
) -> Iterator[Mapping[str, Any]]:
    """Yields the service's deployments with these statuses (default: all), newest first."""
    params = {"cluster": service.cluster, "service": service.name}
    answer = call_ecs(
        aws,
        "ecs.list_service_deployments",
        {**params, **({"status": list(statuses)} if statuses else {})},
    )
    yield from sorted(
        answer["serviceDeployments"], key=lambda item: str(item.get("createdAt")), reverse=True
    )


def list_task_definitions_by_revision(aws: Aws, arns: Sequence[str]) -> dict[str, str]:
    """Returns the ARNs of task definitions by the ARNs of the service revisions that have them."""
    definitions: dict[str, str] = {}
    for start in range(0, len(arns), DESCRIBE_REVISIONS_LIMIT):
        page = list(arns[start : start + DESCRIBE_REVISIONS_LIMIT])
        answer = call_ecs(aws, "ecs.describe_service_revisions", {"serviceRevisionArns": page})
        definitions |= {
            item["serviceRevisionArn"]: item["taskDefinition"]
            for item in answer["serviceRevisions"]
        }
    return definitions


def list_service_tasks(
    aws: Aws, service: ServiceState, *, stopped: bool
) -> list[Mapping[str, Any]]:
    """Lists a service's running and starting tasks, or those stopped in the last hour."""
    params = {
        "cluster": service.cluster,
        "serviceName": service.name,
        "desiredStatus": "STOPPED" if stopped else "RUNNING",
    }
    arns = list(call_ecs(aws, "ecs.list_tasks", params)["taskArns"])
    service_tasks: list[Mapping[str, Any]] = []
    for start in range(0, len(arns), DESCRIBE_TASKS_LIMIT):
        page = {"cluster": service.cluster, "tasks": arns[start : start + DESCRIBE_TASKS_LIMIT]}
        service_tasks += call_ecs(aws, "ecs.describe_tasks", page)["tasks"]
    return service_tasks


def get_stop_reason(task: Mapping[str, Any]) -> str:
    """Returns why a task stopped, with its containers' reasons; empty if it runs."""
    reasons = [str(task.get("stoppedReason") or "")]
    for container in task.get("containers") or ():
        if container.get("reason") and container["reason"] not in reasons[0]:
            reasons.append(f"{container['name']}: {container['reason']}")
        if container.get("exitCode") is not None:
            reasons.append(f"{container['name']} exited with {container['exitCode']}")
    return "; ".join(filter(None, reasons))


def list_task_failures(aws: Aws, outputs: Outputs, service: ServiceState) -> list[str]:
    """Lists why tasks of the new deployment stopped, each reason once with its count.

    If the tasks cannot be read, the list holds that error instead.
    """
    earlier_deployments = {deployment["id"] for deployment in service.deployments}
    try:
        stopped_tasks = list_service_tasks(
            aws, list_service_states(aws, outputs, [service.part])[0], stopped=True
        )
    except OpsError as error:
        return [f"unknown, {error}"]
    reason_counts = Counter(
        get_stop_reason(task)
        for task in stopped_tasks
        if task.get("startedBy") not in earlier_deployments
    )
    return [f"{number} x {reason or 'no reason given'}" for reason, number in reason_counts.items()]


def build_task_row(service: ServiceState, task: Mapping[str, Any]) -> dict[str, object]:
    """Returns the row of `ops service tasks`."""
    return {
        "service": service.name,
        "task": get_arn_name(task["taskArn"]),
        "state": task.get("lastStatus"),
        "revision": get_arn_name(task["taskDefinitionArn"]),
        "health": task.get("healthStatus"),
        "started": task.get("startedAt"),
        "stopped": task.get("stoppedAt"),
        "reason": get_stop_reason(task) if task.get("lastStatus") == "STOPPED" else None,
    }


def call_ecs(aws: Aws, api: str, params: dict[str, Any]) -> Any:
    """Calls ECS. Raises RefusedError with its words if it refuses."""
    try:
        return aws.call(api, params)
    except ClientError as error:
        raise _build_refused_error(api, error) from error


def _build_refused_error(api: str, error: ClientError) -> RefusedError:
    answer = error.response["Error"]
    return RefusedError(f"{api}: {answer['Code']}: {answer.get('Message')}")

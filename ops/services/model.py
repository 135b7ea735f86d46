"""The ECS services as operations see them: which one is meant, what it runs, how it went before."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.errors import OpsError, RefusedError, UsageError
from ops.outputs import Outputs, ServicePart

PAGE: Final = 10  # services a DescribeServices. Source: API reference
BATCH: Final = 20  # revisions a DescribeServiceRevisions. Source: API reference
TASKS: Final = 100  # tasks a DescribeTasks. Source: API reference


@dataclass(frozen=True)
class Service:
    """One service, as it was seen. `primary` is its deployment in charge."""

    part: ServicePart
    cluster: str
    desired: int
    running: int
    pending: int
    primary: Mapping[str, Any]
    deployments: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]
    breaker: bool

    @property
    def name(self) -> str:
        """Its name in ECS."""
        return self.part.name

    @property
    def revision(self) -> str:
        """ARN of the task definition that its primary deployment runs."""
        return str(self.primary["taskDefinition"])

    @property
    def settled(self) -> bool:
        """Whether its primary deployment is completed."""
        return self.primary.get("rolloutState") == "COMPLETED"

    def row(self) -> dict[str, object]:
        """What a person sees of it."""
        return {
            "service": self.name,
            "desired": self.desired,
            "running": self.running,
            "pending": self.pending,
            "revision": short(self.revision),
            "rollout": self.primary.get("rolloutState"),
            "deployments": len(self.deployments),
        }


COLUMNS: Final = (
    "service",
    "desired",
    "running",
    "pending",
    "revision",
    "rollout",
    "deployments",
    "image",
)
TASK_COLUMNS: Final = (
    "service",
    "task",
    "state",
    "revision",
    "health",
    "started",
    "stopped",
    "reason",
)


def short(arn: str) -> str:
    """The last part of an ARN."""
    return arn.rsplit("/", 1)[-1]


def chosen(outputs: Outputs, name: str | None) -> ServicePart:
    """The service that --service names, or the only one. Raises UsageError."""
    parts = outputs.services.services if outputs.services else {}
    if not parts:
        raise UsageError(f"the stack {outputs.stack.stack} has no services")
    if name is None and len(parts) == 1:
        return next(iter(parts.values()))
    listed = ", ".join(sorted(parts))
    if name is None:
        raise UsageError(f"--service is not set, may be {listed}")
    if name not in parts:
        raise UsageError(f"--service is {name!r}, may be {listed}")
    return parts[name]


def observed(aws: Aws, outputs: Outputs, parts: Iterable[ServicePart]) -> list[Service]:
    """The services of these parts. Raises OpsError where one of them is not there."""
    cluster = outputs.services.cluster if outputs.services else ""
    wanted = list(parts)
    found: dict[str, Service] = {}
    for first in range(0, len(wanted), PAGE):
        page = {part.name: part for part in wanted[first : first + PAGE]}
        answer = _read(aws, "ecs.describe_services", {"cluster": cluster, "services": list(page)})
        for seen in answer["services"]:
            if seen["status"] == "ACTIVE" and seen["serviceName"] in page:
                found[seen["serviceName"]] = _service(page[seen["serviceName"]], cluster, seen)
    if missing := [part.name for part in wanted if part.name not in found]:
        raise OpsError(
            f"there is no active service {', '.join(missing)} in cluster {cluster}",
            "ops service list",
        )
    return [found[part.name] for part in wanted]


def one(aws: Aws, outputs: Outputs, name: str | None) -> Service:
    """The service that --service names."""
    return observed(aws, outputs, [chosen(outputs, name)])[0]


def _service(part: ServicePart, cluster: str, seen: Mapping[str, Any]) -> Service:
    deployments = tuple(seen.get("deployments") or ())
    primary = next((d for d in deployments if d["status"] == "PRIMARY"), None)
    if primary is None:
        raise OpsError(f"service {part.name} has no deployment of ECS's own controller")
    breaker = (seen.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    return Service(
        part=part,
        cluster=cluster,
        desired=int(seen["desiredCount"]),
        running=int(seen["runningCount"]),
        pending=int(seen["pendingCount"]),
        primary=primary,
        deployments=deployments,
        events=tuple(seen.get("events") or ()),
        breaker=bool(breaker.get("enable") and breaker.get("rollback")),
    )


def definition(aws: Aws, arn: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """A task definition and its tags."""
    answer = _read(
        aws, "ecs.describe_task_definition", {"taskDefinition": arn, "include": ["TAGS"]}
    )
    return answer["taskDefinition"], answer.get("tags") or []


def image_of(revision: Mapping[str, Any], container: str) -> str:
    """The image of the service's own container. Raises OpsError where there is none."""
    for item in revision["containerDefinitions"]:
        if item["name"] == container:
            return str(item["image"])
    name = short(str(revision.get("taskDefinitionArn")))
    raise OpsError(f"revision {name} has no container {container}: run `pulumi up` first")


def history(aws: Aws, service: Service, *statuses: str) -> Iterator[Mapping[str, Any]]:
    """The service's deployments of these statuses, the newest first."""
    asked = {"cluster": service.cluster, "service": service.name}
    listed = _items(
        aws,
        "ecs.list_service_deployments",
        "serviceDeployments",
        {**asked, **({"status": list(statuses)} if statuses else {})},
    )
    yield from sorted(listed, key=lambda item: str(item.get("createdAt")), reverse=True)


def proven(aws: Aws, service: Service) -> Iterator[str]:
    """ARNs of the task definitions whose deployment succeeded, the newest first, each once."""
    arns = [item["targetServiceRevisionArn"] for item in history(aws, service, "SUCCESSFUL")]
    seen: set[str] = set()
    for first in range(0, len(arns), BATCH):
        page = arns[first : first + BATCH]
        answer = _read(aws, "ecs.describe_service_revisions", {"serviceRevisionArns": page})
        by_arn = {r["serviceRevisionArn"]: r["taskDefinition"] for r in answer["serviceRevisions"]}
        for revision in (by_arn[arn] for arn in page if arn in by_arn):
            if revision not in seen:
                seen.add(revision)
                yield revision


def tasks(aws: Aws, service: Service, *, stopped: bool) -> list[Mapping[str, Any]]:
    """Its tasks that run or start, or those that stopped in the last hour."""
    asked = {
        "cluster": service.cluster,
        "serviceName": service.name,
        "desiredStatus": "STOPPED" if stopped else "RUNNING",
    }
    arns = list(_items(aws, "ecs.list_tasks", "taskArns", asked))
    found: list[Mapping[str, Any]] = []
    for first in range(0, len(arns), TASKS):
        page = {"cluster": service.cluster, "tasks": arns[first : first + TASKS]}
        found += _read(aws, "ecs.describe_tasks", page)["tasks"]
    return found


def why_stopped(task: Mapping[str, Any]) -> str:
    """Why a task stopped, with what its containers say; empty for one that runs."""
    said = [str(task.get("stoppedReason") or "")]
    for container in task.get("containers") or ():
        if container.get("reason") and container["reason"] not in said[0]:
            said.append(f"{container['name']}: {container['reason']}")
        if container.get("exitCode") is not None:
            said.append(f"{container['name']} exited with {container['exitCode']}")
    return "; ".join(filter(None, said))


def failures(aws: Aws, outputs: Outputs, before: Service) -> list[str]:
    """Why tasks stopped that no earlier deployment started, each reason once, with its number.

    What cannot be read is said, as it is no reason to hide what has happened.
    """
    earlier = {deployment["id"] for deployment in before.deployments}
    try:
        found = tasks(aws, observed(aws, outputs, [before.part])[0], stopped=True)
    except OpsError as error:
        return [f"unknown, {error}"]
    counted = Counter(why_stopped(t) for t in found if t.get("startedBy") not in earlier)
    return [f"{number} x {reason or 'no reason given'}" for reason, number in counted.items()]


def task_row(service: Service, task: Mapping[str, Any]) -> dict[str, object]:
    """What a person sees of a task."""
    return {
        "service": service.name,
        "task": short(task["taskArn"]),
        "state": task.get("lastStatus"),
        "revision": short(task["taskDefinitionArn"]),
        "health": task.get("healthStatus"),
        "started": task.get("startedAt"),
        "stopped": task.get("stoppedAt"),
        "reason": why_stopped(task) if task.get("lastStatus") == "STOPPED" else None,
    }


def _read(aws: Aws, api: str, params: dict[str, Any]) -> Any:
    try:
        return aws.call(api, params)
    except ClientError as error:
        raise _refused(api, error) from error


def _items(aws: Aws, api: str, key: str, params: dict[str, Any]) -> Iterator[Any]:
    """Every item over all pages. boto3 has no paginator of service deployments."""
    token: dict[str, str] = {}
    while True:
        answer = _read(aws, api, {**params, **token})
        yield from answer.get(key) or ()
        if not answer.get("nextToken"):
            return
        token = {"nextToken": answer["nextToken"]}


def _refused(api: str, error: ClientError) -> RefusedError:
    answer = error.response["Error"]
    return RefusedError(f"{api}: {answer['Code']}: {answer.get('Message')}")

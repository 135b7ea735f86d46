"""ECS: the tasks and events of services."""

import hashlib
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ecs.models import EC2ContainerServiceBackend, Service
from moto.ecs.responses import EC2ContainerServiceResponse

from sandbox.clock import clock, pending
from sandbox.image_behaviour import Behaviour
from sandbox.patches.ecs.deployments import ROUND, Attempt, History, histories, settle
from sandbox.patches.patching import Mend, parameters

mend = Mend()
Record = dict[str, Any]
KEPT: Final = 3600  # seconds that a stopped task is shown. Source: API reference, DescribeTasks
AGENT: Final = "ExecuteCommandAgent"  # of ECS Exec
_SPACE: Final = uuid.UUID("6f1c6b0e-2a51-4d0b-9d60-6d3c2f3f6a11")


def arn_of(service: Service, kind: str, name: object) -> str:
    head = service.arn.split(":service/")[0]
    return f"{head}:{kind}/{service.cluster_name}/{name}"


def when(attempt: Attempt, at: datetime) -> datetime:
    """A point in an attempt's time; what takes no time is when it began."""
    return max(attempt.created, at)


def _reason(how: Behaviour, service: Service, image: str) -> tuple[str, str, Record]:
    """Why a failed task stopped: code, reason and what its container says."""
    match how:
        case "exits":
            return (
                "EssentialContainerExited",
                "Essential container in task exited",
                {"exitCode": 1},
            )
        case "missing":
            reason = f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: not found"  # noqa: E501
            return "TaskFailedToStart", reason, {"reason": reason}
        case _:
            reason = f"Task failed ELB health checks in {_group(service) or '(target-group)'}"
            return "ServiceSchedulerInitiated", reason, {"exitCode": 137}


def task_id(service: Service, attempt: Attempt, number: int) -> str:
    """Always the same for one task."""
    return uuid.uuid5(_SPACE, f"{service.arn}/{attempt.number}/{number}").hex


def address(service: Service, attempt: Attempt, number: int) -> str:
    """Its address in the VPC, always the same."""
    mark = hashlib.sha256(f"{service.arn}/{attempt.number}/{number}".encode()).digest()
    return f"10.0.{mark[0] % 64 + 64}.{mark[1] % 250 + 4}"


def _task(service: Service, attempt: Attempt, number: int, **more: Any) -> Record:
    """One task, with an id that stays the same."""
    id_ = task_id(service, attempt, number)
    extra: Record = more.pop("container", {})
    if attempt.execute:  # as it was when the task started
        state = {"RUNNING": "RUNNING", "PENDING": "PENDING"}.get(more["lastStatus"], "STOPPED")
        extra = {**extra, "managedAgents": [{"name": AGENT, "lastStatus": state}]}
    up = more["lastStatus"] == "RUNNING"
    return {
        "taskArn": arn_of(service, "task", id_),
        "clusterArn": service.cluster_arn,
        "taskDefinitionArn": attempt.task_definition,
        "group": f"service:{service.name}",
        "startedBy": attempt.id,
        "launchType": service.launch_type or "FARGATE",
        "enableExecuteCommand": attempt.execute,
        "createdAt": attempt.created,
        "attachments": [
            {
                "id": str(uuid.uuid5(_SPACE, id_)),
                "type": "ElasticNetworkInterface",
                "status": "DELETED" if more["lastStatus"] == "STOPPED" else "ATTACHED",
                "details": [
                    {"name": "privateIPv4Address", "value": address(service, attempt, number)}
                ],
            }
        ],
        "containers": [
            {
                "name": service.name,
                "image": attempt.image,
                **({"runtimeId": f"{id_}-{int(id_[:8], 16):010d}"} if up else {}),
                **extra,
            }
        ],
        **more,
    }


def running(service: Service, history: History) -> Iterator[Record]:
    """The tasks that run or start."""
    by_id = {attempt.id: attempt for attempt in history.attempts}
    deployments: list[Record] = list(service.deployments)
    for deployment in deployments:
        attempt = by_id[deployment["id"]]
        up = deployment["runningCount"]
        coming = 0 if deployment["status"] == "ACTIVE" else deployment["pendingCount"]
        for number in range(up + coming):
            state = "RUNNING" if number < up else "PENDING"
            started = when(attempt, attempt.ends) if number < up else None
            more = {"lastStatus": state, "desiredStatus": "RUNNING"}
            health = {"healthStatus": "HEALTHY" if number < up else "UNKNOWN"}
            yield _task(
                service,
                attempt,
                number,
                **more,
                **health,
                **({"startedAt": started} if started else {}),
            )


def stopped(service: Service, history: History) -> Iterator[Record]:
    """The tasks that failed in the last hour."""
    for attempt in history.attempts:
        for number in range(attempt.failed_tasks):
            round_ = number // max(attempt.wanted, 1) + 1
            at = attempt.created + timedelta(seconds=round_ * ROUND[attempt.how])
            at = min(at, clock().now())
            if (clock().now() - at).total_seconds() > KEPT:
                continue
            code, reason, container = _reason(attempt.how, service, attempt.image)
            yield _task(
                service,
                attempt,
                1000 + number,
                lastStatus="STOPPED",
                desiredStatus="STOPPED",
                stoppedAt=at,
                stopCode=code,
                stoppedReason=reason,
                container=container,
                healthStatus="UNHEALTHY",
            )


def events(service: Service, history: History) -> list[Record]:
    """What ECS says of a service, newest first."""
    said: list[tuple[datetime, str]] = []
    for attempt in history.attempts:
        said.append((attempt.created, f"has started {attempt.wanted} tasks."))
        if attempt.failing:
            said += _failure(service, attempt)
        elif attempt.status == "SUCCESSFUL":
            said += _registered(service, attempt)
            at = when(attempt, attempt.over)
            said.append((at, f"(deployment {attempt.id}) deployment completed."))
            said.append((at, "has reached a steady state."))
    return [
        {
            "id": str(uuid.uuid5(_SPACE, f"{service.arn}{number}{text}")),
            "createdAt": at,
            "message": f"(service {service.name}) {text}",
        }
        for number, (at, text) in reversed(list(enumerate(said)))
    ]


def _registered(service: Service, attempt: Attempt) -> Iterator[tuple[datetime, str]]:
    """What is said of targets that came and of those that they replaced."""
    group = _group(service)
    if group is None:
        return
    yield when(attempt, attempt.registers), f"registered {attempt.wanted} targets in {group}"
    if attempt.replaces:
        at, count = when(attempt, attempt.ends), attempt.replaces
        yield at, f"deregistered {count} targets in {group}"
        yield at, f"has begun draining connections on {count} tasks."


def _group(service: Service) -> str | None:
    """Its target group, as ECS names it."""
    arns = (b.get("targetGroupArn") for b in service.load_balancers)
    return next((f"(target-group {arn})" for arn in arns if arn), None)


def _failure(service: Service, attempt: Attempt) -> Iterator[tuple[datetime, str]]:
    _, reason, _ = _reason(attempt.how, service, attempt.image)
    if attempt.failed_tasks:
        at = min(attempt.created + timedelta(seconds=ROUND[attempt.how]), clock().now())
        yield at, f"is unable to consistently start tasks successfully. {reason}"
    if attempt.breaker and not pending(attempt.ends):
        at = when(attempt, attempt.ends)
        yield at, f"(deployment {attempt.id}) deployment failed: tasks failed to start."
        if attempt.rollback and attempt.before:
            yield at, f"rolling back to deployment {attempt.before.id}."


@mend.around(EC2ContainerServiceBackend, "describe_services")
def describe(
    original: Any, backend: EC2ContainerServiceBackend, cluster: str, names: list[str]
) -> tuple[list[Service], list[dict[str, str]]]:
    found: tuple[list[Service], list[dict[str, str]]] = original(backend, cluster, names)
    for service in found[0]:
        if history := histories(backend).get(service.arn):
            service.events = events(service, history)[:100]
    return found


def services(backend: EC2ContainerServiceBackend) -> Iterator[tuple[Service, History]]:
    for service in backend.services.values():
        history = histories(backend).get(service.arn)
        if history is not None and service.status == "ACTIVE":
            settle(service)
            yield service, history


def _tasks(backend: EC2ContainerServiceBackend, cluster: str) -> Iterator[tuple[Service, Record]]:
    name = backend._get_cluster(cluster).name
    for service, history in services(backend):
        if service.cluster_name == name:
            for task in (*running(service, history), *stopped(service, history)):
                yield service, task


def _wanted(service: Service, task: Record, given: Record) -> bool:
    """Whether ListTasks, asked in this way, lists a task of a service."""
    name = given.get("serviceName", service.name).split("/")[-1]
    family = given.get("family")
    return (
        task["desiredStatus"] == given.get("desiredStatus", "RUNNING")
        and name == service.name
        and given.get("startedBy", task["startedBy"]) == task["startedBy"]
        and (family is None or f"/{family}:" in task["taskDefinitionArn"])
        and "containerInstance" not in given
    )


@mend.around(EC2ContainerServiceResponse, "list_tasks")
def list_tasks(original: Any, response: EC2ContainerServiceResponse) -> ActionResult:
    answer, given = original(response), parameters(response)
    ours = [
        task["taskArn"]
        for service, task in _tasks(response.ecs_backend, given.get("cluster", "default"))
        if _wanted(service, task, given)
    ]
    return ActionResult({"taskArns": [*answer.result["taskArns"], *ours]})


@mend.around(EC2ContainerServiceResponse, "describe_tasks")
def describe_tasks(original: Any, response: EC2ContainerServiceResponse) -> ActionResult:
    answer, given = original(response), parameters(response)
    wanted = {name.split("/")[-1] for name in given["tasks"]}
    ours = [
        task
        for _, task in _tasks(response.ecs_backend, given.get("cluster", "default"))
        if task["taskArn"].split("/")[-1] in wanted
    ]
    return ActionResult({**answer.result, "tasks": [*answer.result["tasks"], *ours]})

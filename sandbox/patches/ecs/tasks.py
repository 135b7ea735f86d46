"""ECS: the tasks and events of services."""

import hashlib
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import IPv4Network
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ecr.models import ecr_backends
from moto.ecs.models import EC2ContainerServiceBackend, Service
from moto.ecs.responses import EC2ContainerServiceResponse

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.image_behaviour import ImageBehaviour
from sandbox.patches.ecs.deployments import (
    FAILED_ROUND_SECONDS,
    DeploymentAttempt,
    DeploymentHistory,
    apply_deployment_state,
    get_deployment_histories,
)
from sandbox.patches.ecs.health_checks import has_container_check
from sandbox.patches.ecs.stopped_tasks import get_stop_reason
from sandbox.patches.ecs.target_groups import FAILED_CHECKS_TEXT, format_target_group
from sandbox.patches.patching import ServicePatch, parse_request_parameters

patch = ServicePatch()
ApiRecord = dict[str, Any]
STOPPED_TASK_SECONDS: Final = (
    3600  # seconds that a stopped task is shown. Source: API reference, DescribeTasks
)
EXEC_AGENT: Final = "ExecuteCommandAgent"  # of ECS Exec
UNABLE_TO_START: Final = (
    "is unable to consistently start tasks successfully. For more information, see the "
    "Troubleshooting section of the Amazon ECS Developer Guide."
)
_UUID_NAMESPACE: Final = uuid.UUID("6f1c6b0e-2a51-4d0b-9d60-6d3c2f3f6a11")


def build_ecs_arn(service: Service, kind: str, name: object) -> str:
    prefix = service.arn.split(":service/")[0]
    return f"{prefix}:{kind}/{service.cluster_name}/{name}"


def get_attempt_time(attempt: DeploymentAttempt, time: datetime) -> datetime:
    """A time of an attempt; its start if the clock takes no time."""
    return max(attempt.created_at, time)


def compute_task_id(service: Service, attempt: DeploymentAttempt, number: int) -> str:
    """A digest that is the same for one task."""
    return uuid.uuid5(_UUID_NAMESPACE, f"{service.arn}/{attempt.number}/{number}").hex


def compute_task_address(service: Service, attempt: DeploymentAttempt, number: int) -> str:
    """Its address in its subnet, or in the VPC if it has none; always the same."""
    subnet = _find_subnet(service, number)
    if subnet is None:
        digest = hashlib.sha256(f"{service.arn}/{attempt.number}/{number}".encode()).digest()
        return f"10.0.{digest[0] % 64 + 64}.{digest[1] % 250 + 4}"
    network = IPv4Network(subnet.cidr_block)
    digest = hashlib.sha256(f"{service.arn}/{attempt.number}".encode()).digest()
    # AWS keeps the first four addresses of a subnet and the last one.
    place = (int.from_bytes(digest[:4]) + number) % (network.num_addresses - 5) + 4
    return str(network[place])


def compute_interface_id(service: Service, attempt: DeploymentAttempt, number: int) -> str:
    """The id of its network interface, always the same."""
    return f"eni-{compute_task_id(service, attempt, number)[:17]}"


def get_service_network(service: Service) -> ApiRecord:
    """The subnets and security groups of a service's tasks; empty if it names none."""
    settings = (service.network_configuration or {}).get("awsvpcConfiguration") or {}
    return {key: list(settings.get(key) or ()) for key in ("subnets", "securityGroups")}


def _find_subnet(service: Service, number: int) -> Any:
    """The subnet of a task: each in its turn, as ECS spreads tasks over zones."""
    names = get_service_network(service)["subnets"]
    zones = ec2_backends[service._account_id][service.region_name].subnets.values()
    subnets = [zone[name] for name in names for zone in zones if name in zone]
    return subnets[number % len(subnets)] if subnets else None


def _list_interface_details(
    service: Service, attempt: DeploymentAttempt, number: int
) -> Iterator[ApiRecord]:
    """The details of a task's attachment (ECS API reference, Attachment)."""
    subnet = _find_subnet(service, number)
    if subnet is not None:
        yield {"name": "subnetId", "value": subnet.id}
        interface_id = compute_interface_id(service, attempt, number)
        yield {"name": "networkInterfaceId", "value": interface_id}
    address = compute_task_address(service, attempt, number)
    yield {"name": "privateIPv4Address", "value": address}


def _build_task(
    service: Service, attempt: DeploymentAttempt, number: int, **fields: Any
) -> ApiRecord:
    """One task, with an id that stays the same."""
    id_ = compute_task_id(service, attempt, number)
    extra: ApiRecord = fields.pop("container", {})
    if attempt.execute_enabled:  # as it was when the task started
        state = {"RUNNING": "RUNNING", "PENDING": "PENDING"}.get(fields["lastStatus"], "STOPPED")
        extra = {**extra, "managedAgents": [{"name": EXEC_AGENT, "lastStatus": state}]}
    is_running = fields["lastStatus"] == "RUNNING"
    return {
        "taskArn": build_ecs_arn(service, "task", id_),
        "clusterArn": service.cluster_arn,
        "taskDefinitionArn": attempt.task_definition,
        "group": f"service:{service.name}",
        "startedBy": attempt.id,
        "launchType": service.launch_type or "FARGATE",
        "enableExecuteCommand": attempt.execute_enabled,
        "createdAt": attempt.created_at,
        "attachments": [
            {
                "id": str(uuid.uuid5(_UUID_NAMESPACE, id_)),
                "type": "ElasticNetworkInterface",
                "status": "DELETED" if fields["lastStatus"] == "STOPPED" else "ATTACHED",
                "details": list(_list_interface_details(service, attempt, number)),
            }
        ],
        "containers": [
            {
                "name": service.name,
                "image": attempt.image,
                **({"runtimeId": f"{id_}-{int(id_[:8], 16):010d}"} if is_running else {}),
                **({"imageDigest": get_image_digest(service, attempt.image)} if is_running else {}),
                **extra,
            }
        ],
        **fields,
    }


def get_image_digest(service: Service, image: str) -> str:
    """The digest that an image is named by, or that its tag has in ECR; else one that stays.

    API reference, Container: "The container image manifest digest."
    """
    name, _, digest = image.partition("@")
    if digest:
        return digest
    repository, _, tag = name.partition("/")[2].rpartition(":")
    region, account = service.arn.split(":")[3:5]
    known = ecr_backends[account][region].repositories.get(repository)
    images = [item for item in (known.images if known else ()) if tag in item.image_tags]
    if images:
        return images[0].get_image_digest()
    return f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def list_running_tasks(service: Service, history: DeploymentHistory) -> Iterator[ApiRecord]:
    """The tasks that run or are starting."""
    by_id = {attempt.id: attempt for attempt in history.attempts}
    deployments: list[ApiRecord] = list(service.deployments)
    for deployment in deployments:
        attempt = by_id[deployment["id"]]
        running_count = deployment["runningCount"]
        pending_count = 0 if deployment["status"] == "ACTIVE" else deployment["pendingCount"]
        for number in range(running_count + pending_count):
            state = "RUNNING" if number < running_count else "PENDING"
            started_at = (
                get_attempt_time(attempt, attempt.ends_at) if number < running_count else None
            )
            statuses = {"lastStatus": state, "desiredStatus": "RUNNING"}
            is_checked = number < running_count and has_container_check(
                service._backend, attempt.task_definition
            )
            health = {"healthStatus": "HEALTHY" if is_checked else "UNKNOWN"}
            yield _build_task(
                service,
                attempt,
                number,
                **statuses,
                **health,
                **({"startedAt": started_at} if started_at else {}),
            )


def list_stopped_tasks(service: Service, history: DeploymentHistory) -> Iterator[ApiRecord]:
    """The tasks that failed in the last hour."""
    for attempt in history.attempts:
        for number in range(attempt.failed_task_count):
            round_ = number // max(attempt.desired_count, 1) + 1
            stopped_at = attempt.created_at + timedelta(
                seconds=round_ * FAILED_ROUND_SECONDS[attempt.outcome]
            )
            stopped_at = min(stopped_at, get_sandbox_clock().now())
            if (get_sandbox_clock().now() - stopped_at).total_seconds() > STOPPED_TASK_SECONDS:
                continue
            yield _build_failed_task(service, attempt, 1000 + number, attempt.outcome, stopped_at)
    yield from _list_other_stopped_tasks(service, history)
    if history.placement_outcome is None or history.placement_failed_at is None:
        return
    age_seconds = (get_sandbox_clock().now() - history.placement_failed_at).total_seconds()
    if age_seconds > STOPPED_TASK_SECONDS:
        return
    for number in range(history.placement_failed_count):
        yield _build_failed_task(
            service,
            history.get_primary(),
            2000 + number,
            history.placement_outcome,
            history.placement_failed_at,
        )


def _list_other_stopped_tasks(service: Service, history: DeploymentHistory) -> Iterator[ApiRecord]:
    """Those that stopped while they served."""
    now = get_sandbox_clock().now()
    for number, stopped in enumerate(history.stopped_tasks):
        age_seconds = (now - stopped.stopped_at).total_seconds()
        if not 0 <= age_seconds <= STOPPED_TASK_SECONDS:
            continue
        yield _build_task(
            service,
            history.get_primary(),
            3000 + number,
            lastStatus="STOPPED",
            desiredStatus="STOPPED",
            stoppedAt=stopped.stopped_at,
            stopCode=stopped.words.code,
            stoppedReason=stopped.words.reason,
            container=stopped.words.container,
            healthStatus="UNKNOWN",
        )


def _build_failed_task(
    service: Service,
    attempt: DeploymentAttempt,
    number: int,
    outcome: ImageBehaviour,
    stopped_at: datetime,
) -> ApiRecord:
    code, reason, container = get_stop_reason(outcome, service, attempt.image, attempt.stop_words)
    return _build_task(
        service,
        attempt,
        number,
        lastStatus="STOPPED",
        desiredStatus="STOPPED",
        stoppedAt=stopped_at,
        stopCode=code,
        stoppedReason=reason,
        container=container,
        healthStatus="UNHEALTHY",
    )


def build_service_events(service: Service, history: DeploymentHistory) -> list[ApiRecord]:
    """The events of a service, newest first."""
    messages: list[tuple[datetime, str]] = []
    for attempt in history.attempts:
        messages.append((attempt.created_at, f"has started {attempt.desired_count} tasks."))
        if attempt.is_failing:
            messages += _list_failure_messages(service, attempt)
        elif attempt.status == "SUCCESSFUL":
            messages += _list_registration_messages(service, attempt)
            time = get_attempt_time(attempt, attempt.drained_at)
            messages.append((time, f"(deployment {attempt.id}) deployment completed."))
            messages.append((time, "has reached a steady state."))
    if history.placement_failure and history.placement_failed_at:
        messages.append((history.placement_failed_at, history.placement_failure))
    if history.messages:
        now = get_sandbox_clock().now()
        messages += [(time, text) for time, text in history.messages if time <= now]
        messages.sort(key=lambda message: message[0])
    return [
        {
            "id": str(uuid.uuid5(_UUID_NAMESPACE, f"{service.arn}{number}{text}")),
            "createdAt": time,
            "message": f"(service {service.name}) {text}",
        }
        for number, (time, text) in reversed(list(enumerate(messages)))
    ]


def _list_registration_messages(
    service: Service, attempt: DeploymentAttempt
) -> Iterator[tuple[datetime, str]]:
    """The events of new targets and of those that they replaced."""
    group = format_target_group(service)
    if group is None:
        return
    yield (
        get_attempt_time(attempt, attempt.registers_at),
        f"registered {attempt.desired_count} targets in {group}",
    )
    if attempt.replaced_count:
        time, count = get_attempt_time(attempt, attempt.ends_at), attempt.replaced_count
        yield time, f"deregistered {count} targets in {group}"
        yield time, f"has begun draining connections on {count} tasks."


def _list_failure_messages(
    service: Service, attempt: DeploymentAttempt
) -> Iterator[tuple[datetime, str]]:
    """In AWS's words, which do not say why: ECS Developer Guide, "Service event messages"."""
    if attempt.failed_task_count:
        time = min(
            attempt.created_at + timedelta(seconds=FAILED_ROUND_SECONDS[attempt.outcome]),
            get_sandbox_clock().now(),
        )
        group = format_target_group(service)
        if attempt.outcome == "unhealthy" and group is not None:
            port = service.load_balancers[0].get("containerPort")
            why = f"due to (reason {FAILED_CHECKS_TEXT})"
            yield time, f"(port {port}) is unhealthy in {group} {why}."
        yield time, UNABLE_TO_START
    if attempt.breaker and not is_in_future(attempt.ends_at):
        time = get_attempt_time(attempt, attempt.ends_at)
        yield time, f"(deployment {attempt.id}) deployment failed: tasks failed to start."
        if attempt.rollback and attempt.previous:
            yield time, f"rolling back to deployment {attempt.previous.id}."


@patch.wrap(EC2ContainerServiceBackend, "describe_services")
def describe_services_with_events(
    original: Any, backend: EC2ContainerServiceBackend, cluster: str, names: list[str]
) -> tuple[list[Service], list[dict[str, str]]]:
    result: tuple[list[Service], list[dict[str, str]]] = original(backend, cluster, names)
    for service in result[0]:
        if history := get_deployment_histories(backend).get(service.arn):
            service.events = build_service_events(service, history)[:100]
    return result


def list_services_with_history(
    backend: EC2ContainerServiceBackend,
) -> Iterator[tuple[Service, DeploymentHistory]]:
    for service in backend.services.values():
        history = get_deployment_histories(backend).get(service.arn)
        if history is not None and service.status == "ACTIVE":
            apply_deployment_state(service)
            yield service, history


def _list_tasks(
    backend: EC2ContainerServiceBackend, cluster: str
) -> Iterator[tuple[Service, ApiRecord]]:
    name = backend._get_cluster(cluster).name
    for service, history in list_services_with_history(backend):
        if service.cluster_name == name:
            for task in (
                *list_running_tasks(service, history),
                *list_stopped_tasks(service, history),
            ):
                yield service, task


def _is_listed(service: Service, task: ApiRecord, params: ApiRecord) -> bool:
    """True if ListTasks with these parameters lists a task of a service."""
    name = params.get("serviceName", service.name).split("/")[-1]
    family = params.get("family")
    return (
        task["desiredStatus"] == params.get("desiredStatus", "RUNNING")
        and name == service.name
        and params.get("startedBy", task["startedBy"]) == task["startedBy"]
        and (family is None or f"/{family}:" in task["taskDefinitionArn"])
        and "containerInstance" not in params
    )


@patch.wrap(EC2ContainerServiceResponse, "list_tasks")
def list_ecs_tasks(original: Any, response: EC2ContainerServiceResponse) -> ActionResult:
    answer, params = original(response), parse_request_parameters(response)
    arns = [
        task["taskArn"]
        for service, task in _list_tasks(response.ecs_backend, params.get("cluster", "default"))
        if _is_listed(service, task, params)
    ]
    return ActionResult({"taskArns": [*answer.result["taskArns"], *arns]})


@patch.wrap(EC2ContainerServiceResponse, "describe_tasks")
def describe_ecs_tasks(original: Any, response: EC2ContainerServiceResponse) -> ActionResult:
    answer, params = original(response), parse_request_parameters(response)
    task_ids = {name.split("/")[-1] for name in params["tasks"]}
    tasks = [
        task
        for _, task in _list_tasks(response.ecs_backend, params.get("cluster", "default"))
        if task["taskArn"].split("/")[-1] in task_ids
    ]
    return ActionResult({**answer.result, "tasks": [*answer.result["tasks"], *tasks]})

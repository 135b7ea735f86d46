"""ECS: deployments that take time, fail if their image does, and are rolled back.

moto has one deployment a service, which never ends. Here each start of new tasks is an `Attempt`
with its times on the sandbox's clock, fixed when it begins; what AWS would show at a time is
computed from them. Tasks and events are in ecs_tasks.py.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from moto.ecs.models import EC2ContainerServiceBackend, Service
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.moto_api._internal import mock_random

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.image_behaviour import ImageBehaviour, get_image_behaviour
from sandbox.patches.ecs.health_checks import find_outcome
from sandbox.patches.ecs.stopped_tasks import (
    StoppedTask,
    StopWords,
    get_revision_behaviours,
)
from sandbox.patches.ecs.target_groups import (
    DRAIN_SECONDS,
    HEALTH_CHECK_SECONDS,
    TASK_START_SECONDS,
    find_target_group,
    get_check_and_drain_seconds,
)
from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
DeploymentPhase = Literal[
    "starting", "draining", "completed", "failing", "rolling back", "failed", "gone"
]
# Simulated seconds. Assumptions: a task that never becomes healthy is stopped after grace
# period and health checks, one that exits after its start.
FAILED_ROUND_SECONDS: Final[dict[ImageBehaviour, int]] = {
    "unhealthy": 150,
    "exits": 45,
    "missing": 40,
}
# Failed tasks that trip the circuit breaker: half the desired count, rounded up, in these bounds.
# Source: ECS developer guide, "How the Amazon ECS deployment circuit breaker detects failures".
BREAKER_THRESHOLD_LIMITS: Final = (3, 200)
# Parameters of UpdateService (as moto spells them) whose change starts new tasks.
RENEWING_PARAMETERS: Final = (
    "network_configuration",
    "load_balancers",
    "capacity_provider_strategy",
)


@dataclass
class DeploymentAttempt:
    """One start of new tasks. `ends` is when the last new task runs, or the last one failed.

    `check` and `drain` are seconds: of the target group's one health check, and of its
    deregistration delay. `registers` is when the new tasks are registered with it. `replaces` are
    the tasks of before, `answers` is what theirs do, of whatever starts well `how` is healthy.
    """

    number: int
    task_definition: str
    image: str
    desired_count: int
    previous: "DeploymentAttempt | None"
    breaker: bool
    rollback: bool
    outcome: ImageBehaviour = "healthy"
    image_behaviour: ImageBehaviour = "healthy"
    check_seconds: int = HEALTH_CHECK_SECONDS
    drain_seconds: int = DRAIN_SECONDS
    replaced_count: int = 0
    execute_enabled: bool = False
    created_at: datetime = field(default_factory=lambda: get_sandbox_clock().now())
    ends_at: datetime = field(init=False)
    drained_at: datetime = field(init=False)
    registers_at: datetime = field(init=False)
    superseded_at: datetime | None = None
    stop_words: StopWords | None = None
    # Tasks that its deployment asked for. Assumption: that of a finished one stays, whatever the
    # service is scaled to (API reference, the example of DescribeServiceDeployments).
    deployed_count: int = field(init=False)

    def __post_init__(self) -> None:
        self.deployed_count = self.desired_count
        seconds = (
            TASK_START_SECONDS
            if self.outcome == "healthy"
            else self.rounds * FAILED_ROUND_SECONDS[self.outcome]
        )
        self.ends_at, self.drained_at = (
            get_sandbox_clock().get_completion_time(seconds),
            get_sandbox_clock().get_completion_time(seconds + self.drain_seconds),
        )
        self.registers_at = get_sandbox_clock().get_completion_time(
            max(TASK_START_SECONDS - self.check_seconds, 0)
        )
        if self.desired_count == 0 or (self.previous is None and self.outcome == "healthy"):
            self.drained_at = (
                self.ends_at if self.desired_count else get_sandbox_clock().get_completion_time(0)
            )
            self.ends_at = self.drained_at

    @property
    def threshold(self) -> int:
        low, high = BREAKER_THRESHOLD_LIMITS
        return min(max(-(-self.desired_count // 2), low), high)

    @property
    def rounds(self) -> int:
        """How often new tasks are started until the circuit breaker trips."""
        return -(-self.threshold // max(self.desired_count, 1))

    @property
    def id(self) -> str:
        return f"ecs-svc/{self.number}"

    @property
    def phase(self) -> DeploymentPhase:
        if self.superseded_at:
            return "gone"
        if self.outcome == "healthy" or self.desired_count == 0:
            return (
                "starting"
                if is_in_future(self.ends_at)
                else self._resolve_ending("draining", "completed")
            )
        if is_in_future(self.ends_at) or not self.breaker:
            return "failing"
        if not (self.rollback and self.previous):
            return "failed"
        return self._resolve_ending("rolling back", "gone")

    def _resolve_ending(
        self, pending_phase: DeploymentPhase, final_phase: DeploymentPhase
    ) -> DeploymentPhase:
        return pending_phase if is_in_future(self.drained_at) else final_phase

    @property
    def failed_task_count(self) -> int:
        """The number of its tasks that have failed so far."""
        if self.outcome == "healthy" or self.desired_count == 0:
            return 0
        if not is_in_future(self.ends_at):
            return self.threshold
        elapsed = (get_sandbox_clock().now() - self.created_at).total_seconds()
        return min(
            int(elapsed // FAILED_ROUND_SECONDS[self.outcome]) * self.desired_count, self.threshold
        )

    @property
    def status(self) -> str:
        """As the service deployment's: one of no task is over at once, whatever its image does."""
        if self.deployed_count == 0:
            return "SUCCESSFUL"
        match self.phase:
            case "starting" | "draining" | "failing":
                return "IN_PROGRESS"
            case "completed":
                return "SUCCESSFUL"
            case "rolling back":
                return "ROLLBACK_IN_PROGRESS"
            case "failed":
                return "STOPPED"
        if self.superseded_at is None:
            return "ROLLBACK_SUCCESSFUL"
        healthy = self.outcome == "healthy" and self.drained_at <= self.superseded_at
        return "SUCCESSFUL" if healthy else "STOPPED"

    @property
    def deployed_running_count(self) -> int:
        """Its tasks at the end of its deployment."""
        return self.deployed_count if self.status == "SUCCESSFUL" else 0

    @property
    def is_failing(self) -> bool:
        return self.outcome != "healthy" and self.desired_count > 0


@dataclass
class DeploymentHistory:
    """The attempts of one service, oldest first; and when a change of its size takes effect."""

    attempts: list[DeploymentAttempt] = field(default_factory=list)
    running_count: int = 0
    resized_at: datetime | None = None
    registers_at: datetime | None = None
    # Why no more tasks can be placed, and since when that is known; the service scheduler goes on.
    placement_failure: str = ""
    placement_failed_at: datetime | None = None
    # Where tasks are placed and do not stay: why each of them stops.
    placement_outcome: ImageBehaviour | None = None
    placement_failed_count: int = 0
    # Tasks that stopped while they served, and what else ECS said of the service.
    stopped_tasks: list[StoppedTask] = field(default_factory=list)
    messages: list[tuple[datetime, str]] = field(default_factory=list)

    def get_primary(self) -> DeploymentAttempt:
        """The current deployment: after a rollback the previous one."""
        attempt = self.attempts[-1]
        while attempt.previous and attempt.status.startswith("ROLLBACK"):
            attempt = attempt.previous
        return attempt


def get_deployment_histories(backend: EC2ContainerServiceBackend) -> dict[str, DeploymentHistory]:
    """By ARN of the service."""
    return backend_state(backend, "deployments", dict)


def _get_image(backend: EC2ContainerServiceBackend, arn: str | None) -> str:
    containers = backend.describe_task_definition(arn or "").container_definitions
    return str(containers[0]["image"]) if containers else ""


def _start_attempt(service: Service, history: DeploymentHistory) -> None:
    """Starts new tasks; an attempt in progress is dropped."""
    current = history.get_primary() if history.attempts else None
    # A rollback goes to the last deployment that completed.
    last_successful = current
    while last_successful is not None and last_successful.status != "SUCCESSFUL":
        last_successful = last_successful.previous
    if current is not None and current.phase not in ("completed", "gone"):
        current.superseded_at = get_sandbox_clock().now()
    options: ApiRecord = getattr(service, "deployment_configuration", None) or {}
    breaker: ApiRecord = options.get("deploymentCircuitBreaker") or {}
    image = _get_image(service._backend, service.task_definition)
    image_behaviour, stop_words = get_revision_behaviours(service._backend).get(
        str(service.task_definition), (get_image_behaviour(image), None)
    )
    group = find_target_group(service)
    check_seconds, drain_seconds = get_check_and_drain_seconds(group)
    history.attempts.append(
        DeploymentAttempt(
            number=mock_random.randint(10**18, 10**19 - 1),
            task_definition=str(service.task_definition),
            image=image,
            desired_count=service.desired_count,
            previous=last_successful,
            breaker=bool(breaker.get("enable")),
            rollback=bool(breaker.get("rollback")),
            outcome=find_outcome(service, image_behaviour),
            image_behaviour=image_behaviour,
            stop_words=stop_words,
            check_seconds=check_seconds,
            drain_seconds=drain_seconds,
            replaced_count=service.desired_count if last_successful else 0,
            execute_enabled=bool(getattr(service, "enable_execute_command", False)),
        )
    )


def apply_deployment_state(service: Service) -> None:
    """Brings a service up to date."""
    history = get_deployment_histories(service._backend).get(service.arn)
    if history is None or service.status != "ACTIVE":
        return
    primary, last, desired_count = (
        history.get_primary(),
        history.attempts[-1],
        service.desired_count,
    )
    is_due = history.resized_at is None or not is_in_future(history.resized_at)
    if history.placement_failure and desired_count > history.running_count:
        size = history.running_count
    elif is_due:
        history.resized_at, size = None, desired_count
    else:
        size = history.running_count
    phase = primary.phase  # read once: the clock goes on meanwhile
    new_count = size if phase in ("draining", "completed") else 0
    rows = [(primary, "PRIMARY", desired_count, new_count)]
    if last is not primary and last.phase == "rolling back":
        rows = [(primary, "PRIMARY", desired_count, size), (last, "ACTIVE", 0, 0)]
    elif primary.previous and phase not in ("completed", "gone"):
        rows.append((primary.previous, "ACTIVE", desired_count, size))
    service.task_definition = primary.task_definition
    service.running_count = sum(running for *_, running in rows)
    # While the size changes, the running count is shown, and the rest as pending.
    if history.resized_at is None and phase == "completed":
        history.running_count = size
    template: ApiRecord = {**service.deployments[0]}
    deployments: list[ApiRecord] = [
        template
        | {
            "id": attempt.id,
            "status": status,
            "taskDefinition": attempt.task_definition,
            "desiredCount": desired,
            "runningCount": running,
            "pendingCount": max(desired - running, 0),
            "failedTasks": attempt.failed_task_count,
            "createdAt": attempt.created_at,
            "updatedAt": max(
                attempt.created_at, min(attempt.drained_at, get_sandbox_clock().now())
            ),
            **_build_rollout_state(attempt, last, status),
        }
        for attempt, status, desired, running in rows
    ]
    service.deployments = deployments
    service.pending_count = deployments[0]["pendingCount"]


def _build_rollout_state(
    attempt: DeploymentAttempt, last: DeploymentAttempt, status: str
) -> ApiRecord:
    if last.phase == "rolling back" and attempt is not last and status == "PRIMARY":
        reason = f"ECS deployment circuit breaker: rolling back to deploymentId {attempt.id}."
        return {"rolloutState": "IN_PROGRESS", "rolloutStateReason": reason}
    match attempt.phase:
        case "starting" | "draining" | "failing":
            state, message = "IN_PROGRESS", f"ECS deployment {attempt.id} in progress."
        case "failed" | "rolling back":
            state, message = "FAILED", "ECS deployment circuit breaker: tasks failed to start."
        case _:
            state, message = "COMPLETED", f"ECS deployment {attempt.id} completed."
    return {"rolloutState": state, "rolloutStateReason": message}


@patch.wrap(EC2ContainerServiceResponse, "create_service")
def create_service_with_deployment(original: Any, response: EC2ContainerServiceResponse) -> Any:
    answer = original(response)
    service: Service = answer.result["service"]
    vars(service)["sandbox_created_at"] = get_sandbox_clock().now()
    if service.deployments:  # only ECS's own controller has deployments
        history = get_deployment_histories(response.ecs_backend)[service.arn] = DeploymentHistory()
        _start_attempt(service, history)
        apply_deployment_state(service)
    return answer


@patch.wrap(EC2ContainerServiceBackend, "update_service")
def update_service_deployment(
    original: Any, backend: EC2ContainerServiceBackend, params: ApiRecord
) -> Service:
    service = backend._get_service(params.get("cluster", "default"), params["service"])
    if service.status != "ACTIVE":
        raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
    history = get_deployment_histories(backend).get(service.arn)
    if history is None:
        return original(backend, params)  # type: ignore[no-any-return]
    apply_deployment_state(service)
    size, revision = service.desired_count, service.task_definition
    if task_definition := params.get("task_definition"):
        definition = backend.describe_task_definition(task_definition)
        if definition.status != "ACTIVE":
            raise AwsError("InvalidParameterException", "TaskDefinition is inactive")
        revision = definition.arn
    needs_new_tasks = (
        revision != service.task_definition
        or bool(params.get("force_new_deployment"))
        or any(params.get(name) for name in RENEWING_PARAMETERS)
    )
    updated_service: Service = original(backend, params)
    if needs_new_tasks:
        updated_service.task_definition = revision
        _start_attempt(updated_service, history)
    elif updated_service.desired_count != size:
        if not history.placement_failure:
            history.running_count = size
        elif updated_service.desired_count > size:
            history.placement_failed_at = get_sandbox_clock().now()
            history.placement_failed_count = updated_service.desired_count - size
        check_seconds, drain_seconds = get_check_and_drain_seconds(
            find_target_group(updated_service)
        )
        history.resized_at = get_sandbox_clock().get_completion_time(
            TASK_START_SECONDS if updated_service.desired_count > size else drain_seconds
        )
        history.registers_at = get_sandbox_clock().get_completion_time(
            TASK_START_SECONDS - check_seconds
        )
        last = history.attempts[-1]
        last.desired_count = updated_service.desired_count
        if last.status == "IN_PROGRESS":
            last.deployed_count = updated_service.desired_count
    apply_deployment_state(updated_service)
    return updated_service


@patch.wrap(EC2ContainerServiceBackend, "describe_services")
def describe_services_with_deployments(
    original: Any, backend: EC2ContainerServiceBackend, cluster: str, names: list[str]
) -> tuple[list[Service], list[dict[str, str]]]:
    result: tuple[list[Service], list[dict[str, str]]] = original(backend, cluster, names)
    for service in result[0]:
        apply_deployment_state(service)
    return result

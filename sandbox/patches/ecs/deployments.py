"""ECS: deployments that take their time, fail as their image does, and are rolled back.

moto has one deployment a service, which never ends. Here each start of new tasks is an `Attempt`
with its points in simulated time, fixed when it begins; what AWS would show at a time is worked
out from them. Tasks and events are in ecs_tasks.py.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from moto.ecs.models import EC2ContainerServiceBackend, Service
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.elbv2.models import FakeTargetGroup, elbv2_backends
from moto.moto_api._internal import mock_random

from sandbox.clock import clock, pending
from sandbox.image_behaviour import STARTS, Behaviour, behaviour
from sandbox.patches.patching import Mend, Refused, kept

mend = Mend()
Record = dict[str, Any]
Phase = Literal["starting", "draining", "completed", "failing", "rolling back", "failed", "gone"]
# Simulated seconds. Assumptions: a small image is pulled, started and found healthy in a minute
# and a half, the end of it a health check; without a load balancer old tasks stop within the 30 s
# that ECS gives them; a task that never becomes healthy is stopped after the grace period and the
# health checks, one that exits after its start.
START: Final = 90
DRAIN: Final = 30
CHECK: Final = 30
ROUND: Final[dict[Behaviour, int]] = {"unhealthy": 150, "exits": 45, "missing": 40}
# Failed tasks that trip the circuit breaker: half the desired count, rounded up, in these bounds.
# Source: ECS developer guide, "How the Amazon ECS deployment circuit breaker detects failures".
THRESHOLD: Final = (3, 200)
# Parameters of UpdateService (as moto spells them) whose change starts tasks anew.
RENEWING: Final = ("network_configuration", "load_balancers", "capacity_provider_strategy")


@dataclass
class Attempt:
    """One start of new tasks. `ends` is when the last new task runs, or the last one failed.

    `check` and `drain` are seconds: of the target group's one health check, and of its
    deregistration delay. `registers` is when the new tasks are registered with it. `replaces` are
    the tasks of before, `answers` is what theirs do, of whatever starts well `how` is healthy.
    """

    number: int
    task_definition: str
    image: str
    wanted: int
    before: "Attempt | None"
    breaker: bool
    rollback: bool
    how: Behaviour = "healthy"
    answers: Behaviour = "healthy"
    check: int = CHECK
    drain: int = DRAIN
    replaces: int = 0
    execute: bool = False
    created: datetime = field(default_factory=lambda: clock().now())
    ends: datetime = field(init=False)
    over: datetime = field(init=False)
    registers: datetime = field(init=False)
    superseded: datetime | None = None

    def __post_init__(self) -> None:
        takes = START if self.how == "healthy" else self.rounds * ROUND[self.how]
        self.ends, self.over = clock().ready(takes), clock().ready(takes + self.drain)
        self.registers = clock().ready(max(START - self.check, 0))
        if self.wanted == 0 or (self.before is None and self.how == "healthy"):
            self.over = self.ends if self.wanted else clock().ready(0)
            self.ends = self.over

    @property
    def threshold(self) -> int:
        low, high = THRESHOLD
        return min(max(-(-self.wanted // 2), low), high)

    @property
    def rounds(self) -> int:
        """How often the new tasks are started until the circuit breaker trips."""
        return -(-self.threshold // max(self.wanted, 1))

    @property
    def id(self) -> str:
        return f"ecs-svc/{self.number}"

    @property
    def phase(self) -> Phase:
        if self.superseded:
            return "gone"
        if self.how == "healthy" or self.wanted == 0:
            return "starting" if pending(self.ends) else self._ending("draining", "completed")
        if pending(self.ends) or not self.breaker:
            return "failing"
        if not (self.rollback and self.before):
            return "failed"
        return self._ending("rolling back", "gone")

    def _ending(self, now: Phase, then: Phase) -> Phase:
        return now if pending(self.over) else then

    @property
    def failed_tasks(self) -> int:
        """How many of its tasks have failed by now."""
        if self.how == "healthy" or self.wanted == 0:
            return 0
        if not pending(self.ends):
            return self.threshold
        gone = (clock().now() - self.created).total_seconds()
        return min(int(gone // ROUND[self.how]) * self.wanted, self.threshold)

    @property
    def status(self) -> str:
        """As the service deployment's."""
        match self.phase:
            case "starting" | "draining" | "failing":
                return "IN_PROGRESS"
            case "completed":
                return "SUCCESSFUL"
            case "rolling back":
                return "ROLLBACK_IN_PROGRESS"
            case "failed":
                return "STOPPED"
        if self.superseded is None:
            return "ROLLBACK_SUCCESSFUL"
        healthy = self.how == "healthy" and self.over <= self.superseded
        return "SUCCESSFUL" if healthy else "STOPPED"

    @property
    def failing(self) -> bool:
        return self.how != "healthy" and self.wanted > 0


@dataclass
class History:
    """The attempts of one service, oldest first; and when a change of its size takes effect."""

    attempts: list[Attempt] = field(default_factory=list)
    running: int = 0
    resized: datetime | None = None
    registers: datetime | None = None

    def primary(self) -> Attempt:
        """The deployment in charge: after a rollback the one before."""
        attempt = self.attempts[-1]
        while attempt.before and attempt.status.startswith("ROLLBACK"):
            attempt = attempt.before
        return attempt


def histories(backend: EC2ContainerServiceBackend) -> dict[str, History]:
    """By ARN of the service."""
    return kept(backend, "deployments", dict)


def _image(backend: EC2ContainerServiceBackend, arn: str | None) -> str:
    containers = backend.describe_task_definition(arn or "").container_definitions
    return str(containers[0]["image"]) if containers else ""


def _attempt(service: Service, history: History) -> None:
    """Starts tasks anew; what was on its way is given up."""
    before = history.primary() if history.attempts else None
    # A rollback goes to the last deployment that completed.
    healthy = before
    while healthy is not None and healthy.status != "SUCCESSFUL":
        healthy = healthy.before
    if before is not None and before.phase not in ("completed", "gone"):
        before.superseded = clock().now()
    options: Record = getattr(service, "deployment_configuration", None) or {}
    breaker: Record = options.get("deploymentCircuitBreaker") or {}
    image = _image(service._backend, service.task_definition)
    answers, group = behaviour(image), _group(service)
    check, drain = _paces(group)
    history.attempts.append(
        Attempt(
            number=mock_random.randint(10**18, 10**19 - 1),
            task_definition=str(service.task_definition),
            image=image,
            wanted=service.desired_count,
            before=healthy,
            breaker=bool(breaker.get("enable")),
            rollback=bool(breaker.get("rollback")),
            how="healthy" if answers in STARTS else answers,
            answers=answers,
            check=check,
            drain=drain,
            replaces=service.desired_count if healthy else 0,
            execute=bool(getattr(service, "enable_execute_command", False)),
        )
    )


def _group(service: Service) -> FakeTargetGroup | None:
    """The target group that its tasks are registered with."""
    known = elbv2_backends[service._backend.account_id][service._backend.region_name].target_groups
    arns = (b.get("targetGroupArn") for b in service.load_balancers)
    return next((known[arn] for arn in arns if arn in known), None)


def _paces(group: FakeTargetGroup | None) -> tuple[int, int]:
    """Seconds of a health check, and of draining."""
    if group is None:
        return CHECK, DRAIN
    delay = str(group.attributes["deregistration_delay.timeout_seconds"])
    return min(int(group.health_check_interval_seconds), START), int(delay)


def settle(service: Service) -> None:
    """Brings a service up to the time."""
    history = histories(service._backend).get(service.arn)
    if history is None or service.status != "ACTIVE":
        return
    primary, last, wanted = history.primary(), history.attempts[-1], service.desired_count
    if history.resized is None or not pending(history.resized):
        history.resized, size = None, wanted
    else:
        size = history.running
    phase = primary.phase  # looked at once: the clock goes on meanwhile
    fresh = size if phase in ("draining", "completed") else 0
    shown = [(primary, "PRIMARY", wanted, fresh)]
    if last is not primary and last.phase == "rolling back":
        shown = [(primary, "PRIMARY", wanted, size), (last, "ACTIVE", 0, 0)]
    elif primary.before and phase not in ("completed", "gone"):
        shown.append((primary.before, "ACTIVE", wanted, size))
    service.task_definition = primary.task_definition
    service.running_count = sum(running for *_, running in shown)
    # Whoever asks for the size while it changes is told what runs, and that more is coming.
    if history.resized is None and phase == "completed":
        history.running = size
    template: Record = {**service.deployments[0]}
    now: list[Record] = [
        template
        | {
            "id": attempt.id,
            "status": status,
            "taskDefinition": attempt.task_definition,
            "desiredCount": desired,
            "runningCount": running,
            "pendingCount": max(desired - running, 0),
            "failedTasks": attempt.failed_tasks,
            "createdAt": attempt.created,
            "updatedAt": max(attempt.created, min(attempt.over, clock().now())),
            **_rollout(attempt, last, status),
        }
        for attempt, status, desired, running in shown
    ]
    service.deployments = now
    service.pending_count = now[0]["pendingCount"]


def _rollout(attempt: Attempt, last: Attempt, status: str) -> Record:
    if last.phase == "rolling back" and attempt is not last and status == "PRIMARY":
        reason = f"ECS deployment circuit breaker: rolling back to deploymentId {attempt.id}."
        return {"rolloutState": "IN_PROGRESS", "rolloutStateReason": reason}
    match attempt.phase:
        case "starting" | "draining" | "failing":
            state, words = "IN_PROGRESS", f"ECS deployment {attempt.id} in progress."
        case "failed" | "rolling back":
            state, words = "FAILED", "ECS deployment circuit breaker: tasks failed to start."
        case _:
            state, words = "COMPLETED", f"ECS deployment {attempt.id} completed."
    return {"rolloutState": state, "rolloutStateReason": words}


@mend.around(EC2ContainerServiceResponse, "create_service")
def create(original: Any, response: EC2ContainerServiceResponse) -> Any:
    answer = original(response)
    service: Service = answer.result["service"]
    if service.deployments:  # only ECS's own controller has deployments
        history = histories(response.ecs_backend)[service.arn] = History()
        _attempt(service, history)
        settle(service)
    return answer


@mend.around(EC2ContainerServiceBackend, "update_service")
def update(original: Any, backend: EC2ContainerServiceBackend, given: Record) -> Service:
    service = backend._get_service(given.get("cluster", "default"), given["service"])
    if service.status != "ACTIVE":
        raise Refused("ServiceNotActiveException", "Service was not ACTIVE.")
    history = histories(backend).get(service.arn)
    if history is None:
        return original(backend, given)  # type: ignore[no-any-return]
    settle(service)
    size, revision = service.desired_count, service.task_definition
    if wanted := given.get("task_definition"):
        definition = backend.describe_task_definition(wanted)
        if definition.status != "ACTIVE":
            raise Refused("InvalidParameterException", "TaskDefinition is inactive")
        revision = definition.arn
    renewed = (
        revision != service.task_definition
        or bool(given.get("force_new_deployment"))
        or any(given.get(name) for name in RENEWING)
    )
    changed: Service = original(backend, given)
    if renewed:
        changed.task_definition = revision
        _attempt(changed, history)
    elif changed.desired_count != size:
        history.running = size
        check, drain = _paces(_group(changed))
        history.resized = clock().ready(START if changed.desired_count > size else drain)
        history.registers = clock().ready(START - check)
        history.attempts[-1].wanted = changed.desired_count
    settle(changed)
    return changed


@mend.around(EC2ContainerServiceBackend, "describe_services")
def describe(
    original: Any, backend: EC2ContainerServiceBackend, cluster: str, names: list[str]
) -> tuple[list[Service], list[dict[str, str]]]:
    found: tuple[list[Service], list[dict[str, str]]] = original(backend, cluster, names)
    for service in found[0]:
        settle(service)
    return found

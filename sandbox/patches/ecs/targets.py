"""ECS: the tasks of a service as targets of its target group, as ECS registers them.

A task is registered once its containers run, is in service after the first health check that it
passes, and leaves when the new ones are in service: it drains for the group's deregistration
delay, then stops. Source: ECS developer guide, "Amazon ECS task lifecycle"; ELB user guide,
"Health checks for Application Load Balancer target groups": after its registration a target must
pass one health check to be considered healthy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from moto.ecs.models import Service, ecs_backends
from moto.elbv2.models import FakeTargetGroup

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.image_behaviour import ImageBehaviour
from sandbox.patches.ecs.deployments import (
    FAILED_ROUND_SECONDS,
    DeploymentAttempt,
    DeploymentHistory,
    get_deployment_histories,
)
from sandbox.patches.ecs.target_groups import FAILED_CHECKS_TEXT
from sandbox.patches.ecs.tasks import compute_task_address, compute_task_id

TargetHealth = Literal["initial", "healthy", "unhealthy", "draining", "unused"]
HEALTH_REASONS: Final[dict[TargetHealth, tuple[str, str] | None]] = {
    "initial": ("Elb.InitialHealthChecking", "Initial health checks in progress"),
    "healthy": None,
    "unhealthy": ("Target.ResponseCodeMismatch", FAILED_CHECKS_TEXT),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
    "unused": ("Target.NotRegistered", "Target is not registered to the target group"),
}


@dataclass(frozen=True)
class RegisteredTarget:
    """One target of a group, and the image that answers there: a task's or an instance's.

    Without an image nothing listens.
    """

    id: str
    port: int
    health: TargetHealth
    name: str = ""
    image: str = ""
    image_behaviour: ImageBehaviour | None = None


def list_task_targets(group: FakeTargetGroup) -> list[RegisteredTarget]:
    """The tasks that are targets of a group now, those of the newest deployment first."""
    backend = ecs_backends[group.account_id][group.region_name]
    targets: list[RegisteredTarget] = []
    for service in list(backend.services.values()):
        load_balancers = [b for b in service.load_balancers if b.get("targetGroupArn") == group.arn]
        history = get_deployment_histories(backend).get(service.arn)
        if (
            load_balancers
            and history is not None
            and history.attempts
            and service.status == "ACTIVE"
        ):
            port = int(load_balancers[0]["containerPort"])
            for attempt, number, health in _list_task_healths(service, history, group):
                targets.append(
                    RegisteredTarget(
                        id=compute_task_address(service, attempt, number),
                        port=port,
                        health=health,
                        name=compute_task_id(service, attempt, number),
                        image=attempt.image,
                        image_behaviour=attempt.image_behaviour,
                    )
                )
    return targets


TaskHealths = Iterator[tuple[DeploymentAttempt, int, TargetHealth]]


def _list_task_healths(
    service: Service, history: DeploymentHistory, group: FakeTargetGroup
) -> TaskHealths:
    """Each phase is read once: the clock goes on meanwhile."""
    primary, desired_count = history.get_primary(), service.desired_count
    phase = primary.phase
    match phase:
        case "starting":
            if not is_in_future(primary.registers_at):
                yield from ((primary, number, "initial") for number in range(desired_count))
        case "draining" | "completed":
            yield from _list_sized_tasks(primary, history, desired_count)
        case "failing":
            if health := _get_failing_health(primary, group):
                yield from ((primary, number, health) for number in range(desired_count))
    if primary.previous is None or phase == "completed":
        return
    if phase == "draining":
        yield from (
            (primary.previous, number, "draining") for number in range(primary.replaced_count)
        )
    else:
        yield from _list_sized_tasks(primary.previous, history, desired_count)


def _list_sized_tasks(
    attempt: DeploymentAttempt, history: DeploymentHistory, desired_count: int
) -> TaskHealths:
    """The tasks of a serving deployment, whose size may be changing."""
    if history.resized_at is None or not is_in_future(history.resized_at):
        yield from ((attempt, number, "healthy") for number in range(desired_count))
        return
    for number in range(min(history.running_count, desired_count)):
        yield attempt, number, "healthy"
    for number in range(desired_count, history.running_count):
        yield attempt, number, "draining"
    if history.registers_at is None or not is_in_future(history.registers_at):
        for number in range(history.running_count, desired_count):
            yield attempt, number, "initial"


def _get_failing_health(attempt: DeploymentAttempt, group: FakeTargetGroup) -> TargetHealth | None:
    """The states of failing tasks, round by round; only running ones are targets."""
    if attempt.outcome != "unhealthy":
        return None
    elapsed = (
        get_sandbox_clock().now() - attempt.created_at
    ).total_seconds() % FAILED_ROUND_SECONDS[attempt.outcome]
    registration_seconds = (attempt.registers_at - attempt.created_at).total_seconds()
    if elapsed < registration_seconds:
        return None
    check_seconds = int(group.health_check_interval_seconds) * int(group.unhealthy_threshold_count)
    return "initial" if elapsed < registration_seconds + check_seconds else "unhealthy"

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

from sandbox.clock import clock, pending
from sandbox.image_behaviour import Behaviour
from sandbox.patches.ecs.deployments import ROUND, Attempt, History, histories
from sandbox.patches.ecs.tasks import address, task_id

Health = Literal["initial", "healthy", "unhealthy", "draining", "unused"]
REASONS: Final[dict[Health, tuple[str, str] | None]] = {
    "initial": ("Elb.InitialHealthChecking", "Initial health checks in progress"),
    "healthy": None,
    "unhealthy": ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
    "unused": ("Target.NotRegistered", "Target is not registered to the target group"),
}


@dataclass(frozen=True)
class Target:
    """One target of a group, and what answers there: an image, of a task or an instance.

    Without an image nobody listens.
    """

    id: str
    port: int
    health: Health
    name: str = ""
    image: str = ""
    answers: Behaviour | None = None


def tasks(group: FakeTargetGroup) -> list[Target]:
    """The tasks that are targets of a group now, those of the newest deployment first."""
    backend = ecs_backends[group.account_id][group.region_name]
    found: list[Target] = []
    for service in list(backend.services.values()):
        ours = [b for b in service.load_balancers if b.get("targetGroupArn") == group.arn]
        history = histories(backend).get(service.arn)
        if ours and history is not None and history.attempts and service.status == "ACTIVE":
            port = int(ours[0]["containerPort"])
            for attempt, number, health in _shown(service, history, group):
                found.append(
                    Target(
                        id=address(service, attempt, number),
                        port=port,
                        health=health,
                        name=task_id(service, attempt, number),
                        image=attempt.image,
                        answers=attempt.answers,
                    )
                )
    return found


Shown = Iterator[tuple[Attempt, int, Health]]


def _shown(service: Service, history: History, group: FakeTargetGroup) -> Shown:
    """Each phase is looked at once: the clock goes on meanwhile."""
    primary, wanted = history.primary(), service.desired_count
    phase = primary.phase
    match phase:
        case "starting":
            if not pending(primary.registers):
                yield from ((primary, number, "initial") for number in range(wanted))
        case "draining" | "completed":
            yield from _sized(primary, history, wanted)
        case "failing":
            if health := _failing(primary, group):
                yield from ((primary, number, health) for number in range(wanted))
    if primary.before is None or phase == "completed":
        return
    if phase == "draining":
        yield from ((primary.before, number, "draining") for number in range(primary.replaces))
    else:
        yield from _sized(primary.before, history, wanted)


def _sized(attempt: Attempt, history: History, wanted: int) -> Shown:
    """The tasks of a deployment that serves, while its size may be changing."""
    if history.resized is None or not pending(history.resized):
        yield from ((attempt, number, "healthy") for number in range(wanted))
        return
    for number in range(min(history.running, wanted)):
        yield attempt, number, "healthy"
    for number in range(wanted, history.running):
        yield attempt, number, "draining"
    if history.registers is None or not pending(history.registers):
        for number in range(history.running, wanted):
            yield attempt, number, "initial"


def _failing(attempt: Attempt, group: FakeTargetGroup) -> Health | None:
    """What its tasks are while they fail, round by round; only those that run are targets."""
    if attempt.how != "unhealthy":
        return None
    into = (clock().now() - attempt.created).total_seconds() % ROUND[attempt.how]
    registered = (attempt.registers - attempt.created).total_seconds()
    if into < registered:
        return None
    checks = int(group.health_check_interval_seconds) * int(group.unhealthy_threshold_count)
    return "initial" if into < registered + checks else "unhealthy"

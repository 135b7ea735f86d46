"""How many tasks a service has, and the limits within which AWS changes that by itself."""

from dataclasses import dataclass
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.outputs import Outputs
from ops.services.model import Service

NAMESPACE: Final = "ecs"
DIMENSION: Final = "ecs:service:DesiredCount"
MOST: Final = 5000  # tasks a service. Source: service quotas of ECS
TARGET: Final = "ScalableTargets[0]"
SUSPENDED: Final = (
    "DynamicScalingInSuspended",
    "DynamicScalingOutSuspended",
    "ScheduledScalingSuspended",
)
TYPICAL: Final = 2 * 60
ASSUMED: Final = "an assumption, AWS states none: image pull and health checks"
COLUMNS: Final = ("service", "min", "max", "suspended")


@dataclass(frozen=True)
class Limits:
    """The limits of a service's automatic scaling, and whether it is suspended."""

    service: Service
    least: int
    most: int
    suspended: bool

    def row(self) -> dict[str, object]:
        """What a person sees of it."""
        return {
            "service": self.service.name,
            "min": self.least,
            "max": self.most,
            "suspended": "yes" if self.suspended else "no",
        }


def limits(aws: Aws, service: Service) -> Limits | None:
    """The service's limits; None where nothing scales it."""
    if service.part.scaling_resource_id is None:
        return None
    answer = list(
        aws.list_items(
            "application-autoscaling.describe_scalable_targets",
            "ScalableTargets",
            _listed(service),
        )
    )
    if not answer:
        return None
    found = answer[0]
    state: dict[str, Any] = found.get("SuspendedState") or {}
    return Limits(
        service,
        int(found["MinCapacity"]),
        int(found["MaxCapacity"]),
        any(state.get(name) for name in SUSPENDED),
    )


def number(text: str) -> int:
    """COUNT as a number. Raises UsageError."""
    if not text.isascii() or not text.isdigit() or int(text) > MOST:
        raise UsageError(f"COUNT is {text!r}, may be 0 to {MOST}")
    return int(text)


def scale(
    outputs: Outputs,
    service: Service,
    now: Limits | None,
    count: int,
    run: str,
    *,
    wait: bool = True,
) -> Plan:
    """The service has `count` tasks, and they run. Undone: as many as before."""
    if count == service.desired == service.running:
        raise UsageError(f"COUNT is {count}, which {service.name} has already")
    if now is not None and not now.suspended and not now.least <= count <= now.most:
        which = f"--max {count}" if count > now.most else f"--min {count}"
        raise UsageError(
            f"COUNT is {count}, may be {now.least} to {now.most}: automatic scaling takes back "
            "what is beyond its limits",
            f"ops service autoscaling --service {service.name} {which}",
        )
    notes = [f"tasks: {service.desired} -> {count}"]
    if now is not None and not now.suspended:
        notes.append("automatic scaling goes on from there, within its limits")
    if count == 0:
        notes.append("without tasks the service answers nobody until it is scaled up again")
    steps = (
        _count(
            "scale",
            service,
            count,
            wait=wait,
            undo=(_count("back", service, service.desired, wait=wait),),
        ),
    )
    return build_stack_plan(
        outputs, run, "service scale", *steps, notes=notes, arguments=f"--service {service.name}"
    )


def change(
    outputs: Outputs,
    now: Limits,
    run: str,
    *,
    least: int | None = None,
    most: int | None = None,
    suspended: bool | None = None,
) -> Plan:
    """Automatic scaling has these limits, or is suspended, or goes on. Undone: as before."""
    wanted = Limits(
        now.service,
        now.least if least is None else least,
        now.most if most is None else most,
        now.suspended if suspended is None else suspended,
    )
    if wanted.most > MOST:
        raise UsageError(f"--max is {wanted.most}, may be 0 to {MOST}")
    if wanted.least > wanted.most:
        option, value, may = (
            ("--min", wanted.least, f"at most {wanted.most}, the most")
            if least is not None
            else ("--max", wanted.most, f"at least {wanted.least}, the fewest")
        )
        raise UsageError(f"{option} is {value}, may be {may}")
    if wanted == now:
        raise UsageError(
            "neither --min nor --max nor --suspend nor --resume says anything new",
            f"ops service limits --service {now.service.name}",
        )
    step = _limits("limits", wanted, undo=(_limits("back", now),))
    notes = (
        f"tasks: {now.least} to {now.most} -> {wanted.least} to {wanted.most}",
        f"suspended: {now.suspended} -> {wanted.suspended}",
        "the limits are settings of the stack as well: the next `pulumi up` sets them again",
    )
    name = now.service.name
    return build_stack_plan(
        outputs, run, "service autoscaling", step, notes=notes, arguments=f"--service {name}"
    )


def _count(
    name: str, service: Service, count: int, *, wait: bool, undo: tuple[Step, ...] = ()
) -> Step:
    where: JsonObject = {"cluster": service.cluster, "service": service.name}
    desired = "services[0].desiredCount"
    read = Call(
        api="ecs.describe_services",
        params={"cluster": service.cluster, "services": [service.name]},
    )
    met: JsonObject = {desired: count, **({"services[0].runningCount": count} if wait else {})}
    return Step(
        name=name,
        description=f"give {service.name} {count} tasks",
        action=Call(api="ecs.update_service", params={**where, "desiredCount": count}),
        goal=Wait(
            read=read,
            met=met,
            begun={desired: count},
            within=20 * 60,
            typical=TYPICAL if wait else None,
            source=ASSUMED if wait else None,
        ),
        undo=undo,
    )


def _limits(name: str, wanted: Limits, undo: tuple[Step, ...] = ()) -> Step:
    state = dict.fromkeys(SUSPENDED, wanted.suspended)
    met: JsonObject = {
        f"{TARGET}.MinCapacity": wanted.least,
        f"{TARGET}.MaxCapacity": wanted.most,
        # A target that was never suspended may have no state at all.
        f"{TARGET}.SuspendedState.{SUSPENDED[0]} || `false`": wanted.suspended,
    }
    params: JsonObject = {
        **_where(wanted.service),
        "MinCapacity": wanted.least,
        "MaxCapacity": wanted.most,
        "SuspendedState": {**state},
    }
    read = Call(
        api="application-autoscaling.describe_scalable_targets",
        params=_listed(wanted.service),
    )
    words = f"scale {wanted.service.name} between {wanted.least} and {wanted.most} tasks"
    return Step(
        name=name,
        description=words + (", suspended" if wanted.suspended else ""),
        action=Call(api="application-autoscaling.register_scalable_target", params=params),
        goal=Wait(read=read, met=met, every=5, within=300),
        undo=undo,
    )


def _where(service: Service) -> JsonObject:
    return {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": service.part.scaling_resource_id,
        "ScalableDimension": DIMENSION,
    }


def _listed(service: Service) -> JsonObject:
    return {
        "ServiceNamespace": NAMESPACE,
        "ResourceIds": [service.part.scaling_resource_id],
        "ScalableDimension": DIMENSION,
    }

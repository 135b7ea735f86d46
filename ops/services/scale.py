"""Plans that change a service's task count and its automatic scaling limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from components.facts.services import DESIRED_COUNT_DIMENSION, ECS_SCALING_NAMESPACE
from ops.core.aws import Aws
from ops.core.compute_room import build_fargate_need, read_compute_notes
from ops.core.counts import build_count_wait
from ops.core.errors import UsageError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.scaling_apis import SCALABLE_TARGETS_API
from ops.core.service_reports import build_service_reports
from ops.core.stack_plan import NOT_PRICED, build_stack_plan
from ops.outputs import Outputs
from ops.prices.difference import CPU_UNITS, describe_tasks_cost
from ops.services.model import ServiceState

MAX_TASKS_PER_SERVICE: Final = 5000  # tasks per service. Source: ECS service quotas
SPOT_PROVIDER: Final = "FARGATE_SPOT"
SCALABLE_TARGET_PATH: Final = "ScalableTargets[0]"
SUSPENSION_FLAGS: Final = (
    "DynamicScalingInSuspended",
    "DynamicScalingOutSuspended",
    "ScheduledScalingSuspended",
)
TYPICAL_SERVICE_SCALE_SECONDS: Final = 2 * 60
SERVICE_SCALE_TIME_SOURCE: Final = "an assumption, AWS states no time: image pull and health checks"
# Seconds until ECS shows a count that it took: an assumption, it is usually one or two.
COUNT_VISIBLE_SECONDS: Final = 5 * 60
DESIRED_COUNT_PATH: Final = "services[0].desiredCount"
RUNNING_COUNT_PATH: Final = "services[0].runningCount"
SERVICE_LIMIT_COLUMNS: Final = ("service", "min", "max", "suspended")


@dataclass(frozen=True)
class ScalingLimits:
    """A service's automatic scaling limits, in tasks, and whether scaling is suspended.

    `may_change_count` is False only if everything is suspended that changes the count by itself.
    """

    service: ServiceState
    min_tasks: int
    max_tasks: int
    is_suspended: bool
    may_change_count: bool = field(default=True, compare=False)

    def build_row(self) -> dict[str, object]:
        """Returns the row of `ops service limits`."""
        return {
            "service": self.service.name,
            "min": self.min_tasks,
            "max": self.max_tasks,
            "suspended": "yes" if self.is_suspended else "no",
        }


def find_scaling_limits(aws: Aws, service: ServiceState) -> ScalingLimits | None:
    """Returns the service's limits, or None if it has no automatic scaling."""
    if service.part.scaling_resource_id is None:
        return None
    answer = list(
        aws.list_items(
            SCALABLE_TARGETS_API,
            "ScalableTargets",
            _build_target_query(service),
        )
    )
    if not answer:
        return None
    scalable_target = answer[0]
    state: dict[str, Any] = scalable_target.get("SuspendedState") or {}
    return ScalingLimits(
        service,
        int(scalable_target["MinCapacity"]),
        int(scalable_target["MaxCapacity"]),
        any(state.get(name) for name in SUSPENSION_FLAGS),
        not all(state.get(name) for name in SUSPENSION_FLAGS),
    )


def parse_task_count(text: str) -> int:
    """Parses COUNT. Raises UsageError unless it is in 0..MAX_TASKS_PER_SERVICE."""
    if not text.isascii() or not text.isdigit() or int(text) > MAX_TASKS_PER_SERVICE:
        raise UsageError(f"COUNT must be 0 to {MAX_TASKS_PER_SERVICE}, not {text!r}")
    return int(text)


def read_task_room_notes(
    aws: Aws, outputs: Outputs, service: ServiceState, definition: Mapping[str, Any], count: int
) -> tuple[str, ...]:
    """What the quota of Fargate's vCPUs says of so many tasks; tasks of Spot have another one.

    Raises OpsError if they certainly do not fit.
    """
    providers = service.description.get("capacityProviderStrategy") or ()
    if any(provider.get("capacityProvider") == SPOT_PROVIDER for provider in providers):
        return ()
    vcpus = float(definition.get("cpu") or 0) / CPU_UNITS
    more = (count - service.desired_count) * vcpus
    return read_compute_notes(aws, outputs, build_fargate_need(more, count * vcpus))


def build_service_scale_plan(
    outputs: Outputs,
    service: ServiceState,
    limits: ScalingLimits | None,
    count: int,
    run: str,
    *,
    wait: bool = True,
    task_definition: Mapping[str, Any] | None = None,
    room_notes: Sequence[str] = (),
) -> Plan:
    """Builds the plan that scales a service to `count` running tasks.

    `task_definition` is what they run, for their price; `room_notes` are of `read_task_room_notes`.

    The undo restores the count, but only if nothing else changes it: with automatic scaling on, the
    old count would be stale. Then at least (or, scaling down, at most) `count` is the goal.
    Raises UsageError if the count is unchanged or outside the automatic scaling limits.
    """
    if count == service.desired_count == service.running_count:
        raise UsageError(f"COUNT is {count}, but {service.name} already has {count} tasks")
    if (
        limits is not None
        and not limits.is_suspended
        and not limits.min_tasks <= count <= limits.max_tasks
    ):
        limit_option = f"--max {count}" if count > limits.max_tasks else f"--min {count}"
        raise UsageError(
            f"COUNT must be {limits.min_tasks} to {limits.max_tasks}, not {count}: "
            "automatic scaling would undo a count outside its limits",
            f"ops service autoscaling --service {service.name} {limit_option}",
        )
    is_automatic = limits is not None and limits.may_change_count
    notes = []
    if is_automatic:
        notes += [
            "automatic scaling stays on and may change the count within its limits",
            "no undo: automatic scaling decides the count from then on; its limits stay as they "
            f"are (to keep at least {count}: ops service autoscaling --service {service.name} "
            f"--min {count})",
        ]
    if count == 0:
        notes.append("with 0 tasks the service is down until it is scaled up again")
    notes += room_notes
    old_count = service.desired_count
    undo_steps = (
        _build_count_step("back", service, count, old_count),
        *((_build_running_step("back_running", service, count, old_count),) if wait else ()),
    )
    steps = (
        _build_count_step(
            "scale",
            service,
            old_count,
            count,
            is_automatic=is_automatic,
            undo=() if is_automatic else undo_steps,
        ),
        *(
            (_build_running_step("running", service, old_count, count, is_automatic=is_automatic),)
            if wait
            else ()
        ),
    )
    return build_stack_plan(
        outputs,
        run,
        "service scale",
        *steps,
        changes=[f"tasks: {old_count} -> {count}"],
        losses=(),
        cost=describe_tasks_cost(task_definition, old_count, count),
        notes=notes,
        arguments=f"{count} --service {service.name}",
    )


def build_scaling_limits_plan(
    outputs: Outputs,
    current_limits: ScalingLimits,
    run: str,
    *,
    min_tasks: int | None = None,
    max_tasks: int | None = None,
    suspend: bool | None = None,
) -> Plan:
    """Builds the plan that changes, suspends or resumes automatic scaling; the undo restores it.

    Raises UsageError if nothing would change or a limit is out of range.
    """
    new_limits = ScalingLimits(
        current_limits.service,
        current_limits.min_tasks if min_tasks is None else min_tasks,
        current_limits.max_tasks if max_tasks is None else max_tasks,
        current_limits.is_suspended if suspend is None else suspend,
    )
    if new_limits.max_tasks > MAX_TASKS_PER_SERVICE:
        raise UsageError(f"--max must be 0 to {MAX_TASKS_PER_SERVICE}, not {new_limits.max_tasks}")
    if new_limits.min_tasks > new_limits.max_tasks:
        option, value, requirement = (
            ("--min", new_limits.min_tasks, f"at most {new_limits.max_tasks} (the maximum)")
            if min_tasks is not None
            else ("--max", new_limits.max_tasks, f"at least {new_limits.min_tasks} (the minimum)")
        )
        raise UsageError(f"{option} must be {requirement}, not {value}")
    if new_limits == current_limits:
        raise UsageError(
            "nothing to change: give a new --min or --max, --suspend or --resume",
            "ops service limits",
        )
    step = _build_limits_step(
        "limits", new_limits, undo=(_build_limits_step("back", current_limits),)
    )
    limits_before, limits_after = (
        f"{limits.min_tasks} to {limits.max_tasks}" for limits in (current_limits, new_limits)
    )
    changes = [
        *([f"tasks: {limits_before} -> {limits_after}"] if limits_before != limits_after else []),
        *(
            [
                f"automatic scaling: {_describe_suspension(current_limits)} -> "
                f"{_describe_suspension(new_limits)}"
            ]
            if current_limits.is_suspended != new_limits.is_suspended
            else []
        ),
    ]
    notes = ("the next `pulumi up` restores the limits in the stack's settings",)
    name = current_limits.service.name
    return build_stack_plan(
        outputs,
        run,
        "service autoscaling",
        step,
        changes=changes,
        losses=(),
        cost=f"{NOT_PRICED}: by the number of tasks that run then",
        notes=notes,
        arguments=" ".join(
            [
                f"--service {name}",
                *([f"--min {min_tasks}"] if min_tasks is not None else []),
                *([f"--max {max_tasks}"] if max_tasks is not None else []),
                *([] if suspend is None else ["--suspend" if suspend else "--resume"]),
            ]
        ),
    )


def _describe_suspension(limits: ScalingLimits) -> str:
    return "suspended" if limits.is_suspended else "on"


def _describe_service_call(service: ServiceState) -> Call:
    return Call(
        api="ecs.describe_services",
        params={"cluster": service.cluster, "services": [service.name]},
    )


def _build_count_step(
    name: str,
    service: ServiceState,
    old_count: int,
    count: int,
    *,
    is_automatic: bool = False,
    undo: tuple[Step, ...] = (),
) -> Step:
    """Builds the step that sets the desired count; its goal is seen within seconds."""
    service_params: JsonObject = {"cluster": service.cluster, "service": service.name}
    return Step(
        name=name,
        description=f"scale {service.name} to {count} tasks",
        action=Call(api="ecs.update_service", params={**service_params, "desiredCount": count}),
        goal=build_count_wait(
            _describe_service_call(service),
            DESIRED_COUNT_PATH,
            old_count,
            count,
            is_automatic=is_automatic,
            within=COUNT_VISIBLE_SECONDS,
            reports=build_service_reports(
                _describe_service_call(service), with_failures=count > old_count
            ),
        ),
        undo=undo,
    )


def _build_running_step(
    name: str, service: ServiceState, old_count: int, count: int, *, is_automatic: bool = False
) -> Step:
    """Builds the step that sees the tasks run; it only looks, so that it holds nobody up.

    With automatic scaling on, the count that it decided on since is enough.
    """
    met: JsonObject = {RUNNING_COUNT_PATH: count}
    if is_automatic:
        operator = "<=" if count < old_count else ">="
        is_reached = f"{RUNNING_COUNT_PATH} {operator} `{count}`"
        is_as_decided = f"{RUNNING_COUNT_PATH} == {DESIRED_COUNT_PATH}"
        met = {f"{is_reached} || {is_as_decided}": True}
    read = _describe_service_call(service)
    return Step(
        name=name,
        description=f"see {count} tasks of {service.name} run"
        + (", or as many as automatic scaling decided on since" if is_automatic else ""),
        action=read,
        goal=Wait(
            read=read,
            met=met,
            within=20 * 60,
            typical=TYPICAL_SERVICE_SCALE_SECONDS,
            source=SERVICE_SCALE_TIME_SOURCE,
            reports=build_service_reports(read, with_failures=count > old_count),
        ),
    )


def _build_limits_step(name: str, limits: ScalingLimits, undo: tuple[Step, ...] = ()) -> Step:
    state = dict.fromkeys(SUSPENSION_FLAGS, limits.is_suspended)
    suspended_path = f"{SCALABLE_TARGET_PATH}.SuspendedState.{SUSPENSION_FLAGS[0]} || `false`"
    met: JsonObject = {
        f"{SCALABLE_TARGET_PATH}.MinCapacity": limits.min_tasks,
        f"{SCALABLE_TARGET_PATH}.MaxCapacity": limits.max_tasks,
        # A target that was never suspended may have no SuspendedState.
        suspended_path: limits.is_suspended,
    }
    params: JsonObject = {
        **_build_target_params(limits.service),
        "MinCapacity": limits.min_tasks,
        "MaxCapacity": limits.max_tasks,
        "SuspendedState": {**state},
    }
    read = Call(
        api=SCALABLE_TARGETS_API,
        params=_build_target_query(limits.service),
    )
    description = f"limit {limits.service.name} to {limits.min_tasks}-{limits.max_tasks} tasks"
    return Step(
        name=name,
        description=description + (", automatic scaling suspended" if limits.is_suspended else ""),
        action=Call(api="application-autoscaling.register_scalable_target", params=params),
        goal=Wait(read=read, met=met, every=5, within=300),
        undo=undo,
    )


def _build_target_params(service: ServiceState) -> JsonObject:
    return {
        "ServiceNamespace": ECS_SCALING_NAMESPACE,
        "ResourceId": service.part.scaling_resource_id,
        "ScalableDimension": DESIRED_COUNT_DIMENSION,
    }


def _build_target_query(service: ServiceState) -> JsonObject:
    return {
        "ServiceNamespace": ECS_SCALING_NAMESPACE,
        "ResourceIds": [service.part.scaling_resource_id],
        "ScalableDimension": DESIRED_COUNT_DIMENSION,
    }

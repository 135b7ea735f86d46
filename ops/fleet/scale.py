"""Plans that change the fleet's number of instances and its limits."""

from collections.abc import Sequence
from typing import Final

from components.facts.vcpus import find_ec2_vcpus
from ops.core.aws import Aws
from ops.core.compute_room import build_instances_need, read_compute_notes
from ops.core.counts import build_count_wait, format_count
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import NOT_PRICED, build_stack_plan
from ops.fleet.activity_reports import build_activity_reports
from ops.fleet.model import (
    GROUP_PATH,
    INSTANCE_LOSS,
    FleetState,
    describe_group_call,
    describe_target_health_call,
)
from ops.outputs import Outputs
from ops.prices.difference import describe_instances_cost

# Instances to accept in COUNT: an assumption that catches typing errors.
MAX_FLEET_INSTANCES: Final = 1000
TYPICAL_FLEET_SCALE_SECONDS: Final = 3 * 60
FLEET_SCALE_TIME_SOURCE: Final = (
    "an assumption, AWS states no time: boot, image pull and health checks"
)
FLEET_SCALE_TIMEOUT_SECONDS: Final = 30 * 60
SERVING_COUNT_PATH: Final = (
    f"length({GROUP_PATH}.Instances[?LifecycleState=='InService' && HealthStatus=='Healthy'])"
)
INSTANCE_COUNT_PATH: Final = f"length({GROUP_PATH}.Instances)"
HEALTHY_TARGETS_PATH: Final = "length(TargetHealthDescriptions[?TargetHealth.State=='healthy'])"
# Targets that are neither healthy nor leaving. Source: ELBv2 API reference, TargetHealth.
UNHEALTHY_TARGETS_PATH: Final = (
    "TargetHealthDescriptions[?TargetHealth.State!='healthy' && TargetHealth.State!='draining']"
    ".Target.Id"
)
DESIRED_CAPACITY_PATH: Final = f"{GROUP_PATH}.DesiredCapacity"
# Seconds until Auto Scaling shows a number that it took: an assumption, it is usually one or two.
CAPACITY_VISIBLE_SECONDS: Final = 5 * 60
# What changes the number by itself. Source: as-suspend-resume-processes, EC2 Auto Scaling
AUTOMATIC_PROCESSES: Final = frozenset({"AlarmNotification", "ScheduledActions"})
FLEET_LIMIT_COLUMNS: Final = ("group", "min", "max", "desired", "in service", "suspended")


def parse_instance_count(text: str) -> int:
    """Parses COUNT. Raises UsageError unless it is in 0..MAX_FLEET_INSTANCES."""
    if not text.isascii() or not text.isdigit() or int(text) > MAX_FLEET_INSTANCES:
        raise UsageError(f"COUNT must be 0 to {MAX_FLEET_INSTANCES}, not {text!r}")
    return int(text)


def build_fleet_limits_row(fleet_state: FleetState) -> dict[str, object]:
    """Builds the row of `ops fleet limits`."""
    return {
        "group": fleet_state.part.group,
        "min": fleet_state.min_size,
        "max": fleet_state.max_size,
        "desired": fleet_state.desired_capacity,
        "in service": fleet_state.serving_count,
        "suspended": list(fleet_state.suspended_processes) or None,
    }


def read_instance_room_notes(
    aws: Aws, outputs: Outputs, fleet_state: FleetState, count: int
) -> tuple[str, ...]:
    """What the quota of instances' vCPUs says of so many, by the largest type that runs.

    Raises OpsError if they certainly do not fit, even with the smallest type.
    """
    more = count - fleet_state.desired_capacity
    types = fleet_state.instance_types
    if more <= 0 or not types:
        return ()
    try:
        vcpus = [find_ec2_vcpus(name) for name in types]
    except KeyError as error:
        return (f"Whether the quota of vCPUs has room is not known: the size {error} is not known",)
    need = build_instances_need(more * max(vcpus), count * min(vcpus))
    return read_compute_notes(aws, outputs, need)


def build_fleet_scale_plan(
    outputs: Outputs,
    fleet_state: FleetState,
    count: int,
    run: str,
    *,
    wait: bool = True,
    room_notes: Sequence[str] = (),
) -> Plan:
    """Builds the plan that scales the fleet to `count` serving instances.

    The undo restores the old number only if the group's alarms are suspended: with automatic
    scaling on it would be stale. Then at least (or, scaling down, at most) `count` is the goal.
    Raises UsageError if the count is unchanged or outside the limits, OpsError if the scaling
    process it needs is suspended.
    """
    if count == fleet_state.desired_capacity and fleet_state.is_at_desired_capacity:
        raise UsageError(
            f"COUNT is {count}, but the fleet already has {count} instances", "ops fleet instances"
        )
    if not fleet_state.min_size <= count <= fleet_state.max_size:
        limit_option = f"--max {count}" if count > fleet_state.max_size else f"--min {count}"
        raise UsageError(
            f"COUNT must be {fleet_state.min_size} to {fleet_state.max_size} (the fleet's limits), "
            f"not {count}",
            f"ops fleet limits {limit_option}",
        )
    required_process = "Launch" if count > fleet_state.serving_count else "Terminate"
    if required_process in fleet_state.suspended_processes:
        raise OpsError(
            f"{fleet_state.part.group} cannot scale: its {required_process} process is suspended",
            "aws autoscaling resume-processes --auto-scaling-group-name "
            f"{fleet_state.part.group} --scaling-processes {required_process}",
        )
    is_automatic = not set(fleet_state.suspended_processes) >= AUTOMATIC_PROCESSES
    old_count = fleet_state.desired_capacity
    notes = []
    if is_automatic:
        notes += [
            "automatic scaling stays on and may change the count within its limits",
            "no undo: automatic scaling decides the number from then on; its limits stay as they "
            f"are (to keep at least {count}: ops fleet limits --min {count})",
        ]
    if fleet_state.part.honors_cooldown:
        notes.append(
            "AWS refuses this during the group's cooldown (fleet.honorCooldown is set): try again "
            "when it is over"
        )
    if count == 0:
        notes.append("with 0 instances the fleet is down until it is scaled up again")
    notes += room_notes
    undo_steps = (
        _build_count_step("back", fleet_state, count, old_count),
        *((_build_serving_step("back_serving", fleet_state, count, old_count),) if wait else ()),
    )
    steps: tuple[Step, ...] = (
        _build_count_step(
            "scale",
            fleet_state,
            old_count,
            count,
            is_automatic=is_automatic,
            honors_cooldown=fleet_state.part.honors_cooldown,
            undo=() if is_automatic else undo_steps,
        ),
    )
    if wait:
        serving_step = _build_serving_step(
            "serving", fleet_state, old_count, count, is_automatic=is_automatic
        )
        steps = (*steps, serving_step)
    if wait and fleet_state.target_group_arn is not None:
        steps = (
            *steps,
            build_healthy_targets_step(
                "healthy",
                fleet_state,
                fleet_state.target_group_arn,
                count if count >= old_count else min(count, max(fleet_state.min_size, 1)),
                is_failed_on_timeout=is_automatic,
            ),
        )
    return build_stack_plan(
        outputs,
        run,
        "fleet scale",
        *steps,
        changes=[f"instances: {old_count} -> {count}"],
        losses=[INSTANCE_LOSS] if count < old_count else [],
        cost=describe_instances_cost(fleet_state.instance_types, old_count, count),
        notes=notes,
        arguments=str(count),
    )


def build_fleet_limits_plan(
    outputs: Outputs,
    fleet_state: FleetState,
    run: str,
    *,
    min_size: int | None = None,
    max_size: int | None = None,
) -> Plan:
    """Builds the plan that changes the fleet's limits; the undo restores them.

    Raises UsageError if nothing would change or the desired capacity is outside the new limits.
    """
    low, high = (
        fleet_state.min_size if min_size is None else min_size,
        fleet_state.max_size if max_size is None else max_size,
    )
    if low > high:
        option, value, requirement = (
            ("--min", low, f"at most {high} (the maximum)")
            if min_size is not None
            else ("--max", high, f"at least {low} (the minimum)")
        )
        raise UsageError(f"{option} must be {requirement}, not {value}")
    # AWS would launch or terminate instances: that needs `ops fleet scale` and its plan.
    for option, value, is_beyond, requirement in (
        ("--min", low, fleet_state.desired_capacity < low, "at most"),
        ("--max", high, fleet_state.desired_capacity > high, "at least"),
    ):
        if is_beyond:
            raise UsageError(
                f"{option} must be {requirement} {fleet_state.desired_capacity} (the desired "
                f"capacity), not {value}",
                f"ops fleet scale {value}",
            )
    if (low, high) == (fleet_state.min_size, fleet_state.max_size):
        raise UsageError("nothing to change: give a new --min or --max", "ops fleet limits")
    step = _build_limits_step(
        "limits",
        fleet_state,
        low,
        high,
        undo=(_build_limits_step("back", fleet_state, fleet_state.min_size, fleet_state.max_size),),
    )
    notes = ("the next `pulumi up` restores the limits in the stack's settings",)
    return build_stack_plan(
        outputs,
        run,
        "fleet limits",
        step,
        changes=[f"instances: {fleet_state.min_size} to {fleet_state.max_size} -> {low} to {high}"],
        losses=(),
        cost=f"{NOT_PRICED}: by the number of instances that run then",
        notes=notes,
        arguments=f"--min {low} --max {high}",
    )


def _build_count_step(
    name: str,
    fleet_state: FleetState,
    old_count: int,
    count: int,
    *,
    is_automatic: bool = False,
    honors_cooldown: bool = False,
    undo: tuple[Step, ...] = (),
) -> Step:
    """Builds the step that sets the desired capacity; its goal is seen within seconds."""
    return Step(
        name=name,
        description=f"scale the fleet to {format_count(count, 'instance')}",
        action=Call(
            api="autoscaling.set_desired_capacity",
            params={
                "AutoScalingGroupName": fleet_state.part.group,
                "DesiredCapacity": count,
                "HonorCooldown": honors_cooldown,
            },
        ),
        goal=build_count_wait(
            describe_group_call(fleet_state.part),
            DESIRED_CAPACITY_PATH,
            old_count,
            count,
            is_automatic=is_automatic,
            within=CAPACITY_VISIBLE_SECONDS,
            reports=build_activity_reports(fleet_state.part, with_failures=count > old_count),
        ),
        undo=undo,
    )


def _build_serving_step(
    name: str, fleet_state: FleetState, old_count: int, count: int, *, is_automatic: bool = False
) -> Step:
    """Builds the step that sees the instances serve; it only looks, so that it holds nobody up.

    With automatic scaling on, the number that it decided on since is enough.
    """
    met: JsonObject = {SERVING_COUNT_PATH: count, INSTANCE_COUNT_PATH: count}
    if is_automatic:
        path, operator = (
            (INSTANCE_COUNT_PATH, "<=") if count < old_count else (SERVING_COUNT_PATH, ">=")
        )
        met = {f"{path} {operator} `{count}` || {path} == {DESIRED_CAPACITY_PATH}": True}
    read = describe_group_call(fleet_state.part)
    return Step(
        name=name,
        description=f"see {format_count(count, 'instance')} in service"
        + (", or as many as automatic scaling decided on since" if is_automatic else ""),
        action=read,
        goal=Wait(
            read=read,
            met=met,
            within=FLEET_SCALE_TIMEOUT_SECONDS,
            typical=TYPICAL_FLEET_SCALE_SECONDS,
            source=FLEET_SCALE_TIME_SOURCE,
            reports=build_activity_reports(fleet_state.part, with_failures=count > old_count),
        ),
    )


def build_healthy_targets_step(
    name: str,
    fleet_state: FleetState,
    target_group_arn: str,
    min_count: int,
    *,
    is_failed_on_timeout: bool = False,
) -> Step:
    """Builds the step that waits until every target is healthy, and at least `min_count` are.

    An exact number is no goal: automatic scaling changes it meanwhile. Where it may have taken
    instances away before they were healthy, waiting again would not help: then it has failed.
    """
    read = describe_target_health_call(target_group_arn)
    return Step(
        name=name,
        description=f"check that all targets are healthy, at least {min_count}",
        action=read,
        goal=Wait(
            read=read,
            met={
                UNHEALTHY_TARGETS_PATH: [],
                f"{HEALTHY_TARGETS_PATH} >= `{min_count}`": True,
            },
            failed_on_timeout={"type(TargetHealthDescriptions)": ["array"]}
            if is_failed_on_timeout
            else {},
            within=FLEET_SCALE_TIMEOUT_SECONDS,
            reports=build_activity_reports(fleet_state.part),
        ),
    )


def _build_limits_step(
    name: str, fleet_state: FleetState, low: int, high: int, undo: tuple[Step, ...] = ()
) -> Step:
    met: JsonObject = {f"{GROUP_PATH}.MinSize": low, f"{GROUP_PATH}.MaxSize": high}
    return Step(
        name=name,
        description=f"limit the fleet to {low}-{high} instances",
        action=Call(
            api="autoscaling.update_auto_scaling_group",
            params={
                "AutoScalingGroupName": fleet_state.part.group,
                "MinSize": low,
                "MaxSize": high,
            },
        ),
        goal=Wait(read=describe_group_call(fleet_state.part), met=met, every=5, within=300),
        undo=undo,
    )

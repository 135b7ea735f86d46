"""How many instances the fleet has, and the limits within which AWS changes that by itself."""

from typing import Final

from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.fleet import model as fleet
from ops.fleet.model import GROUP_PATH, FleetState
from ops.outputs import Outputs

# Instances that a person may ask for at once: an assumption, where a typing error ends.
MAX_FLEET_INSTANCES: Final = 1000
TYPICAL_FLEET_SCALE_SECONDS: Final = 3 * 60
FLEET_SCALE_TIME_SOURCE: Final = (
    "an assumption, AWS states none: start, pull of the image and health checks"
)
FLEET_SCALE_TIMEOUT_SECONDS: Final = 30 * 60
SERVING_COUNT_PATH: Final = (
    f"length({GROUP_PATH}.Instances[?LifecycleState=='InService' && HealthStatus=='Healthy'])"
)
INSTANCE_COUNT_PATH: Final = f"length({GROUP_PATH}.Instances)"
HEALTHY_TARGETS_PATH: Final = "length(TargetHealthDescriptions[?TargetHealth.State=='healthy'])"
FLEET_LIMIT_COLUMNS: Final = ("group", "min", "max", "desired", "in service", "suspended")


def parse_instance_count(text: str) -> int:
    """COUNT as a number. Raises UsageError."""
    if not text.isascii() or not text.isdigit() or int(text) > MAX_FLEET_INSTANCES:
        raise UsageError(f"COUNT is {text!r}, must be 0 to {MAX_FLEET_INSTANCES}")
    return int(text)


def build_fleet_limits_row(fleet_state: FleetState) -> dict[str, object]:
    """What a person sees of the limits."""
    return {
        "group": fleet_state.part.group,
        "min": fleet_state.min_size,
        "max": fleet_state.max_size,
        "desired": fleet_state.desired_capacity,
        "in service": fleet_state.serving_count,
        "suspended": list(fleet_state.suspended_processes) or None,
    }


def build_fleet_scale_plan(
    outputs: Outputs, fleet_state: FleetState, count: int, run: str, *, wait: bool = True
) -> Plan:
    """The fleet has `count` instances, and they serve. Undone: as many as before."""
    if count == fleet_state.desired_capacity and fleet_state.is_at_desired_capacity:
        raise UsageError(f"COUNT is {count}, which the fleet has already", "ops fleet instances")
    if not fleet_state.min_size <= count <= fleet_state.max_size:
        limit_option = f"--max {count}" if count > fleet_state.max_size else f"--min {count}"
        raise UsageError(
            f"COUNT is {count}, must be {fleet_state.min_size} to {fleet_state.max_size}: "
            "AWS refuses what is beyond the "
            "limits of the fleet",
            f"ops fleet limits {limit_option}",
        )
    required_process = "Launch" if count > fleet_state.serving_count else "Terminate"
    if required_process in fleet_state.suspended_processes:
        raise OpsError(
            f"the process {required_process} of {fleet_state.part.group} is suspended: "
            "nothing would come of it",
            "aws autoscaling resume-processes --auto-scaling-group-name "
            f"{fleet_state.part.group} --scaling-processes {required_process}",
        )
    notes = [
        f"instances: {fleet_state.desired_capacity} -> {count}",
        "automatic scaling goes on from there, within its limits",
    ]
    if count == 0:
        notes.append("without instances the fleet answers nobody until it is scaled up again")
    undo_step = _build_count_step("back", fleet_state, fleet_state.desired_capacity, wait=wait)
    steps: tuple[Step, ...] = (
        _build_count_step("scale", fleet_state, count, wait=wait, undo=(undo_step,)),
    )
    if wait and fleet_state.target_group_arn is not None:
        steps = (*steps, build_healthy_targets_step("healthy", fleet_state.target_group_arn, count))
    return build_stack_plan(outputs, run, "fleet scale", *steps, notes=notes, arguments=str(count))


def build_fleet_limits_plan(
    outputs: Outputs,
    fleet_state: FleetState,
    run: str,
    *,
    min_size: int | None = None,
    max_size: int | None = None,
) -> Plan:
    """The fleet has these limits. Undone: those of before."""
    low, high = (
        fleet_state.min_size if min_size is None else min_size,
        fleet_state.max_size if max_size is None else max_size,
    )
    if low > high:
        option, value, requirement = (
            ("--min", low, f"at most {high}, the most")
            if min_size is not None
            else ("--max", high, f"at least {low}, the fewest")
        )
        raise UsageError(f"{option} is {value}, must be {requirement}")
    # AWS would launch or terminate instances by itself: that is a plan of its own.
    for option, value, is_beyond, requirement in (
        ("--min", low, fleet_state.desired_capacity < low, "at most"),
        ("--max", high, fleet_state.desired_capacity > high, "at least"),
    ):
        if is_beyond:
            raise UsageError(
                f"{option} is {value}, must be {requirement} "
                f"{fleet_state.desired_capacity}, the instances that there are to "
                "be now",
                f"ops fleet scale {value}",
            )
    if (low, high) == (fleet_state.min_size, fleet_state.max_size):
        raise UsageError("neither --min nor --max says anything new", "ops fleet limits")
    step = _build_limits_step(
        "limits",
        fleet_state,
        low,
        high,
        undo=(_build_limits_step("back", fleet_state, fleet_state.min_size, fleet_state.max_size),),
    )
    notes = (
        f"instances: {fleet_state.min_size} to {fleet_state.max_size} -> {low} to {high}",
        "the limits are settings of the stack as well: the next `pulumi up` sets them again",
    )
    return build_stack_plan(outputs, run, "fleet limits", step, notes=notes)


def _build_count_step(
    name: str, fleet_state: FleetState, count: int, *, wait: bool, undo: tuple[Step, ...] = ()
) -> Step:
    desired_path = f"{GROUP_PATH}.DesiredCapacity"
    met: JsonObject = {
        desired_path: count,
        **({SERVING_COUNT_PATH: count, INSTANCE_COUNT_PATH: count} if wait else {}),
    }
    return Step(
        name=name,
        description=f"give the fleet {count} instances",
        action=Call(
            api="autoscaling.set_desired_capacity",
            params={
                "AutoScalingGroupName": fleet_state.part.group,
                "DesiredCapacity": count,
                "HonorCooldown": False,
            },
        ),
        goal=Wait(
            read=fleet.describe_group_call(fleet_state.part),
            met=met,
            begun={desired_path: count},
            within=FLEET_SCALE_TIMEOUT_SECONDS,
            typical=TYPICAL_FLEET_SCALE_SECONDS if wait else None,
            source=FLEET_SCALE_TIME_SOURCE if wait else None,
        ),
        undo=undo,
    )


def build_healthy_targets_step(name: str, target_group_arn: str, count: int) -> Step:
    """Looks whether so many targets are healthy."""
    read = fleet.describe_target_health_call(target_group_arn)
    return Step(
        name=name,
        description=f"see {count} healthy targets",
        action=read,
        goal=Wait(read=read, met={HEALTHY_TARGETS_PATH: count}, within=FLEET_SCALE_TIMEOUT_SECONDS),
    )


def _build_limits_step(
    name: str, fleet_state: FleetState, low: int, high: int, undo: tuple[Step, ...] = ()
) -> Step:
    met: JsonObject = {f"{GROUP_PATH}.MinSize": low, f"{GROUP_PATH}.MaxSize": high}
    return Step(
        name=name,
        description=f"scale the fleet between {low} and {high} instances",
        action=Call(
            api="autoscaling.update_auto_scaling_group",
            params={
                "AutoScalingGroupName": fleet_state.part.group,
                "MinSize": low,
                "MaxSize": high,
            },
        ),
        goal=Wait(read=fleet.describe_group_call(fleet_state.part), met=met, every=5, within=300),
        undo=undo,
    )

"""How many instances the fleet has, and the limits within which AWS changes that by itself."""

from typing import Final

from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.fleet import model as fleet
from ops.fleet.model import GROUP, Fleet
from ops.outputs import Outputs

# Instances that a person may ask for at once: an assumption, where a typing error ends.
MOST: Final = 1000
TYPICAL: Final = 3 * 60
ASSUMED: Final = "an assumption, AWS states none: start, pull of the image and health checks"
WITHIN: Final = 30 * 60
SERVING: Final = (
    f"length({GROUP}.Instances[?LifecycleState=='InService' && HealthStatus=='Healthy'])"
)
ALL: Final = f"length({GROUP}.Instances)"
HEALTHY: Final = "length(TargetHealthDescriptions[?TargetHealth.State=='healthy'])"
LIMIT_COLUMNS: Final = ("group", "min", "max", "desired", "in service", "suspended")


def number(text: str) -> int:
    """COUNT as a number. Raises UsageError."""
    if not text.isascii() or not text.isdigit() or int(text) > MOST:
        raise UsageError(f"COUNT is {text!r}, may be 0 to {MOST}")
    return int(text)


def limits_row(of: Fleet) -> dict[str, object]:
    """What a person sees of the limits."""
    return {
        "group": of.part.group,
        "min": of.least,
        "max": of.most,
        "desired": of.desired,
        "in service": of.serving,
        "suspended": list(of.suspended) or None,
    }


def scale(outputs: Outputs, of: Fleet, count: int, run: str, *, wait: bool = True) -> Plan:
    """The fleet has `count` instances, and they serve. Undone: as many as before."""
    if count == of.desired and of.settled:
        raise UsageError(f"COUNT is {count}, which the fleet has already", "ops fleet instances")
    if not of.least <= count <= of.most:
        which = f"--max {count}" if count > of.most else f"--min {count}"
        raise UsageError(
            f"COUNT is {count}, may be {of.least} to {of.most}: AWS refuses what is beyond the "
            "limits of the fleet",
            f"ops fleet limits {which}",
        )
    stopped = "Launch" if count > of.serving else "Terminate"
    if stopped in of.suspended:
        raise OpsError(
            f"the process {stopped} of {of.part.group} is suspended: nothing would come of it",
            "aws autoscaling resume-processes --auto-scaling-group-name "
            f"{of.part.group} --scaling-processes {stopped}",
        )
    notes = [
        f"instances: {of.desired} -> {count}",
        "automatic scaling goes on from there, within its limits",
    ]
    if count == 0:
        notes.append("without instances the fleet answers nobody until it is scaled up again")
    back = _count("back", of, of.desired, wait=wait)
    steps: tuple[Step, ...] = (_count("scale", of, count, wait=wait, undo=(back,)),)
    if wait and of.targets is not None:
        steps = (*steps, healthy("healthy", of.targets, count))
    return build_stack_plan(outputs, run, "fleet scale", *steps, notes=notes, arguments=str(count))


def change(
    outputs: Outputs, of: Fleet, run: str, *, least: int | None = None, most: int | None = None
) -> Plan:
    """The fleet has these limits. Undone: those of before."""
    low, high = of.least if least is None else least, of.most if most is None else most
    if low > high:
        option, value, may = (
            ("--min", low, f"at most {high}, the most")
            if least is not None
            else ("--max", high, f"at least {low}, the fewest")
        )
        raise UsageError(f"{option} is {value}, may be {may}")
    # AWS would launch or terminate instances by itself: that is a plan of its own.
    for option, value, beyond, may in (
        ("--min", low, of.desired < low, "at most"),
        ("--max", high, of.desired > high, "at least"),
    ):
        if beyond:
            raise UsageError(
                f"{option} is {value}, may be {may} {of.desired}, the instances that there are to "
                "be now",
                f"ops fleet scale {value}",
            )
    if (low, high) == (of.least, of.most):
        raise UsageError("neither --min nor --max says anything new", "ops fleet limits")
    step = _limits("limits", of, low, high, undo=(_limits("back", of, of.least, of.most),))
    notes = (
        f"instances: {of.least} to {of.most} -> {low} to {high}",
        "the limits are settings of the stack as well: the next `pulumi up` sets them again",
    )
    return build_stack_plan(outputs, run, "fleet limits", step, notes=notes)


def _count(name: str, of: Fleet, count: int, *, wait: bool, undo: tuple[Step, ...] = ()) -> Step:
    desired = f"{GROUP}.DesiredCapacity"
    met: JsonObject = {desired: count, **({SERVING: count, ALL: count} if wait else {})}
    return Step(
        name=name,
        description=f"give the fleet {count} instances",
        action=Call(
            api="autoscaling.set_desired_capacity",
            params={
                "AutoScalingGroupName": of.part.group,
                "DesiredCapacity": count,
                "HonorCooldown": False,
            },
        ),
        goal=Wait(
            read=fleet.described(of.part),
            met=met,
            begun={desired: count},
            within=WITHIN,
            typical=TYPICAL if wait else None,
            source=ASSUMED if wait else None,
        ),
        undo=undo,
    )


def healthy(name: str, targets: str, count: int) -> Step:
    """Looks whether so many targets are healthy."""
    read = fleet.health(targets)
    return Step(
        name=name,
        description=f"see {count} healthy targets",
        action=read,
        goal=Wait(read=read, met={HEALTHY: count}, within=WITHIN),
    )


def _limits(name: str, of: Fleet, low: int, high: int, undo: tuple[Step, ...] = ()) -> Step:
    met: JsonObject = {f"{GROUP}.MinSize": low, f"{GROUP}.MaxSize": high}
    return Step(
        name=name,
        description=f"scale the fleet between {low} and {high} instances",
        action=Call(
            api="autoscaling.update_auto_scaling_group",
            params={"AutoScalingGroupName": of.part.group, "MinSize": low, "MaxSize": high},
        ),
        goal=Wait(read=fleet.described(of.part), met=met, every=5, within=300),
        undo=undo,
    )

"""The plan that patches instances in place, in waves: out of service, install, reboot, back.

An instance on standby gets no requests and no health check counts for it, so that Auto Scaling does
not replace it while it reboots; entering standby takes it from the desired capacity, coming back
adds it again (Amazon EC2 Auto Scaling User Guide, "Temporarily remove instances from your Auto
Scaling group"). Auto Scaling refuses it below the group's minimum.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ops.core.counts import format_count
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.core.start_time import StartTime
from ops.fleet.activity_reports import build_activity_reports
from ops.fleet.model import (
    GROUP_PATH,
    FleetState,
    describe_group_call,
    describe_target_health_call,
)
from ops.fleet.run_command import CLOCK_SKEW
from ops.fleet.scale import FLEET_SCALE_TIMEOUT_SECONDS, HEALTHY_TARGETS_PATH
from ops.outputs import Outputs
from ops.patch.apis import APPLY_COMMAND_LINE, PATCH_STATES_API, SCAN_COMMAND
from ops.patch.instance_patches import InstancePatches
from ops.patch.patch_steps import RebootOption, build_patch_step

STANDBY_TIMEOUT_SECONDS: Final = 2 * 3600  # an hour at most to drain, and as much again
STATE_VISIBLE_SECONDS: Final = 15 * 60  # until compliance is reported: an assumption
TYPICAL_STANDBY_SECONDS: Final = 5 * 60  # the default of a target group's deregistration delay
TYPICAL_RETURN_SECONDS: Final = 2 * 60
STANDBY_TIME_SOURCE: Final = "an assumption: the deregistration delay; AWS gives no figure"
UNFIT_TARGETS_PATH: Final = (
    "TargetHealthDescriptions[?TargetHealth.State!='healthy' && TargetHealth.State!='draining']"
)
IS_LEAVING: Final = "LifecycleState=='EnteringStandby' || LifecycleState=='Standby'"
IS_PENDING: Final = "LifecycleState=='Pending' || LifecycleState=='Pending:Wait'"
MAX_STANDBY_INSTANCES: Final = 19  # ids in one call (API reference, EnterStandby)


def select_unpatched(instances: Sequence[InstancePatches]) -> list[InstancePatches]:
    """The instances that lack something, or of which it is not known.

    Raises OpsError if there is none, or if an agent does not answer.
    """
    unmanaged = [i.instance_id for i in instances if not i.is_managed]
    if unmanaged:
        raise OpsError(
            f"{', '.join(unmanaged)} has no agent of Systems Manager that answers, so it cannot be "
            "patched in place; a new AMI replaces it",
            APPLY_COMMAND_LINE,
        )
    unpatched = [i for i in instances if i.is_open or i.scanned_at is None]
    if not unpatched:
        raise OpsError(
            "the fleet has no instances" if not instances else "no instance lacks a patch",
            SCAN_COMMAND,
        )
    return unpatched


def compute_room(fleet_state: FleetState) -> int:
    """How many instances may be out of service: the group's minimum stays, and at least one."""
    return fleet_state.desired_capacity - max(fleet_state.min_size, 1)


def require_room(fleet_state: FleetState, count: int) -> None:
    """Raises OpsError or UsageError unless so many instances may be out of service at once."""
    room = compute_room(fleet_state)
    if not fleet_state.is_at_desired_capacity:
        raise OpsError(
            f"{fleet_state.part.group} is not at its desired capacity: "
            f"{fleet_state.serving_count} of {fleet_state.desired_capacity} instances serve",
            "ops fleet instances",
        )
    if room < 1:
        desired, keep = fleet_state.desired_capacity, max(fleet_state.min_size, 1)
        limits = desired >= fleet_state.max_size
        raise OpsError(
            f"the fleet has {format_count(desired, 'instance')} and must keep {keep} in service: "
            "none can be taken out; give it one more first, or replace the instances "
            f"({APPLY_COMMAND_LINE})",
            *([f"ops fleet limits --max {desired + 1}"] if limits else []),
            f"ops fleet scale {desired + 1}",
        )
    if not 1 <= count <= min(room, MAX_STANDBY_INSTANCES):
        raise UsageError(
            f"--at-a-time must be 1 to {min(room, MAX_STANDBY_INSTANCES)} (the fleet has "
            f"{fleet_state.desired_capacity} instances, its minimum is {fleet_state.min_size}), "
            f"not {count}"
        )


def build_in_place_plan(
    outputs: Outputs,
    fleet_state: FleetState,
    instances: Sequence[InstancePatches],
    run: str,
    now: datetime,
    *,
    at_a_time: int = 1,
    reboot_option: RebootOption = "RebootIfNeeded",
    closures: Sequence[str] = (),
) -> Plan:
    """Builds the plan that patches the instances that lack something, so many at a time.

    The undo puts instances back into service; packages stay. Raises OpsError if nothing is
    missing, an agent does not answer, or the group has no room; UsageError for a wrong number.
    """
    unpatched = select_unpatched(instances)
    require_room(fleet_state, at_a_time)
    waves = [unpatched[n : n + at_a_time] for n in range(0, len(unpatched), at_a_time)]
    steps = [
        step
        for number, wave in enumerate(waves, 1)
        for step in _build_wave(fleet_state, run, number, wave, reboot_option)
    ]
    kept = fleet_state.desired_capacity - at_a_time
    notes = [
        f"{format_count(len(unpatched), 'instance')} of {len(instances)}, {at_a_time} at a time; "
        f"at least {kept} stay in service",
        *closures,
        "in place installs what the repositories of the instances' release of Amazon Linux 2023 "
        "have: they are locked to the release of the AMI",
        "a failure on an instance stops the run: the waves before it stay patched, the later ones "
        "are not begun",
        "packages cannot be unpatched: an undo only puts instances back into service",
        "automatic scaling stays on: if it takes an instance before its turn, the run stops there",
        "instances that are launched later have the AMI's packages: they lack these patches",
    ]
    if reboot_option == "NoReboot":
        notes.append("patches that need a reboot are not in effect until there is one")
    return build_stack_plan(
        outputs,
        run,
        "patch apply",
        *steps,
        changes=[
            f"{i.instance_id}: {i.describe() if i.scanned_at else 'never scanned'}: installed"
            for i in unpatched
        ],
        losses=(),
        cost=NO_COST,
        notes=notes,
        arguments=" ".join(
            (
                f"--in-place --at-a-time {at_a_time}",
                *(["--no-reboot"] if reboot_option == "NoReboot" else []),
            )
        ),
    ).with_times(now, SINCE=StartTime(offset=-CLOCK_SKEW.total_seconds()))


def _build_wave(
    fleet_state: FleetState,
    run: str,
    number: int,
    wave: Sequence[InstancePatches],
    reboot_option: RebootOption,
) -> list[Step]:
    ids = [instance.instance_id for instance in wave]
    steps = [
        _build_standby_step(fleet_state, number, ids),
        build_patch_step(
            f"patch_{number}",
            run,
            ids,
            "Install",
            reboot_option=reboot_option,
            must_succeed=True,
        ),
        _build_patched_step(number, ids, reboot_option),
        _build_return_step(f"back_{number}", fleet_state, ids),
    ]
    if fleet_state.target_group_arn is not None:
        steps.append(_build_healthy_step(number, fleet_state, fleet_state.target_group_arn, ids))
    return steps


def _count_path(ids: Sequence[str], condition: str) -> str:
    """The number of these instances in the group of which a condition holds."""
    return (
        f"length({GROUP_PATH}.Instances[?contains(`{json.dumps(list(ids))}`, InstanceId) && "
        f"({condition})])"
    )


def _build_group_wait(
    fleet_state: FleetState,
    ids: Sequence[str],
    goal: str,
    begun: str,
    *,
    within: float,
    typical: float,
) -> Wait:
    """Waits until a condition holds of all of these instances in the group. Times are seconds."""
    return Wait(
        read=describe_group_call(fleet_state.part),
        met={_count_path(ids, goal): len(ids)},
        begun={f"{_count_path(ids, begun)} > `0`": True},
        within=within,
        typical=typical,
        source=STANDBY_TIME_SOURCE,
        reports=build_activity_reports(fleet_state.part),
    )


def _build_standby_step(fleet_state: FleetState, number: int, ids: Sequence[str]) -> Step:
    keep = max(fleet_state.min_size, 1) + len(ids)
    target_group_arn = fleet_state.target_group_arn
    return Step(
        name=f"standby_{number}",
        description=f"take out of service: {', '.join(ids)}",
        # Nobody is taken out while somebody else is not well.
        ready=None
        if target_group_arn is None
        else Wait(
            read=describe_target_health_call(target_group_arn),
            met={UNFIT_TARGETS_PATH: [], f"{HEALTHY_TARGETS_PATH} >= `{keep}`": True},
            failed_on_timeout={"type(TargetHealthDescriptions)": ["array"]},
            within=FLEET_SCALE_TIMEOUT_SECONDS,
        ),
        action=Call(
            api="autoscaling.enter_standby",
            params={
                "AutoScalingGroupName": fleet_state.part.group,
                "InstanceIds": list(ids),
                "ShouldDecrementDesiredCapacity": True,
            },
        ),
        goal=_build_group_wait(
            fleet_state,
            ids,
            "LifecycleState=='Standby'",
            IS_LEAVING,
            within=STANDBY_TIMEOUT_SECONDS,
            typical=TYPICAL_STANDBY_SECONDS,
        ),
        undo=(_build_return_step(f"undo_{number}", fleet_state, ids),),
    )


def _build_return_step(name: str, fleet_state: FleetState, ids: Sequence[str]) -> Step:
    """Puts instances back into service: again targets, and counted in the desired capacity."""
    is_settled = "LifecycleState=='Standby' || LifecycleState=='InService'"
    return Step(
        name=name,
        description=f"put back into service: {', '.join(ids)}",
        ready=Wait(
            read=describe_group_call(fleet_state.part),
            met={_count_path(ids, is_settled): len(ids)},
            within=STANDBY_TIMEOUT_SECONDS,
        ),
        action=Call(
            api="autoscaling.exit_standby",
            params={
                "AutoScalingGroupName": fleet_state.part.group,
                "InstanceIds": list(ids),
            },
        ),
        goal=_build_group_wait(
            fleet_state,
            ids,
            "LifecycleState=='InService'",
            IS_PENDING,
            within=FLEET_SCALE_TIMEOUT_SECONDS,
            typical=TYPICAL_RETURN_SECONDS,
        ),
    )


def _build_patched_step(number: int, ids: Sequence[str], reboot_option: RebootOption) -> Step:
    """Sees that nothing is missing any more. The command ends only once the instance is back."""
    zero = "`0`"
    conditions = ["Operation=='Install'", f"MissingCount=={zero}", f"FailedCount=={zero}"]
    if reboot_option == "RebootIfNeeded":
        conditions.append(f"(InstalledPendingRebootCount || {zero})=={zero}")
    read = Call(api=PATCH_STATES_API, params={"InstanceIds": list(ids)})
    return Step(
        name=f"patched_{number}",
        description=f"see that nothing is missing on {', '.join(ids)}",
        action=read,
        goal=Wait(
            read=read,
            met={f"length(InstancePatchStates[?{' && '.join(conditions)}])": len(ids)},
            failed_on_timeout={"type(InstancePatchStates)": ["array"]},
            within=STATE_VISIBLE_SECONDS,
        ),
    )


def _build_healthy_step(
    number: int, fleet_state: FleetState, target_group_arn: str, ids: Sequence[str]
) -> Step:
    read = describe_target_health_call(target_group_arn)
    return Step(
        name=f"healthy_{number}",
        description=f"see healthy in the target group: {', '.join(ids)}",
        action=read,
        goal=Wait(
            read=read,
            met={
                f"length(TargetHealthDescriptions[?TargetHealth.State=='healthy' && "
                f"contains(`{json.dumps(list(ids))}`, Target.Id)])": len(ids)
            },
            failed_on_timeout={"type(TargetHealthDescriptions)": ["array"]},
            within=FLEET_SCALE_TIMEOUT_SECONDS,
            reports=build_activity_reports(fleet_state.part),
        ),
    )

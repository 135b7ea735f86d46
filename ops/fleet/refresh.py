"""Instance refreshes: every instance of the fleet anew, a part at a time."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, RefusedError, UsageError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.fleet import model as fleet
from ops.fleet.model import FleetState
from ops.fleet.refresh_steps import (
    BATCH_TIMEOUT_SECONDS,
    REFRESH_MARGIN_SECONDS,
    REFRESH_TIME_SOURCE,
    UNDO_BAKE_SECONDS,
    UNFINISHED_REFRESH_STATUSES,
    PlannedRefresh,
    RefreshPreferences,
    build_fleet_version_step,
    build_refresh_step,
    build_refresh_stop_step,
    compute_batch_size,
    estimate_refresh_seconds,
    list_refreshes,
)
from ops.outputs import FleetPart, Outputs

TEMPLATE_VERSION_WORDS: Final = {"latest": "$Latest", "default": "$Default"}
FAILED_REFRESH_STATUSES: Final = ("Failed", "RollbackSuccessful", "RollbackFailed")
REFRESH_COLUMNS: Final = (
    "refresh",
    "status",
    "percent",
    "remaining",
    "version",
    "started",
    "ended",
    "reason",
)


def parse_checkpoints(text: str | None) -> tuple[int, ...]:
    """--checkpoint: percentages that rise; all of the fleet comes last. Raises UsageError."""
    if text is None:
        return ()
    parts = text.split(",")
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit()]
    is_rising = all(a < b for a, b in pairwise(numbers))
    if len(numbers) < len(parts) or not is_rising or not 1 <= numbers[0] <= numbers[-1] <= 100:
        raise UsageError(f"--checkpoint is {text!r}, must be percentages that rise, like 20,50")
    return (*numbers, *(() if numbers[-1] == 100 else (100,)))


def require_healthy_range(
    min_healthy: int | None, max_healthy: int | None, fleet_state: FleetState
) -> None:
    """Raises UsageError where the percentages are further apart than AWS takes."""
    low, high = RefreshPreferences(min_healthy, max_healthy).get_healthy_percentages(fleet_state)
    if high - low > 100:
        option = "--max-healthy" if max_healthy is not None else "--min-healthy"
        value, requirement = (
            (high, f"at most {low + 100}") if max_healthy is not None else (low, f"{high - 100}")
        )
        raise UsageError(f"{option} is {value}, must be {requirement}: at most 100 apart")


def get_refresh_version(refresh: Mapping[str, Any]) -> str | None:
    """The launch template version that a refresh leads to, where it was told one."""
    desired = refresh.get("DesiredConfiguration") or {}
    template = (desired.get("MixedInstancesPolicy") or {}).get("LaunchTemplate", {})
    specification = (
        template.get("LaunchTemplateSpecification") or desired.get("LaunchTemplate") or {}
    )
    return specification.get("Version")


def build_refresh_row(refresh: Mapping[str, Any]) -> dict[str, object]:
    """What a person sees of a refresh."""
    rollback_details = refresh.get("RollbackDetails") or {}
    return {
        "refresh": refresh["InstanceRefreshId"],
        "status": refresh["Status"],
        "percent": refresh.get("PercentageComplete"),
        "remaining": refresh.get("InstancesToUpdate"),
        "version": get_refresh_version(refresh),
        "started": refresh.get("StartTime"),
        "ended": refresh.get("EndTime"),
        "reason": refresh.get("StatusReason") or rollback_details.get("RollbackReason"),
    }


def list_refresh_failures(
    aws: Aws, fleet_part: FleetPart, earlier_refreshes: Collection[str]
) -> list[str]:
    """Why refreshes failed that are not among the earlier ones, as AWS says it.

    What cannot be read is said, as it is no reason to hide what has happened.
    """
    try:
        refreshes = list_refreshes(aws, fleet_part)
    except OpsError as error:
        return [f"unknown, {error}"]
    new_failures = [
        refresh
        for refresh in refreshes
        if refresh["InstanceRefreshId"] not in earlier_refreshes
        and refresh["Status"] in FAILED_REFRESH_STATUSES
    ]
    return [
        f"{refresh['InstanceRefreshId']}: "
        f"{build_refresh_row(refresh)['reason'] or 'no reason given'}"
        for refresh in new_failures
    ]


def list_ended_refreshes(aws: Aws, fleet_part: FleetPart) -> tuple[str, ...]:
    """The newest refreshes that have ended."""
    refreshes = list_refreshes(aws, fleet_part)
    return tuple(
        refresh["InstanceRefreshId"]
        for refresh in refreshes
        if refresh["Status"] not in UNFINISHED_REFRESH_STATUSES
    )


def list_earlier_refreshes(aws: Aws, fleet_state: FleetState) -> tuple[str, ...]:
    """The newest refreshes that there are. Raises UsageError where one of them is at work."""
    refreshes = list_refreshes(aws, fleet_state.part)
    active_refresh = next(
        (refresh for refresh in refreshes if refresh["Status"] in UNFINISHED_REFRESH_STATUSES), None
    )
    if active_refresh is not None:
        raise UsageError(
            f"the instance refresh {active_refresh['InstanceRefreshId']} is "
            f"{active_refresh['Status']}, and AWS takes no "
            "second one",
            "ops fleet refresh status",
            "ops fleet refresh cancel",
        )
    return tuple(refresh["InstanceRefreshId"] for refresh in refreshes)


def require_template_version(version: str | None) -> None:
    """Raises UsageError where --template-version is no version."""
    if (
        version is not None
        and version not in TEMPLATE_VERSION_WORDS
        and not re.fullmatch("[1-9][0-9]{0,8}", version)
    ):
        raise UsageError(
            f"--template-version is {version!r}, must be a number, or latest or default"
        )


def resolve_template_version(aws: Aws, fleet_state: FleetState, version: str | None) -> str:
    """The number of the version of --template-version, else of the group's. Raises UsageError."""
    if version is None:
        return fleet.get_template_version_number(
            aws, fleet_state, fleet_state.launch_template_version
        )
    require_template_version(version)
    try:
        return fleet.get_template_version_number(
            aws, fleet_state, TEMPLATE_VERSION_WORDS.get(version, version)
        )
    except RefusedError as error:
        raise UsageError(
            f"--template-version is {version!r}, which launch template "
            f"{fleet_state.launch_template_id} has not "
            f"({error})",
            "aws ec2 describe-launch-template-versions --launch-template-id "
            + fleet_state.launch_template_id,
        ) from None


def build_refresh_plan(
    aws: Aws,
    outputs: Outputs,
    fleet_state: FleetState,
    run: str,
    *,
    version: str,
    preferences: RefreshPreferences,
    wait: bool = True,
) -> Plan:
    """Every instance is a new one, of this version of the launch template.

    Undone: what is at work is stopped, and those of another version are replaced by the version of
    before. Where the version is the same there is nothing to go back to.
    """
    earlier_refreshes = list_earlier_refreshes(aws, fleet_state)
    current_version = fleet.get_template_version_number(
        aws, fleet_state, fleet_state.launch_template_version
    )
    auto_rollback = (
        preferences.auto_rollback
        and version != current_version
        and not fleet_state.launch_template_version.startswith("$")
    )
    refresh = PlannedRefresh(
        fleet_state, version, replace(preferences, auto_rollback=auto_rollback), earlier_refreshes
    )
    undo_steps: tuple[Step, ...] = (build_refresh_stop_step("stop", refresh),)
    if version != current_version:
        undo_refresh = PlannedRefresh(
            fleet_state,
            current_version,
            RefreshPreferences(
                preferences.min_healthy,
                preferences.max_healthy,
                skip_matching=True,
                bake_seconds=UNDO_BAKE_SECONDS,
            ),
            earlier_refreshes,
        )
        undo_steps = (
            *undo_steps,
            build_refresh_step(
                "back", undo_refresh, f"put the fleet back on version {current_version}"
            ),
        )
    description = f"replace the instances of the fleet by new ones of version {version}"
    steps = (
        build_refresh_step("refresh", refresh, description, wait=wait, undo=undo_steps),
        *((build_fleet_version_step("confirm", fleet_state, version),) if wait else ()),
    )
    notes = [
        f"launch template {fleet_state.launch_template_id}: version {current_version} -> {version}",
        describe_replacement(fleet_state, preferences),
        f"where it fails AWS {'goes' if auto_rollback else 'does not go'} back by itself",
    ]
    if version == current_version:
        notes.append("of the same version there is nothing to go back to: what is new stays")
    return build_stack_plan(outputs, run, "fleet refresh start", *steps, notes=notes)


def describe_replacement(fleet_state: FleetState, preferences: RefreshPreferences) -> str:
    """How many at a time, in words."""
    min_healthy, max_healthy = preferences.get_healthy_percentages(fleet_state)
    description = (
        f"{len(fleet_state.instances)} instances, "
        f"{compute_batch_size(fleet_state, preferences)} at a time, between {min_healthy} "
        f"and {max_healthy} "
        "percent of them healthy"
    )
    if preferences.checkpoints:
        points = ", ".join(f"{point}" for point in preferences.checkpoints if point < 100)
        description += f", a pause of {preferences.delay_seconds // 60} min at {points} percent"
    return description


def build_refresh_cancel_plan(
    aws: Aws, outputs: Outputs, fleet_state: FleetState, run: str
) -> Plan:
    """The refresh or rollback at work is stopped. What it has replaced stays."""
    active_refresh = _get_active_refresh(aws, fleet_state)
    step = _build_refresh_end_step(
        fleet_state,
        active_refresh,
        "cancel_instance_refresh",
        "Cancelled",
        "Cancelling",
        ("Successful", "Failed", "RollbackSuccessful", "RollbackFailed"),
    )
    notes = (
        _describe_refresh(active_refresh),
        "what is replaced so far stays, and so does the group's own version",
    )
    return build_stack_plan(outputs, run, "fleet refresh cancel", step, notes=notes)


def build_refresh_rollback_plan(
    aws: Aws, outputs: Outputs, fleet_state: FleetState, run: str
) -> Plan:
    """The refresh at work is taken back: what it has replaced is replaced by what was before."""
    active_refresh = _get_active_refresh(aws, fleet_state)
    refresh_id, refresh_version = (
        active_refresh["InstanceRefreshId"],
        get_refresh_version(active_refresh),
    )
    problem = None
    if active_refresh["Status"] in ("RollbackInProgress", "Cancelling"):
        problem = f"is {active_refresh['Status']} already"
    elif refresh_version is None:
        problem = "was started without a desired configuration: AWS does not know what was before"
    elif fleet_state.launch_template_version.startswith("$"):
        problem = (
            f"began from {fleet_state.launch_template_version}, which is no version "
            "that AWS could go back to"
        )
    elif refresh_version == fleet_state.launch_template_version:
        problem = f"leads to version {refresh_version}, which the fleet had before it"
    if problem is not None:
        raise UsageError(
            f"the instance refresh {refresh_id} {problem}",
            "ops fleet refresh cancel",
            "ops runs list",
        )
    step = _build_refresh_end_step(
        fleet_state,
        active_refresh,
        "rollback_instance_refresh",
        "RollbackSuccessful",
        "RollbackInProgress",
        ("Successful", "Failed", "Cancelled", "RollbackFailed"),
    )
    notes = (
        _describe_refresh(active_refresh),
        f"launch template: back to version {fleet_state.launch_template_version}",
        f"new instances run the image that {fleet_state.part.image_parameter} names, now as before",
    )
    return build_stack_plan(outputs, run, "fleet refresh rollback", step, notes=notes)


def _describe_refresh(refresh: Mapping[str, Any]) -> str:
    return (
        f"{refresh['InstanceRefreshId']} is {refresh['Status']}, "
        f"{refresh.get('PercentageComplete', 0)} percent"
    )


def _get_active_refresh(aws: Aws, fleet_state: FleetState) -> Mapping[str, Any]:
    """The refresh at work. Raises UsageError where there is none."""
    refreshes = list_refreshes(aws, fleet_state.part)
    for refresh in refreshes:
        if refresh["Status"] in UNFINISHED_REFRESH_STATUSES:
            return refresh
    last_status = (
        f"the last one is {refreshes[0]['Status']}" if refreshes else "there was none in six weeks"
    )
    raise UsageError(
        f"no instance refresh is at work, {last_status}",
        "ops fleet refresh status",
        "ops fleet refresh start --template-version NUMBER",
    )


def _build_refresh_end_step(
    fleet_state: FleetState,
    active_refresh: Mapping[str, Any],
    operation: str,
    met_status: str,
    begun_status: str,
    failed_statuses: tuple[str, ...],
) -> Step:
    """Ends the refresh at work in one of its ways."""
    status_path = "InstanceRefreshes[0].Status"
    group = fleet_state.part.group
    timeout_seconds = (
        estimate_refresh_seconds(fleet_state, RefreshPreferences())
        + BATCH_TIMEOUT_SECONDS
        + REFRESH_MARGIN_SECONDS
    )
    return Step(
        name=operation.split("_")[0],
        description=f"{operation.split('_')[0]} the instance refresh "
        f"{active_refresh['InstanceRefreshId']}",
        action=Call(api=f"autoscaling.{operation}", params={"AutoScalingGroupName": group}),
        goal=Wait(
            read=Call(
                api="autoscaling.describe_instance_refreshes",
                params={
                    "AutoScalingGroupName": group,
                    "InstanceRefreshIds": [active_refresh["InstanceRefreshId"]],
                },
            ),
            met={status_path: met_status},
            begun={status_path: begun_status},
            failed={status_path: list(failed_statuses)},
            every=30,
            within=timeout_seconds,
            typical=estimate_refresh_seconds(fleet_state, RefreshPreferences()) / 2,
            source=REFRESH_TIME_SOURCE,
        ),
    )

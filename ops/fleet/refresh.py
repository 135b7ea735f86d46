"""Plans that start, cancel and roll back an instance refresh."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.counts import format_count
from ops.core.errors import OpsError, RefusedError, UsageError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.scaling_apis import INSTANCE_REFRESHES_API
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.fleet.model import INSTANCE_LOSS, FleetState, get_template_version_number
from ops.fleet.refresh_statuses import FAILED_REFRESH_STATUSES, UNFINISHED_REFRESH_STATUSES
from ops.fleet.refresh_steps import (
    BATCH_TIMEOUT_SECONDS,
    REFRESH_MARGIN_SECONDS,
    REFRESH_TIME_SOURCE,
    UNDO_BAKE_SECONDS,
    PlannedRefresh,
    RefreshPreferences,
    build_fleet_version_step,
    build_refresh_step,
    build_refresh_stop_step,
    describe_replacement,
    estimate_refresh_seconds,
    list_refreshes,
)
from ops.outputs import FleetPart, Outputs

TEMPLATE_VERSION_WORDS: Final = {"latest": "$Latest", "default": "$Default"}
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
    """Parses --checkpoint and adds 100 as the last percentage. Raises UsageError unless rising."""
    if text is None:
        return ()
    parts = text.split(",")
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit()]
    is_rising = all(a < b for a, b in pairwise(numbers))
    if len(numbers) < len(parts) or not is_rising or not 1 <= numbers[0] <= numbers[-1] <= 100:
        raise UsageError(f"--checkpoint must be rising percentages like 20,50, not {text!r}")
    return (*numbers, *(() if numbers[-1] == 100 else (100,)))


def require_healthy_range(
    min_healthy: int | None, max_healthy: int | None, fleet_state: FleetState
) -> None:
    """Raises UsageError if the percentages are more than 100 apart, AWS's limit."""
    low, high = RefreshPreferences(min_healthy, max_healthy).get_healthy_percentages(fleet_state)
    if high - low > 100:
        option = "--max-healthy" if max_healthy is not None else "--min-healthy"
        value, requirement = (
            (high, f"at most {low + 100}")
            if max_healthy is not None
            else (low, f"at least {high - 100}")
        )
        raise UsageError(
            f"{option} must be {requirement}, not {value}: AWS allows at most 100 between them"
        )


def get_refresh_version(refresh: Mapping[str, Any]) -> str | None:
    """Returns the launch template version of a refresh's desired configuration, or None."""
    desired = refresh.get("DesiredConfiguration") or {}
    template = (desired.get("MixedInstancesPolicy") or {}).get("LaunchTemplate", {})
    specification = (
        template.get("LaunchTemplateSpecification") or desired.get("LaunchTemplate") or {}
    )
    return specification.get("Version")


def build_refresh_row(refresh: Mapping[str, Any]) -> dict[str, object]:
    """Builds the row of `ops fleet refresh status`."""
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
    """Lists AWS's reasons for failed refreshes that are not among the earlier ones.

    If the refreshes cannot be read, the list holds that error instead.
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
    """Returns the ids of the newest refreshes that have ended."""
    refreshes = list_refreshes(aws, fleet_part)
    return tuple(
        refresh["InstanceRefreshId"]
        for refresh in refreshes
        if refresh["Status"] not in UNFINISHED_REFRESH_STATUSES
    )


def list_earlier_refreshes(aws: Aws, fleet_state: FleetState) -> tuple[str, ...]:
    """Returns the ids of the newest refreshes. Raises UsageError if one is in progress."""
    refreshes = list_refreshes(aws, fleet_state.part)
    active_refresh = next(
        (refresh for refresh in refreshes if refresh["Status"] in UNFINISHED_REFRESH_STATUSES), None
    )
    if active_refresh is not None:
        raise UsageError(
            f"the instance refresh {active_refresh['InstanceRefreshId']} is "
            f"{active_refresh['Status']}; AWS allows one at a time",
            "ops fleet refresh status",
            "ops fleet refresh cancel",
        )
    return tuple(refresh["InstanceRefreshId"] for refresh in refreshes)


def require_template_version(version: str | None) -> None:
    """Raises UsageError unless --template-version is a number, latest or default."""
    if (
        version is not None
        and version not in TEMPLATE_VERSION_WORDS
        and not re.fullmatch("[1-9][0-9]{0,8}", version)
    ):
        raise UsageError(f"--template-version must be a number, latest or default, not {version!r}")


def resolve_template_version(aws: Aws, fleet_state: FleetState, version: str | None) -> str:
    """Returns the number of --template-version, or of the group's own version if it is None.

    Raises UsageError if the launch template does not have it.
    """
    if version is None:
        return get_template_version_number(aws, fleet_state, fleet_state.launch_template_version)
    require_template_version(version)
    try:
        return get_template_version_number(
            aws, fleet_state, TEMPLATE_VERSION_WORDS.get(version, version)
        )
    except RefusedError as error:
        raise UsageError(
            f"--template-version is {version!r}, but launch template "
            f"{fleet_state.launch_template_id} has no such version ({error})",
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
    """Builds the plan that replaces every instance by one of a launch template version.

    The undo cancels the refresh and, if the version changed, replaces the new instances by ones of
    the old version. Raises UsageError if a refresh is in progress.
    """
    earlier_refreshes = list_earlier_refreshes(aws, fleet_state)
    current_version = get_template_version_number(
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
                "back",
                undo_refresh,
                f"replace the new instances by ones of version {current_version}",
            ),
        )
    description = f"replace every instance by a new one of version {version}"
    steps = (
        build_refresh_step("refresh", refresh, description, wait=wait, undo=undo_steps),
        *((build_fleet_version_step("confirm", fleet_state, version),) if wait else ()),
    )
    notes = [
        describe_replacement(fleet_state, preferences),
        f"if it fails, AWS {'rolls' if auto_rollback else 'does not roll'} it back by itself",
    ]
    if version == current_version:
        notes.append(
            "the version is unchanged, so an undo only stops the refresh; replaced instances stay"
        )
    return build_stack_plan(
        outputs,
        run,
        "fleet refresh start",
        *steps,
        changes=[
            f"launch template {fleet_state.launch_template_id}: version {current_version} -> "
            f"{version}",
            f"{format_count(len(fleet_state.instances), 'instance')}: replaced by new ones",
        ],
        losses=[INSTANCE_LOSS],
        cost=NO_COST,
        notes=notes,
    )


def build_refresh_cancel_plan(
    aws: Aws, outputs: Outputs, fleet_state: FleetState, run: str
) -> Plan:
    """Builds the plan that cancels the active refresh or rollback. Replaced instances stay."""
    active_refresh = _get_active_refresh(aws, fleet_state)
    step = _build_refresh_end_step(
        fleet_state,
        active_refresh,
        "cancel_instance_refresh",
        "Cancelled",
        "Cancelling",
        ("Successful", "Failed", "RollbackSuccessful", "RollbackFailed"),
    )
    notes = ("instances replaced so far stay; the group's launch template version does not change",)
    return build_stack_plan(
        outputs,
        run,
        "fleet refresh cancel",
        step,
        changes=[f"{_describe_refresh(active_refresh)} -> cancelled"],
        losses=(),
        cost=NO_COST,
        notes=notes,
    )


def build_refresh_rollback_plan(
    aws: Aws, outputs: Outputs, fleet_state: FleetState, run: str
) -> Plan:
    """Builds the plan that has AWS roll back the active refresh.

    Raises UsageError if there is none or AWS cannot roll it back.
    """
    active_refresh = _get_active_refresh(aws, fleet_state)
    refresh_id, refresh_version = (
        active_refresh["InstanceRefreshId"],
        get_refresh_version(active_refresh),
    )
    problem = None
    if active_refresh["Status"] in ("RollbackInProgress", "Cancelling"):
        problem = f"is already {active_refresh['Status']}"
    elif refresh_version is None:
        problem = "has no desired configuration, so AWS cannot roll it back"
    elif fleet_state.launch_template_version.startswith("$"):
        problem = (
            f"started from {fleet_state.launch_template_version}; AWS can roll back only to a "
            "numbered version"
        )
    elif refresh_version == fleet_state.launch_template_version:
        problem = f"keeps version {refresh_version}, so there is nothing to roll back to"
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
        f"new instances run the image in {fleet_state.part.image_parameter}, which does not change",
    )
    return build_stack_plan(
        outputs,
        run,
        "fleet refresh rollback",
        step,
        changes=[
            f"{_describe_refresh(active_refresh)} -> rolled back to version "
            f"{fleet_state.launch_template_version} of the launch template"
        ],
        losses=[INSTANCE_LOSS],
        cost=NO_COST,
        notes=notes,
    )


def _describe_refresh(refresh: Mapping[str, Any]) -> str:
    return (
        f"{refresh['InstanceRefreshId']} is {refresh['Status']}, "
        f"{refresh.get('PercentageComplete', 0)} percent"
    )


def _get_active_refresh(aws: Aws, fleet_state: FleetState) -> Mapping[str, Any]:
    """Returns the active refresh. Raises UsageError if there is none."""
    refreshes = list_refreshes(aws, fleet_state.part)
    for refresh in refreshes:
        if refresh["Status"] in UNFINISHED_REFRESH_STATUSES:
            return refresh
    last_status = (
        f"the last one is {refreshes[0]['Status']}" if refreshes else "none in the last six weeks"
    )
    raise UsageError(
        f"no instance refresh is in progress; {last_status}",
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
    """Builds the step that cancels or rolls back the active refresh."""
    status_path = "InstanceRefreshes[0].Status"
    group = fleet_state.part.group
    timeout_seconds = (
        estimate_refresh_seconds(fleet_state, RefreshPreferences())
        + BATCH_TIMEOUT_SECONDS
        + REFRESH_MARGIN_SECONDS
    )
    return Step(
        name=operation.split("_")[0],
        description=f"{operation.split('_')[0].replace('rollback', 'roll back')} the instance "
        f"refresh {active_refresh['InstanceRefreshId']}",
        action=Call(api=f"autoscaling.{operation}", params={"AutoScalingGroupName": group}),
        goal=Wait(
            read=Call(
                api=INSTANCE_REFRESHES_API,
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

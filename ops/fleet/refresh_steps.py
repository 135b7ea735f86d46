"""Steps that start an instance refresh, stop it and check its result.

AWS takes neither a token nor a tag for a refresh. Ours is the first new one with our launch
template version and our preferences; AWS runs one at a time.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.counts import format_count
from ops.core.plan import Call, JsonObject, Step, Wait
from ops.core.scaling_apis import INSTANCE_REFRESHES_API
from ops.fleet.activity_reports import build_activity_reports
from ops.fleet.model import GROUP_PATH, FleetState, describe_group_call, send_read_call
from ops.fleet.refresh_statuses import UNFINISHED_REFRESH_STATUSES
from ops.fleet.scale import SERVING_COUNT_PATH
from ops.outputs import FleetPart

UNFINISHED_REFRESH_STATUSES_JSON: Final = json.dumps(UNFINISHED_REFRESH_STATUSES)
UNSUCCESSFUL_REFRESH_STATUSES: Final = (
    "Failed",
    "Cancelled",
    "RollbackSuccessful",
    "RollbackFailed",
)
# Number of refreshes to read, newest first.
NEWEST_REFRESH_COUNT: Final = 10
FALLBACK_MIN_HEALTHY_PERCENT, FALLBACK_MAX_HEALTHY_PERCENT = (
    100,
    110,
)  # percent, if the group has no maintenance policy: the settings' defaults
INSTANCE_START_SECONDS: Final = 60  # seconds until a new instance is in service: an assumption
REFRESH_TIME_SOURCE: Final = "an assumption: per batch, a minute to start plus the warm-up"
BATCH_TIMEOUT_SECONDS: Final = (
    2 * 3600
)  # seconds for a failing batch: AWS gives up after about an hour
REFRESH_MARGIN_SECONDS: Final = 3600  # seconds on top of that
# An undo's refresh has a bake time of a second, which tells it from the one that it undoes.
UNDO_BAKE_SECONDS: Final = 1


@dataclass(frozen=True)
class RefreshPreferences:
    """How instances are replaced. Healthy limits and checkpoints are percent.

    `delay_seconds` is the pause at each checkpoint, `bake_seconds` the wait at the end.
    """

    min_healthy: int | None = None
    max_healthy: int | None = None
    checkpoints: tuple[int, ...] = ()
    delay_seconds: int = 600
    skip_matching: bool = False
    auto_rollback: bool = False
    bake_seconds: int = 0

    def get_healthy_percentages(self, fleet_state: FleetState) -> tuple[int, int]:
        """Returns minimum and maximum: the options', else the group's, else the defaults."""
        min_healthy, max_healthy = fleet_state.healthy_percentages or (
            FALLBACK_MIN_HEALTHY_PERCENT,
            FALLBACK_MAX_HEALTHY_PERCENT,
        )
        return (
            min_healthy if self.min_healthy is None else self.min_healthy,
            max_healthy if self.max_healthy is None else self.max_healthy,
        )

    def build_preferences(self, fleet_state: FleetState) -> JsonObject:
        """Builds the Preferences parameter of StartInstanceRefresh."""
        min_healthy, max_healthy = self.get_healthy_percentages(fleet_state)
        checkpoint_preferences: JsonObject = {}
        if self.checkpoints:
            checkpoint_preferences = {
                "CheckpointPercentages": list(self.checkpoints),
                "CheckpointDelay": self.delay_seconds,
            }
        return {
            "MinHealthyPercentage": min_healthy,
            "MaxHealthyPercentage": max_healthy,
            "SkipMatching": self.skip_matching,
            "AutoRollback": self.auto_rollback,
            "BakeTime": self.bake_seconds,
            **checkpoint_preferences,
        }


@dataclass(frozen=True)
class PlannedRefresh:
    """A refresh to start: version, preferences, and the ids of the refreshes before it.

    `version` is None if it is known only once earlier steps are done.
    """

    fleet_state: FleetState
    version: str | None
    preferences: RefreshPreferences
    earlier_refreshes: tuple[str, ...]

    @property
    def path(self) -> str:
        """JMESPath to it in DescribeInstanceRefreshes: the first new one with our parameters."""
        template_path = "LaunchTemplate"
        if self.fleet_state.mixed_instances_policy:
            template_path = "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification"
        version_path = f"DesiredConfiguration.{template_path}.Version"
        min_healthy, max_healthy = self.preferences.get_healthy_percentages(self.fleet_state)
        conditions = " && ".join(
            (
                f"!contains(`{json.dumps(sorted(self.earlier_refreshes))}`, InstanceRefreshId)",
                *(() if self.version is None else (f"{version_path}=='{self.version}'",)),
                "(Preferences.SkipMatching || "
                f"`false`)==`{json.dumps(self.preferences.skip_matching)}`",
                f"Preferences.MinHealthyPercentage==`{min_healthy}`",
                f"Preferences.MaxHealthyPercentage==`{max_healthy}`",
                f"(Preferences.BakeTime || `0`)==`{self.preferences.bake_seconds}`",
            )
        )
        # The oldest match: AWS lists the newest first.
        return f"InstanceRefreshes[?{conditions}] | [-1]"

    @property
    def status_path(self) -> str:
        """JMESPath to its status."""
        return f"{self.path}.Status"


def build_refresh_pair(
    fleet_state: FleetState,
    version: str | None,
    undo_version: str,
    preferences: RefreshPreferences,
    earlier_refreshes: tuple[str, ...],
    *,
    undo_skips_matching: bool = False,
) -> tuple[PlannedRefresh, PlannedRefresh]:
    """The refresh that replaces every instance, and the one that undoes it.

    AWS's own rollback is off: it would restore less than the undo does.
    """
    return (
        PlannedRefresh(
            fleet_state,
            version,
            replace(preferences, skip_matching=False, auto_rollback=False),
            earlier_refreshes,
        ),
        PlannedRefresh(
            fleet_state,
            undo_version,
            RefreshPreferences(
                preferences.min_healthy,
                preferences.max_healthy,
                skip_matching=undo_skips_matching,
                bake_seconds=UNDO_BAKE_SECONDS,
            ),
            earlier_refreshes,
        ),
    )


def list_refreshes(
    aws: Aws, fleet_part: FleetPart, limit: int = NEWEST_REFRESH_COUNT
) -> list[Mapping[str, Any]]:
    """Lists the refreshes of the last six weeks, newest first."""
    return list(
        send_read_call(aws, describe_refreshes_call(fleet_part, limit))["InstanceRefreshes"]
    )


def describe_refreshes_call(fleet_part: FleetPart, limit: int = NEWEST_REFRESH_COUNT) -> Call:
    """Describes the call that reads the newest refreshes."""
    return Call(
        api=INSTANCE_REFRESHES_API,
        params={"AutoScalingGroupName": fleet_part.group, "MaxRecords": limit},
    )


def build_refresh_step(
    name: str,
    refresh: PlannedRefresh,
    description: str,
    *,
    wait: bool = True,
    undo: tuple[Step, ...] = (),
    refs: Mapping[str, str] | None = None,
) -> Step:
    """Builds the step that starts a refresh and waits for it to succeed.

    `refs` are parts of the desired configuration that earlier steps read.
    """
    fleet_state, preferences, status_path = (
        refresh.fleet_state,
        refresh.preferences,
        refresh.status_path,
    )
    typical_seconds = estimate_refresh_seconds(fleet_state, preferences)
    active_count_path = (
        f"length(InstanceRefreshes[?contains(`{UNFINISHED_REFRESH_STATUSES_JSON}`, Status)])"
    )
    return Step(
        name=name,
        description=description,
        # An undo's refresh starts only after the active one has ended.
        ready=Wait(
            read=describe_refreshes_call(fleet_state.part),
            met={active_count_path: 0},
            every=30,
            within=REFRESH_MARGIN_SECONDS,
        )
        if preferences.bake_seconds == UNDO_BAKE_SECONDS
        else None,
        action=Call(
            api="autoscaling.start_instance_refresh",
            params={
                "AutoScalingGroupName": fleet_state.part.group,
                "Strategy": "Rolling",
                "DesiredConfiguration": _build_desired_configuration(
                    fleet_state, refresh.version or fleet_state.launch_template_version
                ),
                "Preferences": preferences.build_preferences(fleet_state),
            },
            refs=dict(refs or {}),
        ),
        goal=Wait(
            read=describe_refreshes_call(fleet_state.part),
            met={status_path: "Successful"} if wait else {f"{status_path} != `null`": True},
            begun={f"contains(`{UNFINISHED_REFRESH_STATUSES_JSON}`, {status_path})": True}
            if wait
            else {},
            failed={status_path: list(UNSUCCESSFUL_REFRESH_STATUSES)},
            every=min(max(typical_seconds / 5, 15), 120),
            within=typical_seconds + BATCH_TIMEOUT_SECONDS + REFRESH_MARGIN_SECONDS,
            typical=typical_seconds if wait else None,
            source=REFRESH_TIME_SOURCE if wait else None,
            reports=build_activity_reports(fleet_state.part),
        ),
        undo=undo,
    )


def build_refresh_stop_step(name: str, refresh: PlannedRefresh) -> Step:
    """Builds the step that cancels our refresh if it is still in progress."""
    return Step(
        name=name,
        description="cancel the instance refresh if it is in progress",
        action=Call(
            api="autoscaling.cancel_instance_refresh",
            params={"AutoScalingGroupName": refresh.fleet_state.part.group},
            expected_errors=("ActiveInstanceRefreshNotFound",),
        ),
        goal=Wait(
            read=describe_refreshes_call(refresh.fleet_state.part),
            met={f"!contains(`{UNFINISHED_REFRESH_STATUSES_JSON}`, {refresh.status_path})": True},
            begun={refresh.status_path: "Cancelling"},
            every=30,
            within=REFRESH_MARGIN_SECONDS,
        ),
    )


def build_fleet_version_step(name: str, fleet_state: FleetState, version: str) -> Step:
    """Builds the step that checks that all instances have this version, and that enough serve.

    How many there are is automatic scaling's to say: never fewer than the group's minimum.
    """
    read_call = describe_group_call(fleet_state.part)
    other_versions_path = f"length({GROUP_PATH}.Instances[?LaunchTemplate.Version!='{version}'])"
    return Step(
        name=name,
        description=f"check that every instance has version {version} and enough are in service",
        action=read_call,
        goal=Wait(
            read=read_call,
            met={
                f"{SERVING_COUNT_PATH} >= {GROUP_PATH}.MinSize": True,
                f"{SERVING_COUNT_PATH} >= `{min(fleet_state.desired_capacity, 1)}`": True,
                other_versions_path: 0,
            },
            every=30,
            within=REFRESH_MARGIN_SECONDS,
            reports=build_activity_reports(fleet_state.part),
        ),
    )


def _build_desired_configuration(fleet_state: FleetState, version: str) -> JsonObject:
    """Builds the DesiredConfiguration: the group's own, with this version."""
    specification: JsonObject = {
        "LaunchTemplateId": fleet_state.launch_template_id,
        "Version": version,
    }
    if fleet_state.mixed_instances_policy is None:
        return {"LaunchTemplate": specification}
    template = {
        **fleet_state.mixed_instances_policy["LaunchTemplate"],
        "LaunchTemplateSpecification": specification,
    }
    return {
        "MixedInstancesPolicy": {**fleet_state.mixed_instances_policy, "LaunchTemplate": template}
    }


def compute_batch_size(fleet_state: FleetState, preferences: RefreshPreferences) -> int:
    """Returns how many instances AWS replaces at a time within the healthy percentages."""
    min_healthy, max_healthy = preferences.get_healthy_percentages(fleet_state)
    removable = fleet_state.desired_capacity - ceil(
        fleet_state.desired_capacity * min_healthy / 100
    )
    return max(removable + floor(fleet_state.desired_capacity * (max_healthy - 100) / 100), 1)


def estimate_refresh_seconds(fleet_state: FleetState, preferences: RefreshPreferences) -> float:
    """Estimates a refresh in seconds, from batches, warm-up and pauses."""
    batches = ceil(
        max(len(fleet_state.instances), 1) / compute_batch_size(fleet_state, preferences)
    )
    pauses = len([point for point in preferences.checkpoints if point < 100])
    return (
        batches * (INSTANCE_START_SECONDS + max(fleet_state.warmup_seconds, INSTANCE_START_SECONDS))
        + pauses * preferences.delay_seconds
    )


def describe_replacement(fleet_state: FleetState, preferences: RefreshPreferences) -> str:
    """Describes the batch size, the healthy percentages and the pauses."""
    min_healthy, max_healthy = preferences.get_healthy_percentages(fleet_state)
    description = (
        f"{format_count(len(fleet_state.instances), 'instance')}, "
        f"{compute_batch_size(fleet_state, preferences)} at a time, keeping {min_healthy} to "
        f"{max_healthy} percent healthy"
    )
    if preferences.checkpoints:
        points = ", ".join(f"{point}" for point in preferences.checkpoints if point < 100)
        description += f", pausing {preferences.delay_seconds // 60} min at {points} percent"
    return description

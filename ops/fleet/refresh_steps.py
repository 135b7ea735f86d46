"""The steps of instance refreshes: begun, stopped, and seen to be over.

AWS keeps neither a token nor a tag of a refresh. Ours is the first that was not there when it was
planned, leads to the version of the launch template that we pinned, and has our preferences; only
one can run at a time.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.plan import Call, JsonObject, Step, Wait
from ops.fleet import model as fleet
from ops.fleet.model import GROUP_PATH, FleetState
from ops.fleet.scale import INSTANCE_COUNT_PATH, SERVING_COUNT_PATH
from ops.outputs import FleetPart

UNFINISHED_REFRESH_STATUSES: Final = (
    "Pending",
    "InProgress",
    "Cancelling",
    "RollbackInProgress",
    "Baking",
)
UNFINISHED_REFRESH_STATUSES_JSON: Final = json.dumps(UNFINISHED_REFRESH_STATUSES)
UNSUCCESSFUL_REFRESH_STATUSES: Final = (
    "Failed",
    "Cancelled",
    "RollbackSuccessful",
    "RollbackFailed",
)
# The newest ones that are read: whatever is new among them was not there when it was planned.
NEWEST_REFRESH_COUNT: Final = 10
FALLBACK_MIN_HEALTHY_PERCENT, FALLBACK_MAX_HEALTHY_PERCENT = (
    100,
    110,
)  # percent, where the group says nothing: as the settings do
INSTANCE_START_SECONDS: Final = 60  # seconds until a new instance is in service: an assumption
REFRESH_TIME_SOURCE: Final = (
    "an assumption: a minute to start, and the warm-up of the settings, a batch"
)
BATCH_TIMEOUT_SECONDS: Final = (
    2 * 3600
)  # seconds that a batch may go wrong: AWS gives up after about an hour
REFRESH_MARGIN_SECONDS: Final = 3600  # seconds that a refresh may take beyond that
# A refresh that takes another back bakes for a second: so it is told from the one before it.
UNDO_BAKE_SECONDS: Final = 1


@dataclass(frozen=True)
class RefreshPreferences:
    """How instances are replaced. `least` and `most` are percent, `delay` is in seconds.

    `skip` leaves those alone that match already; `returns` has AWS go back by itself where it
    fails. `bakes` are seconds at the end.
    """

    min_healthy: int | None = None
    max_healthy: int | None = None
    checkpoints: tuple[int, ...] = ()
    delay_seconds: int = 600
    skip_matching: bool = False
    auto_rollback: bool = False
    bake_seconds: int = 0

    def get_healthy_percentages(self, fleet_state: FleetState) -> tuple[int, int]:
        """The percentages: the asked ones, else the group's, else those of the settings."""
        min_healthy, max_healthy = fleet_state.healthy_percentages or (
            FALLBACK_MIN_HEALTHY_PERCENT,
            FALLBACK_MAX_HEALTHY_PERCENT,
        )
        return (
            min_healthy if self.min_healthy is None else self.min_healthy,
            max_healthy if self.max_healthy is None else self.max_healthy,
        )

    def build_preferences(self, fleet_state: FleetState) -> JsonObject:
        """As the API takes them."""
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
    """A refresh that is to be ours: of which version, how, and which ones there were before."""

    fleet_state: FleetState
    version: str
    preferences: RefreshPreferences
    earlier_refreshes: tuple[str, ...]

    @property
    def path(self) -> str:
        """The path to it: the first new one that is as we asked for it."""
        template_path = "LaunchTemplate"
        if self.fleet_state.mixed_instances_policy:
            template_path = "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification"
        version_path = f"DesiredConfiguration.{template_path}.Version"
        min_healthy, max_healthy = self.preferences.get_healthy_percentages(self.fleet_state)
        conditions = " && ".join(
            (
                f"!contains(`{json.dumps(sorted(self.earlier_refreshes))}`, InstanceRefreshId)",
                f"{version_path}=='{self.version}'",
                "(Preferences.SkipMatching || "
                f"`false`)==`{json.dumps(self.preferences.skip_matching)}`",
                f"Preferences.MinHealthyPercentage==`{min_healthy}`",
                f"Preferences.MaxHealthyPercentage==`{max_healthy}`",
                f"(Preferences.BakeTime || `0`)==`{self.preferences.bake_seconds}`",
            )
        )
        # The oldest of them: they come in descending order.
        return f"InstanceRefreshes[?{conditions}] | [-1]"

    @property
    def status_path(self) -> str:
        """The path to its status."""
        return f"{self.path}.Status"


def list_refreshes(
    aws: Aws, fleet_part: FleetPart, limit: int = NEWEST_REFRESH_COUNT
) -> list[Mapping[str, Any]]:
    """The refreshes of the last six weeks, the newest first."""
    return list(
        fleet.send_read_call(aws, describe_refreshes_call(fleet_part, limit))["InstanceRefreshes"]
    )


def describe_refreshes_call(fleet_part: FleetPart, limit: int = NEWEST_REFRESH_COUNT) -> Call:
    """The read of the newest ones."""
    return Call(
        api="autoscaling.describe_instance_refreshes",
        params={"AutoScalingGroupName": fleet_part.group, "MaxRecords": limit},
    )


def build_refresh_step(
    name: str,
    refresh: PlannedRefresh,
    description: str,
    *,
    wait: bool = True,
    undo: tuple[Step, ...] = (),
) -> Step:
    """Starts a refresh, and waits for what becomes of that very one."""
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
        # One that takes another back begins when nothing is at work any more.
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
                "DesiredConfiguration": _build_desired_configuration(fleet_state, refresh.version),
                "Preferences": preferences.build_preferences(fleet_state),
            },
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
        ),
        undo=undo,
    )


def build_refresh_stop_step(name: str, refresh: PlannedRefresh) -> Step:
    """Our refresh is at an end, whatever that is: it is cancelled where it is still at work."""
    return Step(
        name=name,
        description="stop the instance refresh, where it is at work",
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
    """Looks whether all instances serve and are of this version, and none besides is there."""
    read_call = fleet.describe_group_call(fleet_state.part)
    other_versions_path = f"length({GROUP_PATH}.Instances[?LaunchTemplate.Version!='{version}'])"
    return Step(
        name=name,
        description=f"see {fleet_state.desired_capacity} instances of version {version} in service",
        action=read_call,
        goal=Wait(
            read=read_call,
            met={
                SERVING_COUNT_PATH: fleet_state.desired_capacity,
                INSTANCE_COUNT_PATH: fleet_state.desired_capacity,
                other_versions_path: 0,
            },
            every=30,
            within=REFRESH_MARGIN_SECONDS,
        ),
    )


def _build_desired_configuration(fleet_state: FleetState, version: str) -> JsonObject:
    """What the refresh leads to: the group's own configuration with this version."""
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
    """How many are replaced at once, as AWS does within these percentages."""
    min_healthy, max_healthy = preferences.get_healthy_percentages(fleet_state)
    removable = fleet_state.desired_capacity - ceil(
        fleet_state.desired_capacity * min_healthy / 100
    )
    return max(removable + floor(fleet_state.desired_capacity * (max_healthy - 100) / 100), 1)


def estimate_refresh_seconds(fleet_state: FleetState, preferences: RefreshPreferences) -> float:
    """Seconds that a refresh takes, as far as can be said."""
    batches = ceil(
        max(len(fleet_state.instances), 1) / compute_batch_size(fleet_state, preferences)
    )
    pauses = len([point for point in preferences.checkpoints if point < 100])
    return (
        batches * (INSTANCE_START_SECONDS + max(fleet_state.warmup_seconds, INSTANCE_START_SECONDS))
        + pauses * preferences.delay_seconds
    )

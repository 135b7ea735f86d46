"""EC2 Auto Scaling: instance refreshes, which moto does not have.

A refresh replaces the instances of a group batch by batch, within its healthy percentages, waits
until the new ones are warm and pass their health checks, pauses at its checkpoints, and gives up
if they never do. Sources: Amazon EC2 Auto Scaling User Guide, "How an instance refresh works",
"Add checkpoints to an instance refresh" and "Undo changes with a rollback"; API reference.
"""

from dataclasses import dataclass, field
from datetime import datetime
from math import ceil, floor
from typing import Any, Final

from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState
from moto.moto_api._internal import mock_random

from sandbox.clock import get_sandbox_clock
from sandbox.patches.autoscaling.instances import (
    BOOT_SECONDS,
    LAUNCH_SECONDS,
    find_instance_template,
    get_launch_time,
    is_instance_healthy,
    launch_instances,
    list_present_instances,
    reconcile_group,
    terminate_instance,
    update_surplus,
)
from sandbox.patches.autoscaling.launch_settings import (
    LaunchSettings,
    get_launch_settings,
    set_launch_settings,
)
from sandbox.patches.autoscaling.schedule import (
    compute_due_time,
    format_cause_time,
    get_timeline,
    resolve_time,
)
from sandbox.patches.elbv2.instances import EARLIEST_TIME

ApiRecord = dict[str, Any]
# Simulated seconds. Assumptions: a refresh begins, or ends after it was cancelled, within seconds;
# it gives up after an hour without progress, as for instances on standby (API reference).
PREPARE_SECONDS: Final = 5
PROGRESS_TIMEOUT_SECONDS: Final = 3600
ACTIVE_REFRESH_STATUSES: Final = (
    "Pending",
    "InProgress",
    "Cancelling",
    "RollbackInProgress",
    "Baking",
)
REFRESH_LAUNCH_CAUSE: Final = "an instance was started in response to an instance refresh"
REFRESH_TERMINATION_CAUSE: Final = (
    "an instance was taken out of service in response to an instance refresh"
)


@dataclass
class InstanceRefresh:
    """One instance refresh. `target` is what it leads to, `previous` what there was before.

    `left` are the instances that are still to be replaced, `total` how many there were at first,
    `done` how many have been. `members` are the new ones of the batch at work, which began at
    `began`, `waiting` the old ones that go when these are well. An event of another `turn` than
    the present one is out of date.
    """

    group: FakeAutoScalingGroup
    preferences: ApiRecord
    desired_configuration: ApiRecord | None
    target: LaunchSettings
    previous: LaunchSettings
    status: str = "Pending"
    reason: str | None = None
    created_at: datetime = field(default_factory=lambda: get_sandbox_clock().now())
    ended_at: datetime | None = None
    old_instances: list[InstanceState] = field(default_factory=list)
    total_count: int = 0
    replaced_count: int = 0
    new_instances: list[InstanceState] = field(default_factory=list)
    batch_members: list[InstanceState] = field(default_factory=list)
    outgoing_instances: list[InstanceState] = field(default_factory=list)
    batch_started_at: datetime = EARLIEST_TIME
    turn: int = 0
    rollback: ApiRecord | None = None
    id: str = field(default_factory=lambda: str(mock_random.uuid4()))

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE_REFRESH_STATUSES

    @property
    def is_reversible(self) -> bool:
        """True if there is a configuration to roll back to. Source: API reference."""
        template = self.previous.template
        if (
            self.desired_configuration is None
            or self.previous.version.startswith("$")
            or template is None
        ):
            return False
        image = str(template.get_version(self.previous.version).image_id)
        return not image.startswith("resolve:ssm:")

    def to_api_record(self) -> ApiRecord:
        """As the API describes it."""
        percent = 100 * self.replaced_count // self.total_count if self.total_count else 100
        remaining: int | None = self.total_count - self.replaced_count
        if self.rollback is not None:
            rolled_back = len(self.old_instances) + len(self.outgoing_instances)
            percent = 100 * rolled_back // self.total_count if self.total_count else 0
            remaining = self.rollback["InstancesToUpdateOnRollback"]
        elif self.status == "Pending":
            percent, remaining = 0, None
        optional_fields = {
            "StatusReason": self.reason,
            "EndTime": self.ended_at,
            "InstancesToUpdate": remaining,
            "DesiredConfiguration": self.desired_configuration,
            "RollbackDetails": self.rollback,
        }
        return {
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": self.group.name,
            "Status": self.status,
            "StartTime": self.created_at,
            "PercentageComplete": percent,
            "Preferences": self.preferences,
            "Strategy": "Rolling",
            **{key: value for key, value in optional_fields.items() if value is not None},
        }

    # What happens, each at its moment.

    def schedule_method(self, due: datetime, method_name: str) -> None:
        """Schedules a method of this name; it is skipped if the phase has changed by then."""
        turn = self.turn

        def act(time: datetime) -> None:
            if self.turn == turn:
                getattr(self, method_name)(time)

        get_timeline(self.group).schedule(due, act)

    def begin(self, time: datetime) -> None:
        """Lists the instances to replace, and starts."""
        self.status, skip = "InProgress", self.preferences["SkipMatching"]
        version_number = self.target.version_number
        self.old_instances = [
            instance
            for instance in sorted(list_present_instances(self.group), key=get_launch_time)
            if not (
                skip and (find_instance_template(instance) or {}).get("Version") == version_number
            )
        ]
        self.total_count = len(self.old_instances)
        self.set_launch_settings(self.target)
        self.step(time)

    def set_launch_settings(self, settings: LaunchSettings | None) -> None:
        """Sets what the group launches while the refresh is in progress."""
        vars(self.group)["sandbox_launching"] = settings

    def step(self, time: datetime) -> None:
        """Replaces the next batch, or finishes."""
        count = min(len(self.old_instances), self._compute_batch_size())
        if count == 0:
            self._complete_refresh(time)
            return
        self.turn += 1
        self.batch_started_at = time
        first_count = min(count, self._count_spare())
        for old in self.old_instances[:first_count]:
            terminate_instance(self.group, old, time, REFRESH_TERMINATION_CAUSE)
        self.outgoing_instances, self.old_instances = (
            self.old_instances[first_count:count],
            self.old_instances[count:],
        )
        update_surplus(self.group, count - first_count)
        cause = f"At {format_cause_time(time)} {REFRESH_LAUNCH_CAUSE}."
        self.batch_members = launch_instances(self.group, count, time, cause)
        self.reason = (
            "Waiting for remaining instances to be available. For example: "
            f"{self.batch_members[0].instance.id} has insufficient data to evaluate its health."
        )
        self._schedule_check(time)
        self.schedule_method(compute_due_time(time, PROGRESS_TIMEOUT_SECONDS), "gives_up")

    def _schedule_check(self, launch_time: datetime) -> None:
        ready = LAUNCH_SECONDS + max(int(self.preferences["InstanceWarmup"]), BOOT_SECONDS)
        self.schedule_method(compute_due_time(launch_time, ready), "looks")

    def looks(self, time: datetime) -> None:
        """Continues once all new instances are healthy. Unhealthy ones are replaced."""
        group = self.group
        lost = [
            member for member in self.batch_members if member not in list_present_instances(group)
        ]
        if lost:
            new = [
                member
                for member in list_present_instances(group)
                if member not in self.batch_members
                and get_launch_time(member) > self.batch_started_at
            ]
            fresh = new[: len(lost)]
            self.batch_members = [
                member for member in self.batch_members if member not in lost
            ] + fresh
        if not self.batch_members or not all(
            is_instance_healthy(group, member, time) for member in self.batch_members
        ):
            newest = max((get_launch_time(member) for member in self.batch_members), default=time)
            ready = LAUNCH_SECONDS + max(int(self.preferences["InstanceWarmup"]), BOOT_SECONDS)
            # The replacement of an unhealthy instance is launched later and does not exist yet.
            self.schedule_method(
                max(compute_due_time(newest, ready), compute_due_time(time, LAUNCH_SECONDS)),
                "looks",
            )
            return
        for old in self.outgoing_instances:
            if old in list_present_instances(group):
                terminate_instance(group, old, time, REFRESH_TERMINATION_CAUSE)
        update_surplus(group, 0)
        before, self.replaced_count = (
            self.replaced_count,
            self.replaced_count + len(self.batch_members),
        )
        self.new_instances, self.batch_members, self.outgoing_instances = (
            [*self.new_instances, *self.batch_members],
            [],
            [],
        )
        self.reason = None
        self.turn += 1
        if self.rollback is None and self._is_checkpoint_reached(before):
            self.reason = (
                f"Checkpoint reached at {100 * self.replaced_count // self.total_count} percent."
            )
            self.schedule_method(
                compute_due_time(time, int(self.preferences["CheckpointDelay"])), "step"
            )
        else:
            self.step(time)

    def gives_up(self, time: datetime) -> None:
        """Fails, or rolls back, after too long without progress."""
        example = self.batch_members[0].instance.id if self.batch_members else "an instance"
        reason = f"Failed to replace instances: {example} did not pass its health checks in time."
        if self.rollback is not None:
            self._end_refresh(time, "RollbackFailed", reason)
        elif self.preferences["AutoRollback"] and self.is_reversible:
            self.roll_back(time, reason)
        else:
            self._end_refresh(time, "Failed", reason)

    def roll_back(self, time: datetime, reason: str) -> None:
        """Replaces the new instances by ones of the previous configuration."""
        percent = 100 * self.replaced_count // self.total_count if self.total_count else 0
        self.rollback = {
            "RollbackReason": reason,
            "RollbackStartTime": resolve_time(time),
            "PercentageCompleteOnRollback": percent,
            "InstancesToUpdateOnRollback": self.total_count - self.replaced_count,
        }
        new = [*self.new_instances, *self.batch_members]
        self.status, self.reason = "RollbackInProgress", reason
        self._drop_batch(time)
        self.old_instances = [
            member for member in new if member in list_present_instances(self.group)
        ]
        self.new_instances = []
        self.set_launch_settings(self.previous)
        self.step(time)

    def cancel(self) -> None:
        """Cancels once the current batch is in service."""
        now = get_sandbox_clock().now()
        self.status, self.turn = "Cancelling", self.turn + 1
        batch_end = (
            compute_due_time(self.batch_started_at, LAUNCH_SECONDS) if self.batch_members else now
        )
        self.schedule_method(
            max(batch_end, compute_due_time(now, PREPARE_SECONDS)), "finish_cancellation"
        )

    def finish_cancellation(self, time: datetime) -> None:
        self._end_refresh(time, "Cancelled", "Cancelled due to user request.")

    def succeeds(self, time: datetime) -> None:
        if self.desired_configuration is not None:
            set_launch_settings(self.group, self.target)
        self._end_refresh(time, "Successful", None)

    def _complete_refresh(self, time: datetime) -> None:
        if self.rollback is not None:
            self._end_refresh(time, "RollbackSuccessful", self.reason)
        elif bake := int(self.preferences["BakeTime"]):
            self.status, self.turn = "Baking", self.turn + 1
            self.schedule_method(compute_due_time(time, bake), "succeeds")
        else:
            self.succeeds(time)

    def _end_refresh(self, time: datetime, status: str, reason: str | None) -> None:
        self.status, self.reason, self.ended_at = status, reason, resolve_time(time)
        self.set_launch_settings(None)
        self._drop_batch(time)

    def _drop_batch(self, time: datetime) -> None:
        """Drops the current batch: surplus instances are terminated."""
        self.turn += 1
        self.old_instances = [*self.outgoing_instances, *self.old_instances]
        self.batch_members, self.outgoing_instances = [], []
        update_surplus(self.group, 0)
        reconcile_group(self.group, time)

    # How many at a time.

    def _count_spare(self) -> int:
        """How many may be out of service; one if neither more nor fewer are allowed."""
        size = int(self.group.desired_capacity or 0)
        fewer = size - ceil(size * int(self.preferences["MinHealthyPercentage"]) / 100)
        return max(fewer, 0 if self.preferences.get("MaxHealthyPercentage", 100) > 100 else 1)

    def _compute_batch_size(self) -> int:
        """How many are replaced at once: as the percentages and the next checkpoint allow."""
        size = int(self.group.desired_capacity or 0)
        percent = int(self.preferences.get("MaxHealthyPercentage", 100))
        extra = floor(size * (percent - 100) / 100)
        batch = max(self._count_spare() + extra, 1)
        checkpoints = self._list_checkpoints()
        if self.rollback is not None or not checkpoints:
            return batch
        return min(
            batch,
            min(
                (n - self.replaced_count for n in checkpoints if n > self.replaced_count), default=0
            ),
        )

    def _list_checkpoints(self) -> list[int]:
        """The counts of replaced instances at which it pauses."""
        percentages = self.preferences.get("CheckpointPercentages") or ()
        return [ceil(self.total_count * percent / 100) for percent in percentages]

    def _is_checkpoint_reached(self, before: int) -> bool:
        """True at a checkpoint that is not the end."""
        checkpoints = self._list_checkpoints()
        return any(
            before < n <= self.replaced_count for n in checkpoints
        ) and self.replaced_count < max(checkpoints, default=0)


def get_refreshes(group: FakeAutoScalingGroup) -> list[InstanceRefresh]:
    """A group's, the oldest first."""
    refreshes: list[InstanceRefresh] = vars(group).setdefault("sandbox_refreshes", [])
    return refreshes


def find_active_refresh(group: FakeAutoScalingGroup) -> InstanceRefresh | None:
    """The refresh in progress; there is at most one."""
    return next((refresh for refresh in reversed(get_refreshes(group)) if refresh.is_active), None)


def create_refresh(
    group: FakeAutoScalingGroup,
    desired_configuration: ApiRecord | None,
    preferences: ApiRecord,
    target: LaunchSettings,
) -> InstanceRefresh:
    """A refresh that begins soon."""
    refresh = InstanceRefresh(
        group, preferences, desired_configuration, target, get_launch_settings(group)
    )
    get_refreshes(group).append(refresh)
    refresh.schedule_method(compute_due_time(get_sandbox_clock().now(), PREPARE_SECONDS), "begin")
    return refresh

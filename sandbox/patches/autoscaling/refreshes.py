"""EC2 Auto Scaling: instance refreshes, which moto does not have.

A refresh replaces the instances of a group batch by batch, within its healthy percentages, waits
until the new ones are warm and pass their health checks, pauses at its checkpoints, and gives up
where they never do. Sources: Amazon EC2 Auto Scaling User Guide, "How an instance refresh works",
"Add checkpoints to an instance refresh" and "Undo changes with a rollback"; API reference.
"""

from dataclasses import dataclass, field
from datetime import datetime
from math import ceil, floor
from typing import Any, Final

from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState
from moto.moto_api._internal import mock_random

from sandbox.clock import clock
from sandbox.patches.autoscaling.instances import (
    BOOT,
    LAUNCH,
    Configuration,
    configuration,
    configure,
    healthy,
    here,
    launch,
    reconcile,
    since,
    surplus,
    template_of,
    terminate,
)
from sandbox.patches.autoscaling.schedule import after, shown, timeline, words
from sandbox.patches.elbv2.instances import NOW

Record = dict[str, Any]
# Simulated seconds. Assumptions: a refresh begins, or ends after it was cancelled, within seconds;
# it gives up after an hour without progress, as it does of instances on standby (API reference).
PREPARE: Final = 5
PATIENCE: Final = 3600
ACTIVE: Final = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
STARTED: Final = "an instance was started in response to an instance refresh"
REPLACED: Final = "an instance was taken out of service in response to an instance refresh"


@dataclass
class Refresh:
    """One instance refresh. `target` is what it leads to, `previous` what there was before.

    `left` are the instances that are still to be replaced, `total` how many there were at first,
    `done` how many have been. `members` are the new ones of the batch at work, which began at
    `began`, `waiting` the old ones that go when these are well. An event of another `turn` than
    the present one is out of date.
    """

    group: FakeAutoScalingGroup
    preferences: Record
    desired: Record | None
    target: Configuration
    previous: Configuration
    status: str = "Pending"
    reason: str | None = None
    created: datetime = field(default_factory=lambda: clock().now())
    ended: datetime | None = None
    left: list[InstanceState] = field(default_factory=list)
    total: int = 0
    done: int = 0
    made: list[InstanceState] = field(default_factory=list)
    members: list[InstanceState] = field(default_factory=list)
    waiting: list[InstanceState] = field(default_factory=list)
    began: datetime = NOW
    turn: int = 0
    rollback: Record | None = None
    id: str = field(default_factory=lambda: str(mock_random.uuid4()))

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    @property
    def reversible(self) -> bool:
        """Whether there is something to go back to. Source: API reference."""
        template = self.previous.template
        if self.desired is None or self.previous.version.startswith("$") or template is None:
            return False
        image = str(template.get_version(self.previous.version).image_id)
        return not image.startswith("resolve:ssm:")

    def record(self) -> Record:
        """As the API describes it."""
        percent = 100 * self.done // self.total if self.total else 100
        remaining: int | None = self.total - self.done
        if self.rollback is not None:
            back = len(self.left) + len(self.waiting)
            percent = 100 * back // self.total if self.total else 0
            remaining = self.rollback["InstancesToUpdateOnRollback"]
        elif self.status == "Pending":
            percent, remaining = 0, None
        told = {
            "StatusReason": self.reason,
            "EndTime": self.ended,
            "InstancesToUpdate": remaining,
            "DesiredConfiguration": self.desired,
            "RollbackDetails": self.rollback,
        }
        return {
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": self.group.name,
            "Status": self.status,
            "StartTime": self.created,
            "PercentageComplete": percent,
            "Preferences": self.preferences,
            "Strategy": "Rolling",
            **{key: value for key, value in told.items() if value is not None},
        }

    # What happens, each at its moment.

    def later(self, due: datetime, name: str) -> None:
        """The method of that name is called then, unless things have taken another turn."""
        turn = self.turn

        def act(at: datetime) -> None:
            if self.turn == turn:
                getattr(self, name)(at)

        timeline(self.group).later(due, act)

    def begin(self, at: datetime) -> None:
        """Looks which instances are to be replaced, and starts."""
        self.status, skip = "InProgress", self.preferences["SkipMatching"]
        wanted = self.target.number
        self.left = [
            it
            for it in sorted(here(self.group), key=since)
            if not (skip and (template_of(it) or {}).get("Version") == wanted)
        ]
        self.total = len(self.left)
        self.launches(self.target)
        self.step(at)

    def launches(self, what: Configuration | None) -> None:
        """What the group launches as long as the refresh is at work."""
        vars(self.group)["mended_launching"] = what

    def step(self, at: datetime) -> None:
        """Replaces the next batch, or comes to the end."""
        count = min(len(self.left), self._batch())
        if count == 0:
            self._complete(at)
            return
        self.turn += 1
        self.began = at
        now = min(count, self._spare())
        for old in self.left[:now]:
            terminate(self.group, old, at, REPLACED)
        self.waiting, self.left = self.left[now:count], self.left[count:]
        surplus(self.group, count - now)
        why = f"At {words(at)} {STARTED}."
        self.members = launch(self.group, count, at, why)
        self.reason = (
            "Waiting for remaining instances to be available. For example: "
            f"{self.members[0].instance.id} has insufficient data to evaluate its health."
        )
        self._look_later(at)
        self.later(after(at, PATIENCE), "gives_up")

    def _look_later(self, launched: datetime) -> None:
        ready = LAUNCH + max(int(self.preferences["InstanceWarmup"]), BOOT)
        self.later(after(launched, ready), "looks")

    def looks(self, at: datetime) -> None:
        """Goes on where all new instances are well. An ill one's place is taken by another."""
        group = self.group
        lost = [it for it in self.members if it not in here(group)]
        if lost:
            new = [it for it in here(group) if it not in self.members and since(it) > self.began]
            fresh = new[: len(lost)]
            self.members = [it for it in self.members if it not in lost] + fresh
        if not self.members or not all(healthy(group, it, at) for it in self.members):
            newest = max((since(it) for it in self.members), default=at)
            ready = LAUNCH + max(int(self.preferences["InstanceWarmup"]), BOOT)
            # The replacement of an ill one comes later: what is looked for then is not yet there.
            self.later(max(after(newest, ready), after(at, LAUNCH)), "looks")
            return
        for old in self.waiting:
            if old in here(group):
                terminate(group, old, at, REPLACED)
        surplus(group, 0)
        before, self.done = self.done, self.done + len(self.members)
        self.made, self.members, self.waiting = [*self.made, *self.members], [], []
        self.reason = None
        self.turn += 1
        if self.rollback is None and self._pauses(before):
            self.reason = f"Checkpoint reached at {100 * self.done // self.total} percent."
            self.later(after(at, int(self.preferences["CheckpointDelay"])), "step")
        else:
            self.step(at)

    def gives_up(self, at: datetime) -> None:
        """No progress for too long."""
        example = self.members[0].instance.id if self.members else "an instance"
        reason = f"Failed to replace instances: {example} did not pass its health checks in time."
        if self.rollback is not None:
            self._end(at, "RollbackFailed", reason)
        elif self.preferences["AutoRollback"] and self.reversible:
            self.goes_back(at, reason)
        else:
            self._end(at, "Failed", reason)

    def goes_back(self, at: datetime, reason: str) -> None:
        """Replaces what it has replaced so far, by what there was before."""
        percent = 100 * self.done // self.total if self.total else 0
        self.rollback = {
            "RollbackReason": reason,
            "RollbackStartTime": shown(at),
            "PercentageCompleteOnRollback": percent,
            "InstancesToUpdateOnRollback": self.total - self.done,
        }
        new = [*self.made, *self.members]
        self.status, self.reason = "RollbackInProgress", reason
        self._drop(at)
        self.left = [it for it in new if it in here(self.group)]
        self.made = []
        self.launches(self.previous)
        self.step(at)

    def stops(self) -> None:
        """Is cancelled once the batch at work has come into service."""
        at = clock().now()
        self.status, self.turn = "Cancelling", self.turn + 1
        coming = after(self.began, LAUNCH) if self.members else at
        self.later(max(coming, after(at, PREPARE)), "cancelled")

    def cancelled(self, at: datetime) -> None:
        self._end(at, "Cancelled", "Cancelled due to user request.")

    def succeeds(self, at: datetime) -> None:
        if self.desired is not None:
            configure(self.group, self.target)
        self._end(at, "Successful", None)

    def _complete(self, at: datetime) -> None:
        if self.rollback is not None:
            self._end(at, "RollbackSuccessful", self.reason)
        elif bake := int(self.preferences["BakeTime"]):
            self.status, self.turn = "Baking", self.turn + 1
            self.later(after(at, bake), "succeeds")
        else:
            self.succeeds(at)

    def _end(self, at: datetime, status: str, reason: str | None) -> None:
        self.status, self.reason, self.ended = status, reason, shown(at)
        self.launches(None)
        self._drop(at)

    def _drop(self, at: datetime) -> None:
        """Lets the batch at work go: what is too much is terminated."""
        self.turn += 1
        self.left = [*self.waiting, *self.left]
        self.members, self.waiting = [], []
        surplus(self.group, 0)
        reconcile(self.group, at)

    # How many at a time.

    def _spare(self) -> int:
        """How many may be out of service; one where neither more nor fewer are allowed."""
        size = int(self.group.desired_capacity or 0)
        fewer = size - ceil(size * int(self.preferences["MinHealthyPercentage"]) / 100)
        return max(fewer, 0 if self.preferences.get("MaxHealthyPercentage", 100) > 100 else 1)

    def _batch(self) -> int:
        """How many are replaced at once: as the percentages and the next checkpoint allow."""
        size = int(self.group.desired_capacity or 0)
        percent = int(self.preferences.get("MaxHealthyPercentage", 100))
        more = floor(size * (percent - 100) / 100)
        batch = max(self._spare() + more, 1)
        points = self._checkpoints()
        if self.rollback is not None or not points:
            return batch
        return min(batch, min((n - self.done for n in points if n > self.done), default=0))

    def _checkpoints(self) -> list[int]:
        """After how many replaced instances it pauses."""
        percentages = self.preferences.get("CheckpointPercentages") or ()
        return [ceil(self.total * percent / 100) for percent in percentages]

    def _pauses(self, before: int) -> bool:
        """Whether a checkpoint was reached that is not the end."""
        points = self._checkpoints()
        return any(before < n <= self.done for n in points) and self.done < max(points, default=0)


def refreshes(group: FakeAutoScalingGroup) -> list[Refresh]:
    """A group's, the oldest first."""
    found: list[Refresh] = vars(group).setdefault("mended_refreshes", [])
    return found


def active(group: FakeAutoScalingGroup) -> Refresh | None:
    """The one that is at work; there is never a second."""
    return next((it for it in reversed(refreshes(group)) if it.active), None)


def start(
    group: FakeAutoScalingGroup, desired: Record | None, preferences: Record, target: Configuration
) -> Refresh:
    """A refresh that begins soon."""
    made = Refresh(group, preferences, desired, target, configuration(group))
    refreshes(group).append(made)
    made.later(after(clock().now(), PREPARE), "begin")
    return made

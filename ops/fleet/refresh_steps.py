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
from ops.fleet.model import GROUP, Fleet
from ops.fleet.scale import ALL, SERVING
from ops.outputs import FleetPart

ACTIVE: Final = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
GOING: Final = json.dumps(ACTIVE)
OVER: Final = ("Failed", "Cancelled", "RollbackSuccessful", "RollbackFailed")
# The newest ones that are read: whatever is new among them was not there when it was planned.
NEWEST: Final = 10
MIN_HEALTHY, MAX_HEALTHY = 100, 110  # percent, where the group says nothing: as the settings do
START: Final = 60  # seconds until a new instance is in service: an assumption
ASSUMED: Final = "an assumption: a minute to start, and the warm-up of the settings, a batch"
PATIENCE: Final = 2 * 3600  # seconds that a batch may go wrong: AWS gives up after about an hour
SPARE: Final = 3600  # seconds that a refresh may take beyond that
# A refresh that takes another back bakes for a second: so it is told from the one before it.
BACK: Final = 1


@dataclass(frozen=True)
class How:
    """How instances are replaced. `least` and `most` are percent, `delay` is in seconds.

    `skip` leaves those alone that match already; `returns` has AWS go back by itself where it
    fails. `bakes` are seconds at the end.
    """

    least: int | None = None
    most: int | None = None
    checkpoints: tuple[int, ...] = ()
    delay: int = 600
    skip: bool = False
    returns: bool = False
    bakes: int = 0

    def healthy(self, of: Fleet) -> tuple[int, int]:
        """The percentages: the asked ones, else the group's, else those of the settings."""
        least, most = of.kept or (MIN_HEALTHY, MAX_HEALTHY)
        return (
            least if self.least is None else self.least,
            most if self.most is None else self.most,
        )

    def preferences(self, of: Fleet) -> JsonObject:
        """As the API takes them."""
        least, most = self.healthy(of)
        points: JsonObject = {}
        if self.checkpoints:
            points = {
                "CheckpointPercentages": list(self.checkpoints),
                "CheckpointDelay": self.delay,
            }
        return {
            "MinHealthyPercentage": least,
            "MaxHealthyPercentage": most,
            "SkipMatching": self.skip,
            "AutoRollback": self.returns,
            "BakeTime": self.bakes,
            **points,
        }


@dataclass(frozen=True)
class Ours:
    """A refresh that is to be ours: of which version, how, and which ones there were before."""

    of: Fleet
    version: str
    how: How
    known: tuple[str, ...]

    @property
    def path(self) -> str:
        """The path to it: the first new one that is as we asked for it."""
        under = "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification"
        where = f"DesiredConfiguration.{under if self.of.policy else 'LaunchTemplate'}.Version"
        least, most = self.how.healthy(self.of)
        asked = " && ".join(
            (
                f"!contains(`{json.dumps(sorted(self.known))}`, InstanceRefreshId)",
                f"{where}=='{self.version}'",
                f"(Preferences.SkipMatching || `false`)==`{json.dumps(self.how.skip)}`",
                f"Preferences.MinHealthyPercentage==`{least}`",
                f"Preferences.MaxHealthyPercentage==`{most}`",
                f"(Preferences.BakeTime || `0`)==`{self.how.bakes}`",
            )
        )
        # The oldest of them: they come in descending order.
        return f"InstanceRefreshes[?{asked}] | [-1]"

    @property
    def status(self) -> str:
        """The path to its status."""
        return f"{self.path}.Status"


def listed(aws: Aws, of: FleetPart, limit: int = NEWEST) -> list[Mapping[str, Any]]:
    """The refreshes of the last six weeks, the newest first."""
    return list(fleet.ask(aws, read(of, limit))["InstanceRefreshes"])


def read(of: FleetPart, limit: int = NEWEST) -> Call:
    """The read of the newest ones."""
    return Call(
        api="autoscaling.describe_instance_refreshes",
        params={"AutoScalingGroupName": of.group, "MaxRecords": limit},
    )


def begin(
    name: str, ours: Ours, says: str, *, wait: bool = True, undo: tuple[Step, ...] = ()
) -> Step:
    """Starts a refresh, and waits for what becomes of that very one."""
    of, how, status = ours.of, ours.how, ours.status
    takes = typical(of, how)
    free = f"length(InstanceRefreshes[?contains(`{GOING}`, Status)])"
    return Step(
        name=name,
        description=says,
        # One that takes another back begins when nothing is at work any more.
        ready=Wait(read=read(of.part), met={free: 0}, every=30, within=SPARE)
        if how.bakes == BACK
        else None,
        action=Call(
            api="autoscaling.start_instance_refresh",
            params={
                "AutoScalingGroupName": of.part.group,
                "Strategy": "Rolling",
                "DesiredConfiguration": _desired(of, ours.version),
                "Preferences": how.preferences(of),
            },
        ),
        goal=Wait(
            read=read(of.part),
            met={status: "Successful"} if wait else {f"{status} != `null`": True},
            begun={f"contains(`{GOING}`, {status})": True} if wait else {},
            failed={status: list(OVER)},
            every=min(max(takes / 5, 15), 120),
            within=takes + PATIENCE + SPARE,
            typical=takes if wait else None,
            source=ASSUMED if wait else None,
        ),
        undo=undo,
    )


def stop(name: str, ours: Ours) -> Step:
    """Our refresh is at an end, whatever that is: it is cancelled where it is still at work."""
    return Step(
        name=name,
        description="stop the instance refresh, where it is at work",
        action=Call(
            api="autoscaling.cancel_instance_refresh",
            params={"AutoScalingGroupName": ours.of.part.group},
            expected_errors=("ActiveInstanceRefreshNotFound",),
        ),
        goal=Wait(
            read=read(ours.of.part),
            met={f"!contains(`{GOING}`, {ours.status})": True},
            begun={ours.status: "Cancelling"},
            every=30,
            within=SPARE,
        ),
    )


def confirm(name: str, of: Fleet, version: str) -> Step:
    """Looks whether all instances serve and are of this version, and none besides is there."""
    look = fleet.described(of.part)
    others = f"length({GROUP}.Instances[?LaunchTemplate.Version!='{version}'])"
    return Step(
        name=name,
        description=f"see {of.desired} instances of version {version} in service",
        action=look,
        goal=Wait(
            read=look,
            met={SERVING: of.desired, ALL: of.desired, others: 0},
            every=30,
            within=SPARE,
        ),
    )


def _desired(of: Fleet, version: str) -> JsonObject:
    """What the refresh leads to: the group's own configuration with this version."""
    own: JsonObject = {"LaunchTemplateId": of.template, "Version": version}
    if of.policy is None:
        return {"LaunchTemplate": own}
    template = {**of.policy["LaunchTemplate"], "LaunchTemplateSpecification": own}
    return {"MixedInstancesPolicy": {**of.policy, "LaunchTemplate": template}}


def batch(of: Fleet, how: How) -> int:
    """How many are replaced at once, as AWS does within these percentages."""
    least, most = how.healthy(of)
    fewer = of.desired - ceil(of.desired * least / 100)
    return max(fewer + floor(of.desired * (most - 100) / 100), 1)


def typical(of: Fleet, how: How) -> float:
    """Seconds that a refresh takes, as far as can be said."""
    batches = ceil(max(len(of.instances), 1) / batch(of, how))
    pauses = len([point for point in how.checkpoints if point < 100])
    return batches * (START + max(of.warmup, START)) + pauses * how.delay

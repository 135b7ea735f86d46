"""EC2 Auto Scaling: what will happen to a group, in the order of the sandbox's clock.

moto does everything at once. Here each group has a timeline: what is begun leaves behind when it
goes on, and whoever looks at the group brings it up to the time first. What was to happen in
between has then happened at its own moment, however late somebody looks.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from moto.autoscaling.models import FakeAutoScalingGroup

from sandbox.clock import clock, pending

_number = itertools.count()
LONG_AGO: Final = 1900  # years before this one are those of a clock on which nothing takes time


@dataclass(order=True)
class Event:
    """Something that is to happen; `act` is told when."""

    due: datetime
    number: int
    act: Callable[[datetime], None] = field(compare=False)


@dataclass
class Timeline:
    """What is still to come of one group."""

    events: list[Event] = field(default_factory=list)
    busy: bool = False

    def later(self, due: datetime, act: Callable[[datetime], None]) -> None:
        """Something happens then."""
        heapq.heappush(self.events, Event(due, next(_number), act))

    def catch_up(self) -> None:
        """Whatever is due happens, each at its own moment."""
        if self.busy:
            return
        self.busy = True
        try:
            while self.events and not pending(self.events[0].due):
                event = heapq.heappop(self.events)
                event.act(event.due)
        finally:
            self.busy = False


def timeline(group: FakeAutoScalingGroup) -> Timeline:
    """The timeline of a group."""
    found: Timeline = vars(group).setdefault("mended_timeline", Timeline())
    return found


def after(at: datetime, seconds: float) -> datetime:
    """When something is over that began then. At once where the clock takes no time."""
    ready = clock().ready(seconds)
    return ready if ready < at else at + timedelta(seconds=seconds)


def takes_time() -> bool:
    """Whether anything takes time on this clock."""
    return pending(clock().ready(1))


def shown(at: datetime | None) -> datetime | None:
    """A moment as AWS tells it: now, where it is none of this clock."""
    if at is None or at.year > LONG_AGO:
        return at
    return clock().now()


def words(at: datetime) -> str:
    """A moment in the text of a cause."""
    moment = shown(at)
    assert moment is not None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

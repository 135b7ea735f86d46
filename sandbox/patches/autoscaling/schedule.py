"""EC2 Auto Scaling: what will happen to a group, in the order of the sandbox's clock.

moto does everything at once. Here each group has a timeline of scheduled events. Every read of the
group first runs the events that are due, each with its own time, however late the read is.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from moto.autoscaling.models import FakeAutoScalingGroup

from sandbox.clock import get_sandbox_clock, is_in_future

_event_numbers = itertools.count()
INSTANT_CLOCK_LAST_YEAR: Final = (
    1900  # years before this one are those of a clock on which nothing takes time
)


@dataclass(order=True)
class TimelineEvent:
    """A scheduled event; its action gets the time that it was due."""

    due: datetime
    number: int
    action: Callable[[datetime], None] = field(compare=False)


@dataclass
class Timeline:
    """The scheduled events of one group."""

    events: list[TimelineEvent] = field(default_factory=list)
    busy: bool = False

    def schedule(self, due: datetime, action: Callable[[datetime], None]) -> None:
        """Schedules an action."""
        heapq.heappush(self.events, TimelineEvent(due, next(_event_numbers), action))

    def catch_up(self) -> None:
        """Runs every due event, each with its own time."""
        if self.busy:
            return
        self.busy = True
        try:
            while self.events and not is_in_future(self.events[0].due):
                event = heapq.heappop(self.events)
                event.action(event.due)
        finally:
            self.busy = False


def get_timeline(group: FakeAutoScalingGroup) -> Timeline:
    """The timeline of a group."""
    timeline: Timeline = vars(group).setdefault("sandbox_timeline", Timeline())
    return timeline


def compute_due_time(time: datetime, seconds: float) -> datetime:
    """The end of something that began at a time; at once if the clock takes no time."""
    ready = get_sandbox_clock().get_completion_time(seconds)
    return ready if ready < time else time + timedelta(seconds=seconds)


def is_taking_time() -> bool:
    """True unless everything is done at once on this sandbox's clock."""
    return is_in_future(get_sandbox_clock().get_completion_time(1))


def resolve_time(time: datetime | None) -> datetime | None:
    """A time as AWS returns it; now if it is not a time of this clock."""
    if time is None or time.year > INSTANT_CLOCK_LAST_YEAR:
        return time
    return get_sandbox_clock().now()


def format_cause_time(time: datetime) -> str:
    """A time in the text of a cause."""
    moment = resolve_time(time)
    assert moment is not None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

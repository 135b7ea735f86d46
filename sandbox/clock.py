"""Simulated time: how long things take, and how fast that passes.

In process nothing takes time unless a test asks for it: the clock is `AtOnce`. Served, a
`Running` clock goes faster than the wall by a factor, and what AWS takes minutes for is seen to
be pending for that long on it. `Held` stands still until it is advanced.
"""

import time
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class SandboxClock(Protocol):
    """What time it is in the sandbox."""

    def now(self) -> datetime:
        """The simulated time, UTC."""

    def get_completion_time(self, seconds: float) -> datetime:
        """When something that begins now and takes AWS `seconds` is done."""

    def to_wall_seconds(self, moment: datetime) -> float:
        """When a time of this clock was, on the wall's: seconds since the epoch.

        Where the clock stood at it for a while, the end of that.
        """


class InstantClock:
    """The wall's time; nothing takes any."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def get_completion_time(self, seconds: float) -> datetime:
        return datetime.min.replace(tzinfo=UTC)

    def to_wall_seconds(self, moment: datetime) -> float:
        return moment.timestamp()


class RunningClock:
    """Goes `factor` times as fast as the wall, from the wall's time when it was made."""

    def __init__(
        self, factor: float, read_wall_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """`wall` gives seconds."""
        if factor <= 0:
            raise ValueError(f"factor is {factor}, must be any number above 0")
        self.factor = factor
        self._read_wall_seconds = read_wall_seconds
        self._start_time, self._start_wall_seconds = datetime.now(UTC), read_wall_seconds()

    @property
    def start_time(self) -> datetime:
        """When it showed what the wall's clock did, UTC."""
        return self._start_time

    def now(self) -> datetime:
        return self._start_time + timedelta(
            seconds=(self._read_wall_seconds() - self._start_wall_seconds) * self.factor
        )

    def get_completion_time(self, seconds: float) -> datetime:
        return self.now() + timedelta(seconds=seconds)

    def to_wall_seconds(self, moment: datetime) -> float:
        simulated_seconds = (moment - self._start_time).total_seconds()
        return self._start_time.timestamp() + (
            simulated_seconds / self.factor if simulated_seconds > 0 else simulated_seconds
        )


class ManualClock:
    """Stands still until it is advanced."""

    def __init__(self, start_time: datetime | None = None) -> None:
        self._now = start_time or datetime.now(UTC)
        self._created_wall_seconds = time.time()
        self._passed_times: list[
            tuple[datetime, float]
        ] = []  # a time that it stood at, and until when

    def now(self) -> datetime:
        return self._now

    def get_completion_time(self, seconds: float) -> datetime:
        return self._now + timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        """Lets simulated time pass."""
        if seconds:
            self._passed_times.append((self._now, time.time()))
        self._now += timedelta(seconds=seconds)

    def to_wall_seconds(self, moment: datetime) -> float:
        if moment >= self._now:
            return time.time()
        index = bisect_right(self._passed_times, moment, key=lambda passed_time: passed_time[0])
        return self._passed_times[index - 1][1] if index else self._created_wall_seconds


_current_clock: SandboxClock = InstantClock()


def get_sandbox_clock() -> SandboxClock:
    """The clock that the sandbox goes by."""
    return _current_clock


def set_sandbox_clock(new_clock: SandboxClock) -> SandboxClock:
    """Sets the clock that the sandbox goes by, and returns the one before."""
    global _current_clock
    previous_clock, _current_clock = _current_clock, new_clock
    return previous_clock


def is_in_future(moment: datetime) -> bool:
    """Whether a time is still to come."""
    return _current_clock.now() < moment

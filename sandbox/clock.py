"""Simulated time: how long operations take, and how fast time passes.

In process nothing takes time by default: the clock is `InstantClock`. Served, a clock runs faster
than real time by a factor, and what takes AWS minutes is pending for as long on this clock.
`ManualClock` stands still until it is advanced.
"""

import time
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class SandboxClock(Protocol):
    """A clock of the sandbox."""

    def now(self) -> datetime:
        """The simulated time, UTC."""

    def get_completion_time(self, seconds: float) -> datetime:
        """The time when something is done that begins now and takes AWS `seconds`."""

    def to_wall_seconds(self, moment: datetime) -> float:
        """Converts a time of this clock to real time: seconds since the epoch.

        If the clock stood still at that time, the end of the standstill.
        """


class InstantClock:
    """Real time; nothing takes any time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def get_completion_time(self, seconds: float) -> datetime:
        return datetime.min.replace(tzinfo=UTC)

    def to_wall_seconds(self, moment: datetime) -> float:
        return moment.timestamp()


class RunningClock:
    """Runs `factor` times as fast as real time, from the real time of its creation."""

    def __init__(
        self, factor: float, read_wall_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """The wall clock returns seconds since the epoch."""
        if factor <= 0:
            raise ValueError(f"factor is {factor}, must be any number above 0")
        self.factor = factor
        self._read_wall_seconds = read_wall_seconds
        self._start_time, self._start_wall_seconds = datetime.now(UTC), read_wall_seconds()

    @property
    def start_time(self) -> datetime:
        """The time, UTC, at which it equalled real time."""
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
        ] = []  # a time at which it stood still, and until when

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
    """The clock of the sandbox."""
    return _current_clock


def set_sandbox_clock(new_clock: SandboxClock) -> SandboxClock:
    """Sets the clock of the sandbox and returns the previous one."""
    global _current_clock
    previous_clock, _current_clock = _current_clock, new_clock
    return previous_clock


def is_in_future(moment: datetime) -> bool:
    """True if a time of the sandbox's clock is in the future."""
    return _current_clock.now() < moment

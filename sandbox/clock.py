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


class Clock(Protocol):
    """What time it is in the sandbox."""

    def now(self) -> datetime:
        """The simulated time, UTC."""

    def ready(self, seconds: float) -> datetime:
        """When something that begins now and takes AWS `seconds` is done."""

    def wall(self, at: datetime) -> float:
        """When a time of this clock was, on the wall's: seconds since the epoch.

        Where the clock stood at it for a while, the end of that.
        """


class AtOnce:
    """The wall's time; nothing takes any."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def ready(self, seconds: float) -> datetime:
        return datetime.min.replace(tzinfo=UTC)

    def wall(self, at: datetime) -> float:
        return at.timestamp()


class Running:
    """Goes `factor` times as fast as the wall, from the wall's time when it was made."""

    def __init__(self, factor: float, wall: Callable[[], float] = time.monotonic) -> None:
        """`wall` gives seconds."""
        if factor <= 0:
            raise ValueError(f"factor is {factor}, may be any number above 0")
        self.factor = factor
        self._wall = wall
        self._began, self._from = datetime.now(UTC), wall()

    @property
    def began(self) -> datetime:
        """When it showed what the wall's clock did, UTC."""
        return self._began

    def now(self) -> datetime:
        return self._began + timedelta(seconds=(self._wall() - self._from) * self.factor)

    def ready(self, seconds: float) -> datetime:
        return self.now() + timedelta(seconds=seconds)

    def wall(self, at: datetime) -> float:
        passed = (at - self._began).total_seconds()
        return self._began.timestamp() + (passed / self.factor if passed > 0 else passed)


class Held:
    """Stands still until it is advanced."""

    def __init__(self, began: datetime | None = None) -> None:
        self._now = began or datetime.now(UTC)
        self._made = time.time()
        self._left: list[tuple[datetime, float]] = []  # a time that it stood at, and until when

    def now(self) -> datetime:
        return self._now

    def ready(self, seconds: float) -> datetime:
        return self._now + timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        """Lets simulated time pass."""
        if seconds:
            self._left.append((self._now, time.time()))
        self._now += timedelta(seconds=seconds)

    def wall(self, at: datetime) -> float:
        if at >= self._now:
            return time.time()
        n = bisect_right(self._left, at, key=lambda left: left[0])
        return self._left[n - 1][1] if n else self._made


_current: Clock = AtOnce()


def clock() -> Clock:
    """The clock that the sandbox goes by."""
    return _current


def use(new: Clock) -> Clock:
    """Sets the clock that the sandbox goes by, and returns the one before."""
    global _current
    before, _current = _current, new
    return before


def pending(until: datetime) -> bool:
    """Whether a time is still to come."""
    return _current.now() < until

"""What time operations go by: AWS's, or that of a sandbox, which passes faster.

AWS's is this machine's, corrected as far as AWS's answers say (aws_time.py).

A served sandbox says how fast in BULWARK_CLOCK, `BEGAN*FACTOR`: when its clock began, in seconds
since the epoch, and how many of its seconds pass in one of the wall's; or `file:PATH:DESCRIPTOR`,
the file that has its time and that a process locks while it computes. All times that operations
tell, compare or wait for are on that clock, so that what takes AWS an hour is not waited for here.
"""

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from ops.core.aws_time import AWS_TIME_OFFSET
from ops.core.errors import UsageError

CLOCK_VARIABLE: Final = "BULWARK_CLOCK"
SHARED_CLOCK_PREFIX: Final = "file:"
SHARED_CLOCK_POLL_SECONDS: Final = 0.005


@dataclass(frozen=True)
class ClockRate:
    """A clock that was at `began` when the wall's was, and passes `factor` times as fast."""

    start_time: float = 0
    factor: float = 1

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.start_time + (time.time() - self.start_time) * self.factor

    def to_wall_seconds(self, seconds: float) -> float:
        """How many of the wall's seconds that is."""
        return seconds / self.factor

    @contextmanager
    def wait(self) -> Iterator[None]:
        """A block in which the process sleeps."""
        yield

    def __str__(self) -> str:
        return f"{self.start_time!r}*{self.factor!r}"


class AwsClock(ClockRate):
    """AWS's clock, as far as it is known; else this machine's."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return super().now() + AWS_TIME_OFFSET.seconds


@dataclass(frozen=True)
class SharedClock:
    """The clock in a sandbox's file. `descriptor` is the process's lock on it, None without."""

    file: str
    descriptor: int | None

    def now(self) -> float:
        """Seconds since the epoch."""
        with Path(self.file).open("rb", buffering=0) as file:
            seconds: float = struct.unpack("<d", file.read(8))[0]
        return seconds

    def to_wall_seconds(self, seconds: float) -> float:
        """How long to sleep before the clock is read again."""
        return min(seconds, SHARED_CLOCK_POLL_SECONDS)

    @contextmanager
    def wait(self) -> Iterator[None]:
        """A block in which the process sleeps: the lock is given up."""
        if self.descriptor is None:
            yield
            return
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self.descriptor, fcntl.LOCK_SH)


def get_clock_rate() -> ClockRate | SharedClock:
    """The pace that the environment asks for. Raises UsageError where it says none."""
    return _parse_clock_rate(os.environ.get(CLOCK_VARIABLE, ""))


def now() -> datetime:
    """The time, UTC."""
    return datetime.fromtimestamp(get_clock_rate().now(), UTC)


@cache
def _parse_clock_rate(text: str) -> ClockRate | SharedClock:
    if not text:
        return AwsClock()
    if text.startswith(SHARED_CLOCK_PREFIX):
        return _open_shared_clock(text)
    start_time, _, factor = text.partition("*")
    try:
        clock_rate = ClockRate(float(start_time), float(factor))
    except ValueError:
        clock_rate = ClockRate(factor=0)
    if not (clock_rate.start_time >= 0 and 0 < clock_rate.factor <= 1e6):
        raise UsageError(
            f"{CLOCK_VARIABLE} is {text!r}, must be BEGAN*FACTOR, as `ops sandbox` prints it"
        )
    return clock_rate


def _open_shared_clock(text: str) -> SharedClock:
    """The clock in a file; without a lock in a process that did not get the descriptor."""
    file, _, descriptor = text.removeprefix(SHARED_CLOCK_PREFIX).rpartition(":")
    try:
        shared_clock = SharedClock(file, None)
        shared_clock.now()
        number = int(descriptor)
    except (OSError, ValueError, struct.error):
        raise UsageError(
            f"{CLOCK_VARIABLE} is {text!r}, which no sandbox serves any more"
        ) from None
    try:
        is_inherited = os.path.samestat(os.fstat(number), Path(file).stat())
    except OSError:
        is_inherited = False
    return SharedClock(file, number if is_inherited else None)

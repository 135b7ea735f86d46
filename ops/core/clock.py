"""What time operations go by: the wall's, or that of a sandbox, which passes faster.

A served sandbox says how fast in BULWARK_CLOCK, `BEGAN*FACTOR`: when its clock began, in seconds
since the epoch, and how many of its seconds pass in one of the wall's. All times that operations
tell, compare or wait for are on that clock, so that what takes AWS an hour is not waited for here.
"""

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final

from ops.core.errors import UsageError

CLOCK_VARIABLE: Final = "BULWARK_CLOCK"


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

    def __str__(self) -> str:
        return f"{self.start_time!r}*{self.factor!r}"


def get_clock_rate() -> ClockRate:
    """The pace that the environment asks for. Raises UsageError where it says none."""
    return _parse_clock_rate(os.environ.get(CLOCK_VARIABLE, ""))


def now() -> datetime:
    """The time, UTC."""
    return datetime.fromtimestamp(get_clock_rate().now(), UTC)


@cache
def _parse_clock_rate(text: str) -> ClockRate:
    if not text:
        return ClockRate()
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

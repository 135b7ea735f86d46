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

VARIABLE: Final = "BULWARK_CLOCK"


@dataclass(frozen=True)
class Pace:
    """A clock that was at `began` when the wall's was, and passes `factor` times as fast."""

    began: float = 0
    factor: float = 1

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.began + (time.time() - self.began) * self.factor

    def real(self, seconds: float) -> float:
        """How many of the wall's seconds that is."""
        return seconds / self.factor

    def __str__(self) -> str:
        return f"{self.began!r}*{self.factor!r}"


def pace() -> Pace:
    """The pace that the environment asks for. Raises UsageError where it says none."""
    return _parsed(os.environ.get(VARIABLE, ""))


def now() -> datetime:
    """The time, UTC."""
    return datetime.fromtimestamp(pace().now(), UTC)


@cache
def _parsed(text: str) -> Pace:
    if not text:
        return Pace()
    began, _, factor = text.partition("*")
    try:
        made = Pace(float(began), float(factor))
    except ValueError:
        made = Pace(factor=0)
    if not (made.began >= 0 and 0 < made.factor <= 1e6):
        raise UsageError(f"{VARIABLE} is {text!r}, may be BEGAN*FACTOR, as `ops sandbox` prints it")
    return made

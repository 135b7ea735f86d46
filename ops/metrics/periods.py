"""The period of the values that are read, and the spans that are compared.

CloudWatch keeps values of a minute for 15 days, of five minutes for 63 and of an hour for 455
(GetMetricData, API reference).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from components.facts.units import DAY_SECONDS, HOUR_SECONDS
from ops.cli.durations import format_typed_duration
from ops.cli.time_span import TimeSpan
from ops.core.errors import UsageError

# How many days back values of at least so many seconds are kept.
RETENTION_DAYS: Final = ((60, 15), (300, 63), (HOUR_SECONDS, 455))
MAX_DAYS: Final = RETENTION_DAYS[-1][1]
PERIODS: Final = (60, 300, 900, HOUR_SECONDS, 6 * HOUR_SECONDS, DAY_SECONDS)
WANTED_VALUES: Final = 120  # of a metric, at most, unless a period is typed
# How late a value may come: AWS's services report each minute, some minutes late (an assumption,
# which the health checks make too).
METRIC_LATE_SECONDS: Final = 300
COMPARED_DAYS: Final = (("yesterday", 1), ("last week", 7))  # days before


@dataclass(frozen=True)
class ReadSpan:
    """What is read at once: whole periods, and how many. `days_before` the span that is asked."""

    since: datetime
    count: int
    period: int
    days_before: int = 0

    @property
    def until(self) -> datetime:
        """The end of its last period."""
        return self.since + timedelta(seconds=self.count * self.period)

    def list_times(self) -> list[datetime]:
        """When each period begins."""
        return [self.since + timedelta(seconds=n * self.period) for n in range(self.count)]

    def move_back(self, days: int) -> "ReadSpan":
        """The same hours `days` days before, in UTC."""
        return ReadSpan(self.since - timedelta(days=days), self.count, self.period, days)


def choose_period(span: TimeSpan, now: datetime, typed_seconds: int | None) -> int:
    """The seconds of a period: what was typed, or the shortest that gives few enough values.

    Raises UsageError unless it is whole minutes, fits in the span and is kept for so long.
    """
    shortest = get_shortest_period(span.since, now)
    if typed_seconds is None:
        fitting = [
            period
            for period in PERIODS
            if period >= shortest and span.seconds / period <= WANTED_VALUES
        ]
        period = next(iter(fitting), PERIODS[-1])
        return period if period <= span.seconds else max(shortest, 60)
    text = format_typed_duration(typed_seconds, "s")
    if typed_seconds % 60:
        raise UsageError(f"--period must be whole minutes, not {text}")
    if typed_seconds < shortest:
        kept_days = max(d for seconds, d in RETENTION_DAYS if seconds <= typed_seconds)
        raise UsageError(
            f"--period must be at least {format_typed_duration(shortest, 's')} so far back: "
            f"CloudWatch keeps values of {text} for {kept_days} days"
        )
    if typed_seconds > span.seconds:
        raise UsageError(
            f"--period must fit in the span, which is shorter than {text}: set --since"
        )
    return typed_seconds


def get_shortest_period(time: datetime, now: datetime) -> int:
    """The seconds of the shortest period of which CloudWatch still has values of a time."""
    age = (now - time).total_seconds() / DAY_SECONDS
    return next((seconds for seconds, days in RETENTION_DAYS if age < days), HOUR_SECONDS)


def build_read_span(span: TimeSpan, period: int) -> ReadSpan:
    """The whole periods in a span; its start is moved back to the start of one.

    Raises UsageError unless there is at least one.
    """
    since = _round_down(span.since, period)
    until = _round_down(span.until, period)
    count = round((until - since).total_seconds() / period)
    if count < 1:
        raise UsageError(
            f"--period must fit in the span, which is less than "
            f"{format_typed_duration(period, 's')}: set --since"
        )
    return ReadSpan(since, count, period)


def count_settled(span: ReadSpan, now: datetime) -> int:
    """How many of its periods ended long enough ago for their values to have come."""
    settled_seconds = (now - timedelta(seconds=METRIC_LATE_SECONDS) - span.since).total_seconds()
    return max(0, min(span.count, int(settled_seconds // span.period)))


def _round_down(time: datetime, period: int) -> datetime:
    return datetime.fromtimestamp(time.timestamp() // period * period, UTC)

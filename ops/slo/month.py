"""The month that a report is about, in UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from components.facts.units import DAY_SECONDS
from ops.cli.months import parse_month_start
from ops.cli.time_span import TimeSpan
from ops.core.errors import UsageError
from ops.metrics.periods import MAX_DAYS, METRIC_LATE_SECONDS, ReadSpan, get_shortest_period

# Seconds of a period that is read at least: shorter ones only make more values.
MIN_PERIOD_SECONDS: Final = 300


@dataclass(frozen=True)
class Month:
    """A calendar month, UTC. `until` is its end, or how far values have come if it is not over."""

    name: str
    since: datetime
    until: datetime
    end: datetime
    period: int

    @property
    def is_over(self) -> bool:
        """True if all of its values have come."""
        return self.until >= self.end

    def get_share(self, periods: int) -> float:
        """How much of the whole month so many of its periods are, from 0 to 1."""
        return periods * self.period / (self.end - self.since).total_seconds()

    @property
    def span(self) -> TimeSpan:
        """The time that is judged."""
        return TimeSpan(self.since, self.until, is_until_now=False)

    @property
    def read_span(self) -> ReadSpan:
        """The periods whose values are read."""
        count = int((self.until - self.since).total_seconds() // self.period)
        return ReadSpan(self.since, count, self.period)

    def list_days(self) -> list[datetime]:
        """The starts of the days that are over."""
        count = int((self.until - self.since).total_seconds() // DAY_SECONDS)
        return [self.since + timedelta(days=number) for number in range(count)]


def parse_month(text: str | None, now: datetime) -> Month:
    """The month of --month, or the current one so far: the last, while it has no values yet.

    Its period is the shortest of which CloudWatch still has values of its first day. Raises
    UsageError unless it is YYYY-MM, has begun, and CloudWatch still has its values.
    """
    now = now.astimezone(UTC)
    since = parse_month_start(text, now)
    if since > now:
        raise UsageError(f"--month must have begun, not {text!r}: it is {now:%Y-%m-%d} UTC")
    if (now - since).days >= MAX_DAYS:
        raise UsageError(
            f"--month must have begun within {MAX_DAYS} days, as CloudWatch keeps metrics no "
            f"longer, not {text!r}"
        )
    end = (since + timedelta(days=31)).replace(day=1)
    period = max(MIN_PERIOD_SECONDS, get_shortest_period(since, now))
    settled = (now - since).total_seconds() - METRIC_LATE_SECONDS
    periods = max(0, int(settled // period))
    until = min(end, since + timedelta(seconds=periods * period))
    if until <= since and text is None:
        return parse_month(f"{since - timedelta(days=1):%Y-%m}", now)
    if until <= since:
        raise UsageError(f"--month must be over in part: no values of {since:%Y-%m} have come yet")
    return Month(f"{since:%Y-%m}", since, until, end, period)

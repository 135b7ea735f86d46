"""What metrics say of a part: how long a value has been beyond a limit, up to the time asked about.

Only what lasts is a fact: a peak that is over is none. A value may come five minutes late, so that
the newest values of a metric are those that there are, not those of the last minute.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from ops.core.aws import Aws
from ops.core.times import format_local_and_utc
from ops.diagnose.reader import DiagnosisRequest
from ops.metrics.parts import MetricRow
from ops.metrics.periods import ReadSpan, get_shortest_period
from ops.metrics.series import Values, read_spans

# Before the time that is asked about: long enough to see how it was before.
_READ_MINUTES: Final = 180
# A metric without a value for so long says nothing of now: three times the lag of most.
_STALE_MINUTES: Final = 15
# How long a value must be beyond its limit to be more than a moment. Assumed.
_LASTING_MINUTES: Final = 5


@dataclass(frozen=True)
class LastingRun:
    """Values that are beyond a limit up to the newest one: since when, the newest, the extremes."""

    since: datetime
    latest: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class MetricSeries:
    """The values of a metric, the oldest first, as far as there are any."""

    row: MetricRow
    times: tuple[datetime, ...]
    values: tuple[float, ...]
    period: int
    until: datetime

    @property
    def is_stale(self) -> bool:
        """True if there is no value of late."""
        limit = self.until - timedelta(minutes=_STALE_MINUTES, seconds=self.period)
        return not self.times or self.times[-1] < limit

    @property
    def latest(self) -> float | None:
        """The newest value; None if it is too old to say how it is."""
        return None if self.is_stale else self.values[-1]

    def find_lasting_run(
        self, is_beyond: Callable[[float], bool], minutes: float = _LASTING_MINUTES
    ) -> LastingRun | None:
        """The run of values up to the newest one that are beyond, if it is long enough."""
        if self.is_stale:
            return None
        count = 0
        for value in reversed(self.values):
            if not is_beyond(value):
                break
            count += 1
        if count * self.period < minutes * 60:
            return None
        values = self.values[-count:]
        return LastingRun(self.times[-count], values[-1], min(values), max(values), count)

    def find_first_excess(self, is_beyond: Callable[[float], bool]) -> LastingRun | None:
        """All values beyond a limit within the newest hour, for counts that come and go."""
        first = self.until - timedelta(hours=1)
        pairs = [
            (time, value)
            for time, value in zip(self.times, self.values, strict=True)
            if time >= first and is_beyond(value)
        ]
        if not pairs:
            return None
        values = [value for _, value in pairs]
        return LastingRun(pairs[0][0], values[-1], min(values), max(values), len(values))

    def get_usual(self, before: datetime) -> float | None:
        """The median of what it was before a time; None without ten values of then."""
        values = [v for t, v in zip(self.times, self.values, strict=True) if t < before]
        return median(values) if len(values) >= 10 else None

    def sum_since(self, time: datetime) -> float:
        """The sum of its values since a time."""
        return sum(v for t, v in zip(self.times, self.values, strict=True) if t >= time)


def read_series(
    aws: Aws, request: DiagnosisRequest, rows: Sequence[MetricRow]
) -> dict[MetricRow, MetricSeries]:
    """Reads metrics of the hours before the time that is asked about, in one call for 500."""
    since = request.at - timedelta(minutes=_READ_MINUTES)
    period = get_shortest_period(since, request.now)
    start = datetime.fromtimestamp(since.timestamp() // period * period, request.at.tzinfo)
    count = int((request.at - start).total_seconds() // period) + 1
    span = ReadSpan(start, count, period)
    (values_by_row,) = read_spans(aws, rows, [span])
    times = span.list_times()
    return {
        row: _build_series(row, times, values, period, request.at)
        for row, values in values_by_row.items()
    }


def _build_series(
    row: MetricRow, times: Sequence[datetime], values: Values, period: int, until: datetime
) -> MetricSeries:
    known = [(time, value) for time, value in zip(times, values, strict=True) if value is not None]
    return MetricSeries(
        row,
        tuple(time for time, _ in known),
        tuple(value for _, value in known),
        max(period, row.fact.period),
        until,
    )


def describe_since(run: LastingRun) -> str:
    """Since when a run lasts, for a person."""
    return f"since {format_local_and_utc(run.since)}"

"""The days that a report of costs is about, and those that it is compared with, in UTC."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from ops.cli.months import parse_month_start
from ops.core.errors import UsageError

LATE: Final = timedelta(hours=24)  # "updated at least once every 24 hours" (Cost Explorer guide)
# The current month and so many before it are kept (Cost Explorer guide, "up to 13 months").
KEPT_MONTHS: Final = 13


@dataclass(frozen=True)
class CostMonth:
    """A month's whole days, from `first` until before `end`, and the same of the month before."""

    first: date
    end: date
    previous_first: date
    previous_end: date

    @property
    def days(self) -> int:
        """How many days are whole."""
        return (self.end - self.first).days

    @property
    def is_whole(self) -> bool:
        """True if all days of the month are over and have come."""
        return self.end == find_next_month(self.first)

    def describe(self) -> str:
        """Says both spans for a person."""
        return (
            f"{_format_span(self.first, self.end)}, beside "
            f"{_format_span(self.previous_first, self.previous_end)} (whole days, UTC)"
        )


def parse_cost_month(text: str | None, now: datetime) -> CostMonth:
    """The month of --month; not typed, the current one, or the last while it has no whole day.

    Raises UsageError unless it is YYYY-MM, has a whole day, and Cost Explorer still has the month
    before it.
    """
    first = parse_month_start(text, now).date()
    today, whole_until = now.date(), (now - LATE).date()
    if first > today:
        raise UsageError(f"--month must have begun, not {text!r}: it is {today} UTC")
    month_count = (today.year - first.year) * 12 + today.month - first.month
    if month_count > KEPT_MONTHS - 1:
        raise UsageError(
            f"--month must be one of the last {KEPT_MONTHS}, as Cost Explorer must still have the "
            f"month before it, not {text!r}"
        )
    end = min(find_next_month(first), whole_until)
    if end <= first and text is None:
        return build_cost_month((first - timedelta(days=1)).replace(day=1), whole_until)
    if end <= first:
        raise UsageError(
            f"--month must have a whole day, not {text!r}: Cost Explorer is up to 24 hours late"
        )
    return build_cost_month(first, whole_until)


def build_cost_month(first: date, whole_until: date) -> CostMonth:
    """A month as far as its days are whole, and the same days of the one before.

    A month that is over is compared with all of the one before.
    """
    end = min(find_next_month(first), whole_until)
    previous_first = (first - timedelta(days=1)).replace(day=1)
    is_over = end == find_next_month(first)
    previous_end = first if is_over else min(first, previous_first + (end - first))
    return CostMonth(first, end, previous_first, previous_end)


def find_next_month(first: date) -> date:
    """The first day of the month after."""
    return (first + timedelta(days=31)).replace(day=1)


def _format_span(first: date, end: date) -> str:
    return f"{first} to {end - timedelta(days=1)}"

"""Windows of AWS's own work: backups each day, maintenance each week. All in UTC."""

import re
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator

from components.facts.units import WEEKDAYS

DAY_MINUTES: Final = 24 * 60
WEEK_MINUTES: Final = 7 * DAY_MINUTES
TIME_OF_DAY_PATTERN: Final = r"([01]\d|2[0-3]):([0-5]\d)"
DAILY_WINDOW_PATTERN: Final = re.compile(f"{TIME_OF_DAY_PATTERN}-{TIME_OF_DAY_PATTERN}")
WEEKLY_WINDOW_PATTERN: Final = re.compile(
    f"({'|'.join(WEEKDAYS)}):{TIME_OF_DAY_PATTERN}-({'|'.join(WEEKDAYS)}):{TIME_OF_DAY_PATTERN}"
)


def parse_daily_window(text: str) -> range:
    """Minutes of the day of a window like 23:30-00:30; past midnight they go on counting.

    Raises ValueError.
    """
    match = DAILY_WINDOW_PATTERN.fullmatch(text)
    if match is None:
        raise ValueError("must be hh:mm-hh:mm in UTC")
    hours, minutes, end_hours, end_minutes = map(int, match.groups())
    start = hours * 60 + minutes
    return range(start, start + (end_hours * 60 + end_minutes - start) % DAY_MINUTES)


def parse_weekly_window(text: str) -> range:
    """Minutes of the week, from Monday, of a window like sun:23:30-mon:00:30, in any case.

    Raises ValueError.
    """
    match = WEEKLY_WINDOW_PATTERN.fullmatch(text.lower())
    if match is None:
        raise ValueError("must be ddd:hh:mm-ddd:hh:mm in UTC, with days mon to sun")
    day, hours, minutes, end_day, end_hours, end_minutes = match.groups()
    start = WEEKDAYS.index(day) * DAY_MINUTES + int(hours) * 60 + int(minutes)
    end = WEEKDAYS.index(end_day) * DAY_MINUTES + int(end_hours) * 60 + int(end_minutes)
    return range(start, start + (end - start) % WEEK_MINUTES)


def has_overlap(daily_window: str, weekly_window: str) -> bool:
    """True if a daily window and a weekly one share a minute."""
    weekly_minutes = {minute % WEEK_MINUTES for minute in parse_weekly_window(weekly_window)}
    return any(
        (day * DAY_MINUTES + minute) % WEEK_MINUTES in weekly_minutes
        for day in range(7)
        for minute in parse_daily_window(daily_window)
    )


def _build_length_validator(parse: Callable[[str], range], min_minutes: int) -> AfterValidator:
    """A validator that rejects shorter windows and returns the days in lower case."""

    def validate(text: str) -> str:
        if len(parse(text)) < min_minutes:
            raise ValueError(f"must be a window of {min_minutes} minutes or more")
        return text.lower()  # as RDS and ElastiCache store it

    return AfterValidator(validate)


# RDS takes windows of half an hour, ElastiCache of an hour.
DailyHalfHourWindow = Annotated[str, _build_length_validator(parse_daily_window, 30)]
WeeklyHalfHourWindow = Annotated[str, _build_length_validator(parse_weekly_window, 30)]
DailyHourWindow = Annotated[str, _build_length_validator(parse_daily_window, 60)]
WeeklyHourWindow = Annotated[str, _build_length_validator(parse_weekly_window, 60)]

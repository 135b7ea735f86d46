"""Windows of AWS's own work: backups each day, maintenance each week. All in UTC."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY: Final = 24 * 60
WEEK: Final = 7 * DAY
TIME: Final = r"([01]\d|2[0-3]):([0-5]\d)"
DAILY: Final = re.compile(f"{TIME}-{TIME}")
WEEKLY: Final = re.compile(f"({'|'.join(DAYS)}):{TIME}-({'|'.join(DAYS)}):{TIME}")


def daily(text: str) -> range:
    """Minutes of the day of a window like 23:30-00:30; past midnight they go on counting.

    Raises ValueError.
    """
    found = DAILY.fullmatch(text)
    if found is None:
        raise ValueError("may be hh:mm-hh:mm in UTC")
    hours, minutes, to_hours, to_minutes = map(int, found.groups())
    start = hours * 60 + minutes
    return range(start, start + (to_hours * 60 + to_minutes - start) % DAY)


def weekly(text: str) -> range:
    """Minutes of the week, from Monday, of a window like sun:23:30-mon:00:30.

    Raises ValueError.
    """
    found = WEEKLY.fullmatch(text)
    if found is None:
        raise ValueError("may be ddd:hh:mm-ddd:hh:mm in UTC, with days mon to sun")
    day, hours, minutes, to_day, to_hours, to_minutes = found.groups()
    start = DAYS.index(day) * DAY + int(hours) * 60 + int(minutes)
    end = DAYS.index(to_day) * DAY + int(to_hours) * 60 + int(to_minutes)
    return range(start, start + (end - start) % WEEK)


def meet(each_day: str, each_week: str) -> bool:
    """Whether a daily window and a weekly one share a minute."""
    maintenance = {minute % WEEK for minute in weekly(each_week)}
    return any(
        (day * DAY + minute) % WEEK in maintenance for day in range(7) for minute in daily(each_day)
    )


def _long_enough(window: range, text: str, least: int) -> str:
    if len(window) < least:
        raise ValueError(f"may be a window of {least} minutes or more")
    return text


# RDS takes windows of half an hour, ElastiCache of an hour.
DailyHalfHour = Annotated[str, AfterValidator(lambda text: _long_enough(daily(text), text, 30))]
WeeklyHalfHour = Annotated[str, AfterValidator(lambda text: _long_enough(weekly(text), text, 30))]
DailyHour = Annotated[str, AfterValidator(lambda text: _long_enough(daily(text), text, 60))]
WeeklyHour = Annotated[str, AfterValidator(lambda text: _long_enough(weekly(text), text, 60))]

"""Windows: what is one, and when two of them meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.facts.units import WEEKDAYS
from components.settings.windows import has_overlap, parse_daily_window, parse_weekly_window

CLOCK_TIMES = st.tuples(st.integers(0, 23), st.integers(0, 59))


def _format_time(time: tuple[int, int]) -> str:
    return f"{time[0]:02}:{time[1]:02}"


@pytest.mark.parametrize(
    ("text", "minutes"), [("02:00-03:00", 60), ("23:30-00:15", 45), ("05:00-05:00", 0)]
)
def test_a_daily_window_may_go_past_midnight(text: str, minutes: int) -> None:
    assert len(parse_daily_window(text)) == minutes


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("sun:03:30-sun:04:30", 60),
        ("Sun:23:30-MON:00:30", 60),
        ("mon:00:00-tue:01:00", 1500),
    ],
)
def test_a_weekly_window_may_go_past_sunday(text: str, minutes: int) -> None:
    assert len(parse_weekly_window(text)) == minutes


@pytest.mark.parametrize("text", ["", "2:00-3:00", "24:00-01:00", "02:00", "02:60-03:00"])
def test_an_invalid_daily_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be hh:mm-hh:mm in UTC"):
        parse_daily_window(text)


@pytest.mark.parametrize("text", ["", "Sun:3:00-Sun:4:00", "sun:03:00-04:00", "xyz:01:00"])
def test_an_invalid_weekly_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be ddd:hh:mm-ddd:hh:mm in UTC"):
        parse_weekly_window(text)


@pytest.mark.parametrize(
    ("each_day", "each_week", "met"),
    [
        ("02:00-03:00", "sun:03:00-sun:04:00", False),
        ("03:00-04:00", "Sun:02:00-Sun:03:00", False),
        ("02:00-03:01", "sun:03:00-sun:04:00", True),
        ("23:30-00:30", "mon:00:00-mon:01:00", True),
        ("00:00-01:00", "sun:23:30-mon:00:30", True),
        ("12:00-13:00", "mon:00:00-wed:00:00", True),
    ],
)
def test_windows_that_share_a_minute_overlap(each_day: str, each_week: str, met: bool) -> None:
    assert has_overlap(each_day, each_week) is met


@given(start=CLOCK_TIMES, end=CLOCK_TIMES, day=st.sampled_from(WEEKDAYS))
def test_windows_of_the_same_weekday_overlap(
    start: tuple[int, int], end: tuple[int, int], day: str
) -> None:
    if start < end:
        week = f"{day}:{_format_time(start)}-{day}:{_format_time(end)}"
        assert has_overlap(f"{_format_time(start)}-{_format_time(end)}", week)
        assert not has_overlap(f"{_format_time(end)}-{_format_time(start)}", week)

"""The small charts of `ops metrics`, its units and its periods."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from components.facts.metrics import MetricUnit
from ops.cli.time_span import TimeSpan
from ops.metrics import chart
from ops.metrics.periods import build_read_span, choose_period, count_settled
from ops.metrics.units import format_change, format_value

NOW = datetime(2026, 11, 30, 3, 7, 20, tzinfo=UTC)


def build_span(**ago: float) -> TimeSpan:
    return TimeSpan(NOW - timedelta(**ago), NOW, is_until_now=True)


@pytest.mark.parametrize(
    ("values", "blocks", "digits"),
    [
        ([0, 7], "▁█", "18"),
        ([0, None, 3.5, 7], "▁·▅█", "1.58"),
        ([None, None], "··", ".."),
        ([0, 0], "▁▁", "11"),
        ([5, 5], "▅▅", "55"),
        ([], "", ""),
    ],
)
def test_a_gap_is_drawn_as_one(values: list[float | None], blocks: str, digits: str) -> None:
    assert chart.draw_chart(values, has_blocks=True) == blocks
    assert chart.draw_chart(values, has_blocks=False) == digits


def test_a_short_peak_stays_in_a_folded_chart() -> None:
    values: list[float | None] = [1.0] * 300
    values[151] = 100.0
    values[:10] = [None] * 10
    assert chart.draw_chart(values, has_blocks=False, width=30) == "." + "1" * 14 + "8" + "1" * 14


@pytest.mark.parametrize(
    ("encoding", "is_terminal", "no_color", "expected"),
    [
        ("utf-8", True, "", True),
        ("UTF8", True, "", True),
        ("utf-8", False, "", False),
        ("utf-8", True, "1", False),
        ("ascii", True, "", False),
    ],
)
def test_blocks_are_for_terminals_that_have_them(
    encoding: str, is_terminal: bool, no_color: str, expected: bool
) -> None:
    with (
        patch("sys.stdout") as stdout,
        patch.dict("os.environ", {"NO_COLOR": no_color}),
    ):
        stdout.encoding, stdout.isatty.return_value = encoding, is_terminal
        assert chart.can_draw_blocks() is expected


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "count", "no data"),
        (0, "count", "0"),
        (1234567, "count", "1,234,567"),
        (12.345, "percent", "12.3 %"),
        (3 * 1024**3, "bytes", "3.0 GiB"),
        (512, "bytes/s", "512 B/s"),
        (0.0421, "seconds", "42 ms"),
        (0.0004, "seconds", "0.4 ms"),
        (2.5, "seconds", "2.50 s"),
        (1500, "milliseconds", "1.50 s"),
        (250, "1/s", "250/s"),
    ],
)
def test_values_have_their_units(value: float | None, unit: MetricUnit, text: str) -> None:
    assert format_value(value, unit) == text


def test_a_change_needs_both_values() -> None:
    assert format_change(3, 2, "count") == "2 (+50 %)"
    assert format_change(None, 2, "count") == "2"
    assert format_change(3, None, "count") == "no data"
    assert format_change(3, 0, "count") == "0"


@pytest.mark.parametrize(
    ("hours", "period"),
    [(0.5, 60), (1, 60), (3, 300), (24, 900), (14 * 24, 6 * 3600), (90 * 24, 86400)],
)
def test_the_period_follows_from_the_span(hours: float, period: int) -> None:
    assert choose_period(build_span(hours=hours), NOW, None) == period


def test_an_hour_of_a_month_ago_has_values_of_five_minutes() -> None:
    start = NOW - timedelta(days=30)
    span = TimeSpan(start, start + timedelta(hours=1), is_until_now=False)
    assert choose_period(span, NOW, None) == 300
    long_ago = NOW - timedelta(days=100)
    span = TimeSpan(long_ago, long_ago + timedelta(minutes=90), is_until_now=False)
    assert choose_period(span, NOW, None) == 3600


def test_periods_are_whole_and_the_newest_are_not_settled() -> None:
    span = build_read_span(build_span(minutes=30), 300)
    assert span.since == datetime(2026, 11, 30, 2, 35, tzinfo=UTC)
    assert span.until == datetime(2026, 11, 30, 3, 5, tzinfo=UTC)
    assert count_settled(span, NOW) == 5  # 3:00 to 3:05 may still come
    assert count_settled(span.move_back(1), NOW) == 6

"""--since and --until in the forms that people type, in this machine's time unless a zone says."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ops.cli.time_span import parse_time_span
from ops.core.errors import UsageError
from ops.core.times import parse_past_time

# A Monday, 10:30 in Stockholm.
NOW = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _stockholm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Stockholm")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("now", "30T09:30"),
        ("15m", "30T09:15"),
        ("15m ago", "30T09:15"),
        ("2h", "30T07:30"),
        ("1d", "29T09:30"),
        ("1h30m", "30T08:00"),
        ("90", "30T08:00"),
        ("10:15", "30T09:15"),
        ("9:05", "30T08:05"),
        ("14:00", "29T13:00"),  # has not been yet today
        ("08:00Z", "30T08:00"),
        ("08:00 UTC", "30T08:00"),
        ("08:00 utc", "30T08:00"),
        ("08:00+05:00", "30T03:00"),
        ("08:00-0500", "29T13:00"),
        ("today", "29T23:00"),
        ("today 01:00", "30T00:00"),
        ("yesterday", "28T23:00"),
        ("yesterday 14:00", "29T13:00"),
        ("Yesterday 14:00:30", "29T13:00:30"),
        ("yesterday 14:00Z", "29T14:00"),
        ("sunday 14:00", "29T13:00"),
        ("Thursday 14:00", "26T13:00"),
        ("monday 10:00", "23T09:00"),
        ("2026-11-30", "29T23:00"),
        ("20261130", "29T23:00"),  # a date, and not so many minutes
        ("2026-11-30 03:05", "30T02:05"),
        ("2026-11-30T03:05Z", "30T03:05"),
        ("2026-11-30T03:05:30-05:00", "30T08:05:30"),
        ("2026-11-30 03:05 UTC", "30T03:05"),
    ],
)
def test_a_past_time_is_parsed(text: str, utc: str) -> None:
    assert parse_past_time(text, NOW) == datetime.fromisoformat(f"2026-11-{utc}").replace(
        tzinfo=UTC
    )


def test_a_date_means_the_day_in_the_local_time_zone() -> None:
    before_midnight = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # the first in Stockholm
    assert parse_past_time("today", before_midnight).day == 30
    assert parse_past_time("today 00:00Z", before_midnight) == datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "25:00",
        "14:61",
        "2w",
        "-5m",
        "tomorrow",
        "yesterday soon",
        "1e3",
        "9" * 30,
        "0001-01-01T00:00Z",
        "1969-12-31",
        "9999-12-31T23:59Z",
        "999999d",
    ],
)
def test_an_invalid_past_time_is_refused_with_what_it_must_be(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_time_span(text, None, NOW, default="1h")
    assert "--since must be how long ago (15m, 2h, 1d), a time (14:00" in str(raised.value)
    assert repr(text) in str(raised.value)


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        ("2026-12-24", None, "--since must be in the past, not '2026-12-24', which is 2026-12-24"),
        (None, "today 23:00", "--until must be in the past, not 'today 23:00'"),
        ("1h", "2h", "--since must be before --until, which is 2026-11-30 08:30 CET (07:30 UTC)"),
        ("15m", "15m", "--since must be before --until"),
        ("2026-10-25T02:30", None, "--since must be one time: "),
        (None, "0001-01-01T00:00Z", "--until must be how long ago"),
        ("40d", None, "--since must be at most 720 h 0 min before --until"),
    ],
)
def test_a_span_is_refused_with_both_times(
    since: str | None, until: str | None, message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        parse_time_span(since, until, NOW, default="1h", maximum_days=30)
    assert str(raised.value).startswith(message)


def test_the_default_is_before_the_end() -> None:
    span = parse_time_span(None, "yesterday 14:00", NOW, default="1h")
    assert span.since == datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
    assert span.describe() == (
        "2026-11-29 13:00 CET (12:00 UTC) to 2026-11-29 14:00 CET (13:00 UTC)"
    )
    assert span.build_json() == {"since": "2026-11-29T12:00:00Z", "until": "2026-11-29T13:00:00Z"}
    span = parse_time_span("15m", None, NOW, default="1h")
    assert span.seconds == 900
    assert span.describe().endswith("(09:15 UTC) to now")

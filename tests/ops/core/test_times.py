"""Times that a person types: without an offset they are local, and both are shown."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ops.alarms.mute import parse_mute_end
from ops.core.errors import UsageError
from ops.core.times import (
    AmbiguousTimeError,
    describe_typed_time,
    format_local_and_utc,
    parse_typed_time,
)
from ops.recovery.restore_request import RestorableWindow, parse_restore_time

WINDOW = RestorableWindow(
    datetime(2026, 11, 1, 2, 5, tzinfo=UTC), datetime(2026, 11, 30, 1, 55, tzinfo=UTC)
)


@pytest.fixture
def stockholm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in Stockholm: CET, one hour before UTC in winter."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Stockholm")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("stockholm")
@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-11-30T03:05", 2),
        ("2026-11-30 03:05:00", 2),
        ("2026-11-30T03:05Z", 3),
        ("2026-11-30T03:05+00:00", 3),
        ("2026-11-30T03:05-05:00", 8),
    ],
)
def test_a_time_without_an_offset_is_local(text: str, hour: int) -> None:
    assert parse_typed_time(text) == datetime(2026, 11, 30, hour, 5, tzinfo=UTC)


@pytest.mark.usefixtures("stockholm")
@pytest.mark.parametrize("text", ["2026-10-25T02:30", "2026-03-29T02:30"])
def test_an_ambiguous_or_skipped_local_time_is_refused(text: str) -> None:
    with pytest.raises(AmbiguousTimeError, match="add the offset, like"):
        parse_typed_time(text)
    with pytest.raises(UsageError, match=r"^--to must be one time: "):
        parse_restore_time(text, WINDOW)
    with pytest.raises(UsageError, match=r"^--until must be one time: "):
        parse_mute_end(WINDOW.latest, None, text)


@pytest.mark.usefixtures("stockholm")
def test_local_time_and_utc_are_shown_if_they_differ() -> None:
    moment = datetime(2026, 11, 29, 23, 30, tzinfo=UTC)
    assert format_local_and_utc(moment) == "2026-11-30 00:30 CET (2026-11-29 23:30 UTC)"
    assert describe_typed_time("--to", "2026-11-30T00:30", moment) == (
        "--to 2026-11-30T00:30 has no time zone and is taken as local: "
        "2026-11-30 00:30 CET (2026-11-29 23:30 UTC)"
    )
    assert describe_typed_time("--to", "2026-11-29T23:30Z", moment) is None
    assert describe_typed_time("--to", "latest", moment) is None


@pytest.mark.usefixtures("stockholm")
def test_a_time_outside_the_window_is_shown_in_both() -> None:
    with pytest.raises(UsageError, match=r"which is 2026-11-30 02:56 CET \(01:56 UTC\)"):
        parse_restore_time("2026-11-30T02:56", WINDOW)
    assert parse_restore_time("2026-11-30T02:54", WINDOW) == datetime(
        2026, 11, 30, 1, 54, tzinfo=UTC
    )


def test_a_machine_in_utc_shows_a_single_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        shown = format_local_and_utc(datetime(2026, 11, 30, 3, 5, tzinfo=UTC))
    time.tzset()
    assert shown == "2026-11-30 03:05 UTC"

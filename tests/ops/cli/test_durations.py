"""Durations as they are typed: 90s, 30m, 2h, 1d; a plain number is minutes."""

from pathlib import Path

import pytest

from ops.cli.durations import format_minutes, parse_minutes, parse_minutes_text
from tests.ops.db_stage import open_database_console


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("90s", 1.5),
        ("30m", 30),
        ("2h", 120),
        ("1d", 1440),
        ("1h30m", 90),
        ("0.5h", 30),
        ("45", 45),
        ("1.5", 1.5),
        ("", None),
        ("2 h", None),
        ("2w", None),
        ("-5", None),
        ("h", None),
        ("nan", None),
        ("1e3", None),
    ],
)
def test_a_duration_is_minutes(text: str, minutes: float | None) -> None:
    assert parse_minutes(text) == minutes


@pytest.mark.parametrize(
    ("minutes", "text"), [(1440, "1d"), (90, "90m"), (120, "2h"), (0.5, "30s")]
)
def test_minutes_are_written_as_they_can_be_typed(minutes: float, text: str) -> None:
    assert format_minutes(minutes) == text
    assert parse_minutes(text) == minutes


@pytest.mark.parametrize(
    ("typed", "text"),
    [("2h", "120"), ("60", "60"), ("25h", "25h"), ("90s", "90s"), ("soon", "soon"), (None, None)],
)
def test_a_text_that_is_no_valid_length_stays_what_was_typed(
    typed: str | None, text: str | None
) -> None:
    assert parse_minutes_text(typed) == text


def test_the_limit_of_each_wait_is_typed_in_hours(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_database_console(capsys, tmp_path) as ops:
        for typed, seconds in (("2h", 7200), ("90s", 90), ("5", 300)):
            plan = ops.run_for_json(f"db failover --dry-run --timeout {typed}")["plan"]
            assert {step["goal"]["within"] for step in plan["steps"]} == {seconds}, typed


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("db failover --timeout 30s", "'--timeout': must be at least 1m, like 30m, 2h or 90s"),
        ("db failover --timeout 2w", "not '2w'"),
        ("recover drill --rto 2d", "'--rto': must be 1m to 1d"),
        ("recover drill --rpo 30s", "'--rpo': must be 1m to 1d"),
        ("check post-deploy --since 25h", "'--since': must be 1m to 1d"),
        ("fleet refresh start --checkpoint-delay 3d", "'--checkpoint-delay': must be 0s to 2d"),
        ("alarms mute --severity P2 --reason x --for 2d", "--for must be 1 to 1440 minutes"),
        ("db kill-idle --older-than=-1", "'--older-than': must be at least 0s"),
    ],
)
def test_a_wrong_duration_is_refused_by_the_name_of_its_option(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str, says: str
) -> None:
    with open_database_console(capsys, tmp_path) as ops:
        _, err = ops(line, 2)
    assert says in err.splitlines()[0]

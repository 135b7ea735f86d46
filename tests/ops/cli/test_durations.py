"""Durations as they are typed: 90s, 30m, 2h, 1d; a plain number is minutes."""

import re
from pathlib import Path

import pytest

from ops.cli.app import main
from ops.cli.durations import (
    format_typed_duration,
    parse_minutes_text,
)
from ops.core.times import Unit, parse_duration
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
    assert parse_duration(text) == minutes


@pytest.mark.parametrize(
    ("minutes", "text"), [(1440, "1d"), (90, "90m"), (120, "2h"), (0.5, "30s")]
)
def test_minutes_are_written_as_they_can_be_typed(minutes: float, text: str) -> None:
    assert format_typed_duration(minutes) == text
    assert parse_duration(text) == minutes


@pytest.mark.parametrize(
    ("typed", "text"),
    [("2h", "120"), ("60", "60"), ("25h", "25h"), ("90s", "90s"), ("soon", "soon"), (None, None)],
)
def test_a_text_that_is_no_valid_duration_is_kept_as_typed(
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
        ("db failover --timeout 30s", "--timeout must be at least 1m, like 30m, 2h or 90s"),
        ("db failover --timeout 2w", "not '2w'"),
        ("recover drill --rto 2d", "--rto must be 1m to 1d"),
        ("recover drill --rpo 30s", "--rpo must be 1m to 1d"),
        ("check post-deploy --since 25h", "--since must be 1m to 1d"),
        ("fleet refresh start --checkpoint-delay 3d", "--checkpoint-delay must be 0s to 2d"),
        ("alarms mute --severity P2 --reason x --for 2d", "--for must be 1 to 1440 minutes"),
        ("db kill-idle --older-than=-1", "--older-than must be at least 0s"),
    ],
)
def test_a_wrong_duration_is_refused_by_the_name_of_its_option(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str, says: str
) -> None:
    with open_database_console(capsys, tmp_path) as ops:
        _, err = ops(line, 2)
    assert says in err.splitlines()[0]


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [("90", "s", 90), ("2m", "s", 120), ("7d", "d", 7), ("36h", "d", 1.5), ("7", "d", 7)],
)
def test_a_plain_number_is_of_the_options_unit(text: str, unit: Unit, number: float) -> None:
    assert parse_duration(text, unit) == number


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("fleet run --all --execution-timeout 0 uptime", "must be 1s to 2d in whole seconds"),
        ("fleet run --all --execution-timeout 1.5s uptime", "must be 1s to 2d in whole seconds"),
        ("fleet run --all --execution-timeout 3d uptime", "a plain number is seconds"),
        ("db slow --longer-than soon", "must be at least 0s, like 90s, 30m or 2h (a plain number"),
        ("db snapshot prune --older-than 1w", "must be at least 0s, like 7d or 36h (a plain"),
        ("recover replica promote x --backup-days 36d", "must be 1d to 35d in whole days"),
        ("recover replica promote x --backup-days 30h", "must be 1d to 35d in whole days"),
    ],
)
def test_a_wrong_duration_names_its_limits_and_its_unit(
    line: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    message = " ".join(capsys.readouterr().err.split())
    assert says in message


def test_each_duration_takes_units_and_its_help_says_what_a_plain_number_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for line, unit in (
        ("fleet run", "seconds"),
        ("db slow", "seconds"),
        ("db snapshot prune", "days"),
        ("recover replica promote", "days"),
        ("db kill-idle", "minutes"),
        ("fleet refresh start", "minutes"),
        ("alarms mute", "minutes"),
    ):
        assert main([*line.split(), "--help"]) == 0
        page = " ".join(re.sub(r"[^\w ,;.-]", " ", capsys.readouterr().out).split())
        assert "DURATION" in page, line
        assert f"a plain number is {unit}" in page, line

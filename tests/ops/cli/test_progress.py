"""What is said while a step is waited for: its state in words, how far it is, its usual time."""

from io import StringIO
from unittest.mock import patch

import pytest
from pydantic import JsonValue
from rich.console import Console

from ops.cli.progress import ProgressDisplay, describe_wait, format_bar, format_elapsed
from ops.core.plan import Call, Step, Wait

READ = Call(api="rds.describe_db_snapshots")
SNAPSHOT_WAIT = Wait(
    read=READ,
    met={"DBSnapshots[0].DBInstanceIdentifier": "db", "DBSnapshots[0].Status": "available"},
    typical=300,
)
TASKS_WAIT = Wait(
    read=READ, met={"services[0].desiredCount": 5, "services[0].runningCount": 5}, typical=120
)
SNAPSHOT_STEP = Step(
    name="save", description="take the snapshot s", action=READ, goal=SNAPSHOT_WAIT
)


def build_snapshot(percent: int, status: str = "creating") -> JsonValue:
    return {
        "DBSnapshots": [
            {"DBInstanceIdentifier": "db", "Status": status, "PercentProgress": percent}
        ]
    }


@pytest.mark.parametrize(
    ("wait", "result", "elapsed", "text"),
    [
        (SNAPSHOT_WAIT, build_snapshot(45), 180, "creating, 45 %, 3 of usually 5 min"),
        (SNAPSHOT_WAIT, build_snapshot(0), 20, "creating, 0 %, 20 s of usually 5 min"),
        (SNAPSHOT_WAIT, None, 20, "20 s of usually 5 min"),
        (
            TASKS_WAIT,
            {"services": [{"desiredCount": 5, "runningCount": 2}]},
            120,
            "2 of 5, 2 of usually 2 min",
        ),
        (
            Wait(read=READ, met={"max_by(a, &b).status": "SUCCESSFUL"}),
            {"a": [{"b": 1, "status": "IN_PROGRESS"}]},
            7200,
            "in progress, 2 h 0 min",
        ),
        (
            Wait(read=READ, met={"DBInstances[0].PendingModifiedValues": {}}),
            {"DBInstances": [{"DBInstanceStatus": "modifying", "PendingModifiedValues": {"a": 1}}]},
            600,
            "modifying, 10 min",
        ),
        (Wait(read=READ, met={"contains(a, 'b')": True}), {"a": []}, 5, "5 s"),
    ],
)
def test_a_wait_is_said_in_words(wait: Wait, result: JsonValue, elapsed: float, text: str) -> None:
    assert describe_wait(wait, result, elapsed) == text


def test_times_share_a_unit_if_they_have_the_same() -> None:
    assert format_elapsed(180, 300) == "3 of usually 5 min"
    assert format_elapsed(30, 60) == "30 of usually 60 s"
    assert format_elapsed(30, 300) == "30 s of usually 5 min"
    assert format_elapsed(5400, 7200) == "1 h 30 min of usually 2 h 0 min"


def test_a_bar_is_as_full_as_the_percentage() -> None:
    assert format_bar(0) == f"[{'-' * 20}]"
    assert format_bar(45) == f"[{'#' * 9}{'-' * 11}]"
    assert format_bar(100) == f"[{'#' * 20}]"


def test_a_log_has_a_line_per_change_and_for_each_quarter(
    capsys: pytest.CaptureFixture[str],
) -> None:
    display = ProgressDisplay()
    for elapsed, percent in enumerate((0, 1, 2, 30, 31, 99)):
        display.on_wait(SNAPSHOT_STEP, SNAPSHOT_WAIT, build_snapshot(percent), elapsed)
    lines = [line.split("  ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert [line.split(", ")[1] for line in lines] == ["0 %", "30 %", "99 %"]


def test_a_terminal_has_one_line_with_a_bar_that_fits() -> None:
    stream = StringIO()
    console = Console(file=stream, force_terminal=True, width=60, height=20)
    with patch("ops.cli.progress.build_console", lambda **_: console):
        display = ProgressDisplay()
    display.on_step_begin(SNAPSHOT_STEP, is_undo=False)
    display.on_wait(SNAPSHOT_STEP, SNAPSHOT_WAIT, build_snapshot(45), 180)
    assert display._status is not None
    text = str(display._status.status)
    assert "creating, [#########-----------] 45 %, 3 of usually 5 min" in text
    assert len(text) <= 60
    display.on_step_end(SNAPSHOT_STEP, already_done=False)
    assert "must be" not in stream.getvalue()
    assert "done: take the snapshot s" in stream.getvalue()

"""The report of a run: made of its journal, whatever became of it."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ops.core.journal import Journal
from ops.runs.report import build_run_report, render_run_page
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import open_database_console, put_database
from tests.ops.procedures.db_size import plan_resize
from tests.ops.stage import KilledError, KillFuse, open_stage


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(capsys, tmp_path) as console:
        yield console


def build_resize_journal(*kill_touches: int, is_finished: bool = True) -> Journal:
    """The journal of a resize, killed at these touches."""
    with open_stage() as stage:
        put_database(stage)
        plan, fuse = plan_resize(stage), KillFuse(10**9)
        for number, kill in enumerate(kill_touches or (10**9,)):
            fuse.touches_left = kill
            with suppress(KilledError):
                stage.build_engine(fuse).resume() if number else stage.build_engine(fuse).start(
                    plan
                )
        if is_finished and kill_touches:
            fuse.touches_left = 10**9
            stage.build_engine(fuse).resume()
        return Journal(fuse)


def test_each_step_says_what_became_of_it_and_how_long_it_took() -> None:
    made = build_run_report(build_resize_journal())
    assert (made.state, made.engines) == ("done", 1)
    assert [(line.name, line.state) for line in made.lines] == [
        ("save", "done"),
        ("resize", "done"),
    ]
    assert made.took == pytest.approx(sum(line.took or 0 for line in made.lines), abs=1)
    assert (made.lines[1].took or 0) >= 300
    assert (made.lines[1].usual, made.lines[1].downtime) == (600, 120)


def test_a_killed_run_that_was_resumed_tells_of_both_processes() -> None:
    assert build_run_report(build_resize_journal(12, 20)).engines == 3


def test_a_run_on_its_way_says_which_step_is_under_way() -> None:
    made = build_run_report(build_resize_journal(10, is_finished=False))
    assert made.state == "unfinished"
    assert (made.ended, made.took) == (None, None)
    assert [line.state for line in made.lines] == ["under way", "not begun"]
    assert "under way" in render_run_page(made)


def test_an_undone_run_tells_what_was_taken_back_and_why() -> None:
    with open_stage() as stage:
        put_database(stage)
        fuse = KillFuse(30)
        with suppress(KilledError):
            stage.build_engine(fuse).start(plan_resize(stage))
        fuse.touches_left = 10**9
        assert stage.build_engine(fuse).undo() == "undone"
        made = build_run_report(Journal(fuse))
    assert (made.state, made.why_back) == ("undone", "asked for")
    assert [line.name for line in made.lines if line.back] == ["back"]
    assert "Turned back" in render_run_page(made)


def test_the_page_has_a_bar_for_each_step_that_lies_within_the_run() -> None:
    text = render_run_page(build_run_report(build_resize_journal()))
    bars = [(float(a), float(b)) for a, b in re.findall(r"left:([\d.]+)%;width:([\d.]+)%", text)]
    assert len(bars) == 2
    assert all(left >= 0 and left + width <= 100.2 for left, width in bars)
    assert bars[1][0] >= bars[0][0] + bars[0][1] - 0.2


def test_typed_it_is_a_table_json_or_a_page_with_its_notes(ops: OpsConsole, tmp_path: Path) -> None:
    run = ops.run_for_json("db snapshot create --yes --reason upgrade")["run"]
    assert ops(f"runs note {run} asked-for-by-support")[0].startswith(f"run: {run}")
    out, _ = ops(f"runs report {run}")
    assert "ops db snapshot create, done" in out
    assert "note: asked-for-by-support" in out
    body = ops.run_for_json(f"runs report {run}")
    assert (body["kind"], body["state"], body["notes"]) == (
        "run-report",
        "done",
        ["asked-for-by-support"],
    )
    assert [item["state"] for item in body["items"]] == ["done"]
    file = tmp_path / "run.html"
    assert str(file) in ops(f"runs report {run} --to {file}")[0]
    assert "asked-for-by-support" in file.read_text("utf-8")


@pytest.mark.parametrize("line", ["runs report no-such-run", "runs note no-such-run text"])
def test_a_run_that_there_is_not_is_refused(ops: OpsConsole, line: str) -> None:
    assert "RUN is 'no-such-run'" in ops(line, expected_code=2)[1]


def test_a_page_that_cannot_be_written_is_refused(ops: OpsConsole, tmp_path: Path) -> None:
    run = ops.run_for_json("db snapshot create --yes")["run"]
    assert (
        "--to must be a file that can be written"
        in ops(f"runs report {run} --to {tmp_path}/none/x.html", expected_code=2)[1]
    )

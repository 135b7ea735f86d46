"""A run as a person has it: Ctrl-C, progress, colours, undoing what is done, two at work on one."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.cli.progress import ProgressDisplay
from ops.core.engine import Engine
from ops.core.journal import Journal
from ops.core.run import STOP_MESSAGE, WallClock
from tests.ops import service_stage
from tests.ops.command_line import OpsConsole
from tests.ops.service_stage import BACKEND_IMAGE, describe_service, put_scalable_target

ROOT = Path(__file__).parents[3]
BACKEND_DEPLOY_LINE = f"service deploy {BACKEND_IMAGE}:v2 --service backend"


@contextmanager
def open_interruptible_console(
    capture: pytest.CaptureFixture[str], folder: Path
) -> Iterator[OpsConsole]:
    """The console of services, whose simulated sleep can be interrupted as the real one can."""

    def sleep(clock: WallClock, seconds: float) -> None:
        ops.stage.clock.sleep(seconds)
        if clock.interrupted:
            raise KeyboardInterrupt

    with (
        service_stage.open_service_console(capture, folder) as ops,
        patch.object(WallClock, "sleep", sleep),
    ):
        yield ops


@contextmanager
def send_interrupts(times: int, step: str) -> Iterator[None]:
    """So many interrupts, real ones, as soon as a step is waited for."""
    original, remaining = ProgressDisplay.on_wait, iter(range(times))

    def wait_and_interrupt(self: ProgressDisplay, running_step: Any, *args: Any) -> None:
        original(self, running_step, *args)
        while running_step.name == step and next(remaining, None) is not None:
            os.kill(os.getpid(), signal.SIGINT)

    with patch.object(ProgressDisplay, "on_wait", wait_and_interrupt):
        yield


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_reports_what_continues_in_aws_and_how_to_resume_or_undo(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, times: int
) -> None:
    before = signal.getsignal(signal.SIGINT)
    with open_interruptible_console(capsys, tmp_path) as ops:
        with send_interrupts(times, "update"):
            _, err = ops(f"{BACKEND_DEPLOY_LINE} --yes", 130)
        assert signal.getsignal(signal.SIGINT) is before
        assert STOP_MESSAGE in err
        found = re.search(
            r"ops: stopped; in AWS may go on: update; done so far: register\n"
            r"  ops runs resume (\S+)\n  ops runs undo (\S+)\n",
            err,
        )
        assert found, err
        assert ops.run_for_json("lock show")["items"][0]["run"] == found[1]
        assert ops.run_for_json(f"runs resume {found[1]} --yes")["state"] == "done"
        assert describe_service(ops.stage)["taskDefinition"].endswith(":2")
        assert ops("lock show")[0] == "no lock is held\n"


def test_ctrl_c_during_an_undo_leaves_a_run_that_resumes_as_an_undo(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_interruptible_console(capsys, tmp_path) as ops:
        run = ops.run_for_json(f"{BACKEND_DEPLOY_LINE} --yes")["run"]
        with send_interrupts(1, "back"):
            _, err = ops(f"runs undo {run} --yes", 130)
        assert "in AWS may go on: back" in err
        assert ops.run_for_json("runs list")["items"][0]["state"] == "being undone"
        assert ops.run_for_json(f"runs resume {run} --yes")["state"] == "undone"
        assert describe_service(ops.stage)["taskDefinition"].endswith(":1")


def test_ctrl_c_between_two_calls_frees_the_lock(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    original = Engine._run_step

    def bring(self: Engine, step: Any, *, is_undo: bool) -> None:
        if step.name == "update":
            os.kill(os.getpid(), signal.SIGINT)
        original(self, step, is_undo=is_undo)

    with open_interruptible_console(capsys, tmp_path) as ops:
        with patch.object(Engine, "_run_step", bring):
            _, err = ops(f"{BACKEND_DEPLOY_LINE} --yes", 130)
        assert "nothing of this run goes on in AWS; done so far: register" in err
        assert ops("lock show")[0] == "no lock is held\n"


def test_progress_says_what_is_awaited_how_long_it_has_been_and_usually_takes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with service_stage.open_service_console(capsys, tmp_path) as ops:
        out, err = ops(f"{BACKEND_DEPLOY_LINE} --yes --output json")
    assert out.startswith("{\n")  # on stdout the result and nothing else
    waited = re.search(
        r"[\d:]+   in progress, \d+ (s )?of usually 3 min\n",
        err,
    )
    assert waited, err
    assert "\x1b" not in out + err


def test_a_run_without_anything_to_undo_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with service_stage.open_service_console(capsys, tmp_path) as ops:
        run = ops.run_for_json("service restart --service backend --yes")["run"]
        assert "nothing of it can be undone" in ops(f"runs undo {run} --dry-run")[0]
        _, err = ops(f"runs undo {run} --yes", 2)
        assert "is done, and nothing of it can be undone" in err
        assert ops("lock show")[0] == "no lock is held\n"


def test_an_undo_names_later_runs_that_failed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with service_stage.open_service_console(capsys, tmp_path) as ops:
        run = ops.run_for_json(f"{BACKEND_DEPLOY_LINE} --yes")["run"]
        ops(f"service deploy {BACKEND_IMAGE}:v4-crash --service backend --yes", 5)
        _, err = ops(f"runs undo {run} --yes", 2)
        assert "has been changed since" in err
        assert "ROLLBACK_SUCCESSFUL" in err
        assert ops("lock show")[0] == "no lock is held\n"


def test_a_second_process_on_the_same_run_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with service_stage.open_service_console(capsys, tmp_path) as ops:
        put_scalable_target(ops.stage)
        original = Journal.write_record

        def overtaken(self: Journal, event: Any, *args: Any) -> Any:
            if event == "sent":  # the other one, who has broken the lock, was quicker
                original(Journal(self.store, "other"), "sent", *args)
            return original(self, event, *args)

        with patch.object(Journal, "write_record", overtaken):
            _, err = ops("service scale 4 --service backend --yes", 6)
    assert "somebody else carries scale-" in err
    assert "ops runs show scale-" in err


class FakeTerminal(StringIO):
    """A terminal at which a person types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "code", "says", "tasks"),
    [
        ("test\n", 0, "type the stack's name, test, to continue", 0),
        ("prod\n", 2, "the stack is 'test', not 'prod'; nothing was changed", 2),
        ("", 130, "interrupted", 2),
    ],
)
def test_a_destructive_change_of_a_protected_stack_asks_for_its_name(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    typed: str,
    code: int,
    says: str,
    tasks: int,
) -> None:
    with service_stage.open_service_console(capsys, tmp_path) as ops:
        for line in (
            "service scale 0 --service backend",
            "service scale 0 --service backend --yes",
        ):
            with patch("sys.stdin", FakeTerminal(typed)):
                _, err = ops(line, code)
            assert says in err
            if code == 0:
                break
        assert describe_service(ops.stage)["desiredCount"] == tasks


@pytest.mark.parametrize(("typed", "code", "tasks"), [("y\n", 0, 3), ("n\n", 130, 2)])
def test_other_changes_ask_for_yes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, typed: str, code: int, tasks: int
) -> None:
    with service_stage.open_service_console(capsys, tmp_path) as ops:
        with patch("sys.stdin", FakeTerminal(typed)):
            _, err = ops("service scale 3 --service backend", code)
        assert "continue? [y/N]" in err
        assert describe_service(ops.stage)["desiredCount"] == tasks


def test_the_clock_sleeps_as_long_as_it_should_and_is_interrupted_in_between() -> None:
    clock = WallClock()
    began = clock.now()
    clock.sleep(0.05)
    assert clock.now() - began >= 0.05
    with clock.handle_interrupts():
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            clock.sleep(600)
    assert clock.now() - began < 300


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_is_respected_on_a_terminal(environment: dict[str, str], coloured: bool) -> None:
    inner, outer = pty.openpty()
    own = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "CI", "GITHUB_ACTIONS")}
    process = subprocess.Popen(
        [sys.executable, "-m", "ops", "db", "--help"],
        cwd=ROOT,
        stdout=outer,
        stderr=outer,
        env={**own, "TERM": "xterm-256color", "COLUMNS": "80", **environment},
    )
    os.close(outer)
    said = b""
    try:
        while piece := os.read(inner, 1 << 16):
            said += piece
    except OSError:  # the other end is closed
        pass
    os.close(inner)
    assert process.wait() == 0
    assert b"The database" in said
    assert bool(re.search(rb"\x1b\[(\d;)?3\d", said)) == coloured

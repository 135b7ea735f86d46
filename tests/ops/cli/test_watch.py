"""--watch: redrawn in place on a terminal, appended otherwise, ended by Ctrl-C."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
import typer

from ops.cli.command_tree import list_commands
from ops.cli.render import Output
from ops.cli.watch import repeat_look
from ops.core.errors import DeniedError, FindingsError, ThrottledError
from ops.core.run import WallClock
from ops.permissions.declared import DECLARATIONS
from tests.ops.every_command import open_command_line
from tests.ops.typed_lines import TYPED_LINES

# Commands without a plan that are not looked at again and again, and why.
UNWATCHED_COMMANDS = {
    **dict.fromkeys(
        ("cost commitments", "cost forecast", "cost report", "cost unusual"),
        "a day's answers: each look costs money",
    ),
    "baseline capture": "keeps what it reads",
    "baseline compare": "compares two moments",
    "check daily": "a report of one moment",
    "check monthly": "a report of one moment",
    "check post-deploy": "a report of one moment, of time since a deployment",
    "check pre-deploy": "a report of one moment",
    "check weekly": "a report of one moment",
    "cost estimate": "reads a file",
    "cache connect": "prints lines to type",
    "db connect": "prints lines to type",
    "db parameters": "changes them with --set",
    "fleet limits": "changes them with --min and --max",
    "fleet session": "prints a line to type",
    "github comment": "writes to GitHub",
    "github issue": "writes to GitHub",
    "incident issues": "writes to GitHub",
    "lock break": "takes the lock away",
    "outputs show": "changes with deployments alone",
    "permissions": "reads nothing of AWS",
    "preview-report": "reads a file",
    "recover compare": "counts rows",
    "recover drills": "closes a drill that was left open",
    "recover failover": "another name of db failover",
    "recover reconcile": "prints lines to type",
    "runs note": "writes a note",
    "runs resume": "changes the stack",
    "runs undo": "changes the stack",
    "sandbox push": "writes to the sandbox",
    "sandbox serve": "has no end",
    "service exec": "prints a line to type",
    "slo report": "a report of a month",
    "state digest": "reads a file",
    "state drift": "runs a preview",
    "state fetch": "writes a file",
    "state previewed": "reads a file",
}
WATCHED_LINES = ("alarms list", "db activity", "runs list", "service tasks", "usage")


@contextmanager
def interrupt_after(looks: int) -> Iterator[list[float]]:
    """Ctrl-C while the so-many-th look is waited upon."""
    slept: list[float] = []

    def sleep(_: object, seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == looks:
            raise KeyboardInterrupt

    with patch.object(WallClock, "sleep", sleep):
        yield slept


def build_look(output: Output, errors: dict[int, Exception]) -> Callable[[], None]:
    """A look that prints its number, or raises."""
    numbers = iter(range(1, 100))

    def show() -> None:
        number = next(numbers)
        if number in errors:
            raise errors[number]
        output.print_line(f"look {number}")

    return show


def test_without_watch_a_command_reads_once(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output("table")
    repeat_look(output, None, build_look(output, {}))
    assert capsys.readouterr().out == "look 1\n"


def test_on_a_pipe_watched_outputs_are_appended_with_their_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = Output("table")
    with interrupt_after(2) as slept, pytest.raises(typer.Exit) as ended:
        repeat_look(output, 90, build_look(output, {}))
    assert (ended.value.exit_code, slept) == (130, [90, 90])
    first, one, second, two = capsys.readouterr().out.splitlines()
    assert (one, two) == ("look 1", "look 2")
    assert first.endswith(" UTC, every 90s, Ctrl-C ends it")
    assert second.endswith(" UTC, every 90s, Ctrl-C ends it")


def test_an_unanswered_read_is_shown_and_the_watch_continues(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = Output("table")
    errors: dict[int, Exception] = {
        1: ThrottledError("no answer", "ops health"),
        2: FindingsError("2 of 3 are bad"),
        4: DeniedError("denied"),
    }
    with interrupt_after(9) as slept, pytest.raises(DeniedError):
        repeat_look(output, 5, build_look(output, errors))
    assert len(slept) == 3
    lines = [line for line in capsys.readouterr().out.splitlines() if "Ctrl-C" not in line]
    assert lines == ["no answer", "  ops health", "2 of 3 are bad", "look 3"]


def test_json_has_no_titles(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output("json")
    with interrupt_after(2), pytest.raises(typer.Exit):
        repeat_look(output, 5, lambda: output.print_json("x", {}))
    assert capsys.readouterr().out == '{\n  "schema": 1,\n  "kind": "x"\n}\n' * 2


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_each_output_replaces_the_previous_one() -> None:
    terminal = Terminal()
    variables = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "xterm"}
    with patch.dict("os.environ", variables), patch.object(sys, "stdout", terminal):
        output = Output("table")
        with interrupt_after(2), pytest.raises(typer.Exit):
            repeat_look(output, 5, build_look(output, {}))
    cleared = "\x1b[2J\x1b[H"
    assert terminal.getvalue().count(cleared) == 2
    last_screen = terminal.getvalue().rpartition(cleared)[2]
    assert "look 2" in last_screen
    assert "look 1" not in last_screen


def test_every_look_can_be_watched() -> None:
    watched = {command.name for command in list_commands() if "--watch" in command.options}
    looks = {
        name
        for name, declaration in DECLARATIONS.items()
        if not declaration.has_plan and " --" not in name
    }
    assert looks - watched == UNWATCHED_COMMANDS.keys() & looks
    assert not watched & UNWATCHED_COMMANDS.keys()
    assert watched <= looks


@pytest.mark.parametrize("command", WATCHED_LINES)
def test_a_watched_command_reads_the_stack_at_each_look(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = TYPED_LINES[command][0]
    with open_command_line(line.set_up) as (_, run_line):
        assert run_line(line.line) == line.exit_code
        capsys.readouterr()
        with interrupt_after(2) as slept:
            assert run_line(f"{line.line} --watch 5") == 130
    assert slept == [5, 5]
    assert capsys.readouterr().out.count("every 5s, Ctrl-C ends it") == 2

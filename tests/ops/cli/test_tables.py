"""Tables on a terminal: they fit, what is copied is whole, and every empty list has its text."""

import ast
from pathlib import Path

import pytest
from rich.console import Console

from ops.cli.empty_lists import EMPTY_LIST_TEXTS, get_empty_text
from ops.cli.render import Output
from ops.cli.tables import build_console_link, build_terminal_table, format_cell
from ops.database.sql import queries, sessions
from sandbox.program import PROJECT_ROOT
from tests.ops.cli.terminal import open_terminal

ARN = "arn:aws:ecs:eu-north-1:123456789012:task-definition/bulwark-prod-backend:17"
COMMAND = "ops db resize db.m7g.large --stack prod"


def print_table(
    capsys: pytest.CaptureFixture[str], rows: list[dict[str, object]], width: int
) -> list[str]:
    with open_terminal(width):
        Output("table").print_rows("things", list(rows[0]), rows)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ({"work_mem": "8192", "jit": "off"}, "work_mem=8192, jit=off"),
        ("2026-11-30T17:18:54.351733Z", "2026-11-30T17:18:54Z"),
        ("at 2026-11-30T17:18:54.351733Z", "at 2026-11-30T17:18:54.351733Z"),
        (("a", "b"), "a, b"),
    ],
)
def test_a_cell_is_written_for_a_person(value: object, text: str) -> None:
    assert format_cell(value) == text


def test_texts_are_folded_at_spaces_and_commands_are_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evidence = "the volume is nine tenths full, and grows by one percent in every hour of the day"
    row: dict[str, object] = {"state": "failing", "evidence": evidence, "command": "ops db status"}
    lines = print_table(capsys, [row], 60)
    assert max(map(len, lines)) <= 60
    assert lines[1].startswith("failing")
    assert lines[1].endswith("ops db status")
    assert " ".join(" ".join(line[9:40] for line in lines[1:]).split()).startswith("the volume is")


def test_a_table_that_does_not_fit_is_printed_as_records(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows: list[dict[str, object]] = [
        {"name": "backend", "state": "ok", "revision": ARN, "command": COMMAND, "empty": None},
        {"name": "frontend", "state": "failing", "revision": ARN, "command": COMMAND, "empty": 1},
    ]
    lines = print_table(capsys, rows, 60)
    assert lines == [
        "name      backend",
        "state     ok",
        f"revision  {ARN}",
        f"command   {COMMAND}",
        "",
        "name      frontend",
        "state     failing",
        f"revision  {ARN}",
        f"command   {COMMAND}",
        "empty     1",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_table_that_is_no_record_fits_the_terminal(
    capsys: pytest.CaptureFixture[str], width: int
) -> None:
    row: dict[str, object] = {"run": "resize-20261130-093837-ab12", "state": "done", "took": "1 h"}
    lines = print_table(capsys, [row], width)
    assert max(map(len, lines)) <= width
    assert any("resize-20261130-093837-ab12" in line for line in lines)


@pytest.mark.parametrize(
    ("state", "colour"), [("ok", "32"), ("ALARM", "31"), ("unknown", "33"), ("other", None)]
)
def test_states_have_colours(state: str, colour: str | None) -> None:
    console = Console(force_terminal=True, width=60, color_system="standard")
    with console.capture() as capture:
        for part in build_terminal_table(["name", "state"], [["ok", state]], 60):
            console.print(part)
    line = capture.get().splitlines()[-1]
    assert line.startswith("ok"), "a name is no state"
    assert (f"\x1b[{colour}m{state}" in line) if colour else ("\x1b[3" not in line)


def test_an_arn_leads_to_the_console() -> None:
    assert build_console_link(ARN) == f"https://console.aws.amazon.com/go/view?arn={ARN}"
    assert build_console_link("backend") is None
    assert build_console_link(f"{ARN} is gone") is None


def test_an_arn_that_is_wider_than_the_terminal_is_not_cut(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_terminal(40):
        Output("table").print_result("things", {"revision": ARN, "state": "done"})
    assert capsys.readouterr().out == f"revision: {ARN}\nstate: done\n"


def list_printed_kinds(path: Path) -> set[str]:
    """The kinds of lists that a module prints, if they are written in it."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return {
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "print_rows"
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    }


def test_every_list_has_a_text_for_no_items() -> None:
    modules = (PROJECT_ROOT / "ops").rglob("*.py")
    kinds = set().union(*map(list_printed_kinds, modules))
    assert "recover-list" in kinds
    query_kinds = {
        value.kind
        for module in (queries, sessions)
        for value in vars(module).values()
        if hasattr(value, "kind") and hasattr(value, "columns")
    }
    assert kinds | query_kinds <= set(EMPTY_LIST_TEXTS), kinds | query_kinds
    assert [kind for kind in EMPTY_LIST_TEXTS if not get_empty_text(kind).startswith("no ")] == []

"""What is printed to a pipe: a row a line, columns aligned, nothing that moves a cursor."""

import json

import pytest

from ops.cli.render import Output

SAMPLE_ROWS: list[dict[str, object]] = [
    {"name": "one", "value": None, "why": "two\nlines \x1b[31mred\x07"},
    {"name": "another", "value": ["a", "b"], "why": "[bold]as it is[/bold]"},
]


def test_a_row_is_a_line_and_columns_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    Output("table").print_rows("things", ("name", "value", "why"), SAMPLE_ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "name     value  why",
        "one      -      two lines  [31mred",
        "another  a, b   [bold]as it is[/bold]",
    ]


def test_a_long_line_is_not_folded(capsys: pytest.CaptureFixture[str]) -> None:
    Output("table").print_line("x" * 500)
    assert capsys.readouterr().out == "x" * 500 + "\n"


def test_an_empty_list_names_its_items(capsys: pytest.CaptureFixture[str]) -> None:
    Output("table").print_rows("runs", ("name",), [])
    Output("table").print_rows("recover-list", ("name",), [])
    assert capsys.readouterr().out == "no runs\nno restored instances\n"


def test_with_json_human_messages_go_to_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output("table", to_stderr=True).print_line("the plan")
    Output("json").print_rows("things", ("name",), SAMPLE_ROWS[:1])
    captured = capsys.readouterr()
    assert captured.err == "the plan\n"
    assert json.loads(captured.out) == {"schema": 1, "kind": "things", "items": SAMPLE_ROWS[:1]}

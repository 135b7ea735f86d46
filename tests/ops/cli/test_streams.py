"""Output: text from outside is only text, and what cannot be written is one line."""

import os
import pty
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ops.cli.progress import ProgressDisplay
from ops.cli.render import Output
from ops.cli.streams import SafeStream, clean_text, disarm_runner_commands, use_safe_streams
from tests.ops.stage import build_stack_outputs

ROOT = Path(__file__).parents[3]
EVIL = "eve\x1b[2K\x1b[1A \x9b2J\x07\x08 \u202egnp\u2028 end"


def run_python(
    code: str, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[bytes]":
    """Runs code in a new process, its stdout and stderr piped."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )


def run_shell(line: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """Runs a line of the shell, in which $OPS is the program."""
    return subprocess.run(
        ["sh", "-c", line],
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, "OPS": f"{sys.executable} -m ops", **environment},
        check=False,
    )


def read_terminal(code: str) -> bytes:
    """What code writes to a terminal."""
    inner, outer = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        stdin=outer,
        stdout=outer,
        stderr=outer,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", "EVIL": EVIL},
    )
    os.close(outer)
    said = b""
    try:
        while piece := os.read(inner, 1 << 16):
            said += piece
    except OSError:  # the other end is closed
        pass
    os.close(inner)
    assert process.wait() == 0, said
    return said


PRINT_EVERYWHERE = """
    import os, sys
    from types import SimpleNamespace
    from ops.cli.progress import ProgressDisplay
    from ops.cli.render import Output
    from ops.cli.streams import use_safe_streams
    evil = os.environ["EVIL"]
    with use_safe_streams():
        output = Output("table")
        output.print_rows("locks", ("holder",), [{"holder": evil}])
        output.print_line(evil, "bold")
        output.print_result("lock", {"holder": evil})
        progress = ProgressDisplay()
        step = SimpleNamespace(name="step", description=evil)
        progress.on_step_begin(step, is_undo=False)
        progress.on_step_end(step, already_done=False)
        progress.console.print(evil)
        sys.stderr.write(evil + chr(10))
        print(evil)
"""


def test_external_text_cannot_control_the_terminal() -> None:
    said = read_terminal(PRINT_EVERYWHERE).decode()
    assert said.count("eve") == 8
    assert "\x1b[2K" not in said
    assert "\x1b[1A" not in said
    for character in "\x07\x08\x9b\u202e\u2028":
        assert character not in said
    assert "\x1b[1m" in said  # rich's own styles are there


def test_a_prompt_with_an_external_name_has_no_control_characters() -> None:
    said = read_terminal(
        """
        import os, sys
        import typer
        from ops.cli.streams import use_safe_streams
        with use_safe_streams():
            typer.echo(f"type the stack's name, {os.environ['EVIL']}, to continue", err=True)
        """
    ).decode()
    assert "eve" in said
    assert "\x1b" not in said


def test_the_help_keeps_its_colours_on_a_terminal() -> None:
    said = read_terminal("from ops.cli.app import main; main(['db', '--help'])")
    assert b"\x1b[1m" in said
    assert b" [1m" not in said


@pytest.mark.parametrize(
    ("text", "safe_text"),
    [
        ("::error::x", ": :error::x"),
        ("ok\n  ::stop-commands::x", "ok\n  : :stop-commands::x"),
        ("time ##[group]x", "time ## [group]x"),
        ("##vso[task.setvariable variable=a]b", "##vso [task.setvariable variable=a]b"),
        ("arn:aws:iam::123456789012:role/x", "arn:aws:iam::123456789012:role/x"),
        ("## a title", "## a title"),
    ],
)
def test_text_never_becomes_a_workflow_command_of_a_runner(text: str, safe_text: str) -> None:
    assert disarm_runner_commands(text) == safe_text


def test_json_escapes_workflow_commands_and_keeps_its_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import json

    with use_safe_streams():
        Output("json").print_json("rows", {"items": ["##[error]x", "::error::", "\x1b[2K"]})
    said = capsys.readouterr().out
    assert "##[" not in said
    assert "\x1b" not in said
    assert not any(line.lstrip().startswith("::") for line in said.splitlines())
    assert json.loads(said)["items"] == ["##[error]x", "::error::", "\x1b[2K"]


def test_clean_text_is_not_changed() -> None:
    text = "größer, 数据库, 🟢\nnext line"
    assert clean_text(text) == text


@pytest.fixture
def outputs_file(tmp_path: Path) -> Path:
    file = tmp_path / "outputs.json"
    file.write_text(build_stack_outputs().model_dump_json(by_alias=True))
    return file


@pytest.mark.parametrize("output_format", ["table", "json"])
@pytest.mark.parametrize("line", ["health --list", "outputs show"])
def test_a_full_device_is_one_line(outputs_file: Path, line: str, output_format: str) -> None:
    process = run_shell(
        f"$OPS {line} --output {output_format} > /dev/full", BULWARK_OUTPUTS=str(outputs_file)
    )
    assert process.stderr == b"ops: standard output cannot be written: No space left on device\n"
    assert process.returncode == 1


def test_a_closed_output_is_one_line() -> None:
    process = run_shell("$OPS health --list >&-")
    assert process.stderr == b"ops: standard output cannot be written: it is closed\n"
    assert process.returncode == 1


def test_an_error_without_standard_error_keeps_its_exit_code() -> None:
    assert run_shell("$OPS health 2>&-", BULWARK_STACK="", BULWARK_OUTPUTS="/no").returncode == 2
    assert run_shell("$OPS health 2>/dev/full", BULWARK_OUTPUTS="/no").returncode == 2


@pytest.mark.parametrize("output_format", ["table", "json"])
def test_a_look_whose_reader_has_gone_ends_quietly(output_format: str) -> None:
    # The shell's own exit code is that of `read`, which is why the first one is printed.
    line = f"{{ $OPS health --list --output {output_format}; echo $? >&2; }} | true"
    process = run_shell(line)
    assert process.stderr == b"141\n"


def test_the_result_of_a_change_is_not_lost_quietly() -> None:
    code = """
        import os, sys
        from ops.cli import app
        from ops.cli.streams import say_closed_output
        os.close(0)
        reader, writer = os.pipe()
        os.dup2(writer, 1)
        os.close(reader)
        def run(_: object) -> int:
            if sys.argv[1] == "change":
                say_closed_output()
            print("done")
            sys.stdout.flush()
            return 0
        app._run = run
        sys.exit(app.main([]))
    """
    assert (run_python(code, "look").returncode, run_python(code, "look").stderr) == (141, b"")
    change = run_python(code, "change")
    assert change.returncode == 1
    assert change.stderr == b"ops: standard output cannot be written: Broken pipe\n"


def test_a_closed_standard_input_is_no_terminal() -> None:
    code = "from ops.cli.execution import ask_confirmation as ask\n"
    process = run_python(
        code + "import sys; sys.stdin = None\n"
        "from ops.cli.streams import use_safe_streams\n"
        "with use_safe_streams():\n"
        "    try: ask('nothing')\n"
        "    except Exception as error: print(error)\n"
    )
    assert process.stdout == b"--yes is not set, and there is no terminal to ask on\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_character_that_cannot_be_encoded_is_a_question_mark(encoding: str) -> None:
    process = run_python(
        PRINT_EVERYWHERE, PYTHONIOENCODING=encoding, EVIL="数据 eve", PYTHONUTF8="0"
    )
    assert process.returncode == 0, process.stderr
    assert b"holder: ?? eve" in process.stdout
    assert b"?? eve" in process.stderr


def test_half_a_character_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with use_safe_streams():
        Output("table").print_line("half \udc80 of it")
        ProgressDisplay()
    assert capsys.readouterr().out == "half ? of it\n"


def test_every_console_of_ops_is_the_safe_one() -> None:
    makers = [
        file.name
        for file in (ROOT / "ops").rglob("*.py")
        if re.search(r"\bConsole\((?!\))", file.read_text())
    ]
    assert makers == []
    assert not isinstance(sys.stdout, SafeStream)  # each command line puts back what was there

"""The help pages, the version, and what a misspelt line may have meant."""

import re
import tomllib

import pytest

from ops.cli.app import main, move_shared_options_first
from ops.cli.help_pages import EXIT_CODES
from ops.core import errors
from sandbox.program import PROJECT_ROOT


def run_line(line: str, capsys: pytest.CaptureFixture[str], expected_code: int = 0) -> str:
    """What a line says on both streams, each run of spaces as one."""
    capsys.readouterr()
    assert main(line.split()) == expected_code
    captured = capsys.readouterr()
    return re.sub(r"[\s│]+", " ", captured.out + captured.err)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_a_commands_help_has_groups_an_example_and_the_exit_codes(
    capsys: pytest.CaptureFixture[str], option: str
) -> None:
    text = run_line(f"db resize {option}", capsys)
    assert "Example: ops db resize db.m7g.large" in text
    assert f"Exit codes: {EXIT_CODES}." in text
    assert text.index("Options of every change") < text.index("--dry-run")


def test_every_level_has_the_short_help(capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("-h", "db -h", "db snapshot -h", "db snapshot create -h", "health -h"):
        assert "Usage: ops" in run_line(line, capsys)


def test_the_exit_codes_are_those_of_the_errors() -> None:
    codes = {int(code) for code in re.findall(r"(?:^|, )(\d+) ", EXIT_CODES)}
    raised = {
        error.code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.OpsError)
    }
    assert codes == raised | {0}


def test_the_version_is_the_projects(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    assert run_line("--version", capsys).strip() == f"bulwark {project['version']}"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("helth", "Did you mean 'health'"),
        ("dbs status", "Did you mean 'db'"),
        ("resize db.m7g.large", "Did you mean 'db resize'"),
        ("db resise db.m7g.large", "Did you mean 'resize'"),
        ("db resize db.m7g.large --dryrun", "No such option: --dryrun. Did you mean '--dry-run'"),
        ("db status --stak prod", "Did you mean '--stack'"),
        ("db status --xyzzy", "No such option: --xyzzy "),
    ],
)
def test_a_misspelt_line_says_what_it_may_have_meant(
    capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    assert says in run_line(line, capsys, 2)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("db kill", "PID must be set"),
        ("db kill abc", "PID must be a whole number of at least 1, not 'abc'"),
        ("db storage 5", "GIB must be a whole number from 20 to 65536, not '5'"),
        ("deploy", "STACK must be set"),
        ("lock break", "--reason must be set"),
        ("recover drill --rto x", "--rto must be 1m to 1d, like 30m, 2h or 90s"),
        ("health --output yaml", "--output must be table or json, not 'yaml'"),
    ],
)
def test_a_wrong_value_says_what_it_must_be_and_what_it_was(
    capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    assert run_line(line, capsys, 2).splitlines()[0].startswith(f"ops: {says}")


def test_a_value_from_the_environment_is_named_with_its_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULWARK_OUTPUT", "xml")
    error = run_line("health", capsys, 2)
    assert error.startswith("ops: --output (from BULWARK_OUTPUT) must be table or json, not 'xml'")


def test_the_short_option_of_the_output_may_be_anywhere() -> None:
    assert move_shared_options_first(["db", "status", "-o", "json"]) == [
        *("-o", "json"),
        *("db", "status"),
    ]
    assert move_shared_options_first(["db", "-ojson", "status"]) == ["-ojson", "db", "status"]
    assert move_shared_options_first(["exec", "--", "ls", "-o"]) == ["exec", "--", "ls", "-o"]

"""The shell's completion offers nouns, verbs, options and names, and calls nothing for it."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from unittest.mock import patch

import pytest

from ops.cli.app import COMMAND_GROUPS, TOP_LEVEL_COMMANDS, main
from sandbox.program import PROJECT_ROOT
from tests.ops.procedures.alarms import ALARM_NAMES, put_alarms
from tests.ops.stage import open_stage


@pytest.fixture(scope="module")
def outputs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of outputs, as BULWARK_OUTPUTS names it."""
    file = tmp_path_factory.mktemp("completion") / "outputs.json"
    with open_stage() as stage:
        put_alarms(stage)
        file.write_text(stage.outputs.model_dump_json(by_alias=True))
    return file


def build_completion_environment(line: str, outputs: Path | None = None) -> dict[str, str]:
    """The environment in which bash asks what may stand at the end of a line."""
    outputs_variable = {"BULWARK_OUTPUTS": str(outputs)} if outputs else {}
    position = str(line.count(" "))
    unreachable_endpoint = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    completion_variables = {
        "_OPS_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": position,
    }
    return {**unreachable_endpoint, **completion_variables, **outputs_variable}


def complete_line(line: str, outputs: Path | None = None) -> list[str]:
    """What is offered at the end of a line that begins with ops."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, build_completion_environment(line, outputs)),
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        suppress(SystemExit),
    ):
        main([])
    assert not stderr.getvalue()
    return stdout.getvalue().split()


def test_nouns_and_commands_are_offered() -> None:
    assert complete_line("ops ") == [*TOP_LEVEL_COMMANDS, *COMMAND_GROUPS]
    assert complete_line("ops al") == ["alarms"]


def test_a_shell_that_asks_is_answered() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ops"],
        env={**os.environ, **build_completion_environment("ops lo")},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["logs", "lock"], "")


def test_the_verbs_of_a_noun_and_of_a_noun_below_it_are_offered() -> None:
    assert {"status", "resize", "snapshot"} <= set(complete_line("ops db "))
    assert {"create", "list", "prune"} <= set(complete_line("ops db snapshot "))
    assert set(complete_line("ops alarms ")) == {"list", "mute", "unmute"}


def test_options_and_their_values_are_offered() -> None:
    assert {"--dry-run", "--expect", "--yes"} <= set(complete_line("ops db resize --"))
    assert complete_line("ops alarms list --severity ") == ["P0", "P1", "P2", "P3"]


def test_names_come_from_the_file_of_outputs(outputs_file: Path) -> None:
    assert complete_line("ops service deploy --service ", outputs_file) == ["backend", "frontend"]
    assert complete_line("ops service deploy --service f", outputs_file) == ["frontend"]
    assert set(complete_line("ops alarms mute ", outputs_file)) == {
        n for ns in ALARM_NAMES.values() for n in ns
    }
    assert complete_line("ops permissions se") == ["service"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"services": null}'])
def test_without_outputs_no_name_is_offered_and_nothing_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(text)
    assert complete_line("ops service deploy --service ", file) == []


@pytest.mark.parametrize(
    ("shell", "says"), [("bash", "complete -o default -F"), ("zsh", "compdef"), ("fish", "ops")]
)
def test_each_shell_has_its_script(
    shell: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    detected = patch("shellingham.detect_shell", return_value=(shell, f"/bin/{shell}"))
    with detected, pytest.raises(SystemExit) as ended:
        main(["--show-completion"])
    assert not ended.value.code
    script = capsys.readouterr().out
    assert says in script
    assert "_OPS_COMPLETE" in script

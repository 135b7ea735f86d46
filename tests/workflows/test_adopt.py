"""docs/adopt.md: its lines are commands that are there, and it names what the workflows want.

What GitHub's, git's, Pulumi's and Terraform's own commands do is not covered.
"""

import json
import re
import shlex
from typing import Final

import pytest

from ops.bootstrap.commands import _print_next_commands
from ops.bootstrap.names import FoundationNames, RepositoryIds
from ops.bootstrap.roles import list_foundation_roles
from ops.checks.commands import PERIODIC_CHECKLISTS
from ops.cli.app import COMMAND_GROUPS, TOP_LEVEL_COMMANDS
from ops.cli.render import Output
from sandbox.program import PROJECT_ROOT
from tests.test_docs import ADOPT_PAGE, list_document_commands
from tests.test_runbook import get_command_help
from tests.workflows.files import ACTION_FILES, WORKFLOW_FILES, read_jobs, read_yaml

ADOPT_LINES: Final = [*dict.fromkeys(list_document_commands(ADOPT_PAGE))]
# The beginning of a line, and the test that runs it.
TEST_BY_COMMAND: Final = {
    "make setup": "Makefile",
    "make test": "tests/test_docs.py",
    "make shell": "tests/test_shell.py",
    "perl -pi": "tests/test_other_project.py",
    "ops bootstrap": "tests/ops/bootstrap/test_bootstrap.py",
    "ops deploy staging": "tests/ops/deploy/test_deploy.py",
    "ops health": "tests/ops/core/test_check_runner.py",
    "ops db rotate-password": "tests/ops/database/test_password.py",
    "ops db size": "tests/workflows/test_adopting.py",
    "ops preview-report": "tests/ops/preview/test_report.py",
}
# Not there yet, or not everywhere; looked at as soon as they are.
OPTIONAL_COMMANDS: Final = ("bootstrap", "deploy")
FOREIGN_PROGRAMS: Final = ("gh", "git", "pulumi", "terraform")


@pytest.mark.parametrize("line", ADOPT_LINES)
def test_every_line_of_the_page_is_run_by_a_test_or_is_of_another_program(line: str) -> None:
    if line.split()[0] in FOREIGN_PROGRAMS:
        return
    test_files = [file for start, file in TEST_BY_COMMAND.items() if line.startswith(start)]
    assert test_files, f"let a test run {line}, and say which in RUN"
    name = line.split()[1]
    if name in OPTIONAL_COMMANDS and name not in TOP_LEVEL_COMMANDS | COMMAND_GROUPS:
        pytest.skip(f"there is no `ops {name}` yet")
    assert (PROJECT_ROOT / test_files[0]).exists(), test_files[0]


@pytest.mark.parametrize("line", [line for line in ADOPT_LINES if line.startswith("ops ")])
def test_a_command_of_ops_takes_the_options_of_its_line(line: str) -> None:
    words = shlex.split(line)[1:]
    if words[0] in OPTIONAL_COMMANDS and words[0] not in TOP_LEVEL_COMMANDS | COMMAND_GROUPS:
        pytest.skip(f"there is no `ops {words[0]}` yet")
    help_text = get_command_help(words)
    shared = ("--stack", "--region", "--profile", "--project")
    for option in re.findall(r"--[a-z-]+", line):
        assert option in help_text or option in shared, option


def list_workflow_variables() -> set[str]:
    texts = [file.read_text(encoding="utf-8") for file in (*WORKFLOW_FILES, *ACTION_FILES)]
    return {name for text in texts for name in re.findall(r"vars\.([A-Z_]+)", text)}


def test_the_page_sets_exactly_the_variables_that_workflows_read() -> None:
    text = ADOPT_PAGE.read_text(encoding="utf-8")
    assert (
        set(re.findall(r"^gh variable set ([A-Z_]+)", text, re.MULTILINE))
        == list_workflow_variables()
    )
    assert set(re.findall(r"^\| `([A-Z_]+)`", text, re.MULTILINE)) == list_workflow_variables()


def test_the_label_and_the_fields_are_those_of_the_workflows() -> None:
    files = {file.name: file for file in WORKFLOW_FILES}
    assert any("gh label create allow-data-loss" in line for line in ADOPT_LINES)
    assert "'allow-data-loss'" in files["preview.yml"].read_text(encoding="utf-8")
    runs = [shlex.split(line) for line in ADOPT_LINES if line.startswith("gh workflow run")]
    assert {words[3] for words in runs} == {"image.yml", "deploy.yml", "destroy.yml"}
    for words in runs:
        inputs = read_yaml(files[words[3]])["on"]["workflow_dispatch"]["inputs"]
        input_names = {word.partition("=")[0] for word in words if "=" in word}
        assert input_names <= set(inputs)
        assert {k for k, v in inputs.items() if v.get("required")} <= input_names


def test_the_page_lists_the_scheduled_commands() -> None:
    text = ADOPT_PAGE.read_text(encoding="utf-8")
    (file,) = [file for file in WORKFLOW_FILES if file.stem == "operations"]
    for job in read_jobs(file).values():
        lines = [str(step["run"]) for step in job["steps"] if "run" in step]
        text_lines = "\n".join(lines)
        texts = [text_lines.replace('"$LIST"', checklist) for checklist in PERIODIC_CHECKLISTS]
        commands = re.findall(r"\.venv/bin/(ops [a-z]+ [a-z]+)", "\n".join(texts))
        assert commands
        for command in commands:
            assert f"`{command}`" in text


def test_bootstrap_prints_what_the_page_sets_and_its_roles_last_as_long_as_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    foundation = FoundationNames(
        project="bulwark",
        repository="o/n",
        repository_ids=RepositoryIds(owner=1, repository=2),
        partition="aws",
        account="123456789012",
        region="eu-north-1",
        recovery_region=None,
        environments=("dev",),
    )
    _print_next_commands(foundation, Output("json"), "done")
    printed = json.loads(capsys.readouterr().out)["github"]
    values = r"--body '?([^']*)'?$"
    printed_lines = {re.sub(values, "--body", line) for line in printed}
    page_lines = {
        re.sub(values, "--body", line) for line in ADOPT_LINES if line.startswith("gh variable")
    }
    assert page_lines - printed_lines == {
        f"gh variable set {name} --body"
        for name in ("PREVIEW_STACKS", "OPERATE_STACKS", "PUBLIC_PREVIEWS")
    }
    assert printed_lines - page_lines == set()
    session_seconds = {
        role.name.partition("-")[0]: role.session_seconds
        for role in list_foundation_roles(foundation)
    }
    requested_seconds = {
        str(step["with"]["role"]): int(step["with"].get("seconds", 3600))
        for file in WORKFLOW_FILES
        for job in read_jobs(file).values()
        for step in job.get("steps", ())
        if "role" in step.get("with", {})
    }
    assert len(requested_seconds) == 3
    for role, seconds in requested_seconds.items():
        (kind,) = re.findall(r"vars\.([A-Z]+)_ROLE_ARN", role)
        assert seconds <= session_seconds[kind.lower()], role

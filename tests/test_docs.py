"""What the documents show: every command in them is run by a test, every link leads somewhere.

A command of a document is looked up in RUN: the file whose test runs it, or the program behind a
make target. Those of the runbook's pages are typed by test_runbook.py. What is not covered: the
Pulumi CLI's own commands, which only test_pulumi.py runs, where there is a `pulumi` on the PATH.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.cli.app import main
from sandbox.program import PROJECT_ROOT

DOCUMENTS = sorted([PROJECT_ROOT / "README.md", *(PROJECT_ROOT / "docs").rglob("*.md")])
ADOPT_PAGE = (
    PROJECT_ROOT / "docs" / "adopt.md"
)  # whose lines tests/workflows/test_adopt.py looks at
RUNBOOK_FOLDER = PROJECT_ROOT / "docs" / "runbook"  # whose lines test_runbook.py types
# A command as it is written in a document, and the test file that runs it or what it starts.
FILE_BY_COMMAND = {
    "make demo": "tests/sandbox/test_demo.py",
    "make test": "tests/test_docs.py",
    "make test-exhaustive": "tests/test_docs.py",
    "make test-soak": "tests/test_docs.py",
    "make sandbox": "tests/sandbox/test_serve.py",
    "make bench": "bench/__main__.py",
    "make lock": "Makefile",
    "ops fleet refresh start --template-version latest": "tests/ops/fleet/test_refresh.py",
    "make shell": "tests/test_shell.py",
    "ops sandbox": "tests/sandbox/test_served_stack.py",
    "ops sandbox -- ops health": "tests/sandbox/test_served_stack.py",
    "pulumi preview --stack prod": "tests/test_pulumi.py",
    "pulumi preview --stack prod --policy-pack policy": "tests/policy/test_pack.py",
    "pulumi up --stack prod": "tests/test_pulumi.py",
    "pulumi up --stack sandbox": "tests/test_pulumi.py",
    "pulumi login": "tests/test_pulumi.py",
    "python -m app.migrate": "tests/app/test_migrate.py",
    'ops service deploy IMAGE --service backend --before "python -m app.migrate"': (
        "tests/test_runbook.py"
    ),
    "python -m components.settings": "tests/components/settings/test_reference.py",
    "python -m components.alarm_registry": "tests/components/alarm_registry/test_docs.py",
    "python -m ops.cli.command_table": "tests/test_readme_commands.py",
    "python -m sandbox.diagram": "tests/sandbox/test_diagram.py",
    "python -m sandbox.incidents": "tests/sandbox/incidents/test_by_hand.py",
}
# What a make target starts, of the environment's own python.
MAKE_TARGETS = {
    "demo": "-m sandbox.demo",
    "sandbox": "-m sandbox.serve",
    "shell": "bash --rcfile",
    "test": "-m pytest -n auto",
    "test-exhaustive": "-m pytest -n auto --dist worksteal -m exhaustive",
    "test-soak": "-m pytest -n auto --dist worksteal -m soak",
}


def list_document_commands(document: Path) -> Iterator[str]:
    """The commands of a document: lines of its sh blocks, and code spans that are commands."""
    text = document.read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from (line.strip() for line in block.splitlines() if line.strip())
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for span in re.findall(r"`([^`]+)`", prose.replace("\n", " ")):
        if re.match(r"(make \w+|pulumi (up|preview|login)|python -m \S+)", span):
            yield span


def list_all_commands() -> list[tuple[str, str]]:
    return [
        (str(document.relative_to(PROJECT_ROOT)), command)
        for document in DOCUMENTS
        for command in dict.fromkeys(list_document_commands(document))
        if document != ADOPT_PAGE
        and not (document.parent == RUNBOOK_FOLDER and command.startswith("ops "))
    ]


@pytest.mark.parametrize(("document", "command"), list_all_commands())
def test_a_command_in_a_document_is_one_that_is_run(document: str, command: str) -> None:
    assert command in FILE_BY_COMMAND, (
        f"{document} shows {command}: let a test run it, and say which in RUN"
    )
    assert (PROJECT_ROOT / FILE_BY_COMMAND[command]).exists()


def test_there_are_commands_to_look_at() -> None:
    known_commands = {command for _, command in list_all_commands()}
    assert {"make demo", "make test", "make sandbox"} <= known_commands


@pytest.mark.parametrize(
    "line", sorted(set(re.findall(r"`(ops [a-z][a-z -]*[a-z])`", DOCUMENTS[0].read_text("utf-8"))))
)
def test_a_command_of_ops_that_the_readme_names_is_there(line: str) -> None:
    assert main([*line.split()[1:], "--help"]) == 0


@pytest.mark.parametrize(("target", "starts"), MAKE_TARGETS.items())
def test_a_make_target_starts_the_program_whose_tests_are_here(target: str, starts: str) -> None:
    done = subprocess.run(
        ["make", "-n", target], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert starts in done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(PROJECT_ROOT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (document.parent / link).exists(), link

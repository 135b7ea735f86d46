"""The house rules that a machine can hold: format, lint, strict types, rooms of one screenful."""

import subprocess
import sys

import pytest

from sandbox.program import PROJECT_ROOT

MAX_FILE_LINES = 700
SOURCE_FILES = [
    file
    for folder in ("components", "ops", "policy", "sandbox", "tests", "bench")
    for file in sorted((PROJECT_ROOT / folder).rglob("*.py"))
]


def run_tool(*command: str) -> str:
    """What a tool of the environment says; empty where it has nothing to say."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    "command", [("ruff", "format", "--check"), ("ruff", "check")], ids=" ".join
)
def test_ruff_has_nothing_to_say(command: tuple[str, ...]) -> None:
    assert run_tool(*command, ".") == ""


@pytest.mark.exhaustive
def test_mypy_has_nothing_to_say() -> None:
    assert run_tool("mypy") == ""


def test_every_file_is_one_room() -> None:
    lengths = {
        str(f.relative_to(PROJECT_ROOT)): len(f.read_text("utf-8").splitlines())
        for f in SOURCE_FILES
    }
    assert len(lengths) > 100
    assert [name for name, length in lengths.items() if length > MAX_FILE_LINES] == []


def test_the_program_fits_on_one_page() -> None:
    assert len((PROJECT_ROOT / "__main__.py").read_text(encoding="utf-8").splitlines()) <= 80

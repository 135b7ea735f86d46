"""`ops` runs nothing that only lies in the working directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TRAPS = ("typer.py", "json.py", "rich.py", "boto3.py", "gc.py", "ops/__init__.py")


@pytest.fixture
def trapped_folder(tmp_path: Path) -> Path:
    """A folder with modules that give themselves away if they are imported."""
    for name in TRAPS:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("import sys\nsys.stderr.write('TRAPPED\\n')\nraise SystemExit(99)\n")
    return tmp_path


def write_launcher(folder: Path) -> Path:
    """The program as `make setup` writes it."""
    makefile_line = next(
        line for line in (ROOT / "Makefile").read_text().splitlines() if "-m ops" in line
    )
    text = makefile_line.split("'")[1].replace("$$", "$").replace("\\n", "\n")
    text = text.replace("%s/.venv/bin/python", sys.executable).replace("%s", str(ROOT))
    launcher = folder / "ops-launcher"
    launcher.write_text(text)
    launcher.chmod(0o755)
    return launcher


@pytest.mark.parametrize("line", ["--help", "health --list", "outputs show"])
def test_the_installed_program_imports_nothing_from_the_working_directory(
    trapped_folder: Path, line: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    launcher = write_launcher(tmp_path_factory.mktemp("bin"))
    process = subprocess.run(
        [str(launcher), *line.split()],
        cwd=trapped_folder,
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert "TRAPPED" not in process.stderr
    assert process.returncode == (2 if line == "outputs show" else 0), process.stderr


def test_the_module_imports_nothing_else_from_the_working_directory(trapped_folder: Path) -> None:
    (trapped_folder / "ops" / "__init__.py").unlink()  # else Python runs it before ours
    (trapped_folder / "ops").rmdir()
    (trapped_folder / "json.py").unlink()  # `python -m` itself may import these two
    process = subprocess.run(
        [sys.executable, "-m", "ops", "health", "--list"],
        cwd=trapped_folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.returncode == 0, process.stderr
    assert "TRAPPED" not in process.stderr


def test_the_module_runs_in_the_project_s_own_folder() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "ops", "--help"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert process.returncode == 0, process.stderr

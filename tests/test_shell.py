"""`make shell`: a shell that finds the programs of the project's own environment first."""

import os
import subprocess
from pathlib import Path

from sandbox.program import PROJECT_ROOT

TYPED = """
echo "path=$PATH"
echo "python=$(command -v python)"
echo "prompt=$PS1"
echo "environment=$VIRTUAL_ENV"
exit 3
"""


def test_the_environments_programs_come_first_also_after_the_users_own_start_file(
    tmp_path: Path,
) -> None:
    (tmp_path / ".bashrc").write_text("PATH=/first:$PATH\nPS1='mine> '\n", encoding="utf-8")
    done = subprocess.run(
        ["make", "--silent", "--old-file=setup", "shell"],  # what set it up runs this test
        cwd=PROJECT_ROOT,
        input=TYPED,
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
        check=False,
    )
    values = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    programs = str(PROJECT_ROOT / ".venv" / "bin")
    assert values["path"].split(":")[:2] == [programs, "/first"]
    assert values["python"] == f"{programs}/python"
    assert values["prompt"] == "(bulwark) mine> "
    assert values["environment"] == str(PROJECT_ROOT / ".venv")
    assert "leave with exit" in done.stdout
    assert done.returncode == 2, "make says that its shell ended with 3"

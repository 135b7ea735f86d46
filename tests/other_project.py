"""A copy of the program under another name in Pulumi.yaml, as its owner would name it."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from sandbox.program import PROJECT_ROOT
from tests.test_docs import ADOPT_PAGE

OTHER_PROJECT: Final = "atlas"


def copy_project(folder: Path) -> Path:
    """Copies the program and its stack files, and renames the project as docs/adopt.md says."""
    for file in (*PROJECT_ROOT.glob("Pulumi*.yaml"), PROJECT_ROOT / "__main__.py"):
        shutil.copy(file, folder)
    lines = re.findall(r"^perl -pi .*$", ADOPT_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == 2, "the page renames Pulumi.yaml and the stack files"
    for line in lines:
        subprocess.run(["sh", "-c", line], cwd=folder, check=True)
    return folder


def rename_project(value: Any, name: str = OTHER_PROJECT) -> Any:
    """What was registered under the other name, as if it had been under this project's."""
    if isinstance(value, dict):
        return {rename_project(key, name): rename_project(v, name) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [rename_project(item, name) for item in value]
    return value.replace(name, "bulwark") if isinstance(value, str) else value

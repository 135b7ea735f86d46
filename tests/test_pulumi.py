"""The real Pulumi engine, where there is a `pulumi` on the PATH, against the served sandbox.

What a user does with a stack, through the Automation API: preview, up, a second preview without
changes, an update, a refresh without changes, destroy.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pulumi import automation

from sandbox.program import PROJECT_ROOT

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="there is no pulumi on the PATH"),
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A served sandbox, and the variables that lead Pulumi to it."""
    command = [sys.executable, "-m", "sandbox.serve", "--port", "0", "--clock-factor", "600"]
    server = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        exported: dict[str, str] = {}
        for line in server.stdout:
            if line.startswith("export "):
                exported |= dict(re.findall(r"(\w+)=(\S+)", line))
            if line.startswith("# serving"):
                break
        state = tmp_path_factory.mktemp("state")
        yield (
            os.environ
            | exported
            | {
                "PULUMI_BACKEND_URL": state.as_uri(),
                "PULUMI_CONFIG_PASSPHRASE": "sandbox",
            }
        )
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="module")
def stack(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> automation.Stack:
    """The project, copied so that its stack file stays as it is, with its stack `sandbox`."""
    project = tmp_path_factory.mktemp("project") / "bulwark"
    ignore = shutil.ignore_patterns(".git", ".venv", "build", "*cache*", "__pycache__", "tests")
    shutil.copytree(PROJECT_ROOT, project, ignore=ignore)
    (project / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    options = automation.LocalWorkspaceOptions(work_dir=str(project), env_vars=environment)
    return automation.create_or_select_stack("sandbox", work_dir=str(project), opts=options)


def test_a_stack_can_be_created_updated_and_destroyed(stack: automation.Stack) -> None:
    previewed = stack.preview()
    assert previewed.change_summary.keys() == {"create"}
    up = stack.up()
    assert up.outputs["stack"].value["stack"] == "sandbox"
    assert set(stack.preview().change_summary) == {"same"}, "a second preview is not empty"
    stack.set_config("owner", automation.ConfigValue("somebody-else"))
    assert "update" in (stack.up().summary.resource_changes or {})
    refreshed = stack.refresh()
    assert set(refreshed.summary.resource_changes or {}) <= {"same"}
    stack.destroy()
    assert (stack.export_stack().deployment or {}).get("resources", []) == []

"""Runs a step of a workflow as GitHub's runner does: its lines in bash, beside pretended commands.

A value of an expression comes from the test; one that has none there is an error.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.program import PROJECT_ROOT
from tests.workflows.files import BASH_COMMAND, EXPRESSION_PATTERN, WorkflowStep, list_run_steps
from tests.workflows.github import FakeGithub, write_executable

WORKFLOW_TESTS_FOLDER = Path(__file__).parent
# Expressions that are alike in all steps.
COMMON_EXPRESSIONS = {
    "github.token": "t",
    "github.repository": "o/n",
    "github.workflow": "deploy",
    "github.run_id": "4711",
    "github.run_attempt": "1",
    "github.sha": "0123456789abcdef0123456789abcdef01234567",
    "vars.PULUMI_BACKEND_URL": "s3://bulwark-state-123456789012?region=eu-north-1",
}


@dataclass(frozen=True)
class StepResult:
    """How a step has ended, and what it gave to the steps after it."""

    code: int
    text: str
    outputs: Mapping[str, str]
    summary: str

    @property
    def outcome(self) -> str:
        return "failure" if self.code else "success"


@dataclass
class StepRunner:
    """A checkout with its environment, as `ready` leaves it, and the stack of `environment`."""

    folder: Path
    environment: dict[str, str]
    github: FakeGithub = field(init=False)

    def __post_init__(self) -> None:
        self.github = FakeGithub(self.folder)
        checkout = self.checkout
        checkout.mkdir()
        for file in PROJECT_ROOT.iterdir():
            # Tests of the image put an app of their own there.
            if file.name not in (".venv", "build", ".git", "app"):
                (checkout / file.name).symlink_to(file)
        (checkout / ".venv").mkdir()
        ops = write_executable(checkout / ".venv" / "bin", "ops", Path("-m ops"))
        ops.write_text(
            ops.read_text("utf-8").replace("exec", f"PYTHONPATH={PROJECT_ROOT} exec"), "utf-8"
        )
        for name in ("docker", "aws"):
            write_executable(self.bin_folder, name, WORKFLOW_TESTS_FOLDER / "recorded_docker.py")
        write_executable(self.bin_folder, "pulumi", WORKFLOW_TESTS_FOLDER / "recorded_pulumi.py")

    @property
    def checkout(self) -> Path:
        return self.folder / "work"

    @property
    def bin_folder(self) -> Path:
        return self.folder / "bin"

    def __call__(self, key: str, values: Mapping[str, str] | None = None, **env: str) -> StepResult:
        """Runs a step; `values` by expression. `env` is what else the runner has set."""
        step = list_run_steps()[key]
        assert step.shell == "bash"
        script = self.folder / "script.sh"
        script.write_text(str(step.script), encoding="utf-8")
        output, summary = self.folder / "output", self.folder / "summary"
        for file in (output, summary):
            file.write_text("", encoding="utf-8")
        step_environment = build_step_environment(step, {**COMMON_EXPRESSIONS, **(values or {})})
        process = subprocess.run(
            BASH_COMMAND.replace("{0}", str(script)).split(),
            cwd=self.checkout,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={
                "PATH": f"{self.bin_folder}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "PYTHONPATH": str(PROJECT_ROOT),
                "RECORDED_PULUMI": str(self.folder),
                "RECORDED_DOCKER": str(self.folder),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_ACTIONS": "true",
                "CI": "true",
                "GH_EXECUTABLE_HOME": str(self.folder),
                **self.environment,
                **step_environment,
                **env,
            },
        )
        lines = output.read_text(encoding="utf-8").splitlines()
        step_outputs = dict(line.split("=", 1) for line in lines)
        return StepResult(
            process.returncode,
            process.stdout + process.stderr,
            step_outputs,
            summary.read_text("utf-8"),
        )


def build_step_environment(step: WorkflowStep, values: Mapping[str, str]) -> dict[str, str]:
    """The environment of a step, with a value for each expression."""
    return {
        name: EXPRESSION_PATTERN.sub(lambda match: values[match[1]], str(text))
        for name, text in step.env.items()
    }

"""The workflows and their own actions, as GitHub reads them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.program import PROJECT_ROOT

GITHUB_FOLDER = PROJECT_ROOT / ".github"
WORKFLOW_FILES = sorted((GITHUB_FOLDER / "workflows").glob("*.yml"))
ACTION_FILES = sorted((GITHUB_FOLDER / "actions").glob("*/action.yml"))
EXPRESSION_PATTERN = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.DOTALL)
BASH_COMMAND = "bash --noprofile --norc -eo pipefail {0}"


@dataclass(frozen=True)
class WorkflowStep:
    """A step and what stands around it. `env` is of the workflow, the job and the step."""

    file: str
    job: str
    name: str
    body: dict[str, Any]
    env: dict[str, str]
    shell: str | None

    @property
    def script(self) -> str | None:
        line = self.body.get("run")
        return None if line is None else str(line)

    @property
    def key(self) -> str:
        return f"{self.file}: {self.job}: {self.name}"


def read_yaml(file: Path) -> dict[str, Any]:
    """A file of YAML 1.1, for which `on` is a truth."""
    document: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in document.items()}


def read_jobs(file: Path) -> dict[str, dict[str, Any]]:
    jobs_by_name: dict[str, dict[str, Any]] = read_yaml(file)["jobs"]
    return jobs_by_name


def list_workflow_steps() -> Iterator[WorkflowStep]:
    """Every step of every job of every workflow, and of every action of our own."""
    for file in WORKFLOW_FILES:
        workflow = read_yaml(file)
        shell = workflow.get("defaults", {}).get("run", {}).get("shell")
        for name, job in workflow["jobs"].items():
            env = {**workflow.get("env", {}), **job.get("env", {})}
            for step in job.get("steps", ()):
                yield _build_workflow_step(file.stem, name, step, env, shell)
    for file in ACTION_FILES:
        for step in read_yaml(file)["runs"]["steps"]:
            yield _build_workflow_step(file.parent.name, "action", step, {}, step.get("shell"))


def _build_workflow_step(
    file: str, job: str, body: dict[str, Any], env: dict[str, str], shell: str | None
) -> WorkflowStep:
    name = str(body.get("name") or body.get("uses") or "")
    return WorkflowStep(file, job, name, body, {**env, **body.get("env", {})}, shell)


def list_run_steps() -> dict[str, WorkflowStep]:
    """The steps that run something, by key."""
    return {step.key: step for step in list_workflow_steps() if step.script is not None}


def list_strings(value: Any) -> Iterator[str]:
    """All strings in a value."""
    if isinstance(value, dict):
        for item in value.values():
            yield from list_strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from list_strings(item)
    elif value is not None:
        yield str(value)

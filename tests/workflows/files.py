"""The workflows and their own actions, as GitHub reads them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.program import PROJECT_ROOT

GITHUB = PROJECT_ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.DOTALL)
BASH = "bash --noprofile --norc -eo pipefail {0}"


@dataclass(frozen=True)
class Step:
    """A step and what stands around it. `env` is of the workflow, the job and the step."""

    file: str
    job: str
    name: str
    body: dict[str, Any]
    env: dict[str, str]
    shell: str | None

    @property
    def run(self) -> str | None:
        found = self.body.get("run")
        return None if found is None else str(found)

    @property
    def key(self) -> str:
        return f"{self.file}: {self.job}: {self.name}"


def read(file: Path) -> dict[str, Any]:
    """A file of YAML 1.1, for which `on` is a truth."""
    found: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in found.items()}


def jobs(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(file)["jobs"]
    return found


def steps() -> Iterator[Step]:
    """Every step of every job of every workflow, and of every action of our own."""
    for file in WORKFLOWS:
        whole = read(file)
        shell = whole.get("defaults", {}).get("run", {}).get("shell")
        for name, job in whole["jobs"].items():
            env = {**whole.get("env", {}), **job.get("env", {})}
            for step in job.get("steps", ()):
                yield _step(file.stem, name, step, env, shell)
    for file in ACTIONS:
        for step in read(file)["runs"]["steps"]:
            yield _step(file.parent.name, "action", step, {}, step.get("shell"))


def _step(
    file: str, job: str, body: dict[str, Any], env: dict[str, str], shell: str | None
) -> Step:
    name = str(body.get("name") or body.get("uses") or "")
    return Step(file, job, name, body, {**env, **body.get("env", {})}, shell)


def runs() -> dict[str, Step]:
    """The steps that run something, by key."""
    return {step.key: step for step in steps() if step.run is not None}


def texts(value: Any) -> Iterator[str]:
    """All strings in a value."""
    if isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif value is not None:
        yield str(value)

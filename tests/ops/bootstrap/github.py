"""A repository with environments on a pretended GitHub, with a `gh` on the PATH that asks it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.github import write_executable

GH_PROGRAM = Path(__file__).with_name("gh_repository.py")


@dataclass
class PretendedRepository:
    """A repository; `state` is what GitHub has of it."""

    file: Path

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        return state

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        state = self.state
        yield state
        self.file.write_text(json.dumps(state), encoding="utf-8")

    @property
    def environments(self) -> dict[str, Any]:
        environments: dict[str, Any] = self.state["environments"]
        return environments


def put_repository(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, owner_id: int, repository_id: int
) -> PretendedRepository:
    """Puts a repository without environments, made today, behind the `gh` of the PATH."""
    home.mkdir()
    repository = PretendedRepository(home / "state.json")
    owner, short_name = name.split("/")
    state = {
        "repository": {"id": repository_id, "full_name": name, "owner": {"id": owner_id}},
        "subject": {
            "use_default": True,
            "use_immutable_subject": True,
            "sub_claim_prefix": f"repo:{owner}@{owner_id}/{short_name}@{repository_id}",
        },
        "users": {"ada": 11, "bob": 12},
        "environments": {},
        "denied": "",
    }
    repository.file.write_text(json.dumps(state), encoding="utf-8")
    write_executable(home / "bin", "gh", GH_PROGRAM)
    monkeypatch.setenv("PATH", f"{home / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("GH_REPOSITORY_FILE", str(repository.file))
    return repository

"""A repository on a pretended GitHub, with a `gh` on the PATH that works on it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("gh_executable.py")
OURS = "github-actions[bot]"


def executable(folder: Path, name: str, program: Path) -> Path:
    """A command of the PATH that is a program of the tests."""
    folder.mkdir(exist_ok=True)
    made = folder / name
    made.write_text(f'#!/bin/sh\nexec {sys.executable} {program} "$@"\n', encoding="utf-8")
    made.chmod(0o755)
    return made


@dataclass
class Github:
    """The repository `o/n`. Its number 7 is a pull request."""

    home: Path

    def __post_init__(self) -> None:
        self.put(
            {
                "7": {
                    "number": 7,
                    "state": "open",
                    "pull": True,
                    "comments": [],
                    "author": "a",
                    "body": "",
                    "url": "u",
                }
            }
        )
        executable(self.home / "bin", "gh", PROGRAM)

    @property
    def environment(self) -> dict[str, str]:
        return {"GH_EXECUTABLE_HOME": str(self.home), "GH_TOKEN": "t", "GH_REPO": "o/n"}

    def put(self, known: dict[str, Any]) -> None:
        (self.home / "github.json").write_text(json.dumps(known), encoding="utf-8")

    @property
    def known(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "github.json").read_text("utf-8"))
        return found

    def comments(self, number: int = 7) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.known[str(number)]["comments"]
        return found

    def issues(self, state: str = "open") -> list[dict[str, Any]]:
        return [x for x in self.known.values() if not x.get("pull") and x["state"] == state]

    def others(self, bodies: list[str], author: str = "a", number: int = 7) -> None:
        """Comments that somebody else wrote."""
        known = self.known
        there = known[str(number)]["comments"]
        for at, body in enumerate(bodies, 1000 + len(there)):
            there.append({"id": at, "url": f"u/{at}", "author": author, "body": body})
        self.put(known)

    def fault(self, what: str) -> None:
        (self.home / "fault").write_text(what, encoding="utf-8")

    def calls(self) -> list[list[str]]:
        text = (self.home / "calls").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def changes(self) -> int:
        return sum("--method" in words for words in self.calls())

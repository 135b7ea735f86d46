"""A repository on a pretended GitHub, with a `gh` on the PATH that works on it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GH_PROGRAM = Path(__file__).with_name("gh_executable.py")
ACTIONS_BOT = "github-actions[bot]"


def write_executable(folder: Path, name: str, program: Path) -> Path:
    """A command of the PATH that is a program of the tests."""
    folder.mkdir(exist_ok=True)
    script = folder / name
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {program} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


@dataclass
class FakeGithub:
    """The repository `o/n`. Its number 7 is a pull request."""

    home: Path

    def __post_init__(self) -> None:
        self.write_issues(
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
        write_executable(self.home / "bin", "gh", GH_PROGRAM)

    @property
    def environment(self) -> dict[str, str]:
        return {"GH_EXECUTABLE_HOME": str(self.home), "GH_TOKEN": "t", "GH_REPO": "o/n"}

    def write_issues(self, issues: dict[str, Any]) -> None:
        (self.home / "github.json").write_text(json.dumps(issues), encoding="utf-8")

    @property
    def stored_issues(self) -> dict[str, Any]:
        issues: dict[str, Any] = json.loads((self.home / "github.json").read_text("utf-8"))
        return issues

    def list_comments(self, number: int = 7) -> list[dict[str, Any]]:
        comments: list[dict[str, Any]] = self.stored_issues[str(number)]["comments"]
        return comments

    def list_issues(self, state: str = "open") -> list[dict[str, Any]]:
        return [
            issue
            for issue in self.stored_issues.values()
            if not issue.get("pull") and issue["state"] == state
        ]

    def add_foreign_comments(self, bodies: list[str], author: str = "a", number: int = 7) -> None:
        """Comments that somebody else wrote."""
        issues = self.stored_issues
        comments = issues[str(number)]["comments"]
        for comment_id, body in enumerate(bodies, 1000 + len(comments)):
            comments.append(
                {"id": comment_id, "url": f"u/{comment_id}", "author": author, "body": body}
            )
        self.write_issues(issues)

    def set_fault(self, fault: str) -> None:
        (self.home / "fault").write_text(fault, encoding="utf-8")

    def list_calls(self) -> list[list[str]]:
        text = (self.home / "calls").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def count_changes(self) -> int:
        return sum("--method" in words for words in self.list_calls())

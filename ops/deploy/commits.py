"""Which commit of the program is to be deployed, and which one was."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ops.core.local_commands import Shell, find_repository

HEAD_FORMAT: Final = '--format={"sha":"%H"}'
# Behind the run in the message of a deployment of ours, so that it is known whatever Pulumi makes
# of a folder that is a worktree.
COMMIT_SEPARATOR: Final = " of "
COMMIT_PATTERN: Final = re.compile(f"{COMMIT_SEPARATOR}([0-9a-f]{{40}})$")


@dataclass(frozen=True)
class Checkout:
    """The program as it lies here. `top` is the folder of the repository, `sha` its commit.

    Both are None where the program is in no repository. `changed` says that files of the repository
    differ, or that there are some that git neither knows nor ignores.
    """

    folder: Path
    repository: Path | None = None
    sha: str | None = None
    dirty: bool = False

    @property
    def program_path(self) -> Path:
        """Where in the repository the program is."""
        return self.folder.relative_to(self.repository) if self.repository else Path()


def build_git_command(folder: Path, *arguments: str) -> Shell:
    """A command of git that changes nothing, or is as good twice as once."""
    return Shell(argv=("git", *arguments), folder=str(folder), repeatable=True)


def read_checkout(folder: Path) -> Checkout:
    """The commit of a program's folder."""
    from ops.core.actions import run_shell_command

    folder = folder.resolve()
    repository = find_repository(folder)
    if repository is None:
        return Checkout(folder)
    head: Any = run_shell_command(build_git_command(folder, "log", "-1", HEAD_FORMAT))
    if head["exit"] or not isinstance(head["output"], dict):
        return Checkout(folder)
    diff: Any = run_shell_command(build_git_command(repository, "diff", "--quiet", "HEAD"))
    # Which ends with 0 where there is any. Pulumi counts a file that git does not know as a change.
    untracked: Any = run_shell_command(
        build_git_command(
            repository, "ls-files", "--others", "--exclude-standard", "--error-unmatch", "."
        )
    )
    dirty = diff["exit"] != 0 or untracked["exit"] == 0
    return Checkout(folder, repository, str(head["output"]["sha"]), dirty)


def has_commit(checkout: Checkout, sha: str) -> bool:
    """Whether a commit is in the repository: a shallow clone has the newest alone."""
    from ops.core.actions import run_shell_command

    result: Any = run_shell_command(
        build_git_command(checkout.folder, "cat-file", "-e", f"{sha}^{{commit}}")
    )
    return bool(result["exit"] == 0)


def find_deployed_commit(history: Any) -> str | None:
    """The commit of the newest deployment that succeeded, as Pulumi's history of a stack has it.

    None where there is none, or where it was not deployed as it was committed.
    """
    for update in history if isinstance(history, list) else []:
        if update.get("kind") == "update" and update.get("result") == "succeeded":
            if match := COMMIT_PATTERN.search(str(update.get("message", ""))):
                return match[1]
            sha = (update.get("environment") or {}).get("git.head")
            return None if has_uncommitted_changes(update) or not sha else str(sha)
    return None


def has_uncommitted_changes(update: Any) -> bool:
    """Whether an update of Pulumi's history was of files that differ from their commit.

    What names its commit in its message was deployed as committed, whatever git said of the folder.
    """
    environment = update.get("environment") or {}
    is_named = COMMIT_PATTERN.search(str(update.get("message", ""))) is not None
    return not is_named and environment.get("git.dirty") == "true"

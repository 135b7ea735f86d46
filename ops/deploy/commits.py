"""Which commit of the program is to be deployed, and which one was."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ops.core.plan import Shell

HEAD: Final = '--format={"sha":"%H"}'
# Behind the run in the message of a deployment of ours, so that it is known whatever Pulumi makes
# of a folder that is a worktree.
OF: Final = " of "
SAID: Final = re.compile(f"{OF}([0-9a-f]{{40}})$")


@dataclass(frozen=True)
class Checkout:
    """The program as it lies here. `top` is the folder of the repository, `sha` its commit.

    Both are None where the program is in no repository. `changed` says that files of the repository
    differ, or that there are some that git neither knows nor ignores.
    """

    folder: Path
    top: Path | None = None
    sha: str | None = None
    changed: bool = False

    @property
    def below(self) -> Path:
        """Where in the repository the program is."""
        return self.folder.relative_to(self.top) if self.top else Path()


def git(folder: Path, *words: str) -> Shell:
    """A command of git that changes nothing, or is as good twice as once."""
    return Shell(argv=("git", *words), folder=str(folder), repeatable=True)


def here(folder: Path) -> Checkout:
    """The commit of a program's folder."""
    from ops.core.actions import command

    folder = folder.resolve()
    top = next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)
    if top is None:
        return Checkout(folder)
    seen: Any = command(git(folder, "log", "-1", HEAD))
    if seen["exit"] or not isinstance(seen["output"], dict):
        return Checkout(folder)
    changed: Any = command(git(top, "diff", "--quiet", "HEAD"))
    # Which ends with 0 where there is any. Pulumi counts a file that git does not know as a change.
    new: Any = command(
        git(top, "ls-files", "--others", "--exclude-standard", "--error-unmatch", ".")
    )
    dirty = changed["exit"] != 0 or new["exit"] == 0
    return Checkout(folder, top, str(seen["output"]["sha"]), dirty)


def has(of: Checkout, sha: str) -> bool:
    """Whether a commit is in the repository: a shallow clone has the newest alone."""
    from ops.core.actions import command

    seen: Any = command(git(of.folder, "cat-file", "-e", f"{sha}^{{commit}}"))
    return bool(seen["exit"] == 0)


def deployed(history: Any) -> str | None:
    """The commit of the newest deployment that succeeded, as Pulumi's history of a stack has it.

    None where there is none, or where it was not deployed as it was committed.
    """
    for update in history if isinstance(history, list) else []:
        if update.get("kind") == "update" and update.get("result") == "succeeded":
            if said := SAID.search(str(update.get("message", ""))):
                return said[1]
            told = update.get("environment") or {}
            sha = told.get("git.head")
            return None if told.get("git.dirty") == "true" or not sha else str(sha)
    return None

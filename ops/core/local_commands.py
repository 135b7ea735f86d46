"""Commands that a plan runs on this machine: ops itself, Pulumi, git.

A plan names the program and its files by placeholders, so that it is the same on a laptop and in
CI, and can be resumed on another machine. Here they become this machine's paths and interpreter.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from ops.core.errors import OpsError, UsageError
from ops.core.frozen_model import FrozenModel
from ops.core.plan import OpsCommand, ProgramCommand, SavedFile
from ops.core.service_models import get_cache_folder

PROGRAM_PLACEHOLDER: Final = "${PROGRAM}"
FILES_PLACEHOLDER: Final = "${FILES}"
CHECKOUT_PLACEHOLDER: Final = "${CHECKOUT}"
PACKAGES_FOLDER: Final = ".venv"


class Shell(FrozenModel):
    """A command as this machine runs it; never part of a plan. Fields as in ProgramCommand."""

    argv: tuple[str, ...]
    folder: str | None = None
    strict: bool = False
    repeatable: bool = False


# Fetches an object of S3 into a file that only its owner can read.
FileFetcher: TypeAlias = Callable[[SavedFile, Path], None]


@dataclass(frozen=True)
class Workstation:
    """What a plan needs of this machine.

    `program` is the folder of the stack's program, None if the command was given none. `profile` is
    the AWS profile that commands of ops are called with. `files` holds what a run exports, and
    `checkouts` other commits of the program.
    """

    program: Path | None = None
    profile: str | None = None
    files: Path = field(default_factory=lambda: get_cache_folder() / "states")
    checkouts: Path = field(default_factory=lambda: get_cache_folder() / "deploys")

    def resolve_path(self, text: str) -> str:
        """A text of a plan with the placeholder of the runs' files filled."""
        return text.replace(FILES_PLACEHOLDER, str(self.files))

    def build_shell(self, command: OpsCommand | ProgramCommand) -> Shell:
        """The command as this machine runs it.

        Raises UsageError if the program's folder is needed and not known.
        """
        if isinstance(command, OpsCommand):
            return self._build_ops_shell(command)
        return self._build_program_shell(command)

    def fetch_missing_files(self, command: ProgramCommand, fetch: FileFetcher) -> None:
        """Fetches the files of a command that another machine wrote.

        Raises OpsError if one is neither here nor in S3.
        """
        for path, saved_file in command.files.items():
            file = Path(self.resolve_path(path))
            if file.exists():
                continue
            if saved_file is None:
                raise OpsError(
                    f"{file} is not on this machine: resume the run where it was started"
                )
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fetch(saved_file, file)

    def _build_ops_shell(self, command: OpsCommand) -> Shell:
        profile = ("--profile", self.profile) if command.on_stack and self.profile else ()
        words = [self._fill(word, None) for word in command.arguments]
        # Like this process: -P keeps Python from importing what is in the working directory.
        options = ("-P",) if sys.flags.safe_path else ()
        return Shell(
            argv=(sys.executable, *options, "-m", "ops", *words, *profile), repeatable=True
        )

    def _build_program_shell(self, command: ProgramCommand) -> Shell:
        if command.tool == "gh":  # names its repository, so it needs no folder
            return Shell(
                argv=("gh", *command.arguments),
                strict=command.strict,
                repeatable=command.repeatable,
            )
        words = tuple(self._fill(word, command.checkout) for word in command.arguments)
        folder = self._get_folder(command)
        if command.tool == "packages":
            return self._build_packages_shell(command, folder)
        return Shell(
            argv=(command.tool, *words),
            folder=str(folder),
            strict=command.strict,
            repeatable=command.repeatable,
        )

    def _build_packages_shell(self, command: ProgramCommand, folder: Path) -> Shell:
        """Links the program's packages into a checkout; does nothing if it has none."""
        packages, link = self._require_program() / PACKAGES_FOLDER, folder / PACKAGES_FOLDER
        if not packages.exists():
            return Shell(argv=("true",), repeatable=True)
        if command.arguments == ("check",):
            return Shell(argv=("test", "-e", str(link)), repeatable=True)
        return Shell(argv=("ln", "-sfn", str(packages), str(link)), repeatable=True)

    def _fill(self, word: str, checkout: str | None) -> str:
        if PROGRAM_PLACEHOLDER in word:
            word = word.replace(PROGRAM_PLACEHOLDER, str(self._require_program()))
        if checkout is not None:
            word = word.replace(CHECKOUT_PLACEHOLDER, str(self.checkouts / checkout))
        return self.resolve_path(word)

    def _get_folder(self, command: ProgramCommand) -> Path:
        """The program's folder, here or in the checkout; for git the top of the repository."""
        program = self._require_program()
        if command.checkout is None:
            return program
        repository = find_repository(program)
        if repository is None:
            raise OpsError(f"{program} is in no git repository, so it has no earlier commit")
        if command.tool == "git":
            return repository
        return self.checkouts / command.checkout / program.relative_to(repository)

    def _require_program(self) -> Path:
        if self.program is None:
            raise UsageError(
                "--program must be the folder of the stack's program, with its Pulumi.yaml"
            )
        return self.program.absolute()


def find_repository(folder: Path) -> Path | None:
    """The git repository that a folder is in."""
    return next(
        (parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), None
    )


def build_ops_command(*arguments: str) -> OpsCommand:
    """A command of ops that changes nothing."""
    return OpsCommand(arguments=arguments)


def build_stack_ops_command(*arguments: str, project: str, stack: str, region: str) -> OpsCommand:
    """The same on a stack, which reads the stack's outputs when it runs: not when it is planned."""
    selection = ("--project", project, "--stack", stack, "--region", region)
    return OpsCommand(
        arguments=(*arguments, *selection, "--source", "ssm", "--output", "json"), on_stack=True
    )

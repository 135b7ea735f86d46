"""The option --program: the folder of the stack's program, for Pulumi's history."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ops.core.errors import UsageError

HistoryProgramOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="the stack's program, for Pulumi's history; default: the current folder if it is",
    ),
]


def resolve_history_program(program: Path | None) -> Path | None:
    """The folder of a program; the current one if none is named. Raises UsageError."""
    if program is None:
        return Path.cwd() if Path("Pulumi.yaml").is_file() else None
    if not (program / "Pulumi.yaml").is_file():
        raise UsageError(f"--program must be a folder with a Pulumi.yaml, not {str(program)!r}")
    return program

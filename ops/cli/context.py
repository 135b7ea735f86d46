"""What commands that only read need: the stack's outputs, AWS, where to print. Quick to load."""

from collections.abc import Collection
from pathlib import Path

import typer

from ops.cli.options import Format
from ops.cli.render import Output
from ops.cli.selection import Selection
from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.outputs import Outputs


def opened(context: typer.Context, apis: Collection[str] = ()) -> tuple[Outputs, Aws, Output]:
    """The stack's outputs, AWS, and where to print. `apis`: what will be called, if that is all."""
    selection, form = _shared(context)
    outputs = selection.load()
    return outputs, selection.aws(outputs, apis), Output(form)


def chosen(context: typer.Context) -> tuple[Selection, Output]:
    """What the options say, and where to print, for a command that is of no stack."""
    selection, form = _shared(context)
    return selection, Output(form)


def printing(context: typer.Context) -> Output:
    """Where to print, for a command that needs no stack."""
    return Output(_shared(context)[1])


def written(option: str, to: Path, text: str) -> None:
    """Writes what an option asks for. Raises UsageError where the file cannot be written."""
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{option} is {str(to)!r}, {error.strerror}") from None


def _shared(context: typer.Context) -> tuple[Selection, Format]:
    found: tuple[Selection, Format] | None = context.find_object(tuple)
    if found is None:
        raise UsageError("the shared options are missing")
    return found

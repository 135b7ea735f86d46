"""What commands that only read need: the stack's outputs, AWS, where to print. Quick to load."""

import typer

from ops.aws import Aws
from ops.errors import UsageError
from ops.options import Format
from ops.outputs import Outputs
from ops.select import Selection
from ops.show import Output


def opened(context: typer.Context) -> tuple[Outputs, Aws, Output]:
    """The stack's outputs, AWS, and where to print."""
    selection, form = _shared(context)
    outputs = selection.load()
    return outputs, selection.aws(outputs), Output(form)


def _shared(context: typer.Context) -> tuple[Selection, Format]:
    found: tuple[Selection, Format] | None = context.find_object(tuple)
    if found is None:
        raise UsageError("the shared options are missing")
    return found

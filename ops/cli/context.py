"""What read-only commands need: outputs, AWS and the printer. Imports little, to start fast."""

import sys
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Final

import typer

from ops.cli.options import OutputFormat
from ops.cli.render import Output
from ops.cli.selection import Selection
from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.times import describe_typed_time
from ops.outputs import Outputs

_OUTPUT_KEY: Final = "bulwark.output"


def load_stack(context: typer.Context, apis: Collection[str] = ()) -> tuple[Outputs, Aws, Output]:
    """Loads the outputs, the AWS client and the printer. `apis` limits the calls it may make."""
    selection, _ = _get_shared_options(context)
    outputs = selection.load_outputs()
    selection.check_account(outputs)
    return outputs, selection.build_aws(outputs, apis), get_output(context)


def get_selection(context: typer.Context) -> tuple[Selection, Output]:
    """Returns the shared options and the printer, for a command without a stack."""
    return _get_shared_options(context)[0], get_output(context)


def get_output(context: typer.Context) -> Output:
    """Returns the printer: that of all looks of a watch, else one for this command."""
    shared_output: Output | None = context.meta.get(_OUTPUT_KEY)
    return Output(_get_shared_options(context)[1]) if shared_output is None else shared_output


def share_output(context: typer.Context) -> Output:
    """Returns a printer that `load_stack` and the like return from now on (ops/cli/watch.py)."""
    output: Output = context.meta.setdefault(_OUTPUT_KEY, get_output(context))
    return output


def show_typed_time(option: str, text: str, time: datetime) -> None:
    """Tells on stderr how a time without an offset was taken."""
    if (description := describe_typed_time(option, text, time)) is not None:
        sys.stderr.write(f"ops: {description}\n")


def require_page_path(option: str, path: Path | None) -> None:
    """Raises UsageError unless a page can be written there, before what it shows is read."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise UsageError(f"{option} must be a file in an existing folder, not {str(path)!r}")


def require_file_kind(option: str, path: Path, suffixes: tuple[str, ...]) -> None:
    """Raises UsageError unless a file's name says what it is to be, and its folder is there."""
    if path.suffix not in suffixes or not path.parent.is_dir():
        raise UsageError(
            f"{option} must be a file in a folder that is there, and end with "
            f"{' or '.join(suffixes)}, not {str(path)!r}"
        )


def write_report(option: str, path: Path, text: str) -> None:
    """Writes a file that an option names. Raises UsageError if it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{option} must be a file that can be written, not {str(path)!r}: {error.strerror}"
        ) from None


def _get_shared_options(context: typer.Context) -> tuple[Selection, OutputFormat]:
    shared_options: tuple[Selection, OutputFormat] | None = context.find_object(tuple)
    if shared_options is None:
        raise UsageError("the shared options are missing")
    return shared_options

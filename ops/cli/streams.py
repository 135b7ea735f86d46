"""Standard output and error as they are given to people, logs and runners.

Text from outside (rows, log lines, tags, AWS's messages) is only text there: terminals get no
control sequences, and runners of GitHub and Azure no commands. What cannot be encoded becomes a
question mark. Standard output that cannot be written is one error; standard error that cannot be
written never stops a run.
"""

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from ops.core.errors import OpsError

if TYPE_CHECKING:
    from rich.console import Console

# Control characters of ASCII and Latin-1 but the line end; and those of Unicode that end lines or
# turn the direction of text, so that it looks different from what it is.
CONTROL_CHARACTERS: Final = dict.fromkeys(
    (
        *range(10),
        *range(11, 32),
        *range(127, 160),
        0x200E,
        0x200F,
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    ),
    " ",
)
# Lines that a runner obeys. GitHub: `::` at the start of a line after blanks, and `##[` anywhere
# (actions/runner, src/Runner.Common/ActionCommand.cs); Azure Pipelines: `##vso[` anywhere.
LINE_COMMAND: Final = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
INLINE_COMMAND: Final = re.compile(r"##(vso)?(?=\[)")


class OutputError(OpsError):
    """What was to be printed cannot be written."""


class ClosedPipeError(OutputError):
    """Nobody reads any more, as after `| head`: a look ends, and says nothing.

    The exit code is a shell's for a program that SIGPIPE ended, as it ends most.
    """

    code = 141


def clean_text(text: str) -> str:
    """Returns the text without control characters; line ends stay."""
    return text.translate(CONTROL_CHARACTERS)


def disarm_runner_commands(text: str) -> str:
    """Returns the text without anything that a runner would obey."""
    return INLINE_COMMAND.sub(r"##\1 ", LINE_COMMAND.sub(r"\1: ", text))


class SafeStream(io.TextIOBase):
    """A stream for text from outside. `is_required` raises OutputError if it cannot be written.

    A pipe that nobody reads any more raises ClosedPipeError, unless `is_closing_said`.
    """

    def __init__(self, raw: TextIO | None, name: str, *, is_required: bool) -> None:
        self.raw, self.name, self.is_required = raw, name, is_required
        self.is_closing_said = False
        self._is_terminal = raw is not None and raw.isatty()
        with suppress(AttributeError, io.UnsupportedOperation, ValueError):
            cast(Any, raw).reconfigure(errors="replace")

    # Whoever writes may write anything: it is encoded here.
    encoding, errors = "utf-8", "replace"

    @property
    def rich_proxied_file(self) -> "TextIO | SafeStream":
        """The stream to which rich writes itself (rich.console.Console.file): styles stay."""
        return self if self.raw is None else self.raw

    def write(self, text: str) -> int:
        """Writes the text without what a terminal or a runner would obey."""
        safe_text = clean_text(text)
        if not self._is_terminal:
            safe_text = disarm_runner_commands(safe_text)
        with self._handle_errors():
            if self.raw is None:
                raise OSError("it is closed")
            self.raw.write(safe_text)
        return len(text)

    def flush(self) -> None:
        """Flushes the stream below."""
        if self.raw is not None:
            with self._handle_errors():
                self.raw.flush()

    def isatty(self) -> bool:
        """True if it is a terminal."""
        return self._is_terminal

    def writable(self) -> bool:
        """True, as what cannot be written is an error of its own."""
        return True

    def fileno(self) -> int:
        """The number of the file below. Raises OSError if there is none."""
        if self.raw is None:
            raise OSError(f"{self.name} is closed")
        return self.raw.fileno()

    @contextmanager
    def _handle_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # a ValueError if it was closed meanwhile
            self._discard()
            if self.is_required:
                reason = getattr(error, "strerror", None) or str(error)
                if isinstance(error, BrokenPipeError) and not self.is_closing_said:
                    raise ClosedPipeError(f"{self.name} is read no more") from None
                raise OutputError(f"{self.name} cannot be written: {reason}") from None

    def _discard(self) -> None:
        """Lets the rest go nowhere: else Python fails again when it flushes at its end."""
        with suppress(OSError, ValueError, AttributeError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, cast(TextIO, self.raw).fileno())
            os.close(null)


def say_closed_output() -> None:
    """From here on a pipe that nobody reads is an error: what a change came to is not lost."""
    if isinstance(sys.stdout, SafeStream):
        sys.stdout.is_closing_said = True


@contextmanager
def use_safe_streams() -> Iterator[None]:
    """Standard output and error are safe in the block; a closed standard input is empty."""
    previous = sys.stdin, sys.stdout, sys.stderr
    if None in previous:
        for number in range(3):  # else the next socket would be one of them
            with suppress(OSError):
                os.fstat(number)
                continue
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = previous[0] or io.StringIO()
    sys.stdout = cast(TextIO, SafeStream(previous[1], "standard output", is_required=True))
    sys.stderr = cast(TextIO, SafeStream(previous[2], "standard error", is_required=False))
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stderr.flush()
        sys.stdin, sys.stdout, sys.stderr = previous


def build_console(*, stderr: bool = False) -> "Console":
    """Builds rich's console for a terminal. Text has no control characters but rich's own."""
    from rich.console import Console
    from rich.segment import Segment

    class SafeConsole(Console):
        """Cleans the text of each segment; what moves the cursor is a control segment."""

        def _render_buffer(self, buffer: Any) -> str:
            return super()._render_buffer(
                segment if segment.control else Segment(clean_text(segment.text), segment.style)
                for segment in buffer
            )

    return SafeConsole(stderr=stderr, highlight=False)

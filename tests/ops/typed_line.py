"""A line of the command line as a test types it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.ops.stage import Stage


@dataclass(frozen=True)
class TypedLine:
    """A line that is typed, for calls that no procedure makes.

    `before` is typed first, and not recorded; `code` is how the line ends.
    """

    line: str
    set_up: Callable[[Stage], object] = lambda _: None
    exit_code: int = 0
    lines_before: tuple[str, ...] = ()

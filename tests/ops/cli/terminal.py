"""A terminal of a given width, as the printer sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from ops.cli.render import Output


@contextmanager
def open_terminal(width: int) -> Iterator[None]:
    """What is printed goes to a terminal of so many columns, without colours."""
    variables = {"COLUMNS": str(width), "NO_COLOR": "1", "TERM": "dumb"}
    with patch.dict("os.environ", variables), patch.object(Output, "_is_piped", False):
        yield

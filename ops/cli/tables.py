"""Tables: a line a row on a pipe; on a terminal as wide as it is, or a record a row.

No value is cut. On a terminal only texts of several words are folded, at their spaces, so that an
id, an ARN or a command can be copied as it stands.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ops.cli.streams import CONTROL_CHARACTERS

if TYPE_CHECKING:  # read-only commands start faster without these imports
    from rich.console import RenderableType
    from rich.text import Text

COLUMN_GAP: Final = 2  # characters between two columns
MIN_TEXT_WIDTH: Final = 20  # characters; a narrower column of text is a ladder of words
STATE_STYLES: Final = {
    **dict.fromkeys(
        ("ok", "available", "completed", "done", "healthy", "in-sync", "successful", "yes"), "green"
    ),
    **dict.fromkeys(("running", "active", "inservice", "steady"), "green"),
    **dict.fromkeys(
        ("alarm", "bad", "cancelled", "critical", "failed", "failing", "no", "unhealthy"), "red"
    ),
    **dict.fromkeys(("storage-full", "stopped", "undone", "missed"), "red"),
    **dict.fromkeys(
        ("unknown", "insufficient_data", "in_progress", "inprogress", "modifying", "pending"),
        "yellow",
    ),
    **dict.fromkeys(
        ("backing-up", "being undone", "creating", "pending-reboot", "unfinished", "warning"),
        "yellow",
    ),
}
STATE_COLUMNS: Final = ("health", "met", "outcome", "result", "rollout", "state", "status")
# A time with fractions of a second, which nobody reads.
TIME_PATTERN: Final = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z$")


def format_cell(value: object) -> str:
    """A value as text; `-` if there is none. Times of AWS have whole seconds."""
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value)
    return TIME_PATTERN.sub(r"\1Z", str(value))


def align_columns(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Yields one line per row, with aligned columns."""
    clean_rows = [
        [cell.translate(CONTROL_CHARACTERS).replace("\n", " ") for cell in row] for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*clean_rows, strict=True)]
    for row in clean_rows:
        yield "  ".join(f"{c:{w}}" for c, w in zip(row, widths, strict=True)).rstrip()


def build_terminal_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> Iterator["RenderableType"]:
    """A table that fits `width` characters, texts folded at spaces; else a record for each row."""
    column_widths = compute_column_widths(columns, rows, width)
    if column_widths is None:
        yield from _build_records(columns, rows)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, column_width in zip(columns, column_widths, strict=True):
        table.add_column(column, width=column_width)
    for row in rows:
        cells = zip(columns, row, strict=True)
        table.add_row(*(_style_cell(column, cell) for column, cell in cells))
    yield table


def compute_column_widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> list[int] | None:
    """The widths of the columns of a table that fits, or None if it does not.

    A column shrinks only if all of its cells can be folded at spaces, and not below 20 characters.
    """
    cells = [[column, *(row[n] for row in rows)] for n, column in enumerate(columns)]
    widths = [max(len(line) for cell in column for line in cell.split("\n")) for column in cells]
    least = [
        min(natural, _get_least_width(column))
        for natural, column in zip(widths, cells, strict=True)
    ]
    excess = sum(widths) + COLUMN_GAP * (len(columns) - 1) - width
    while excess > 0:
        # The widest of those that can still shrink, by one.
        candidates = [n for n, natural in enumerate(widths) if natural > least[n]]
        if not candidates:
            return None
        widest = max(candidates, key=lambda n: widths[n])
        widths[widest] -= 1
        excess -= 1
    return widths


def _get_least_width(cells: Sequence[str]) -> int:
    """How narrow a column can be: its longest word, or a whole cell that is typed again."""
    typed_cells = [cell for cell in cells if cell.startswith(("ops ", "pulumi ", "aws "))]
    words = [word for cell in cells for word in cell.split()]
    return max(MIN_TEXT_WIDTH, *map(len, words), *map(len, typed_cells), 0)


def _build_records(
    columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> Iterator["RenderableType"]:
    """A line per value, with an empty line between two records; empty values are left out."""
    from rich.text import Text

    label_width = max(map(len, columns)) + COLUMN_GAP
    for index, row in enumerate(rows):
        if index:
            yield Text("")
        for column, cell in zip(columns, row, strict=True):
            if cell not in ("", "-"):
                text = Text(f"{column:{label_width}}", style="bold", no_wrap=True)
                yield text.append_text(_style_cell(column, cell))


def _style_cell(column: str, cell: str) -> "Text":
    from rich.text import Text

    style = STATE_STYLES.get(cell.lower(), "") if column in STATE_COLUMNS else ""
    link = build_console_link(cell)
    return Text(cell, style=f"{style} link {link}".strip() if link else style)


def build_console_link(value: str) -> str | None:
    """The AWS console's page of a resource, if the value is an ARN of the commercial partition.

    The console finds the page from the ARN. Source: Port's guide to its AWS integration has this
    address for every resource; AWS itself documents none.
    """
    if not value.startswith("arn:aws:") or any(character.isspace() for character in value):
        return None
    return f"https://console.aws.amazon.com/go/view?arn={value}"

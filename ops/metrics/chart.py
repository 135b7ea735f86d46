"""Draws values in one line: as blocks on a terminal that has them, else as digits."""

import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

BLOCKS: Final = "▁▂▃▄▅▆▇█"
DIGITS: Final = "12345678"
BLOCK_GAP, DIGIT_GAP = "·", "."
SPARKLINE_WIDTH: Final = 30


def can_draw_blocks() -> bool:
    """True if standard output is a UTF-8 terminal and NO_COLOR is not set."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and encoding == "utf8"


def draw_chart(
    values: Sequence[float | None], *, has_blocks: bool, width: int = SPARKLINE_WIDTH
) -> str:
    """Draws values between their lowest and their highest; a missing value is a gap.

    If there are more than `width`, a character is the highest of several.
    """
    levels, gap = (BLOCKS, BLOCK_GAP) if has_blocks else (DIGITS, DIGIT_GAP)
    bins = _fold(values, width)
    known = [value for value in bins if value is not None]
    if not known:
        return gap * len(bins)
    low, high = min(known), max(known)
    if low == high:
        level = levels[0] if low == 0 else levels[len(levels) // 2]
        return "".join(gap if value is None else level for value in bins)
    return "".join(
        gap if value is None else levels[round((value - low) / (high - low) * (len(levels) - 1))]
        for value in bins
    )


def _fold(values: Sequence[float | None], width: int) -> list[float | None]:
    if len(values) <= width:
        return list(values)
    bounds = [round(n * len(values) / width) for n in range(width + 1)]
    return [
        max((value for value in values[first:last] if value is not None), default=None)
        for first, last in pairwise(bounds)
    ]

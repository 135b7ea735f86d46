"""`--month`: a calendar month in UTC, as a person types it."""

import re
from datetime import UTC, datetime
from typing import Final

from ops.core.errors import UsageError

_MONTH_PATTERN: Final = re.compile(r"(\d{4})-(\d{2})")


def parse_month_start(text: str | None, now: datetime) -> datetime:
    """The start of the month of --month, UTC; of the current one if it is not typed.

    Raises UsageError unless it is YYYY-MM.
    """
    if text is None:
        return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    match = _MONTH_PATTERN.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 12 or int(match[1]) < 1:
        raise UsageError(f"--month must be a month like {now:%Y-%m}, not {text!r}")
    return datetime(int(match[1]), int(match[2]), 1, tzinfo=UTC)

"""Times in requests: each protocol of AWS gives them in another form."""

from datetime import UTC, datetime
from typing import Any


def parse_request_time(value: Any) -> datetime | None:
    """A time of a request, UTC: text, seconds since the epoch or a datetime; None if not set."""
    if value is None:
        return None
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    is_time = isinstance(value, datetime)
    time = value if is_time else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=UTC)

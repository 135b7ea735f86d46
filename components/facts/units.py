"""Units: their seconds and bytes, and the days of the week."""

from typing import Final

HOUR_SECONDS: Final = 3600
DAY_SECONDS: Final = 24 * HOUR_SECONDS
GIB_BYTES: Final = 1024**3
# As RDS and ElastiCache write them in maintenance windows.
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

"""How full the storage of an instance is, how fast it fills, and when it is full.

Growth is the median over two weeks of what the least free storage of a day lost to the next, so
that a day on which storage was added or cleared does not hide the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from components.facts.units import DAY_SECONDS, GIB_BYTES
from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.metrics import RECENT_SECONDS, get_latest_values
from ops.database.free_storage import build_free_storage_query, read_free_storage
from ops.database.instance import DatabaseInstance
from ops.outputs import Outputs

TREND_SECONDS: Final = 14 * DAY_SECONDS
MIN_TREND_DAYS: Final = 3  # days of data without which there is no trend
STORAGE_USE_COLUMNS: Final = (
    "instance",
    "allocated",
    "used",
    "free",
    "limit",
    "growth per day",
    "full",
)


@dataclass(frozen=True)
class StorageUse:
    """The storage of one instance, in GiB. None is unknown, `limit_gib` None: no autoscaling.

    `growth_gib` is of a day, negative if storage becomes free; `full` is when the limit is reached
    at that rate, None if it is not growing or unknown.
    """

    identifier: str
    allocated_gib: int
    limit_gib: int | None
    free_gib: float | None
    growth_gib: float | None
    full: datetime | None

    @property
    def used_gib(self) -> float | None:
        """What is used of the allocated storage."""
        return None if self.free_gib is None else self.allocated_gib - self.free_gib

    def as_json(self) -> dict[str, object]:
        """Returns the fields for JSON."""
        return {
            "instance": self.identifier,
            "allocated_gib": self.allocated_gib,
            "used_gib": None if self.used_gib is None else round(self.used_gib, 2),
            "free_gib": None if self.free_gib is None else round(self.free_gib, 2),
            "limit_gib": self.limit_gib,
            "growth_gib_per_day": None if self.growth_gib is None else round(self.growth_gib, 3),
            "full": None if self.full is None else f"{self.full:%Y-%m-%d}",
        }

    def row(self, now: datetime) -> dict[str, object]:
        """Returns the table row."""
        return {
            "instance": self.identifier,
            "allocated": f"{self.allocated_gib} GiB",
            "used": _format_gib(self.used_gib),
            "free": _format_gib(self.free_gib),
            "limit": f"{self.limit_gib} GiB" if self.limit_gib else "no autoscaling",
            "growth per day": _format_gib(self.growth_gib, digits=2),
            "full": self._describe_end(now),
        }

    def _describe_end(self, now: datetime) -> str:
        if self.full is not None:
            return f"{self.full:%Y-%m-%d}, in {max((self.full - now).days, 0)} days"
        return "unknown" if self.growth_gib is None or self.free_gib is None else "not growing"


def _format_gib(gib: float | None, *, digits: int = 1) -> str:
    return "unknown" if gib is None else f"{gib:.{digits}f} GiB"


def compute_daily_growth(points: Sequence[tuple[float, float]]) -> float | None:
    """Computes the bytes that a day takes, from times in seconds with free bytes, newest first.

    None if there are fewer than MIN_TREND_DAYS of them.
    """
    if len(points) < MIN_TREND_DAYS:
        return None
    return median(
        (older_bytes - newer_bytes) / ((newer_time - older_time) / DAY_SECONDS)
        for (newer_time, newer_bytes), (older_time, older_bytes) in pairwise(points)
    )


def build_storage_use(
    instance: DatabaseInstance,
    free_bytes: float | None,
    points: Sequence[tuple[float, float]],
    now: datetime,
) -> StorageUse:
    """Builds the use of an instance from its free storage, of now and of the days before."""
    growth_bytes = compute_daily_growth(points)
    full = None
    if free_bytes is not None and growth_bytes is not None and growth_bytes > 0:
        room_gib = max((instance.storage_limit_gib or 0) - instance.storage_gib, 0)
        days = (free_bytes + room_gib * GIB_BYTES) / growth_bytes
        full = now + timedelta(days=min(days, 36500))
    return StorageUse(
        instance.identifier,
        instance.storage_gib,
        instance.storage_limit_gib,
        None if free_bytes is None else free_bytes / GIB_BYTES,
        None if growth_bytes is None else growth_bytes / GIB_BYTES,
        full,
    )


def fetch_storage_uses(
    aws: Aws, outputs: Outputs, instances: Sequence[DatabaseInstance], now: datetime
) -> tuple[list[StorageUse], str | None]:
    """Fetches the use of each instance by two calls for all; with why metrics are unknown, if so.

    What cannot be read is unknown: the sizes are still those of RDS.
    """
    newest = {i.identifier: build_free_storage_query(i.identifier) for i in instances}
    daily = {i.identifier: build_free_storage_query(i.identifier, DAY_SECONDS) for i in instances}
    problem, latest_values, points = (
        None,
        dict[str, float](),
        dict[str, list[tuple[float, float]]](),
    )
    try:
        latest_values = get_latest_values(
            read_free_storage(aws, outputs, list(newest.values()), now, RECENT_SECONDS)
        )
        for result in read_free_storage(aws, outputs, list(daily.values()), now, TREND_SECONDS):
            times = [datetime.fromisoformat(time).timestamp() for time in result["Timestamps"]]
            values = map(float, result["Values"])
            points.setdefault(result["Id"], []).extend(zip(times, values, strict=True))
    except OpsError as error:
        problem = str(error)
    uses = [
        build_storage_use(
            instance,
            latest_values.get(newest[instance.identifier].id),
            sorted(points.get(daily[instance.identifier].id, ()), reverse=True),
            now,
        )
        for instance in instances
    ]
    return uses, problem

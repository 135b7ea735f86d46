"""The free storage of the primary, as CloudWatch measured it last."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from components.facts.units import GIB_BYTES
from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.metrics import (
    METRIC_DATA_API,
    RECENT_SECONDS,
    MetricQuery,
    build_metric_query,
    get_latest_values,
)
from ops.outputs import Outputs

STORAGE_COMMAND: Final = "ops db storage"


def build_free_storage_query(identifier: str, period: int = 60) -> MetricQuery:
    """Builds the query of an instance's least free storage in each period, in seconds."""
    return build_metric_query(
        "AWS/RDS", "FreeStorageSpace", "Minimum", period=period, DBInstanceIdentifier=identifier
    )


def read_free_storage(
    aws: Aws, outputs: Outputs, queries: Sequence[MetricQuery], now: datetime, seconds: float
) -> list[Any]:
    """Reads the results of all queries by one call, of the last `seconds`, the newest first."""
    answer: Any = aws.call(
        METRIC_DATA_API,
        {
            "MetricDataQueries": [query.request for query in queries],
            "StartTime": (now - timedelta(seconds=seconds)).isoformat(),
            "EndTime": now.isoformat(),
            "ScanBy": "TimestampDescending",
        },
        outputs.stack.region,
    )
    results: list[Any] = answer["MetricDataResults"]
    return results


def fetch_free_bytes(aws: Aws, outputs: Outputs, now: datetime) -> float | None:
    """Returns the least of the newest minute within a quarter of an hour; None if there is none."""
    query = build_free_storage_query(outputs.database.identifier)
    results = read_free_storage(aws, outputs, [query], now, RECENT_SECONDS)
    return get_latest_values(results).get(query.id)


def require_free_bytes(free_bytes: float | None, needed_bytes: float, purpose: str) -> None:
    """Raises OpsError unless so much is free. Unknown is not enough."""
    needed = f"{purpose} needs up to {needed_bytes / GIB_BYTES:.2f} GiB of free storage"
    if free_bytes is None:
        raise OpsError(
            f"{needed}, and CloudWatch has no FreeStorageSpace of the last "
            f"{RECENT_SECONDS // 60} minutes",
            STORAGE_COMMAND,
        )
    if free_bytes < needed_bytes:
        raise OpsError(
            f"{needed}, but only {free_bytes / GIB_BYTES:.2f} GiB is free", STORAGE_COMMAND
        )

"""The free storage of the primary, as CloudWatch measured it last."""

from datetime import datetime, timedelta
from typing import Any, Final

from components.facts.units import GIB_BYTES
from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.metrics import METRIC_DATA_API, RECENT_SECONDS, build_metric_query, get_latest_values
from ops.outputs import Outputs

STORAGE_COMMAND: Final = "ops db storage"


def fetch_free_bytes(aws: Aws, outputs: Outputs, now: datetime) -> float | None:
    """Returns the least of the newest minute within a quarter of an hour; None if there is none."""
    query = build_metric_query(
        "AWS/RDS", "FreeStorageSpace", "Minimum", DBInstanceIdentifier=outputs.database.identifier
    )
    answer: Any = aws.call(
        METRIC_DATA_API,
        {
            "MetricDataQueries": [query.request],
            "StartTime": (now - timedelta(seconds=RECENT_SECONDS)).isoformat(),
            "EndTime": now.isoformat(),
            "ScanBy": "TimestampDescending",
        },
        outputs.stack.region,
    )
    return get_latest_values(answer["MetricDataResults"]).get(query.id)


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

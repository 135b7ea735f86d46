"""ElastiCache: events, as far as a test puts any: nothing happens to a cache by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.elasticache.models import ElastiCacheBackend
from moto.elasticache.responses import ElastiCacheResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
KEPT_DAYS = 14  # API reference, DescribeEvents


def get_cache_events(backend: ElastiCacheBackend) -> list[ApiRecord]:
    """The events of an account and region, the oldest first."""
    return backend_state(backend, "events", list)


@patch.add_operation(ElastiCacheResponse, "DescribeEvents")
def describe_cache_events(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    """Of the last hour unless a time is given."""
    now = get_sandbox_clock().now()
    since = _parse_time(params.get("StartTime"))
    if since is None:
        since = now - timedelta(minutes=int(params.get("Duration") or 60))
    if since < now - timedelta(days=KEPT_DAYS):
        raise AwsError("InvalidParameterValue", "Start time must be within the last 14 days.")
    until = _parse_time(params.get("EndTime")) or now
    source = params.get("SourceIdentifier")
    return {
        "Events": [
            event
            for event in get_cache_events(response.elasticache_backend)
            if since <= event["Date"] <= until and source in (None, event["SourceIdentifier"])
        ]
    }


def _parse_time(value: Any) -> datetime | None:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if value is None or value.tzinfo is not None:
        return value  # type: ignore[no-any-return]
    return value.replace(tzinfo=UTC)  # type: ignore[no-any-return]

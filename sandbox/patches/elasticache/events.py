"""ElastiCache: events and updates, as far as a test puts any: none come by themselves."""

from datetime import timedelta
from typing import Any

from moto.elasticache.models import ElastiCacheBackend
from moto.elasticache.responses import ElastiCacheResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.elasticache.nodes import CACHE_VERSIONS, get_cache_family
from sandbox.patches.patching import AwsError, ServicePatch, backend_state
from sandbox.patches.request_times import parse_request_time

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
    since = parse_request_time(params.get("StartTime"))
    if since is None:
        since = now - timedelta(minutes=int(params.get("Duration") or 60))
    if since < now - timedelta(days=KEPT_DAYS):
        raise AwsError("InvalidParameterValue", "Start time must be within the last 14 days.")
    until = parse_request_time(params.get("EndTime")) or now
    source = params.get("SourceIdentifier")
    return {
        "Events": [
            event
            for event in get_cache_events(response.elasticache_backend)
            if since <= event["Date"] <= until and source in (None, event["SourceIdentifier"])
        ]
    }


def get_update_actions(backend: ElastiCacheBackend) -> list[ApiRecord]:
    """The update actions of an account and region."""
    return backend_state(backend, "update actions", list)


@patch.add_operation(ElastiCacheResponse, "DescribeCacheEngineVersions")
def describe_engine_versions(_: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    """The versions that can be created (API reference, CacheEngineVersion), without a patch."""
    names = [
        (engine, version)
        for engine, version in CACHE_VERSIONS
        if version is not None and params.get("Engine") in (None, engine)
    ]
    return {
        "CacheEngineVersions": [
            {
                "Engine": engine,
                "EngineVersion": version,
                "CacheParameterGroupFamily": get_cache_family(engine, version),
            }
            for engine, version in sorted(names)
        ]
    }


@patch.add_operation(ElastiCacheResponse, "DescribeUpdateActions")
def describe_update_actions(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    names, statuses = params.get("ReplicationGroupIds"), params.get("UpdateActionStatus")
    return {
        "UpdateActions": [
            action
            for action in get_update_actions(response.elasticache_backend)
            if (not names or action["ReplicationGroupId"] in names)
            and (not statuses or action["UpdateActionStatus"] in statuses)
        ]
    }

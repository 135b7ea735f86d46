"""`ops cache status`: the replication group, its nodes, the last failover, what is pending."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ops.cache.figures import read_latest_figures
from ops.cache.model import CacheNode, list_nodes, read_replication_group
from ops.changes.data_sources import CACHE_EVENTS_API, build_cache_name_pattern
from ops.cli.time_span import TimeSpan
from ops.core.aws import Aws
from ops.core.console_links import build_cache_link
from ops.core.times import parse_aws_time
from ops.database.event_list import KEPT_EVENT_DAYS, build_event_span_params
from ops.fleet.model import list_read_items
from ops.health.cache import CACHE_CLUSTERS_API
from ops.outputs import CachePart, Outputs
from ops.services.description import UnknownParts

UPDATE_ACTIONS_API: Final = "elasticache.describe_update_actions"
# What an update action may be while it is not over (API reference, UpdateAction).
PENDING_UPDATES: Final = (
    "not-applied",
    "waiting-to-start",
    "in-progress",
    "stopping",
    "scheduling",
    "scheduled",
)
HEALTHY_STATUSES: Final = ("available", "snapshotting")
# AWS's messages: "Failover from master node X to replica node Y completed", "Failover to replica
# node X completed" (ElastiCache User Guide, "Managing ElastiCache events").
FAILOVER_PATTERN: Final = re.compile(r"failover.*\bcompleted?\b", re.IGNORECASE)
# Left out of the days that ElastiCache keeps: it refuses an earlier start, and reads come before.
FAILOVER_MARGIN: Final = timedelta(hours=1)
NODE_COLUMNS: Final = (
    "node",
    "shard",
    "role",
    "zone",
    "status",
    "version",
    "memory",
    "keys",
    "evictions",
    "connections",
    "lag",
)


@dataclass(frozen=True)
class CacheStatus:
    """The status as JSON, and what is wrong or not known, as sentences."""

    body: dict[str, Any]
    problems: tuple[str, ...]


def read_cache_status(aws: Aws, outputs: Outputs, cache: CachePart, now: datetime) -> CacheStatus:
    """Reads it. Raises FindingsError if the group is gone, OpsError if it cannot be read."""
    group = read_replication_group(aws, cache)
    nodes = list_nodes(group)
    unknown = UnknownParts()
    clusters = unknown.read("versions of the nodes", lambda: _read_clusters(aws, nodes))
    figures = unknown.read(
        "figures of the nodes", lambda: read_latest_figures(aws, cache, nodes, now)
    )
    failover = unknown.read("the last failover", lambda: _find_failover(aws, cache, now))
    updates = unknown.read("pending updates", lambda: _list_updates(aws, cache))
    body = {
        "console": build_cache_link(outputs, cache),
        "group": _build_group(group),
        "nodes": [_build_node(node, clusters, figures) for node in nodes],
        "lastFailover": failover or None,
        "isFailoverKnown": failover is not None,
        "eventDays": KEPT_EVENT_DAYS,
        "updates": updates,
        "unknown": unknown.reasons,
    }
    return CacheStatus(body, tuple(_list_problems(cache, body)))


def _build_group(group: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "identifier": group["ReplicationGroupId"],
        "status": group["Status"],
        "engine": group.get("Engine"),
        "nodeType": group.get("CacheNodeType"),
        "clusterMode": bool(group.get("ClusterEnabled")),
        "automaticFailover": group.get("AutomaticFailover"),
        "multiAz": group.get("MultiAZ"),
        "encryptedInTransit": group.get("TransitEncryptionEnabled"),
        "snapshotDays": group.get("SnapshotRetentionLimit"),
        "shards": {
            str(shard.get("NodeGroupId")): shard.get("Status")
            for shard in group.get("NodeGroups") or ()
        },
        "pendingChanges": group.get("PendingModifiedValues") or {},
    }


def _build_node(
    node: CacheNode,
    clusters: Mapping[str, Any] | None,
    figures: Mapping[tuple[str, str], float | None] | None,
) -> dict[str, Any]:
    cluster = (clusters or {}).get(node.name) or {}

    def get_figure(name: str) -> float | None:
        return (figures or {}).get((node.name, name))

    return {
        "node": node.name,
        "shard": node.shard,
        "role": node.role,
        "zone": node.zone or cluster.get("PreferredAvailabilityZone"),
        "status": cluster.get("CacheClusterStatus"),
        "version": cluster.get("EngineVersion"),
        "memoryPercent": get_figure("memory"),
        "keys": get_figure("keys"),
        "evictionsLastHour": get_figure("evictions"),
        "connections": get_figure("connections"),
        "lagSeconds": get_figure("lag"),
    }


def _read_clusters(aws: Aws, nodes: Sequence[CacheNode]) -> dict[str, Any]:
    names = {node.name for node in nodes}
    clusters = list_read_items(aws, CACHE_CLUSTERS_API, "CacheClusters", {})
    return {
        str(cluster["CacheClusterId"]): cluster
        for cluster in clusters
        if cluster["CacheClusterId"] in names
    }


def _find_failover(aws: Aws, cache: CachePart, now: datetime) -> dict[str, Any]:
    """The last one of the days of which ElastiCache keeps events; empty if there was none."""
    since = now - timedelta(days=KEPT_EVENT_DAYS) + FAILOVER_MARGIN
    span = TimeSpan(since, now, is_until_now=True)
    params = build_event_span_params(span, now)
    pattern = build_cache_name_pattern(cache)
    failovers = [
        event
        for event in list_read_items(aws, CACHE_EVENTS_API, "Events", params)
        if pattern.fullmatch(str(event.get("SourceIdentifier")))
        and FAILOVER_PATTERN.search(str(event.get("Message")))
    ]
    if not failovers:
        return {}
    last = max(failovers, key=lambda event: parse_aws_time(event["Date"]))
    return {"at": last["Date"], "source": last["SourceIdentifier"], "message": last["Message"]}


def _list_updates(aws: Aws, cache: CachePart) -> list[dict[str, Any]]:
    params = {
        "ReplicationGroupIds": [cache.identifier],
        "UpdateActionStatus": list(PENDING_UPDATES),
    }
    return [
        {
            "name": action.get("ServiceUpdateName"),
            "severity": action.get("ServiceUpdateSeverity"),
            "type": action.get("ServiceUpdateType"),
            "status": action.get("UpdateActionStatus"),
            "applyBy": action.get("ServiceUpdateRecommendedApplyByDate"),
            "nodesUpdated": action.get("NodesUpdated"),
        }
        for action in list_read_items(aws, UPDATE_ACTIONS_API, "UpdateActions", params)
    ]


def _list_problems(cache: CachePart, body: Mapping[str, Any]) -> list[str]:
    group = body["group"]
    problems = []
    if group["status"] not in HEALTHY_STATUSES:
        problems.append(f"{cache.identifier} is {group['status']}")
    for shard, status in group["shards"].items():
        if status not in HEALTHY_STATUSES:
            problems.append(f"the shard {shard} is {status}")
    for node in body["nodes"]:
        if node["status"] is not None and node["status"] not in HEALTHY_STATUSES:
            problems.append(f"the node {node['node']} is {node['status']}")
    return [*problems, *body["unknown"]]

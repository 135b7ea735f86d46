"""The cache as ElastiCache describes it: its replication group and its nodes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import Aws, get_error_code
from ops.core.errors import FindingsError, UsageError
from ops.fleet.model import build_refused_error
from ops.health.cache import REPLICATION_GROUPS_API
from ops.outputs import CachePart, Outputs

GROUP_GONE_CODE: Final = "ReplicationGroupNotFoundFault"


@dataclass(frozen=True)
class CacheNode:
    """A node. `role` is None if ElastiCache does not say, as in cluster mode; `zone` likewise."""

    name: str
    shard: str | None
    role: str | None
    zone: str | None


def get_cache_part(outputs: Outputs) -> CachePart:
    """The stack's cache. Raises UsageError if it has none."""
    if outputs.cache is None:
        raise UsageError(f"the stack {outputs.stack.stack} has no cache: cache.enabled is false")
    return outputs.cache


def read_replication_group(aws: Aws, cache: CachePart) -> Mapping[str, Any]:
    """The replication group. Raises FindingsError if it is gone."""
    try:
        answer: Any = aws.call(REPLICATION_GROUPS_API, {"ReplicationGroupId": cache.identifier})
    except ClientError as error:
        if get_error_code(error) == GROUP_GONE_CODE:
            raise FindingsError(
                f"the replication group {cache.identifier} is gone", "pulumi up --refresh"
            ) from None
        raise build_refused_error(REPLICATION_GROUPS_API, error) from error
    group: Mapping[str, Any] = answer["ReplicationGroups"][0]
    return group


def list_nodes(group: Mapping[str, Any]) -> list[CacheNode]:
    """The nodes by shard, the primary first.

    `CurrentRole` is there with cluster mode disabled only (API reference, NodeGroupMember). Members
    that are in no shard yet, while the group is created, come last.
    """
    nodes = list(_list_members(group))
    known_names = {node.name for node in nodes}
    return [
        *sorted(nodes, key=lambda node: (node.shard or "", node.role != "primary", node.name)),
        *(
            CacheNode(str(name), None, None, None)
            for name in group.get("MemberClusters") or ()
            if name not in known_names
        ),
    ]


def _list_members(group: Mapping[str, Any]) -> Iterator[CacheNode]:
    for shard in group.get("NodeGroups") or ():
        for member in shard.get("NodeGroupMembers") or ():
            yield CacheNode(
                str(member["CacheClusterId"]),
                shard.get("NodeGroupId"),
                member.get("CurrentRole"),
                member.get("PreferredAvailabilityZone"),
            )

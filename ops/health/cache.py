"""The replication group."""

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadRequest,
    build_read,
    get_answer_items,
)

REPLICATION_GROUPS_API = "elasticache.describe_replication_groups"
CACHE_CLUSTERS_API = "elasticache.describe_cache_clusters"
CACHE_AREA = "cache"


def build_replication_group_read(facts: CheckFacts) -> ReadRequest:
    """Builds the read of the group. The stack must have a cache."""
    assert facts.outputs.cache is not None
    return build_read(
        REPLICATION_GROUPS_API,
        "ReplicationGroups",
        ReplicationGroupId=facts.outputs.cache.identifier,
        absent_codes=("ReplicationGroupNotFoundFault",),
    )


def check_replication_group(facts: CheckFacts) -> CheckRoutine:
    """The replication group and each of its nodes is available, and it can fail over."""
    assert facts.outputs.cache is not None
    name = facts.outputs.cache.identifier
    (answer,) = yield [build_replication_group_read(facts)]
    item = next(iter(get_answer_items(answer)), None)
    if item is None:
        return [CheckFinding("failing", CACHE_AREA, name, "is gone", "pulumi up --refresh")]
    states = [item["Status"], *(shard["Status"] for shard in item.get("NodeGroups", ()))]
    nodes = item.get("MemberClusters", [])
    failover = item.get("AutomaticFailover", "disabled")
    evidence = f"{item['Status']}, {len(nodes)} nodes, automatic failover {failover}"
    # With a single node there is nothing to fail over to.
    can_fail_over = len(nodes) < 2 or failover in ("enabled", "enabling")
    if can_fail_over and all(state in ("available", "snapshotting") for state in states):
        return [CheckFinding("ok", CACHE_AREA, name, evidence)]
    advice = "ops changes --only cache --since 7d"
    return [CheckFinding("failing", CACHE_AREA, name, evidence, advice)]

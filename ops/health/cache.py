"""The replication group."""

from ops.core.checks import Check, Facts, Finding, Looking, Read, known, read

GROUPS = "elasticache.describe_replication_groups"
AREA = "cache"


def described(facts: Facts) -> Read:
    """The group; the table asks only where there is one."""
    assert facts.outputs.cache is not None
    return read(
        GROUPS,
        "ReplicationGroups",
        ReplicationGroupId=facts.outputs.cache.identifier,
        absent=("ReplicationGroupNotFoundFault",),
    )


def group(facts: Facts) -> Looking:
    """The replication group and each of its nodes is available, and it can fail over."""
    assert facts.outputs.cache is not None
    name = facts.outputs.cache.identifier
    (answer,) = yield [described(facts)]
    item = next(iter(known(answer)), None)
    if item is None:
        return [Finding("failing", AREA, name, "is gone", "pulumi up --refresh")]
    states = [item["Status"], *(shard["Status"] for shard in item.get("NodeGroups", ()))]
    nodes = item.get("MemberClusters", [])
    failover = item.get("AutomaticFailover", "disabled")
    evidence = f"{item['Status']}, {len(nodes)} nodes, automatic failover {failover}"
    # With a single node there is nothing to fail over to.
    safe = len(nodes) < 2 or failover in ("enabled", "enabling")
    if safe and all(state in ("available", "snapshotting") for state in states):
        return [Finding("ok", AREA, name, evidence)]
    help_ = "aws elasticache describe-events --source-type replication-group"
    return [Finding("failing", AREA, name, evidence, help_)]


CHECKS = (Check(AREA, "replication group", group, (GROUPS,), lambda o: o.cache is not None),)

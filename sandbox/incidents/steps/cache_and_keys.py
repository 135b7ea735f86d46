"""What happens to the cache, to keys and to roles.

Events of ElastiCache: ElastiCache User Guide, "Event notifications and Amazon SNS". Keys: KMS
Developer Guide, "Key states of AWS KMS keys".
"""

from typing import Any

from moto.elasticache.models import elasticache_backends

from sandbox.aws import ACCOUNT_ID
from sandbox.incidents.model import happening
from sandbox.incidents.world import TimeSpanBack, World, list_cache_nodes
from sandbox.patches.elasticache.events import get_cache_events


@happening("cache-event")
def add_cache_event(
    world: World, span: TimeSpanBack, *, text: str, node: str | None = None
) -> None:
    """An event of the cache, or of one of its nodes. `{cache}` is its name."""
    assert world.outputs.cache is not None
    name = world.outputs.cache.identifier
    source = name if node is None else f"{name}-{node}"
    get_cache_events(elasticache_backends[ACCOUNT_ID][world.region]).append(
        {
            "SourceIdentifier": source,
            "SourceType": "replication-group" if node is None else "cache-cluster",
            "Message": text.replace("{cache}", name),
            "Date": world.get_time(span.begin),
        }
    )


@happening("cache-fails-over")
def fail_cache_over(world: World, span: TimeSpanBack) -> None:
    """The primary fails, and the replica becomes the primary."""
    old, new = (node.rpartition("-")[2] for node in list_cache_nodes(world)[:2])
    text = f"Failover from master node {{cache}}-{old} to replica node {{cache}}-{new} completed"
    recovering = TimeSpanBack(span.begin + 20, 0)
    add_cache_event(world, recovering, text="Recovering cache nodes 0001", node=old)
    add_cache_event(world, span, text=text)
    recovered = TimeSpanBack(max(span.begin - 240, 0), 0)
    add_cache_event(world, recovered, text="Finished recovery for cache nodes 0001", node=old)
    during = TimeSpanBack(span.begin + 60, max(span.begin - 120, 0))
    for metric in ("CurrConnections", "CacheHits", "CacheMisses"):
        world.change_metric(during, f"cache/{old}", metric, "times", 0.02)


@happening("cache-token-changes")
def change_token(
    world: World, span: TimeSpanBack, *, strategy: str = "SET", by: str = "jane.doe"
) -> None:
    """The AUTH token is set by hand: the secret's, which the services send, is wrong now."""
    assert world.outputs.cache is not None
    world.person("elasticache", by).modify_replication_group(
        ReplicationGroupId=world.outputs.cache.identifier,
        AuthToken="changed-by-hand-8f2c1d-9e0b7a",
        AuthTokenUpdateStrategy=strategy,
        ApplyImmediately=True,
    )
    for metric, value in (("AuthenticationFailures", 40.0), ("NewConnections", 44.0)):
        world.change_metric(span, "cache/*", metric, "set", value, 2)


@happening("disable-key")
def disable_key(
    world: World,
    span: TimeSpanBack,
    *,
    key: str = "data",
    is_deleted: bool = False,
    by: str = "jane.doe",
) -> None:
    """A key of the stack, `data` or `logs`, is disabled, or waits for its deletion."""
    arn = getattr(world.outputs.stack, f"{key}_key_arn")
    kms = world.person("kms", by)
    if is_deleted:
        kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    else:
        kms.disable_key(KeyId=arn)


@happening("take-permission")
def take_permission(
    world: World,
    span: TimeSpanBack,
    *,
    service: str,
    role: str = "execution",
    by: str = "jane.doe",
) -> None:
    """The policies of a service's role are deleted: its `execution` or its `task` role."""
    assert world.outputs.services is not None
    part = world.outputs.services.services[service]
    arn = part.execution_role_arn if role == "execution" else part.task_role_arn
    name = str(arn).rpartition("/")[2]
    iam, reading = world.person("iam", by), world.client("iam")
    inline: list[Any] = reading.list_role_policies(RoleName=name)["PolicyNames"]
    for policy in inline:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    attached: list[Any] = reading.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    for policy in attached:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])

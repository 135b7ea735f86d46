"""ElastiCache in the sandbox: replication groups have members, parameter groups, lifetimes."""

from typing import Any

from sandbox.clock import ManualClock
from tests.sandbox.conftest import ClientFactory, RefusalGetter


def create_cache(cache: Any, **parameters: Any) -> dict[str, Any]:
    response = cache.create_replication_group(
        ReplicationGroupId="cache",
        ReplicationGroupDescription="d",
        **{
            "Engine": "valkey",
            "EngineVersion": "8.0",
            "CacheNodeType": "cache.t4g.micro",
            "NumCacheClusters": 2,
            "AutomaticFailoverEnabled": True,
            "MultiAZEnabled": True,
            "TransitEncryptionEnabled": True,
            "AtRestEncryptionEnabled": True,
            "AuthToken": "Aa1Aa1Aa1Aa1Aa1Aa1",
            "SnapshotRetentionLimit": 7,
            **parameters,
        },
    )
    group: dict[str, Any] = response["ReplicationGroup"]
    return group


def describe_cache(cache: Any) -> dict[str, Any]:
    groups = cache.describe_replication_groups(ReplicationGroupId="cache")["ReplicationGroups"]
    replication_group: dict[str, Any] = groups[0]
    return replication_group


def test_a_group_has_members_that_are_cache_clusters(aws_client: ClientFactory) -> None:
    cache = aws_client("elasticache")
    create_cache(cache)
    assert describe_cache(cache)["MemberClusters"] == ["cache-001", "cache-002"]
    member = cache.describe_cache_clusters(CacheClusterId="cache-002")["CacheClusters"][0]
    assert (member["ReplicationGroupId"], member["EngineVersion"]) == ("cache", "8.0.1")
    assert member["CacheParameterGroup"]["CacheParameterGroupName"] == "default.valkey8"


def test_a_replication_group_has_its_inputs(aws_client: ClientFactory) -> None:
    cache = aws_client("elasticache")
    create_cache(cache)
    cache_group = describe_cache(cache)
    assert (cache_group["AutomaticFailover"], cache_group["MultiAZ"]) == ("enabled", "enabled")
    assert cache_group["TransitEncryptionEnabled"] is True
    assert cache_group["AuthTokenEnabled"] is True
    roles = [m["CurrentRole"] for m in cache_group["NodeGroups"][0]["NodeGroupMembers"]]
    assert roles == ["primary", "replica"]


def test_a_replication_group_takes_time_to_become_available(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    cache = aws_client("elasticache")
    assert create_cache(cache)["Status"] == "creating"
    held_clock.advance(3600)
    assert describe_cache(cache)["Status"] == "available"
    cache.delete_replication_group(ReplicationGroupId="cache", FinalSnapshotIdentifier="final")
    assert describe_cache(cache)["Status"] == "deleting"
    held_clock.advance(3600)
    assert cache.describe_replication_groups()["ReplicationGroups"] == []
    assert cache.describe_snapshots()["Snapshots"][0]["SnapshotName"] == "final"


def test_a_replication_group_can_be_modified(aws_client: ClientFactory) -> None:
    cache = aws_client("elasticache")
    create_cache(cache)
    cache.modify_replication_group(
        ReplicationGroupId="cache",
        CacheNodeType="cache.m7g.large",
        AutomaticFailoverEnabled=False,
        MultiAZEnabled=False,
    )
    cache_group = describe_cache(cache)
    assert (cache_group["CacheNodeType"], cache_group["AutomaticFailover"]) == (
        "cache.m7g.large",
        "disabled",
    )
    cache.increase_replica_count(
        ReplicationGroupId="cache", NewReplicaCount=2, ApplyImmediately=True
    )
    assert len(describe_cache(cache)["MemberClusters"]) == 3


def test_combinations_that_aws_refuses_are_refused(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    cache = aws_client("elasticache")
    for parameters, expected in (
        ({"TransitEncryptionEnabled": False}, "InvalidParameterCombination"),
        ({"NumCacheClusters": 1}, "InvalidParameterValue"),
        ({"AutomaticFailoverEnabled": False}, "InvalidParameterCombination"),
        ({"CacheSubnetGroupName": "nowhere"}, "CacheSubnetGroupNotFoundFault"),
        ({"CacheParameterGroupName": "nothing"}, "CacheParameterGroupNotFound"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidParameterValue"),
    ):
        code, _ = get_refusal(create_cache, cache=cache, **parameters)
        assert code == expected, parameters


def test_a_duplicate_replication_group_is_refused(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    cache = aws_client("elasticache")
    create_cache(cache)
    assert get_refusal(create_cache, cache=cache)[0] == "ReplicationGroupAlreadyExists"


def test_parameter_groups_are_kept_and_not_deleted_while_in_use(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    cache = aws_client("elasticache")
    name = {"CacheParameterGroupName": "group"}
    cache.create_cache_parameter_group(**name, CacheParameterGroupFamily="valkey8", Description="d")
    value = {"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lru"}
    cache.modify_cache_parameter_group(**name, ParameterNameValues=[value])
    cache_parameters = cache.describe_cache_parameters(**name, Source="user")["Parameters"]
    assert [p["ParameterValue"] for p in cache_parameters] == ["allkeys-lru"]
    create_cache(cache, **name)
    assert (
        get_refusal(cache.delete_cache_parameter_group, **name)[0]
        == "InvalidCacheParameterGroupState"
    )
    cache.delete_replication_group(ReplicationGroupId="cache")
    cache.delete_cache_parameter_group(**name)
    assert cache.describe_cache_parameter_groups()["CacheParameterGroups"] == []


def test_subnet_groups_go_when_nothing_uses_them(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    cache, ec2 = aws_client("elasticache"), aws_client("ec2")
    subnets = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]]
    name = {"CacheSubnetGroupName": "group"}
    cache.create_cache_subnet_group(**name, CacheSubnetGroupDescription="d", SubnetIds=subnets)
    zones = {n["PreferredAvailabilityZone"] for n in _create_cache_members(cache, **name)}
    assert len(zones) == 2
    assert get_refusal(cache.delete_cache_subnet_group, **name)[0] == "CacheSubnetGroupInUse"
    cache.delete_replication_group(ReplicationGroupId="cache")
    cache.delete_cache_subnet_group(**name)
    assert cache.describe_cache_subnet_groups()["CacheSubnetGroups"] == []


def _create_cache_members(cache: Any, **parameters: Any) -> list[dict[str, Any]]:
    create_cache(cache, **parameters)
    members: list[dict[str, Any]] = describe_cache(cache)["NodeGroups"][0]["NodeGroupMembers"]
    return members

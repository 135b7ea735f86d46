"""ElastiCache in the sandbox: replication groups have members, parameter groups, lifetimes."""

from typing import Any

from sandbox.clock import ManualClock
from tests.sandbox.conftest import Clients, Refusal


def create(cache: Any, **given: Any) -> dict[str, Any]:
    made = cache.create_replication_group(
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
            **given,
        },
    )
    group: dict[str, Any] = made["ReplicationGroup"]
    return group


def seen(cache: Any) -> dict[str, Any]:
    found = cache.describe_replication_groups(ReplicationGroupId="cache")["ReplicationGroups"]
    only: dict[str, Any] = found[0]
    return only


def test_a_group_has_members_that_are_cache_clusters(mended: Clients) -> None:
    cache = mended("elasticache")
    create(cache)
    assert seen(cache)["MemberClusters"] == ["cache-001", "cache-002"]
    member = cache.describe_cache_clusters(CacheClusterId="cache-002")["CacheClusters"][0]
    assert (member["ReplicationGroupId"], member["EngineVersion"]) == ("cache", "8.0.1")
    assert member["CacheParameterGroup"]["CacheParameterGroupName"] == "default.valkey8"


def test_a_group_is_as_it_was_made(mended: Clients) -> None:
    cache = mended("elasticache")
    create(cache)
    found = seen(cache)
    assert (found["AutomaticFailover"], found["MultiAZ"]) == ("enabled", "enabled")
    assert found["TransitEncryptionEnabled"] is True
    assert found["AuthTokenEnabled"] is True
    roles = [m["CurrentRole"] for m in found["NodeGroups"][0]["NodeGroupMembers"]]
    assert roles == ["primary", "replica"]


def test_a_group_takes_its_time(mended: Clients, held: ManualClock) -> None:
    cache = mended("elasticache")
    assert create(cache)["Status"] == "creating"
    held.advance(3600)
    assert seen(cache)["Status"] == "available"
    cache.delete_replication_group(ReplicationGroupId="cache", FinalSnapshotIdentifier="final")
    assert seen(cache)["Status"] == "deleting"
    held.advance(3600)
    assert cache.describe_replication_groups()["ReplicationGroups"] == []
    assert cache.describe_snapshots()["Snapshots"][0]["SnapshotName"] == "final"


def test_a_group_changes(mended: Clients) -> None:
    cache = mended("elasticache")
    create(cache)
    cache.modify_replication_group(
        ReplicationGroupId="cache",
        CacheNodeType="cache.m7g.large",
        AutomaticFailoverEnabled=False,
        MultiAZEnabled=False,
    )
    found = seen(cache)
    assert (found["CacheNodeType"], found["AutomaticFailover"]) == ("cache.m7g.large", "disabled")
    cache.increase_replica_count(
        ReplicationGroupId="cache", NewReplicaCount=2, ApplyImmediately=True
    )
    assert len(seen(cache)["MemberClusters"]) == 3


def test_combinations_that_aws_refuses_are_refused(mended: Clients, refused: Refusal) -> None:
    cache = mended("elasticache")
    for given, expected in (
        ({"TransitEncryptionEnabled": False}, "InvalidParameterCombination"),
        ({"NumCacheClusters": 1}, "InvalidParameterValue"),
        ({"AutomaticFailoverEnabled": False}, "InvalidParameterCombination"),
        ({"CacheSubnetGroupName": "nowhere"}, "CacheSubnetGroupNotFoundFault"),
        ({"CacheParameterGroupName": "nothing"}, "CacheParameterGroupNotFound"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidParameterValue"),
    ):
        code, _ = refused(create, cache=cache, **given)
        assert code == expected, given


def test_a_name_is_taken_once(mended: Clients, refused: Refusal) -> None:
    cache = mended("elasticache")
    create(cache)
    assert refused(create, cache=cache)[0] == "ReplicationGroupAlreadyExists"


def test_parameter_groups_are_kept_and_not_deleted_while_in_use(
    mended: Clients, refused: Refusal
) -> None:
    cache = mended("elasticache")
    name = {"CacheParameterGroupName": "group"}
    cache.create_cache_parameter_group(**name, CacheParameterGroupFamily="valkey8", Description="d")
    value = {"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lru"}
    cache.modify_cache_parameter_group(**name, ParameterNameValues=[value])
    found = cache.describe_cache_parameters(**name, Source="user")["Parameters"]
    assert [p["ParameterValue"] for p in found] == ["allkeys-lru"]
    create(cache, **name)
    assert (
        refused(cache.delete_cache_parameter_group, **name)[0] == "InvalidCacheParameterGroupState"
    )
    cache.delete_replication_group(ReplicationGroupId="cache")
    cache.delete_cache_parameter_group(**name)
    assert cache.describe_cache_parameter_groups()["CacheParameterGroups"] == []


def test_subnet_groups_go_when_nothing_uses_them(mended: Clients, refused: Refusal) -> None:
    cache, ec2 = mended("elasticache"), mended("ec2")
    subnets = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]]
    name = {"CacheSubnetGroupName": "group"}
    cache.create_cache_subnet_group(**name, CacheSubnetGroupDescription="d", SubnetIds=subnets)
    zones = {n["PreferredAvailabilityZone"] for n in _members(cache, **name)}
    assert len(zones) == 2
    assert refused(cache.delete_cache_subnet_group, **name)[0] == "CacheSubnetGroupInUse"
    cache.delete_replication_group(ReplicationGroupId="cache")
    cache.delete_cache_subnet_group(**name)
    assert cache.describe_cache_subnet_groups()["CacheSubnetGroups"] == []


def _members(cache: Any, **given: Any) -> list[dict[str, Any]]:
    create(cache, **given)
    members: list[dict[str, Any]] = seen(cache)["NodeGroups"][0]["NodeGroupMembers"]
    return members

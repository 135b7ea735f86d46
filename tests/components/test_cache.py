"""The cache: what ElastiCache is asked for, per setting, and the controls that it meets."""

import json

import pytest
from pydantic import JsonValue

from components.naming import build_stack_tags
from sandbox.program import RegisteredResource, ResourceGraph
from tests.components.stores import (
    PRIVATE_SUBNET_IDS,
    DataStores,
    build_stores_graph,
    list_component_resources,
    run_stores_program,
)
from tests.world import build_settings

REPLICATION_GROUP_TYPE = "aws:elasticache/replicationGroup:ReplicationGroup"
CACHE_PARAMETER_GROUP_TYPE = "aws:elasticache/parameterGroup:ParameterGroup"


def build_cache_graph(
    cache_values: dict[str, JsonValue] | None = None, profile: str = "prod"
) -> ResourceGraph:
    return build_stores_graph({"cache": {"enabled": True, **(cache_values or {})}}, profile=profile)


def get_replication_group(graph: ResourceGraph) -> RegisteredResource:
    return graph.get_resource(REPLICATION_GROUP_TYPE)


@pytest.mark.parametrize(
    ("control", "name", "value"),
    [
        ("ElastiCache.1", "snapshotRetentionLimit", 7),
        ("ElastiCache.2", "autoMinorVersionUpgrade", True),
        ("ElastiCache.3", "automaticFailoverEnabled", True),
        ("ElastiCache.3", "multiAzEnabled", True),
        ("ElastiCache.3", "numCacheClusters", 2),
        ("ElastiCache.4", "atRestEncryptionEnabled", True),
        ("ElastiCache.5", "transitEncryptionEnabled", True),
        ("ElastiCache.5", "transitEncryptionMode", "required"),
        ("ElastiCache.6", "authToken", "Aa1-" * 8),
        ("ElastiCache.7", "subnetGroupName", "bulwark-test-cache"),
    ],
)
def test_the_prod_cache_meets_the_security_control(
    control: str, name: str, value: JsonValue
) -> None:
    assert get_replication_group(build_cache_graph()).inputs[name] == value, control


def test_the_cache_is_in_private_subnets_without_ingress_rules() -> None:
    graph = build_cache_graph()
    subnets = graph.get_resource("aws:elasticache/subnetGroup:SubnetGroup").inputs
    assert subnets["subnetIds"] == list(PRIVATE_SUBNET_IDS.values())
    server = graph.get_resource("aws:ec2/securityGroup:SecurityGroup", "cache-server")
    assert get_replication_group(graph).inputs["securityGroupIds"] == [server.id]
    assert not [r for r in list_component_resources(graph, "cache") if "Rule" in r.type]


def test_the_cache_is_encrypted_with_the_stacks_own_key() -> None:
    graph = build_cache_graph()
    key = graph.get_resource("aws:kms/key:Key", "keys-data").outputs["arn"]
    assert get_replication_group(graph).inputs["kmsKeyId"] == key
    assert "kmsKeyId" not in get_replication_group(build_cache_graph(profile="dev")).inputs


def test_the_auth_token_is_secret_and_owned_by_rotation() -> None:
    graph = build_cache_graph()
    assert "authToken" in get_replication_group(graph).secrets
    assert get_replication_group(graph).ignore_changes == ("authToken",)
    password_inputs = graph.get_resource(
        "random:index/randomPassword:RandomPassword", "cache-token"
    ).inputs
    assert 16 <= password_inputs["length"] <= 128
    assert set(password_inputs["overrideSpecial"]) <= set("!&#$^<>-")
    version = graph.get_resource(
        "aws:secretsmanager/secretVersion:SecretVersion", "cache-credentials"
    )
    assert "secretString" in version.secrets
    assert json.loads(version.inputs["secretString"]) == {
        "host": "cache.cache.amazonaws.com",
        "reader_host": "cache-ro.cache.amazonaws.com",
        "port": 6379,
        "token": "Aa1-" * 8,
    }


def test_slow_and_engine_logs_go_to_groups_of_the_stack() -> None:
    graph = build_cache_graph()
    groups = {
        r.inputs["name"]: r.inputs for r in graph.list_resources("aws:cloudwatch/logGroup:LogGroup")
    }
    log_deliveries = get_replication_group(graph).inputs["logDeliveryConfigurations"]
    assert [d["logType"] for d in log_deliveries] == ["slow-log", "engine-log"]
    for delivery in log_deliveries:
        logs = groups[delivery["destination"]]
        assert logs["name"].startswith("/aws/vendedlogs/")
        assert (logs["retentionInDays"], bool(logs["kmsKeyId"])) == (90, True)


def test_without_a_replica_automatic_failover_is_off() -> None:
    inputs = get_replication_group(build_cache_graph({"replicas": 0})).inputs
    assert inputs["numCacheClusters"] == 1
    assert inputs["automaticFailoverEnabled"] is False
    assert inputs["multiAzEnabled"] is False


def test_without_snapshots_there_is_no_snapshot_window() -> None:
    inputs = get_replication_group(build_cache_graph({"snapshotDays": 0})).inputs
    assert inputs["snapshotRetentionLimit"] == 0
    assert "snapshotWindow" not in inputs


def test_the_cache_is_protected_if_the_stack_is() -> None:
    prod, dev = (
        get_replication_group(build_cache_graph()),
        get_replication_group(build_cache_graph(profile="dev")),
    )
    assert (prod.protect, prod.inputs["finalSnapshotIdentifier"]) == (
        True,
        "bulwark-test-cache-final-0a1b2c3d",
    )
    assert not dev.protect
    assert "finalSnapshotIdentifier" not in dev.inputs


@pytest.mark.parametrize(
    ("cache_values", "family", "name"),
    [
        ({}, "valkey8", "bulwark-test-cache-valkey8"),
        ({"engineVersion": "7.2"}, "valkey7", "bulwark-test-cache-valkey7"),
        (
            {"engine": "redis", "engineVersion": "6.2"},
            "redis6.x",
            "bulwark-test-cache-redis6-x",
        ),
    ],
)
def test_the_cache_uses_the_parameter_group_of_its_family(
    cache_values: dict[str, JsonValue], family: str, name: str
) -> None:
    graph = build_cache_graph(cache_values)
    names = {
        group.inputs["family"]: group.inputs["name"]
        for group in graph.list_resources(CACHE_PARAMETER_GROUP_TYPE)
    }
    assert names[family] == name
    assert get_replication_group(graph).inputs["parameterGroupName"] == name


def test_another_family_deletes_no_parameter_group() -> None:
    """The old one is in use until the maintenance window: ElastiCache refuses to delete it."""
    versions: tuple[dict[str, JsonValue], ...] = (
        {},
        {"engineVersion": "7.2"},
        {"engine": "redis"},
    )
    groups = [
        {
            (group.name, group.inputs["name"])
            for group in build_cache_graph(values).list_resources(CACHE_PARAMETER_GROUP_TYPE)
        }
        for values in versions
    ]
    assert len(groups[0]) == 4
    assert groups[0] == groups[1] == groups[2]


def test_the_eviction_policy_comes_from_the_settings() -> None:
    policy = {"name": "maxmemory-policy", "value": "noeviction"}
    graph = build_cache_graph({"eviction": "noeviction"})
    for group in graph.list_resources(CACHE_PARAMETER_GROUP_TYPE):
        assert group.inputs["parameters"] == [policy]


def test_there_is_no_cache_by_default() -> None:
    assert not build_stores_graph().list_resources(REPLICATION_GROUP_TYPE)


def test_every_resource_is_tagged_and_named_from_the_component() -> None:
    component_resources = list_component_resources(build_cache_graph(), "cache")
    assert all(r.name.startswith("cache") for r in component_resources)
    for resource in (r for r in component_resources if "tags" in r.inputs):
        assert (
            build_stack_tags(build_settings(), "cache").items() <= resource.inputs["tags"].items()
        )


def test_the_cache_part_of_the_contract_is_complete() -> None:
    parts: list[dict[str, object]] = []

    def check_cache(stores: DataStores) -> None:
        assert stores.cache is not None
        assert stores.cache.identifier == "bulwark-test-cache"
        assert stores.cache.rotation_function == "bulwark-test-cache-rotation"
        stores.cache.part.apply(parts.append)

    run_stores_program(check_cache, {"cache": {"enabled": True}})
    (part,) = parts
    assert (part["identifier"], part["engine"], part["port"]) == (
        "bulwark-test-cache",
        "valkey",
        6379,
    )
    assert part["primaryEndpoint"] == "cache.cache.amazonaws.com"
    assert part["secretArn"]

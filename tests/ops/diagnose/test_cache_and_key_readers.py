"""What the looks at the cache and the keys see."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from moto.elasticache.models import elasticache_backends

from components.facts.metrics import ELASTICACHE_NAMESPACE
from ops.diagnose.facts import Facts
from ops.diagnose.reader import FactCollector
from ops.diagnose.readers.cache import (
    add_group,
    add_token,
    classify_cache_event,
    read_cache,
)
from ops.diagnose.readers.keys import read_keys
from ops.outputs import CachePart
from sandbox.patches.elasticache.events import get_cache_events
from tests.ops.change_stage import put_call
from tests.ops.db_stage import fail_operations
from tests.ops.diagnose_stage import build_request
from tests.ops.metric_stage import put_values
from tests.ops.stage import ACCOUNT, REGION, Stage


def look(stage: Stage) -> Facts:
    return read_cache(build_request(stage))


def get_cache(stage: Stage) -> CachePart:
    assert stage.outputs.cache is not None
    return stage.outputs.cache


def put_event(stage: Stage, message: str, source: str | None = None) -> None:
    get_cache_events(elasticache_backends[ACCOUNT][REGION]).append(
        {
            "SourceIdentifier": source or f"{get_cache(stage).identifier}-001",
            "SourceType": "cache-cluster",
            "Message": message,
            "Date": stage.clock.held_clock.now() - timedelta(minutes=5),
        }
    )


def put_node_metric(
    stage: Stage, name: str, values: Sequence[float | None], node: str = "001"
) -> None:
    put_values(
        stage,
        name,
        values,
        namespace=ELASTICACHE_NAMESPACE,
        dimensions={
            "CacheClusterId": f"{get_cache(stage).identifier}-{node}",
            "CacheNodeId": "0001",
        },
        minutes_ago=len(values) + 3,
    )


def test_a_quiet_cache_has_no_facts(stage: Stage) -> None:
    assert not look(stage).facts
    assert not look(stage).gaps


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (
            "Failover from master node cache-001 to replica node cache-002 completed",
            "failover",
        ),
        ("Test Failover API called for node group 0001", "failover"),
        ("Recovering cache nodes 0001", "recovery"),
        ("Finished recovery for cache nodes 0001", "recovery"),
        ("Cache node 0001 restarted", "recovery"),
        ("Snapshot succeeded for snapshot with ID 'x' of replication group", None),
        ("Cache cluster created", None),
    ],
)
def test_an_event_means_what_its_words_say(message: str, name: str | None) -> None:
    assert classify_cache_event(message) == name


def test_a_failover_is_named_and_that_of_another_cache_is_not(stage: Stage) -> None:
    put_event(stage, "Failover from master node a to replica node b completed", "another-001")
    assert not look(stage).facts
    put_event(stage, "Failover from master node a to replica node b completed")
    put_node_metric(stage, "IsMaster", [1.0] * 20 + [0.0] * 10)
    put_node_metric(stage, "IsMaster", [0.0] * 20 + [1.0] * 10, "002")
    facts = look(stage)
    assert facts.select("cache.event.failover")
    assert len(facts.select("cache.role-changed")) == 2


def test_refused_tokens_are_counted(stage: Stage) -> None:
    put_node_metric(stage, "AuthenticationFailures", [0.0] * 30 + [4.0] * 10)
    (fact,) = look(stage).select("cache.auth-failures")
    assert fact.value == 40


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, []),
        ({"Status": "modifying"}, ["cache.status.modifying"]),
        ({"PendingModifiedValues": {"AuthTokenStatus": "ROTATING"}}, ["cache.token.changing"]),
        ({"NodeGroups": [{"Status": "deleting"}]}, ["cache.status.deleting"]),
    ],
)
def test_a_description_says_what_is_wrong(changes: Mapping[str, Any], keys: list[str]) -> None:
    collector = FactCollector("test")
    add_group(collector, {"ReplicationGroupId": "x", "Status": "available", **changes})
    assert [fact.key for fact in collector.facts] == keys


@pytest.mark.parametrize(("minutes_apart", "count"), [(1, 0), (60, 1), (-60, 1)])
def test_a_token_that_was_changed_alone_is_named(minutes_apart: float, count: int) -> None:
    group = {
        "ReplicationGroupId": "x",
        "AuthTokenEnabled": True,
        "AuthTokenLastModifiedDate": "2026-11-30T02:00:00Z",
    }
    hour = 2 + minutes_apart // 60
    secret = {"LastChangedDate": f"2026-11-30T{hour:02.0f}:{minutes_apart % 60:02.0f}:00Z"}
    collector = FactCollector("test")
    add_token(collector, group, secret)
    assert len(collector.facts) == count


@pytest.mark.parametrize("operation", ["describe_events", "describe_secret", "get_metric_data"])
def test_what_of_the_cache_is_denied_is_a_gap(stage: Stage, operation: str) -> None:
    with fail_operations("AccessDenied", operation):
        assert any(operation in gap.reason for gap in look(stage).gaps)


def test_keys_that_can_be_used_are_no_facts(stage: Stage) -> None:
    facts = read_keys(build_request(stage))
    assert not facts.facts
    assert not facts.gaps


def test_a_disabled_key_is_named_with_who_disabled_it(stage: Stage) -> None:
    arn = stage.outputs.stack.data_key_arn
    assert arn is not None
    key = arn.rpartition("/")[2]
    stage.client("kms").disable_key(KeyId=key)
    put_call(stage, "DisableKey", {"keyId": key}, source="kms", minutes_ago=12)
    (fact,) = read_keys(build_request(stage)).facts
    assert fact.key == "kms.state.disabled"
    assert (fact.part, fact.subject, fact.actor) == ("stack", key, "ada")
    assert fact.since is not None
    moment = stage.clock.held_clock.now() - timedelta(minutes=12)
    assert abs(fact.since - moment) < timedelta(seconds=1)
    assert fact.command == f"aws kms enable-key --region {REGION} --key-id {key}"


def test_a_key_that_waits_for_its_deletion_is_named(stage: Stage) -> None:
    arn = str(stage.outputs.stack.logs_key_arn)
    stage.client("kms").schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    (fact,) = read_keys(build_request(stage)).facts
    assert fact.key == "kms.state.pending-deletion"
    assert "cancel-key-deletion" in str(fact.command)


def test_a_key_that_is_not_told_is_a_gap(stage: Stage) -> None:
    with fail_operations("AccessDenied", "describe_key"):
        facts = read_keys(build_request(stage))
    assert not facts.facts
    assert len(facts.gaps) == 2

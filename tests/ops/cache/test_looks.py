"""`ops cache status`, `hit-rate` and `connect`, as they are typed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from moto.elasticache.models import elasticache_backends

from components.facts.metrics import ELASTICACHE_NAMESPACE
from ops.cache.hit_rate import ReadCounts
from ops.cache.model import list_nodes
from sandbox.patches.elasticache.events import get_cache_events, get_update_actions
from sandbox.patches.elasticache.replication_groups import get_replication_groups
from tests.ops.cache_stage import put_cache_and_fleet, put_cache_and_service
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations
from tests.ops.metric_stage import put_cache, put_values
from tests.ops.service_stage import patch_command_line
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, open_stage

CACHE = f"{STACK_PREFIX}-cache"
PRIMARY, REPLICA = f"{CACHE}-001", f"{CACHE}-002"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_stage() as stage:
        put_cache(stage)
        stage.clock.sleep(3600)
        with (
            patch_command_line(stage, tmp_path) as file,
            patch("ops.core.clock.now", stage.clock.held_clock.now),
        ):
            yield OpsConsole(stage, file, capsys)


def put_node_values(ops: OpsConsole, name: str, values: list[float | None], **where: Any) -> None:
    node = where.pop("node", PRIMARY)
    dimensions = {"CacheClusterId": node, "CacheNodeId": "0001"}
    put_values(
        ops.stage, name, values, namespace=ELASTICACHE_NAMESPACE, dimensions=dimensions, **where
    )


def put_event(ops: OpsConsole, source: str, message: str, minutes_ago: float) -> None:
    now = datetime.fromtimestamp(ops.stage.clock.now(), UTC)
    get_cache_events(elasticache_backends[ACCOUNT][REGION]).append(
        {
            "SourceIdentifier": source,
            "SourceType": "replication-group",
            "Message": message,
            "Date": now - timedelta(minutes=minutes_ago),
        }
    )


def test_the_status_has_each_node_with_its_role_and_its_figures(ops: OpsConsole) -> None:
    put_node_values(ops, "DatabaseMemoryUsagePercentage", [40, 41], minutes_ago=5)
    put_node_values(ops, "CurrConnections", [7], minutes_ago=5)
    put_node_values(ops, "Evictions", [3, 4], minutes_ago=50, apart_minutes=20)
    body = ops.run_for_json("cache status")
    primary, replica = body["nodes"]
    assert (primary["node"], primary["role"]) == (PRIMARY, "primary")
    assert (replica["node"], replica["role"]) == (REPLICA, "replica")
    assert primary["memoryPercent"] == 41
    assert (primary["connections"], primary["evictionsLastHour"]) == (7, 7)
    assert (primary["status"], primary["version"]) == ("available", "7.1.0")
    assert (replica["memoryPercent"], replica["evictionsLastHour"]) == (None, None)
    assert body["group"]["automaticFailover"] == "enabled"
    assert (body["lastFailover"], body["isFailoverKnown"], body["updates"]) == (None, True, [])
    out, _ = ops("cache status")
    assert "41 %" in out
    assert "no data" in out
    assert "last failover: none in 14 days, for which ElastiCache keeps events" in out
    assert f"#/redis/{CACHE}" in out


def test_the_last_failover_is_that_of_this_cache(ops: OpsConsole) -> None:
    put_event(ops, CACHE, f"Failover from master node {PRIMARY} to replica node x completed", 90)
    put_event(ops, PRIMARY, f"Failover to replica node {REPLICA} completed", 60)
    put_event(ops, PRIMARY, "Cache node restarted", 10)
    put_event(ops, f"{CACHE}-staging-001", "Failover to replica node y completed", 5)
    put_event(ops, PRIMARY, "Test Failover API called for node group 0001", 4)
    assert ops.run_for_json("cache status")["lastFailover"]["source"] == PRIMARY
    out, _ = ops("cache status")
    assert f": Failover to replica node {REPLICA} completed" in out


def test_what_is_pending_is_shown(ops: OpsConsole) -> None:
    for name, status in (("elasticache-202611", "not-applied"), ("old", "complete")):
        get_update_actions(elasticache_backends[ACCOUNT][REGION]).append(
            {
                "ReplicationGroupId": CACHE,
                "ServiceUpdateName": name,
                "ServiceUpdateSeverity": "important",
                "ServiceUpdateType": "security-update",
                "UpdateActionStatus": status,
            }
        )
    out, _ = ops("cache status")
    assert "update: elasticache-202611 (important, security-update), not-applied" in out
    assert "old" not in out


def test_a_group_that_is_not_available_is_a_finding(ops: OpsConsole) -> None:
    ops.stage.client("elasticache").modify_replication_group(
        ReplicationGroupId=CACHE, SnapshotRetentionLimit=3, ApplyImmediately=True
    )
    _, err = ops("cache status", 3)
    assert f"{CACHE} is modifying" in err


def test_a_group_that_is_gone_is_a_finding(ops: OpsConsole) -> None:
    get_replication_groups(elasticache_backends[ACCOUNT][REGION]).clear()
    for line in ("cache status", "cache hit-rate"):
        _, err = ops(line, 3)
        assert f"the replication group {CACHE} is gone" in err


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("describe_cache_clusters", "versions of the nodes: unknown"),
        ("get_metric_data", "figures of the nodes: unknown"),
        ("describe_events", "the last failover: unknown"),
        ("describe_update_actions", "pending updates: unknown"),
    ],
)
def test_what_may_not_be_read_is_unknown_and_said(
    ops: OpsConsole, operation: str, text: str
) -> None:
    with fail_operations("AccessDenied", operation):
        out, err = ops("cache status", 3)
    assert text in err
    assert operation in err
    assert PRIMARY in out


@pytest.mark.parametrize("line", ["status", "hit-rate", "connect"])
def test_a_stack_without_a_cache_is_refused(
    line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_stage() as stage, patch_command_line(stage, tmp_path) as file:
        _, err = OpsConsole(stage, file, capsys)(f"cache {line}", 2)
    assert "the stack test has no cache" in err


def test_an_hour_without_reads_has_no_rate(ops: OpsConsole) -> None:
    ops.stage.clock.sleep(8 * 86_400)
    now = ops.stage.clock.now()
    ops.stage.clock.sleep(3600 - now % 3600 + 60)  # a minute into an hour
    hours: dict[str, list[float | None]] = {
        "CacheHits": [60, 0, None],
        "CacheMisses": [20, 0, None],
    }
    for name, values in hours.items():
        put_node_values(ops, name, values, minutes_ago=181, apart_minutes=60)
        before: list[float | None] = [90 if name == "CacheHits" else 10]
        put_node_values(ops, name, before, minutes_ago=181 + 24 * 60)
    body = ops.run_for_json("cache hit-rate --since 3h")
    items = [item for item in body["items"] if item["node"] == PRIMARY]
    assert [item["ratePercent"] for item in items] == [75, None, None, None]
    assert [item["requests"] for item in items] == [80, 0, None, None]
    assert [item["normalPercent"] for item in items] == [90, None, None, None]
    sums = {item["node"]: item["ratePercent"] for item in body["nodes"]}
    assert sums == {PRIMARY: 75, REPLICA: None}
    out, _ = ops("cache hit-rate --since 3h")
    (line,) = [line for line in out.splitlines() if "75 %" in line and "all" not in line]
    assert "90 %" in line
    assert "no requests" in out
    assert "no data" in out


def test_the_sum_of_what_is_known_is_known() -> None:
    counts = [ReadCounts(1, None), ReadCounts(None, None), ReadCounts(2, 1)]
    assert ReadCounts.add(counts) == ReadCounts(3, 1)
    assert ReadCounts.add([ReadCounts(None, None)]).requests is None
    assert ReadCounts(0, 0).rate is None


def test_a_long_span_is_refused(ops: OpsConsole) -> None:
    _, err = ops("cache hit-rate --since 31d", 2)
    assert "--since must be at most 30 days before --until" in err


def test_the_roles_of_cluster_mode_are_unknown() -> None:
    group = {
        "NodeGroups": [
            {"NodeGroupId": "0002", "NodeGroupMembers": [{"CacheClusterId": "c-0002-001"}]},
            {"NodeGroupId": "0001", "NodeGroupMembers": [{"CacheClusterId": "c-0001-001"}]},
        ],
        "MemberClusters": ["c-0001-001", "c-0002-001", "c-0003-001"],
    }
    nodes = list_nodes(group)
    assert [(node.name, node.role) for node in nodes] == [
        ("c-0001-001", None),
        ("c-0002-001", None),
        ("c-0003-001", None),
    ]


@pytest.mark.parametrize(
    ("option", "host"), [("", "cache.example.com"), (" --reader", "cache-ro.example.com")]
)
def test_the_lines_of_a_connection_have_no_token(
    option: str, host: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_stage() as stage:
        put_cache_and_service(stage)
        with patch_command_line(stage, tmp_path) as file:
            ops = OpsConsole(stage, file, capsys)
            out, _ = ops(f"cache connect --local-port 7000{option}")
            body = ops.run_for_json(f"cache connect{option}")
    tunnel, client = (line for line in out.splitlines() if not line.startswith("#"))
    assert f'"host": ["{host}"], "portNumber": ["6379"], "localPortNumber": ["7000"]' in tunnel
    assert "--target ecs:" in tunnel
    assert client.startswith('REDISCLI_AUTH="$(aws secretsmanager get-secret-value --region ')
    assert client.endswith(f"redis-cli -h 127.0.0.1 -p 7000 --tls --sni {host}")
    assert body["endpoint"] == f"{host}:6379"


def test_the_tunnel_may_lead_through_an_instance(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_stage() as stage:
        put_cache_and_fleet(stage)
        with patch_command_line(stage, tmp_path) as file:
            out, _ = OpsConsole(stage, file, capsys)("cache connect")
    assert "# tunnel through the instance i-" in out

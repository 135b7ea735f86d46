"""`ops changes` as it is typed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from ops.changes import cloudtrail
from ops.changes.timeline import CHANGE_APIS
from ops.core.run import WallClock
from ops.permissions.declared import DECLARATIONS
from sandbox.patches.elasticache.events import get_cache_events
from tests.ops.call_recorder import record_calls
from tests.ops.change_stage import (
    put_call,
    put_changed_stack,
    put_raised_alarm,
    put_scaling_activity,
)
from tests.ops.db_stage import put_database
from tests.ops.every_command import open_command_line
from tests.ops.fake_pulumi import get_fake_pulumi
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage

Typed = tuple[Stage, Callable[[str], int]]


@pytest.fixture
def typed() -> Iterator[Typed]:
    with open_command_line(put_changed_stack) as (stage, run_line):
        stage.clock.sleep(1200)
        yield stage, run_line


@contextmanager
def deny(*operations: str, region: str | None = None) -> Iterator[None]:
    """AWS denies these operations, everywhere or in a region."""
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def answer(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in operations and region in (None, client.meta.region_name):
            error = {"Code": "AccessDeniedException", "Message": "not authorized"}
            raise ClientError({"Error": error, "ResponseMetadata": {}}, operation)  # type: ignore[typeddict-item]
        return original(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", answer):
        yield


def read_changes(
    typed: Typed, capsys: pytest.CaptureFixture[str], options: str = "", code: int = 0
) -> Any:
    capsys.readouterr()
    assert typed[1](f"changes --output json {options}") == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_all_sources_are_one_timeline(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    stage, run_line = typed
    assert run_line("db snapshot create --reason upgrade --yes") == 0
    put_call(stage, "RevokeSecurityGroupIngress", {"groupId": "sg-database"}, minutes_ago=10)
    put_scaling_activity(stage, "backend", "Setting desired count to 4.", "Failed")
    put_cache_event(stage, "Failover to replica node completed")
    body = read_changes(typed, capsys)
    items = body["items"]
    assert [item["time"] for item in items] == sorted(item["time"] for item in items)
    assert {item["source"] for item in items} == {
        "runs",
        "deployments",
        "service-events",
        "scaling",
        "database",
        "cache",
        "secrets",
        "alarms",
        "cloudtrail",
    }
    whats = [(item["source"], item["part"], item["what"]) for item in items]
    assert ("runs", "database", "ops db snapshot create began: upgrade") in whats
    assert ("scaling", "backend", "Setting desired count to 4.: the maximum was reached") in whats
    assert ("cloudtrail", "database", "ec2:RevokeSecurityGroupIngress sg-database") in whats
    assert ("cache", "cache", "Failover to replica node completed") in whats
    assert (
        "alarms",
        "alarms",
        "database-cpu-high: Alarm updated from INSUFFICIENT_DATA to ALARM",
    ) in whats
    assert not any("steady state" in what for _, _, what in whats)
    (run_end,) = [item for item in items if item["what"] == "ops db snapshot create ended"]
    assert (run_end["outcome"], "@" in run_end["by"]) == ("done", True)
    assert run_end["command"] == f"ops runs show {run_end['subject']}"


def put_cache_event(stage: Stage, message: str) -> None:
    from moto.elasticache.models import elasticache_backends

    event = {
        "SourceIdentifier": f"{STACK_PREFIX}-cache",
        "SourceType": "replication-group",
        "Message": message,
        "Date": datetime.fromtimestamp(stage.clock.now() - 30, UTC),
    }
    get_cache_events(elasticache_backends[ACCOUNT][REGION]).append(event)


def test_events_are_selected_by_who_part_and_source(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, _ = typed
    put_call(stage, "RevokeSecurityGroupIngress", {"groupId": "sg-database"}, minutes_ago=10)
    put_call(
        stage,
        "UpdateService",
        {"cluster": STACK_PREFIX, "service": "backend"},
        minutes_ago=11,
        source="ecs",
        userIdentity={"type": "IAMUser", "userName": "Grace", "arn": "arn:aws:iam::1:user/Grace"},
    )
    by_grace = read_changes(typed, capsys, "--by grace")["items"]
    assert [(item["part"], item["by"]) for item in by_grace] == [("backend", "Grace")]
    of_database = read_changes(typed, capsys, "--part database --only cloudtrail,database")
    assert {item["part"] for item in of_database["items"]} == {"database"}
    assert of_database["sources"] == ["database", "cloudtrail"]
    assert {item["source"] for item in of_database["items"]} == {"database", "cloudtrail"}
    nothing = read_changes(typed, capsys, "--since 2m --until 1m --only runs")
    assert nothing["items"] == []


def test_a_denied_source_is_named_and_the_others_are_shown(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    with deny("LookupEvents"):
        assert typed[1]("changes") == 3
    out, err = capsys.readouterr()
    assert "cloudtrail: could not be read: cloudtrail.lookup_events was denied" in out
    assert "database-cpu-high: Alarm updated" in out
    assert "1 of 11 sources could not be read, or not whole: cloudtrail" in err


def test_every_source_denied_is_no_quiet_stack(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    operations = (
        "LookupEvents",
        "DescribeEvents",
        "DescribeServices",
        "DescribeSecret",
        "DescribeAlarmHistory",
        "DescribeInstanceRefreshes",
        "DescribeScalingActivities",
    )
    with deny(*operations):
        body = read_changes(typed, capsys, code=3)
    failed = {gap["source"] for gap in body["notRead"] if gap["failed"]}
    assert failed == set(body["sources"]) - {"runs", "pulumi"}
    assert {item["source"] for item in body["items"]} <= {"runs"}


def test_changes_of_sources_that_could_not_be_read_are_unknown(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    with deny("DescribeEvents"):
        assert run_line("changes --only database") == 3
    out = capsys.readouterr().out
    assert "no changes in what could be read: others are unknown" in out
    assert "as far as the sources say" not in out


def test_a_stack_with_a_database_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def put_database_only(stage: Stage) -> None:
        put_database(stage)
        stage.outputs = stage.outputs.model_copy(
            update={"services": None, "fleet": None, "load_balancer": None}
        )

    with open_command_line(put_database_only) as typed:
        typed[0].clock.sleep(1200)
        body = read_changes(typed, capsys, "--only database,alarms,cloudtrail,deployments,cache")
    assert body["sources"] == ["database", "alarms", "cloudtrail"]
    assert "DB instance created" in [item["what"] for item in body["items"]]


def test_alarms_of_others_are_left_out(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    put_raised_alarm(typed[0], "another-database-cpu-high")
    items = read_changes(typed, capsys, "--only alarms")["items"]
    assert {item["subject"] for item in items} == {f"{STACK_PREFIX}-database-cpu-high"}


def test_the_history_of_a_busy_account_is_read_up_to_a_limit_that_is_said(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, _ = typed
    for number in range(130):
        put_call(stage, "StopInstances", {"name": f"x-{number}"}, minutes_ago=19 - number / 10)
    slept: list[float] = []
    with (
        patch.object(cloudtrail, "MAX_LOOKUP_PAGES", 2),
        patch.object(WallClock, "sleep", lambda _, seconds: slept.append(seconds)),
        record_calls() as calls,
    ):
        body = read_changes(typed, capsys, "--only cloudtrail", code=3)
    regions = [call.region for call in calls if call.api == "cloudtrail.lookup_events"]
    assert regions == [REGION, REGION, "us-east-1"]  # where IAM's calls are
    assert slept == [0.5]
    (gap, _) = body["notRead"]
    assert gap["reason"].startswith("only the account's newest 100 writes were read")


def test_updates_are_those_of_pulumis_history(
    typed: Typed, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    stage, _ = typed
    (tmp_path / "Pulumi.yaml").write_text("name: bulwark\n")
    began = datetime.fromtimestamp(stage.clock.now(), UTC) - timedelta(minutes=5)
    get_fake_pulumi(stage).stacks["test"].history.append(
        {
            "kind": "update",
            "startTime": f"{began:%Y-%m-%dT%H:%M:%S.000Z}",
            "endTime": f"{began + timedelta(minutes=2):%Y-%m-%dT%H:%M:%S.000Z}",
            "message": "Larger\n database",
            "result": "succeeded",
            "environment": {"git.head": "a" * 40, "git.committer": "Ada"},
            "resourceChanges": {"same": 310, "update": 2},
        }
    )
    (item,) = read_changes(typed, capsys, f"--only pulumi --program {tmp_path}")["items"]
    assert item["what"] == f"pulumi update of commit {'a' * 12} (2 update): Larger database"
    assert (item["by"], item["outcome"], item["part"]) == ("Ada", "succeeded", "stack")


def test_a_journal_that_cannot_be_read_is_named(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    assert run_line("db snapshot create --yes") == 0
    bucket, s3 = stage.outputs.backups.operations_bucket, stage.client("s3")
    (first, *_) = s3.list_objects_v2(Bucket=bucket, Prefix="runs/")["Contents"]
    s3.put_object(Bucket=bucket, Key=first["Key"], Body=b"{}")
    body = read_changes(typed, capsys, "--only runs", code=3)
    (gap,) = body["notRead"]
    assert "the journal of snapshot-" in gap["reason"]


@pytest.mark.parametrize(
    ("days", "sources"),
    [(10, set()), (20, {"database", "cache"}), (60, {"database", "cache", "alarms", "scaling"})],
)
def test_sources_that_keep_less_say_so(
    typed: Typed, capsys: pytest.CaptureFixture[str], days: int, sources: set[str]
) -> None:
    body = read_changes(typed, capsys, f"--since {days}d")
    kept = {gap["source"] for gap in body["notRead"] if "kept for" in gap["reason"]}
    assert kept == sources


def test_the_calls_that_are_declared_are_those_of_the_sources() -> None:
    assert set(DECLARATIONS["changes"].calls) == set(CHANGE_APIS)


def test_changes_of_roles_are_looked_up_where_iam_records_them(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, _ = typed
    iam = stage.client("iam")
    role = f"{STACK_PREFIX}-backend-task"
    iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    iam.create_role(RoleName="another", AssumeRolePolicyDocument="{}")
    stage.clock.sleep(600)
    items = read_changes(typed, capsys, "--only cloudtrail --since 15m")["items"]
    assert [(item["part"], item["what"]) for item in items] == [
        ("backend", f"iam:CreateRole {role} by ops")
    ]


def test_roles_that_cannot_be_looked_up_are_named(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    with deny("LookupEvents", region="us-east-1"):
        body = read_changes(typed, capsys, "--only cloudtrail", code=3)
    reasons = [gap["reason"] for gap in body["notRead"] if gap["failed"]]
    assert [reason[:31] for reason in reasons] == ["changes of roles are missing: c"]
    assert {item["source"] for item in body["items"]} == {"cloudtrail"}


def test_a_source_is_not_asked_for_what_it_no_longer_has(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    with record_calls() as calls:
        body = read_changes(typed, capsys, "--since 40d --until 35d --only database,alarms,runs")
    assert [(gap["source"], gap["failed"]) for gap in body["notRead"]] == [
        ("database", False),
        ("alarms", False),
    ]
    apis = {call.api for call in calls}
    assert apis.isdisjoint({"rds.describe_events", "cloudwatch.describe_alarm_history"})

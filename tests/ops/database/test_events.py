"""`ops db events`: what RDS reports of the stack's database, and of no other."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.rds.models import Event, rds_backends

from tests.ops.call_recorder import record_calls
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations, open_database_console
from tests.ops.stage import ACCOUNT, REGION

GROUP = "bulwark-test-database-16"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(capsys, tmp_path) as console:
        yield console


def list_messages(ops: OpsConsole, line: str) -> list[tuple[str, str]]:
    return [(item["source"], item["event"]) for item in ops.run_for_json(line)["items"]]


def list_events() -> list[Event]:
    events: list[Event] = rds_backends[ACCOUNT][REGION].events
    return events


def put_event(ops: OpsConsole, source: str, kind: str = "db-snapshot") -> None:
    """An event like the newest one, of another source."""
    event = Event.__new__(Event)
    vars(event).update(vars(list_events()[-1]))
    event.source_identifier, event.source_type, event.message = source, kind, f"of {source}"
    list_events().append(event)


def test_instances_groups_and_snapshots_are_in_one_list_the_oldest_first(ops: OpsConsole) -> None:
    rds = ops.stage.client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName=GROUP, DBParameterGroupFamily="postgres16", Description="x"
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName=GROUP,
        Parameters=[
            {"ParameterName": "work_mem", "ParameterValue": "8192", "ApplyMethod": "immediate"}
        ],
    )
    rds.create_db_snapshot(
        DBInstanceIdentifier="bulwark-test-database", DBSnapshotIdentifier="bulwark-test-database-1"
    )
    rds.reboot_db_instance(DBInstanceIdentifier="bulwark-test-database")
    ops.stage.clock.sleep(600)
    body = ops.run_for_json("db events --since 3h")
    times = [item["at"] for item in body["items"]]
    assert times == sorted(times)
    assert {item["type"] for item in body["items"]} == {
        "db-instance",
        "db-parameter-group",
        "db-snapshot",
    }
    messages = [item["event"] for item in body["items"]]
    assert "Updated parameter work_mem to 8192 with apply method immediate" in messages
    assert "DB instance restarted" in messages
    assert body["keptDays"] == 14
    out, err = ops("db events --since 3h")
    assert "RDS keeps them for 14 days" in err
    assert "rds/home?region=eu-north-1#database:id=bulwark-test-database" in out


def test_events_of_others_are_left_out(ops: OpsConsole) -> None:
    list_events().clear()
    ops.stage.client("rds").reboot_db_instance(DBInstanceIdentifier="bulwark-test-database")
    for source in (
        "bulwark-test-database-replica-1",
        "rds:bulwark-test-database-2026-11-30-03-00",
        "other-database",
        "bulwark-test-databases",
        "rds:other-database-2026-11-30-03-00",
    ):
        put_event(ops, source)
    put_event(ops, "bulwark-test-database", "custom-engine-version")
    sources = {source for source, _ in list_messages(ops, "db events")}
    assert sources == {
        "bulwark-test-database",
        "bulwark-test-database-replica-1",
        "rds:bulwark-test-database-2026-11-30-03-00",
    }


def test_snapshots_of_aws_backup_are_known_by_their_instance(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {source for source, _ in list_messages(ops, "db events")}
    put_event(ops, "awsbackup:job-1")
    put_event(ops, "awsbackup:job-2")
    listed: list[dict[str, Any]] = []

    def list_items(
        _: object, api: str, key: str, params: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        listed.append({"api": api, "key": key, **params})
        yield {"DBSnapshotIdentifier": "awsbackup:job-1"}

    monkeypatch.setattr("ops.core.aws.Aws.list_items", list_items)
    sources = {source for source, _ in list_messages(ops, "db events")}
    assert sources == {*before, "awsbackup:job-1"}
    assert listed[0] == {
        "api": "rds.describe_db_snapshots",
        "key": "DBSnapshots",
        "DBInstanceIdentifier": "bulwark-test-database",
        "SnapshotType": "awsbackup",
    }


def test_a_span_without_events_is_said_to_be_empty(ops: OpsConsole) -> None:
    assert ops("db events --since 3h --until 2h")[0].startswith("no events\n")


def test_the_span_ends_where_it_was_told(ops: OpsConsole) -> None:
    put_event(ops, "bulwark-test-database-late")
    for event in list_events():
        event.date -= timedelta(hours=1)
    list_events()[-1].date += timedelta(minutes=30)
    assert "bulwark-test-database-late" in dict(list_messages(ops, "db events"))
    sources = dict(list_messages(ops, "db events --until 45m"))
    assert "bulwark-test-database" in sources
    assert "bulwark-test-database-late" not in sources


def test_fourteen_days_are_read_and_more_are_refused_before_any_call(ops: OpsConsole) -> None:
    assert list_messages(ops, "db events --since 14d")
    with record_calls() as calls:
        _, err = ops("db events --since 15d", 2)
        assert "--since must be at most 14 days ago" in err
        assert "not '15d'" in err
        _, err = ops("db events --until 15d", 2)
        assert "--until must be later than" in err
    assert calls == []


def test_a_denial_is_an_error(ops: OpsConsole) -> None:
    with fail_operations("AccessDenied", "describe_events"):
        _, err = ops("db events", 1)
    assert "rds.describe_events was denied" in err

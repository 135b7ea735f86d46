"""PostgreSQL behind the sandbox's RDS: what is saved, restored, replayed and followed."""

import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from sandbox import clock
from sandbox.patches.rds.backups import LOG_AVAILABLE_SECONDS, LOG_UPLOAD_SECONDS
from tests.sandbox.database_stage import (
    REGION,
    DatabaseStage,
    open_database_stage,
    require_disconnected,
)


@pytest.fixture
def database_stage() -> Iterator[DatabaseStage]:
    with open_database_stage() as opened_stage:
        yield opened_stage


@pytest.mark.exhaustive
def test_a_restored_snapshot_has_the_rows_of_its_time(database_stage: DatabaseStage) -> None:
    database_stage.create_instance()
    database_stage.insert_rows(1, 2)
    database_stage.api.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="s")
    database_stage.held_clock.advance(900)
    database_stage.insert_rows(3)
    database_stage.api.modify_db_instance(
        DBInstanceIdentifier="main", MasterUserPassword="a-new-password"
    )
    database_stage.held_clock.advance(900)
    database_stage.api.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="again", DBSnapshotIdentifier="s"
    )
    database_stage.held_clock.advance(3600)
    assert database_stage.list_rows("again") == [1, 2], "with the password of that time"
    with database_stage.connect(password="a-new-password") as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)
    (base,) = database_stage.get_server().folder.glob("base-*")
    database_stage.api.delete_db_snapshot(DBSnapshotIdentifier="s")
    assert base.exists(), "there is an instance that was made from it"
    database_stage.api.delete_db_instance(DBInstanceIdentifier="again", SkipFinalSnapshot=True)


def test_a_restore_to_a_point_in_time_has_what_was_committed_until_then(
    database_stage: DatabaseStage,
) -> None:
    database_stage.create_instance()
    database_stage.insert_rows(1)
    then = database_stage.held_clock.now()
    database_stage.held_clock.advance(60)
    database_stage.insert_rows(2)
    database_stage.held_clock.advance(600)
    restore_requests: dict[str, dict[str, Any]] = {
        "then": {"RestoreTime": then},
        "now": {"UseLatestRestorableTime": True},
    }
    for name, parameters in restore_requests.items():
        database_stage.api.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier="main", TargetDBInstanceIdentifier=name, **parameters
        )
    database_stage.held_clock.advance(3600)
    assert (database_stage.list_rows("then"), database_stage.list_rows("now")) == ([1], [1, 2])
    database_stage.insert_rows(7, name="then")
    assert database_stage.list_rows() == [1, 2]


def test_a_replica_follows_and_promoted_stands_alone(database_stage: DatabaseStage) -> None:
    database_stage.create_instance()
    database_stage.insert_rows(1)
    database_stage.api.create_db_instance_read_replica(
        DBInstanceIdentifier="reads", SourceDBInstanceIdentifier="main"
    )
    database_stage.held_clock.advance(3600)

    def require_replica_rows(name: str, rows: list[int]) -> None:
        until = time.monotonic() + 20
        while database_stage.list_rows(name) != rows and time.monotonic() < until:
            time.sleep(0.05)
        assert database_stage.list_rows(name) == rows

    with database_stage.connect("reads") as reads:
        database_stage.insert_rows(2)
        require_replica_rows("reads", [1, 2])
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reads.execute("INSERT INTO t VALUES (9)")
    database_stage.api.reboot_db_instance(DBInstanceIdentifier="main", ForceFailover=True)
    database_stage.held_clock.advance(600)
    database_stage.insert_rows(5)
    require_replica_rows("reads", [1, 2, 5])
    database_stage.api.promote_read_replica(DBInstanceIdentifier="reads")
    database_stage.held_clock.advance(3600)
    database_stage.insert_rows(3)
    database_stage.insert_rows(4, name="reads")
    assert (database_stage.list_rows(), database_stage.list_rows("reads")) == (
        [1, 2, 3, 5],
        [1, 2, 4, 5],
    )


def test_a_deleted_instance_stops_answering_and_its_final_snapshot_has_its_rows(
    database_stage: DatabaseStage,
) -> None:
    database_stage.create_instance()
    database_stage.insert_rows(1)
    endpoint = database_stage.get_endpoint()
    database_stage.api.delete_db_instance(
        DBInstanceIdentifier="main", FinalDBSnapshotIdentifier="final"
    )
    with pytest.raises(psycopg.OperationalError):
        database_stage.connect(endpoint=endpoint)
    database_stage.held_clock.advance(3600)
    database_stage.api.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="main", DBSnapshotIdentifier="final"
    )
    database_stage.held_clock.advance(3600)
    assert database_stage.get_endpoint() == endpoint
    assert database_stage.list_rows() == [1]


def test_times_of_a_clock_are_mapped_to_the_walls() -> None:
    held = clock.ManualClock()
    stood = held.now()
    before = time.time()
    time.sleep(0.02)
    held.advance(3600)
    assert before + 0.02 <= held.to_wall_seconds(stood) <= time.time()
    assert held.to_wall_seconds(stood + timedelta(seconds=30)) <= time.time()
    running = clock.RunningClock(600)
    then = running.now()
    assert abs(running.to_wall_seconds(then) - time.time()) < 5
    assert running.to_wall_seconds(then + timedelta(seconds=600)) - running.to_wall_seconds(
        then
    ) == pytest.approx(1)


def test_a_backup_can_be_restored_up_to_its_last_uploaded_log(
    database_stage: DatabaseStage,
) -> None:
    database_stage.create_instance()
    database_stage.create_instance("unkept", BackupRetentionPeriod=0)
    database_stage.held_clock.advance(7777)
    described = database_stage.api.describe_db_instances()["DBInstances"]
    restorable_times = {
        instance["DBInstanceIdentifier"]: instance.get("LatestRestorableTime")
        for instance in described
    }
    assert restorable_times["unkept"] is None
    assert (
        timedelta(seconds=LOG_AVAILABLE_SECONDS)
        <= database_stage.held_clock.now() - restorable_times["main"]
        <= timedelta(seconds=LOG_AVAILABLE_SECONDS + LOG_UPLOAD_SECONDS)
    )
    refused = (
        database_stage.api.exceptions.PointInTimeRestoreNotEnabledFault,
        database_stage.api.exceptions.ClientError,
    )
    for source, restore_time, error in (
        ("unkept", database_stage.held_clock.now(), refused[0]),
        ("main", restorable_times["main"] + timedelta(seconds=1), refused[1]),
        ("main", restorable_times["main"] - timedelta(days=1), refused[1]),
    ):
        with pytest.raises(error, match=r"unkept keeps no|main can be restored to a"):
            database_stage.api.restore_db_instance_to_point_in_time(
                SourceDBInstanceIdentifier=source,
                TargetDBInstanceIdentifier="x",
                RestoreTime=restore_time,
            )


@pytest.mark.exhaustive
@pytest.mark.exhaustive
def test_data_go_to_another_region(database_stage: DatabaseStage) -> None:
    database_stage.create_instance()
    database_stage.insert_rows(1)
    database_stage.api.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="s")
    database_stage.held_clock.advance(900)
    arn = database_stage.api.describe_db_snapshots()["DBSnapshots"][-1]["DBSnapshotArn"]
    source = database_stage.api.describe_db_instances()["DBInstances"][0]["DBInstanceArn"]
    recovery_stage = DatabaseStage(
        database_stage.held_clock, database_stage.postgres_servers, "eu-west-1"
    )
    recovery_stage.api.copy_db_snapshot(
        SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="copy", SourceRegion=REGION
    )
    database_stage.held_clock.advance(3600)
    database_stage.insert_rows(2)
    recovery_stage.api.create_db_instance_read_replica(
        DBInstanceIdentifier="main", SourceDBInstanceIdentifier=source, SourceRegion=REGION
    )
    recovery_stage.api.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="again", DBSnapshotIdentifier="copy"
    )
    database_stage.held_clock.advance(3600)
    assert recovery_stage.get_endpoint() != database_stage.get_endpoint()
    assert (recovery_stage.list_rows(), recovery_stage.list_rows("again")) == ([1, 2], [1])


@pytest.mark.exhaustive
def test_backups_begin_when_they_are_asked_for(database_stage: DatabaseStage) -> None:
    database_stage.create_instance(BackupRetentionPeriod=0)
    database_stage.insert_rows(1)
    early = database_stage.held_clock.now()
    database_stage.held_clock.advance(60)
    connection = database_stage.connect()
    database_stage.api.modify_db_instance(
        DBInstanceIdentifier="main", BackupRetentionPeriod=1, ApplyImmediately=True
    )
    require_disconnected(connection)
    database_stage.held_clock.advance(600)
    database_stage.insert_rows(2)
    then = database_stage.held_clock.now()
    database_stage.held_clock.advance(600)
    database_stage.insert_rows(3)
    for name, snapshot_time in (("then", then), ("early", early)):
        database_stage.api.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier="main",
            TargetDBInstanceIdentifier=name,
            RestoreTime=snapshot_time,
        )
    database_stage.held_clock.advance(3600)
    assert database_stage.list_rows("then") == [1, 2]
    assert database_stage.list_rows("early") == [1], (
        "before the first backup there is none: the first one"
    )


@pytest.mark.exhaustive
def test_an_instance_never_connected_to_is_restored_with_its_password(
    database_stage: DatabaseStage,
) -> None:
    database_stage.create_instance()
    then = database_stage.held_clock.now()
    database_stage.held_clock.advance(600)
    database_stage.insert_rows(1)
    database_stage.api.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="main", TargetDBInstanceIdentifier="then", RestoreTime=then
    )
    automated = database_stage.api.describe_db_snapshots(SnapshotType="automated")["DBSnapshots"][0]
    database_stage.api.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="first", DBSnapshotIdentifier=automated["DBSnapshotIdentifier"]
    )
    database_stage.held_clock.advance(3600)
    for name in ("then", "first"):
        with database_stage.connect(name) as connection:
            assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)


def test_an_archived_file_is_whole_as_soon_as_it_is_there(database_stage: DatabaseStage) -> None:
    database_stage.create_instance()
    server = database_stage.get_server().ensure_started()
    (segment_bytes,) = server.run_statements("SHOW wal_segment_size")[0]
    assert segment_bytes == "1MB"
    sizes: set[int] = set()
    has_ended = threading.Event()

    def watch_archive() -> None:
        while not has_ended.is_set():
            for file in server.archive.iterdir():
                if re.fullmatch("[0-9A-F]{24}", file.name):
                    sizes.add(file.stat().st_size)

    watcher = threading.Thread(target=watch_archive)
    watcher.start()
    for _ in range(20):
        server.archive_wal()
    has_ended.set()
    watcher.join()
    assert sizes == {1 << 20}

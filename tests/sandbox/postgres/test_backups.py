"""PostgreSQL behind the sandbox's RDS: what is saved, restored, replayed and followed."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from sandbox import clock
from tests.sandbox.database_stage import REGION, Rds, ended, servers


@pytest.fixture
def rds() -> Iterator[Rds]:
    with servers() as made:
        yield made


@pytest.mark.exhaustive
def test_a_restored_snapshot_has_the_rows_of_its_time(rds: Rds) -> None:
    rds.make()
    rds.write(1, 2)
    rds.api.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="s")
    rds.held.advance(900)
    rds.write(3)
    rds.api.modify_db_instance(DBInstanceIdentifier="main", MasterUserPassword="a-new-password")
    rds.held.advance(900)
    rds.api.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="again", DBSnapshotIdentifier="s"
    )
    rds.held.advance(3600)
    assert rds.rows("again") == [1, 2], "with the password of that time"
    with rds.connect(word="a-new-password") as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)
    (base,) = rds.standing().folder.glob("base-*")
    rds.api.delete_db_snapshot(DBSnapshotIdentifier="s")
    assert base.exists(), "there is an instance that was made from it"
    rds.api.delete_db_instance(DBInstanceIdentifier="again", SkipFinalSnapshot=True)


def test_a_restore_to_a_point_in_time_has_what_was_committed_until_then(rds: Rds) -> None:
    rds.make()
    rds.write(1)
    then = rds.held.now()
    rds.held.advance(60)
    rds.write(2)
    rds.held.advance(600)
    asked: dict[str, dict[str, Any]] = {
        "then": {"RestoreTime": then},
        "now": {"UseLatestRestorableTime": True},
    }
    for name, given in asked.items():
        rds.api.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier="main", TargetDBInstanceIdentifier=name, **given
        )
    rds.held.advance(3600)
    assert (rds.rows("then"), rds.rows("now")) == ([1], [1, 2])
    rds.write(7, name="then")
    assert rds.rows() == [1, 2]


def test_a_replica_follows_and_promoted_stands_alone(rds: Rds) -> None:
    rds.make()
    rds.write(1)
    rds.api.create_db_instance_read_replica(
        DBInstanceIdentifier="reads", SourceDBInstanceIdentifier="main"
    )
    rds.held.advance(3600)

    def followed(name: str, rows: list[int]) -> None:
        until = time.monotonic() + 20
        while rds.rows(name) != rows and time.monotonic() < until:
            time.sleep(0.05)
        assert rds.rows(name) == rows

    with rds.connect("reads") as reads:
        rds.write(2)
        followed("reads", [1, 2])
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reads.execute("INSERT INTO t VALUES (9)")
    rds.api.reboot_db_instance(DBInstanceIdentifier="main", ForceFailover=True)
    rds.held.advance(600)
    rds.write(5)
    followed("reads", [1, 2, 5])
    rds.api.promote_read_replica(DBInstanceIdentifier="reads")
    rds.held.advance(3600)
    rds.write(3)
    rds.write(4, name="reads")
    assert (rds.rows(), rds.rows("reads")) == ([1, 2, 3, 5], [1, 2, 4, 5])


def test_what_is_deleted_does_not_answer_and_its_final_snapshot_has_its_rows(rds: Rds) -> None:
    rds.make()
    rds.write(1)
    at = rds.where()
    rds.api.delete_db_instance(DBInstanceIdentifier="main", FinalDBSnapshotIdentifier="final")
    with pytest.raises(psycopg.OperationalError):
        rds.connect(at=at)
    rds.held.advance(3600)
    rds.api.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="main", DBSnapshotIdentifier="final"
    )
    rds.held.advance(3600)
    assert rds.where() == at
    assert rds.rows() == [1]


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


def test_a_backup_can_be_restored_up_to_the_last_five_minutes(rds: Rds) -> None:
    rds.make()
    rds.make("unkept", BackupRetentionPeriod=0)
    rds.held.advance(7777)
    described = rds.api.describe_db_instances()["DBInstances"]
    found = {one["DBInstanceIdentifier"]: one.get("LatestRestorableTime") for one in described}
    assert found["unkept"] is None
    assert timedelta(0) <= rds.held.now() - found["main"] <= timedelta(minutes=5)
    refused = rds.api.exceptions.PointInTimeRestoreNotEnabledFault, rds.api.exceptions.ClientError
    for source, at, error in (
        ("unkept", rds.held.now(), refused[0]),
        ("main", found["main"] + timedelta(seconds=1), refused[1]),
        ("main", found["main"] - timedelta(days=1), refused[1]),
    ):
        with pytest.raises(error, match=r"unkept keeps no|main can be restored to a"):
            rds.api.restore_db_instance_to_point_in_time(
                SourceDBInstanceIdentifier=source, TargetDBInstanceIdentifier="x", RestoreTime=at
            )


@pytest.mark.exhaustive
@pytest.mark.exhaustive
def test_data_go_to_another_region(rds: Rds) -> None:
    rds.make()
    rds.write(1)
    rds.api.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="s")
    rds.held.advance(900)
    arn = rds.api.describe_db_snapshots()["DBSnapshots"][-1]["DBSnapshotArn"]
    source = rds.api.describe_db_instances()["DBInstances"][0]["DBInstanceArn"]
    there = Rds(rds.held, rds.on, "eu-west-1")
    there.api.copy_db_snapshot(
        SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="copy", SourceRegion=REGION
    )
    rds.held.advance(3600)
    rds.write(2)
    there.api.create_db_instance_read_replica(
        DBInstanceIdentifier="main", SourceDBInstanceIdentifier=source, SourceRegion=REGION
    )
    there.api.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="again", DBSnapshotIdentifier="copy"
    )
    rds.held.advance(3600)
    assert there.where() != rds.where()
    assert (there.rows(), there.rows("again")) == ([1, 2], [1])


@pytest.mark.exhaustive
def test_backups_begin_when_they_are_asked_for(rds: Rds) -> None:
    rds.make(BackupRetentionPeriod=0)
    rds.write(1)
    early = rds.held.now()
    rds.held.advance(60)
    connection = rds.connect()
    rds.api.modify_db_instance(
        DBInstanceIdentifier="main", BackupRetentionPeriod=1, ApplyImmediately=True
    )
    ended(connection)
    rds.held.advance(600)
    rds.write(2)
    then = rds.held.now()
    rds.held.advance(600)
    rds.write(3)
    for name, at in (("then", then), ("early", early)):
        rds.api.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier="main", TargetDBInstanceIdentifier=name, RestoreTime=at
        )
    rds.held.advance(3600)
    assert rds.rows("then") == [1, 2]
    assert rds.rows("early") == [1], "before the first backup there is none: the first one"


@pytest.mark.exhaustive
def test_what_nobody_had_touched_by_then_is_restored_with_its_password(rds: Rds) -> None:
    rds.make()
    then = rds.held.now()
    rds.held.advance(600)
    rds.write(1)
    rds.api.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="main", TargetDBInstanceIdentifier="then", RestoreTime=then
    )
    automated = rds.api.describe_db_snapshots(SnapshotType="automated")["DBSnapshots"][0]
    rds.api.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="first", DBSnapshotIdentifier=automated["DBSnapshotIdentifier"]
    )
    rds.held.advance(3600)
    for name in ("then", "first"):
        with rds.connect(name) as connection:
            assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)

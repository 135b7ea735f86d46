"""PostgreSQL behind the sandbox's RDS: what stands in it, and who is let in when."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from moto.rds.models import rds_backends

from sandbox import clock, databases
from sandbox.aws import ACCOUNT, client, in_memory_aws
from sandbox.databases import installation
from sandbox.databases.real import Databases
from sandbox.databases.standing import Standing

REGION, ADMIN, WORD = "eu-north-1", "bulwark_admin", "a-password-of-the-test"


class Rds:
    """The calls of these tests, on a clock that stands still until it is advanced."""

    def __init__(self, held: clock.Held, on: Databases, region: str = REGION) -> None:
        self.held, self.on, self.api = held, on, client("rds", region)

    def make(self, name: str = "main", **given: Any) -> None:
        self.api.create_db_instance(
            **{
                "DBInstanceIdentifier": name, "DBInstanceClass": "db.t4g.small",
                "Engine": "postgres", "EngineVersion": "16", "AllocatedStorage": 20,
                "MasterUsername": ADMIN, "MasterUserPassword": WORD, "DBName": "app",
                "BackupRetentionPeriod": 7, "Port": 5433, "MultiAZ": True, **given,
            }
        )  # fmt: skip
        self.held.advance(3600)

    def where(self, name: str = "main") -> tuple[str, int]:
        found = self.api.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return found["Endpoint"]["Address"], found["Endpoint"]["Port"]

    def connect(
        self, name: str = "main", word: str = WORD, at: tuple[str, int] | None = None
    ) -> "psycopg.Connection[tuple[Any, ...]]":
        host, port = at or self.where(name)
        return psycopg.connect(
            host=host, port=port, user=ADMIN, password=word, dbname="app",
            autocommit=True, connect_timeout=20, sslmode="disable",
        )  # fmt: skip

    def rows(self, name: str = "main") -> list[int]:
        with self.connect(name) as connection:
            return [r[0] for r in connection.execute("SELECT n FROM t ORDER BY n").fetchall()]

    def write(self, *numbers: int, name: str = "main") -> None:
        with self.connect(name) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS t (n int)")
            for number in numbers:
                connection.execute("INSERT INTO t VALUES (%s)", (number,))

    def copied(self, name: str, of: str = "main", **given: Any) -> None:
        """A snapshot, and an instance from it."""
        self.api.create_db_snapshot(DBInstanceIdentifier=of, DBSnapshotIdentifier=f"of-{name}")
        self.held.advance(900)
        self.api.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=f"of-{name}", **given
        )
        self.held.advance(3600)

    def standing(self, name: str = "main") -> Standing:
        found = self.on.of(rds_backends[ACCOUNT][REGION].databases[name])
        assert found is not None
        return found


def ended(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """Fails where a connection is not dropped soon."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return
        time.sleep(0.01)
    pytest.fail("the connection goes on")


@pytest.fixture
def rds() -> Iterator[Rds]:
    held = clock.Held()
    with in_memory_aws(REGION), databases.real() as on:
        before = clock.use(held)
        try:
            yield Rds(held, on)
        finally:
            clock.use(before)


def test_nothing_is_started_for_whoever_does_not_touch_it(rds: Rds) -> None:
    rds.make()
    rds.api.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="s")
    rds.held.advance(3600)
    rds.api.reboot_db_instance(DBInstanceIdentifier="main")
    rds.held.advance(3600)
    rds.api.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    assert list(rds.on.folder.glob("*/data")) == []


def test_an_instance_is_a_server_that_knows_its_master_user(rds: Rds) -> None:
    rds.make()
    assert rds.where()[1] == 5433, "the port that the stack gave it"
    with rds.connect() as connection:
        found = connection.execute(
            "SELECT rolsuper, rolcreaterole, pg_has_role(rolname, 'pg_monitor', 'member') "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert found == (False, True, True)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        rds.connect(word="another")
    rds.api.modify_db_instance(DBInstanceIdentifier="main", MasterUserPassword="a-new-password")
    rds.held.advance(600)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        rds.connect()
    rds.connect(word="a-new-password").close()
    rds.api.modify_db_instance(
        DBInstanceIdentifier="main", DBPortNumber=5444, ApplyImmediately=True
    )
    rds.held.advance(600)
    assert rds.where()[1] == 5444
    rds.connect(word="a-new-password").close()


def test_a_failover_drops_connections_and_keeps_the_endpoint_and_the_rows(rds: Rds) -> None:
    rds.make()
    rds.write(1)
    connection, before = rds.connect(), rds.where()
    rds.api.reboot_db_instance(DBInstanceIdentifier="main", ForceFailover=True)
    ended(connection)
    with pytest.raises(psycopg.OperationalError):
        rds.connect()
    rds.held.advance(120)
    assert rds.where() == before
    assert rds.rows() == [1]


def test_a_name_that_is_given_on_leads_to_whoever_bears_it(rds: Rds) -> None:
    rds.make()
    rds.make("other")
    rds.write(1)
    rds.write(2, name="other")
    at = rds.where()
    for old, new in (("main", "main-old"), ("other", "main")):
        rds.api.modify_db_instance(
            DBInstanceIdentifier=old, NewDBInstanceIdentifier=new, ApplyImmediately=True
        )
        rds.held.advance(900)
    assert rds.where() == at
    assert (rds.rows(), rds.rows("main-old")) == ([2], [1])


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
    with rds.connect("reads") as reads:
        rds.write(2)
        until = time.monotonic() + 20
        while rds.rows("reads") != [1, 2] and time.monotonic() < until:
            time.sleep(0.05)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reads.execute("INSERT INTO t VALUES (9)")
    rds.api.promote_read_replica(DBInstanceIdentifier="reads")
    rds.held.advance(3600)
    rds.write(3)
    rds.write(4, name="reads")
    assert (rds.rows(), rds.rows("reads")) == ([1, 2, 3], [1, 2, 4])


def test_the_parameter_groups_settings_are_the_servers(rds: Rds) -> None:
    rds.api.create_db_parameter_group(
        DBParameterGroupName="g", DBParameterGroupFamily="postgres16", Description="g"
    )

    def put(name: str, value: str, method: str) -> None:
        one = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
        rds.api.modify_db_parameter_group(DBParameterGroupName="g", Parameters=[one])

    put("work_mem", "8192", "immediate")
    put("random_page_cost", "banana", "immediate")
    put("rds.force_ssl", "1", "immediate")
    put("max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)", "pending-reboot")
    rds.make(DBParameterGroupName="g")

    def shown(*names: str) -> list[str]:
        with rds.connect() as connection:
            found = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in names]
            return [str(row[0]) for row in found if row]

    assert shown("work_mem", "random_page_cost") == ["8MB", "4"], "what is impossible is left out"
    put("work_mem", "16384", "immediate")
    put("max_connections", "77", "pending-reboot")
    assert shown("work_mem", "max_connections") == ["16MB", "100"]
    rds.api.reboot_db_instance(DBInstanceIdentifier="main")
    rds.held.advance(600)
    assert shown("work_mem", "max_connections") == ["16MB", "77"]
    rds.api.reset_db_parameter_group(DBParameterGroupName="g", ResetAllParameters=True)
    assert shown("work_mem", "max_connections") == ["4MB", "77"]


def test_a_change_of_class_is_felt_for_the_failover_at_its_end(rds: Rds) -> None:
    rds.make()
    connection = rds.connect()
    rds.api.modify_db_instance(
        DBInstanceIdentifier="main", DBInstanceClass="db.m7g.large", ApplyImmediately=True
    )
    rds.held.advance(200)
    assert connection.execute("SELECT 1").fetchone() == (1,)
    rds.held.advance(100)
    ended(connection)
    with pytest.raises(psycopg.OperationalError):
        rds.connect()
    rds.held.advance(120)
    rds.connect().close()


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
    held = clock.Held()
    stood = held.now()
    before = time.time()
    time.sleep(0.02)
    held.advance(3600)
    assert before + 0.02 <= held.wall(stood) <= time.time()
    assert held.wall(stood + timedelta(seconds=30)) <= time.time()
    running = clock.Running(600)
    then = running.now()
    assert abs(running.wall(then) - time.time()) < 5
    assert running.wall(then + timedelta(seconds=600)) - running.wall(then) == pytest.approx(1)


def test_the_wheel_serves_where_the_machine_has_no_installation(
    rds: Rds, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [each for each in installation._folders() if not each[1]]
    assert found
    monkeypatch.setattr(installation, "_folders", lambda: iter(found))
    installation.installations.cache_clear()
    try:
        rds.make()
        with rds.connect() as connection:
            version = connection.execute("SHOW server_version").fetchone()
        assert version is not None
        assert str(version[0]).startswith("16.")
        rds.write(1)
        rds.api.modify_db_instance(
            DBInstanceIdentifier="main", EngineVersion="18", AllowMajorVersionUpgrade=True,
            ApplyImmediately=True,
        )  # fmt: skip
        rds.held.advance(3600)
        rds.copied("again")
        assert rds.rows("again") == [1], "data of 16 are read by 16, whatever the instance says"
    finally:
        installation.installations.cache_clear()


def test_a_backup_can_be_restored_up_to_the_last_five_minutes(rds: Rds) -> None:
    rds.make()
    rds.make("unkept", BackupRetentionPeriod=0)
    rds.held.advance(7777)
    described = rds.api.describe_db_instances()["DBInstances"]
    found = {one["DBInstanceIdentifier"]: one.get("LatestRestorableTime") for one in described}
    assert found["unkept"] is None
    assert timedelta(0) <= rds.held.now() - found["main"] <= timedelta(minutes=5)


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


def test_backups_begin_when_they_are_asked_for(rds: Rds) -> None:
    rds.make(BackupRetentionPeriod=0)
    rds.write(1)
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
    rds.api.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="main", TargetDBInstanceIdentifier="then", RestoreTime=then
    )
    rds.held.advance(3600)
    assert rds.rows("then") == [1, 2]


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


def test_whoever_connects_after_a_reboot_is_not_dropped_for_it(rds: Rds) -> None:
    clock.use(clock.AtOnce())
    rds.make()
    before = rds.connect()
    rds.api.reboot_db_instance(DBInstanceIdentifier="main")
    with rds.connect() as after:
        ended(before)
        time.sleep(0.1)  # the door looks every hundredth of a second
        assert after.execute("SELECT 1").fetchone() == (1,)


KILLED = """
import os, signal, sys
from pathlib import Path
from sandbox import databases
from sandbox.aws import client, in_memory_aws
with in_memory_aws("eu-north-1"), databases.real() as on:
    client("rds", "eu-north-1").create_db_instance(
        DBInstanceIdentifier="main", DBInstanceClass="db.t4g.small", Engine="postgres",
        EngineVersion="16", AllocatedStorage=20, MasterUsername="one",
        MasterUserPassword="12345678",
    )
    server = next(iter(on._standing.values())).up()
    print(on.folder, server.sockets, (server.data / "postmaster.pid").read_text().split()[0])
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.exhaustive
def test_a_killed_process_leaves_no_server_and_no_folder() -> None:
    code = (sys.executable, "-c", KILLED)
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    folder, sockets, number = done.stdout.split()
    until = time.monotonic() + 20
    while Path(folder).exists() or Path(sockets).exists() or _runs(number):
        assert time.monotonic() < until
        time.sleep(0.05)


def _runs(number: str) -> bool:
    """Whether a process runs, and does not only wait for its parent to look at its end."""
    shown = ("ps", "-p", number, "-o", "stat=")
    done = subprocess.run(shown, capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1] not in ("", "Z")

"""PostgreSQL behind the sandbox's RDS: what stands in it, and who is let in when."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sandbox import clock
from sandbox.postgres import installation
from tests.sandbox.database_stage import Rds, ended, servers


@pytest.fixture
def rds() -> Iterator[Rds]:
    with servers() as made:
        yield made


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


@pytest.mark.exhaustive
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


def test_the_wheel_serves_where_the_machine_has_no_installation(
    rds: Rds, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [each for each in installation._folders() if not each[1]]
    assert found
    monkeypatch.setattr(installation, "_folders", lambda: iter(found))
    installation.list_installations.cache_clear()
    try:
        rds.make()
        with rds.connect() as connection:
            version = connection.execute("SHOW server_version").fetchone()
        assert version is not None
        assert str(version[0]).startswith("16.")
        rds.write(1)
        rds.api.modify_db_instance(
            DBInstanceIdentifier="main",
            EngineVersion="18",
            AllowMajorVersionUpgrade=True,
            ApplyImmediately=True,
        )
        rds.held.advance(3600)
        rds.copied("again")
        assert rds.rows("again") == [1], "data of 16 are read by 16, whatever the instance says"
    finally:
        installation.list_installations.cache_clear()


@pytest.mark.exhaustive
def test_whoever_connects_after_a_reboot_is_not_dropped_for_it(rds: Rds) -> None:
    clock.set_sandbox_clock(clock.InstantClock())
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
    until = time.monotonic() + 10  # a server that finds its data gone ends some time later
    while Path(folder).exists() or Path(sockets).exists() or _runs(number):
        assert time.monotonic() < until
        time.sleep(0.05)


def _runs(number: str) -> bool:
    """Whether a process runs, and does not only wait for its parent to look at its end."""
    shown = ("ps", "-p", number, "-o", "stat=")
    done = subprocess.run(shown, capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1] not in ("", "Z")

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
from sandbox.postgres.instance import InstanceServer
from sandbox.postgres.server import PostgresServer
from sandbox.postgres.servers import NAME_CACHED_SECONDS
from tests.sandbox.database_stage import (
    DatabaseStage,
    open_database_stage,
    require_disconnected,
)


@pytest.fixture
def database_stage() -> Iterator[DatabaseStage]:
    with open_database_stage() as opened_stage:
        yield opened_stage


def test_an_instance_that_nobody_connects_to_starts_no_server(
    database_stage: DatabaseStage,
) -> None:
    database_stage.create_instance()
    database_stage.api.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="s")
    database_stage.held_clock.advance(3600)
    database_stage.api.reboot_db_instance(DBInstanceIdentifier="main")
    database_stage.held_clock.advance(3600)
    database_stage.api.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    assert list(database_stage.postgres_servers.folder.glob("*/data")) == []


def test_an_instance_is_a_server_that_knows_its_master_user(database_stage: DatabaseStage) -> None:
    database_stage.create_instance()
    assert database_stage.get_endpoint()[1] == 5433, "the port that the stack gave it"
    with database_stage.connect() as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole, pg_has_role(rolname, 'pg_monitor', 'member') "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert row == (False, True, True)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        database_stage.connect(password="another")
    database_stage.api.modify_db_instance(
        DBInstanceIdentifier="main", MasterUserPassword="a-new-password"
    )
    database_stage.held_clock.advance(600)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        database_stage.connect()
    database_stage.connect(password="a-new-password").close()
    database_stage.api.modify_db_instance(
        DBInstanceIdentifier="main", DBPortNumber=5444, ApplyImmediately=True
    )
    database_stage.held_clock.advance(600)
    assert database_stage.get_endpoint()[1] == 5444
    database_stage.connect(password="a-new-password").close()


def test_a_failover_drops_connections_and_keeps_the_endpoint_and_the_rows(
    database_stage: DatabaseStage,
) -> None:
    database_stage.create_instance()
    database_stage.insert_rows(1)
    connection, before = database_stage.connect(), database_stage.get_endpoint()
    database_stage.api.reboot_db_instance(DBInstanceIdentifier="main", ForceFailover=True)
    require_disconnected(connection)
    with pytest.raises(psycopg.OperationalError):
        database_stage.connect()
    database_stage.held_clock.advance(120)
    assert database_stage.get_endpoint() == before
    assert database_stage.list_rows() == [1]


def test_a_reused_instance_name_leads_to_its_new_bearer(database_stage: DatabaseStage) -> None:
    database_stage.create_instance()
    database_stage.create_instance("other")
    database_stage.insert_rows(1)
    database_stage.insert_rows(2, name="other")
    endpoint = database_stage.get_endpoint()
    for old, new in (("main", "main-old"), ("other", "main")):
        database_stage.api.modify_db_instance(
            DBInstanceIdentifier=old, NewDBInstanceIdentifier=new, ApplyImmediately=True
        )
        database_stage.held_clock.advance(900)
    assert database_stage.get_endpoint() == endpoint
    assert (database_stage.list_rows(), database_stage.list_rows("main-old")) == ([2], [1])


def test_a_renamed_instance_still_answers_at_its_old_name_for_a_while(
    database_stage: DatabaseStage,
) -> None:
    database_stage.create_instance()
    database_stage.create_instance("other")
    database_stage.insert_rows(1)
    database_stage.insert_rows(2, name="other")
    endpoint, connection = database_stage.get_endpoint(), database_stage.connect()

    def rename(old: str, new: str) -> None:
        database_stage.api.modify_db_instance(
            DBInstanceIdentifier=old, NewDBInstanceIdentifier=new, ApplyImmediately=True
        )

    def list_rows_at_endpoint() -> list[tuple[int]]:
        with database_stage.connect(endpoint=endpoint) as client:
            return client.execute("SELECT n FROM t").fetchall()

    rename("main", "main-old")
    require_disconnected(connection)
    database_stage.held_clock.advance(600)
    rename("other", "main")
    assert list_rows_at_endpoint() == [(1,)], "a client that has the old address in its cache"
    database_stage.held_clock.advance(NAME_CACHED_SECONDS)
    database_stage.held_clock.advance(900)
    assert list_rows_at_endpoint() == [(2,)]
    assert database_stage.list_rows("main-old") == [1]


def test_the_parameter_groups_settings_are_the_servers(database_stage: DatabaseStage) -> None:
    database_stage.api.create_db_parameter_group(
        DBParameterGroupName="g", DBParameterGroupFamily="postgres16", Description="g"
    )

    def put_parameter(name: str, value: str, method: str) -> None:
        parameter = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
        database_stage.api.modify_db_parameter_group(
            DBParameterGroupName="g", Parameters=[parameter]
        )

    put_parameter("work_mem", "8192", "immediate")
    put_parameter("random_page_cost", "banana", "immediate")
    put_parameter("rds.force_ssl", "1", "immediate")
    put_parameter(
        "max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)", "pending-reboot"
    )
    database_stage.create_instance(DBParameterGroupName="g")

    def show_settings(*names: str) -> list[str]:
        with database_stage.connect() as connection:
            rows = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in names]
            return [str(row[0]) for row in rows if row]

    assert show_settings("work_mem", "random_page_cost") == ["8MB", "4"], (
        "what is impossible is left out"
    )
    put_parameter("work_mem", "16384", "immediate")
    put_parameter("max_connections", "77", "pending-reboot")
    assert show_settings("work_mem", "max_connections") == ["16MB", "100"]
    database_stage.api.reboot_db_instance(DBInstanceIdentifier="main")
    database_stage.held_clock.advance(600)
    assert show_settings("work_mem", "max_connections") == ["16MB", "77"]
    database_stage.api.reset_db_parameter_group(DBParameterGroupName="g", ResetAllParameters=True)
    assert show_settings("work_mem", "max_connections") == ["4MB", "77"]


@pytest.mark.exhaustive
def test_a_change_of_class_is_felt_for_the_failover_at_its_end(
    database_stage: DatabaseStage,
) -> None:
    database_stage.create_instance()
    connection = database_stage.connect()
    database_stage.api.modify_db_instance(
        DBInstanceIdentifier="main", DBInstanceClass="db.m7g.large", ApplyImmediately=True
    )
    database_stage.held_clock.advance(200)
    assert connection.execute("SELECT 1").fetchone() == (1,)
    database_stage.held_clock.advance(100)
    require_disconnected(connection)
    with pytest.raises(psycopg.OperationalError):
        database_stage.connect()
    database_stage.held_clock.advance(120)
    database_stage.connect().close()


def test_the_wheel_serves_where_the_machine_has_no_installation(
    database_stage: DatabaseStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [each for each in installation._folders() if not each[1]]
    assert folders
    monkeypatch.setattr(installation, "_folders", lambda: iter(folders))
    installation.list_installations.cache_clear()
    try:
        database_stage.create_instance()
        with database_stage.connect() as connection:
            version = connection.execute("SHOW server_version").fetchone()
        assert version is not None
        assert str(version[0]).startswith("16.")
        database_stage.insert_rows(1)
        database_stage.api.modify_db_instance(
            DBInstanceIdentifier="main",
            EngineVersion="18",
            AllowMajorVersionUpgrade=True,
            ApplyImmediately=True,
        )
        database_stage.held_clock.advance(3600)
        database_stage.restore_copy("again")
        assert database_stage.list_rows("again") == [1], (
            "data of 16 are read by 16, whatever the instance says"
        )
    finally:
        installation.list_installations.cache_clear()


@pytest.mark.exhaustive
def test_whoever_connects_after_a_reboot_is_not_dropped_for_it(
    database_stage: DatabaseStage,
) -> None:
    clock.set_sandbox_clock(clock.InstantClock())
    database_stage.create_instance()
    before = database_stage.connect()
    database_stage.api.reboot_db_instance(DBInstanceIdentifier="main")
    with database_stage.connect() as after:
        require_disconnected(before)
        time.sleep(0.1)  # the door looks every hundredth of a second
        assert after.execute("SELECT 1").fetchone() == (1,)


KILLED_PROGRAM = """
import os, signal, sys
from pathlib import Path
from sandbox import postgres
from sandbox.aws import get_client, use_in_memory_aws
with use_in_memory_aws("eu-north-1"), postgres.use_real_postgres() as servers:
    get_client("rds", "eu-north-1").create_db_instance(
        DBInstanceIdentifier="main", DBInstanceClass="db.t4g.small", Engine="postgres",
        EngineVersion="16", AllocatedStorage=20, MasterUsername="one",
        MasterUserPassword="12345678",
    )
    server = next(iter(servers._instance_servers.values())).ensure_started()
    pid = (server.data / "postmaster.pid").read_text().split()[0]
    print(servers.folder, server.socket_folder, pid)
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.exhaustive
def test_a_killed_process_leaves_no_server_and_no_folder() -> None:
    code = (sys.executable, "-c", KILLED_PROGRAM)
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    folder, sockets, number = done.stdout.split()
    until = time.monotonic() + 10  # a server that finds its data gone ends some time later
    while Path(folder).exists() or Path(sockets).exists() or _is_process_running(number):
        assert time.monotonic() < until
        time.sleep(0.05)


KILLED_AT_START_PROGRAM = KILLED_PROGRAM.replace(
    "    server = next",
    """    import threading
    from sandbox.postgres.server import PostgresServer
    def kill_soon(self):
        print(servers.folder, self.socket_folder, 0, flush=True)
        threading.Timer(0.03, os.kill, (os.getpid(), signal.SIGKILL)).start()
        original(self)
    original = PostgresServer._write_configuration
    PostgresServer._write_configuration = kill_soon
    server = next""",
)


@pytest.mark.exhaustive
def test_a_process_killed_while_its_server_starts_leaves_no_server() -> None:
    assert KILLED_AT_START_PROGRAM != KILLED_PROGRAM
    code = (sys.executable, "-c", KILLED_AT_START_PROGRAM)
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    folder, sockets, _ = done.stdout.split()[:3]
    until = time.monotonic() + 30
    while Path(folder).exists() or Path(sockets).exists() or list_servers(Path(folder)):
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(2)
    assert list_servers(Path(folder)) == []


def _is_process_running(number: str) -> bool:
    """Whether a process runs, and does not only wait for its parent to look at its end."""
    ps_command = ("ps", "-p", number, "-o", "stat=")
    process = subprocess.run(ps_command, capture_output=True, text=True, check=False)
    return process.stdout.strip()[:1] not in ("", "Z")


def test_the_master_user_creates_the_extensions_that_rds_supports_and_no_others(
    database_stage: DatabaseStage,
) -> None:
    database_stage.create_instance()
    with database_stage.connect() as connection:
        available = {
            row[0] for row in connection.execute("SELECT name FROM pg_available_extensions")
        }
        if "pgstattuple" not in available:
            pytest.skip("the server has no contrib extensions")
        connection.execute("CREATE SCHEMA extensions")
        for name in ("pg_stat_statements", "pgstattuple", "postgres_fdw", "uuid-ossp"):
            connection.execute(f'CREATE EXTENSION "{name}" SCHEMA extensions'.encode())
        owner = connection.execute(
            "SELECT p.proowner::regrole::text FROM pg_proc p WHERE proname = 'pgstattuple_approx'"
        ).fetchone()
        assert owner == ("rdsadmin",)
        measured = connection.execute(
            "SELECT table_len FROM extensions.pgstattuple_approx('pg_class')"
        ).fetchone()
        assert measured is not None
        assert measured[0] > 0
        connection.execute("DROP EXTENSION pgstattuple")
    for name in ("file_fdw", "adminpack", "pageinspect"):
        if name in available:
            with (
                database_stage.connect() as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute(f"CREATE EXTENSION {name}".encode())


def list_servers(folder: Path) -> list[str]:
    """The command lines of the programs that run in a folder."""
    lines = subprocess.run(
        ("ps", "-axww", "-o", "args="), capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [line for line in lines if str(folder) in line]


def test_a_server_whose_start_was_given_up_does_not_stay(
    database_stage: DatabaseStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    database_stage.create_instance()

    def give_up(self: InstanceServer, server: PostgresServer) -> None:
        assert list_servers(server.data)
        server.is_running = False  # as if pg_ctl had not waited for it to the end
        raise KeyboardInterrupt

    folder = database_stage.postgres_servers.folder
    server = database_stage.get_server()
    with monkeypatch.context() as interrupted:
        interrupted.setattr(InstanceServer, "_create_master_user", give_up)
        with pytest.raises(KeyboardInterrupt):
            server.ensure_started()
    assert list_servers(folder) == []
    database_stage.connect().close()
    assert list_servers(folder)
    database_stage.postgres_servers.close()
    assert list_servers(folder) == []


def test_a_deleted_instance_starts_no_server(database_stage: DatabaseStage) -> None:
    database_stage.create_instance()
    server = database_stage.get_server()
    database_stage.postgres_servers.close()
    with pytest.raises(installation.PostgresError, match="main is deleted"):
        server.ensure_started()

"""Sessions whose roles and databases are set up in other ways than ours, on a real server."""

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from ops.core.errors import OpsError
from ops.core.plan import Sql
from ops.database.sql import connection as connections
from ops.database.sql import connection_errors, sessions
from ops.database.sql.connection import DatabaseClient
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import (
    DATABASE_PASSWORD,
    DATABASE_USER,
    connect_application,
    connect_stage_superuser,
)
from tests.ops.stage import shared_aws


@pytest.fixture
def ops_database(ops: OpsConsole) -> DatabaseClient:
    return DatabaseClient(ops.stage.outputs, shared_aws())


@contextmanager
def set_for_role(ops: OpsConsole, *settings: str) -> Iterator[None]:
    """Settings of the role that ops and the application share."""
    with connect_stage_superuser(ops.stage) as admin:
        for setting in settings:
            admin.execute(f"ALTER ROLE {DATABASE_USER} SET {setting}".encode())
    try:
        yield
    finally:
        with connect_stage_superuser(ops.stage) as admin:
            admin.execute(f"ALTER ROLE {DATABASE_USER} RESET ALL".encode())


INDIAN_ROLE = ("datestyle = 'SQL, DMY'", "timezone = 'Asia/Kolkata'")


def start_query(session: "psycopg.Connection[Any]", statement: str | bytes) -> threading.Thread:
    body = statement.encode() if isinstance(statement, str) else statement

    def run() -> None:
        with pytest.raises(psycopg.Error):
            session.execute(body)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def wait_until_active(ops: OpsConsole, pid: int) -> dict[str, Any]:
    """The session as activity shows it once its statement runs."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for row in ops.run_for_json("db activity --full")["items"]:
            if row["pid"] == pid and row["state"] == "active":
                found: dict[str, Any] = row
                return found
        time.sleep(0.02)
    pytest.fail("its statement did not begin")


def is_alive(ops: OpsConsole, pid: int) -> bool:
    with connect_stage_superuser(ops.stage) as admin:
        row = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (pid,))
        return row.fetchone() == (1,)


def wait_until_ended(ops: OpsConsole, pid: int) -> None:
    deadline = time.monotonic() + 20
    while is_alive(ops, pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_session_is_ended_whatever_dates_look_like_to_its_role(ops: OpsConsole) -> None:
    with set_for_role(ops, *INDIAN_ROLE):
        session = connect_application(ops.stage)
        assert "IST" in str(
            session.execute("SELECT backend_start::text FROM pg_stat_activity").fetchall()
        )
        thread = start_query(session, "SELECT pg_sleep(60)")
        pid = session.info.backend_pid
        wait_until_active(ops, pid)
        out, _ = ops(f"db kill {pid} --terminate --yes")
        assert "state: ended" in out
        assert not is_alive(ops, pid)
        thread.join(10)


def test_a_query_is_cancelled_whatever_dates_look_like_to_its_role(ops: OpsConsole) -> None:
    with set_for_role(ops, *INDIAN_ROLE), connect_application(ops.stage) as session:
        thread = start_query(session, "SELECT pg_sleep(60)")
        wait_until_active(ops, session.info.backend_pid)
        assert "state: cancelled" in ops(f"db kill {session.info.backend_pid} --yes")[0]
        thread.join(10)
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_idle_sessions_are_ended_whatever_dates_look_like_to_their_role(ops: OpsConsole) -> None:
    with set_for_role(ops, *INDIAN_ROLE):
        session = connect_application(ops.stage, "pool")
        session.execute("SELECT 1")
        pid = session.info.backend_pid
        found = ops.run_for_json("db kill-idle --older-than 0 --application pool --yes")
        assert (found["ended"], found["at_work_again"]) == ([pid], [])
        assert not is_alive(ops, pid)


@pytest.mark.parametrize("datestyle", ["ISO, MDY", "SQL, DMY", "Postgres, MDY", "German"])
def test_what_identifies_a_session_reads_the_same_under_every_setting(
    ops: OpsConsole, ops_database: DatabaseClient, datestyle: str
) -> None:
    with connect_application(ops.stage) as session:
        shown = sessions.get_endable_session(ops_database, None, session.info.backend_pid)
        plan = sessions.build_kill_session_plan(
            ops.stage.outputs, shown, None, "kill-1", terminate=True
        )
        read = plan.steps[0].goal.read
        assert isinstance(read, Sql)
        # Not even settings of its own would make ops miss the session.
        ops_database.fetch_rows(f"SET datestyle = '{datestyle}'; SET timezone = 'Asia/Kolkata'")
        assert ops_database(read) == [{"left": 1}]
        assert sessions.get_endable_session(ops_database, None, shown.pid).began == shown.began


def test_a_session_that_lives_is_never_said_to_have_ended(
    ops: OpsConsole, ops_database: DatabaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = "SELECT 0 AS told"
    monkeypatch.setattr(sessions, "TERMINATE_STATEMENT", nothing)
    monkeypatch.setattr(sessions, "TERMINATE_CHECK_STATEMENT", "SELECT 0 AS left")
    with connect_application(ops.stage) as session:
        pid = session.info.backend_pid
        out, err = ops(f"db kill {pid} --terminate --yes", expected_code=1)
        assert f"the session {pid} of {DATABASE_USER} by shop, idle still exists" in err
        assert "state: ended" not in out
        shown = sessions.get_endable_session(ops_database, None, pid)
        assert sessions.list_remaining_pids(ops_database, None, [shown]) == {pid}
    wait_until_ended(ops, pid)  # a server notices a moment later that its client is gone
    sessions.require_ended(ops_database, None, shown, terminate=True)


def test_a_query_that_runs_on_is_never_said_to_be_cancelled(
    ops: OpsConsole, ops_database: DatabaseClient
) -> None:
    session = connect_application(ops.stage)
    thread = start_query(session, "SELECT pg_sleep(60)")
    pid = session.info.backend_pid
    wait_until_active(ops, pid)
    shown = sessions.get_endable_session(ops_database, None, pid)
    with pytest.raises(OpsError, match="still runs"):
        sessions.require_ended(ops_database, None, shown, terminate=False)
    ops(f"db kill {pid} --terminate --yes")
    thread.join(10)


def test_a_session_of_a_database_in_another_encoding_is_shown_and_ended(ops: OpsConsole) -> None:
    database = ops.stage.outputs.database
    with connect_stage_superuser(ops.stage) as admin:
        admin.execute(
            "CREATE DATABASE lat ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
    try:
        session = psycopg.connect(
            host=database.endpoint,
            port=database.port,
            user=DATABASE_USER,
            password=DATABASE_PASSWORD,
            dbname="lat",
            autocommit=True,
            sslmode="disable",
            client_encoding="LATIN1",
        )
        thread = start_query(session, b"SELECT 'caf\xe9', pg_sleep(60)")
        pid = session.info.backend_pid
        row = wait_until_active(ops, pid)
        assert row["query"] == "SELECT 'caf\N{REPLACEMENT CHARACTER}', pg_sleep(60)"
        assert "caf\N{REPLACEMENT CHARACTER}" in ops("db activity")[0]
        assert "caf\N{REPLACEMENT CHARACTER}" in ops("db slow --longer-than 0")[0]
        out, _ = ops(f"db kill {pid} --terminate --yes")
        assert "caf\N{REPLACEMENT CHARACTER}" in out
        assert "state: ended" in out
        thread.join(10)
    finally:
        with connect_stage_superuser(ops.stage) as admin:
            admin.execute("DROP DATABASE lat WITH (FORCE)")


def fill_server(ops: OpsConsole, held: "list[psycopg.Connection[Any]]") -> None:
    """Opens sessions until PostgreSQL takes no more, also once earlier sessions have ended."""
    gc.collect()  # sessions that an earlier test left would end whenever that is
    refusals = 0
    while refusals < 3:
        assert len(held) < 110, "max_connections is not 100"
        try:
            held.append(connect_application(ops.stage))
        except psycopg.OperationalError:
            refusals += 1
            time.sleep(0.2)


def test_a_full_server_is_told_from_one_that_does_not_answer(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "FULL_RETRY_SECONDS", 0)
    held: list[psycopg.Connection[Any]] = []
    try:
        for command in ("db activity", "db kill-idle --yes", "db locks"):
            fill_server(ops, held)
            _, err = ops(command, expected_code=1)
            assert "bulwark-test-database is full (53300)" in err.splitlines()[0]
            assert "does not answer" not in err
            assert "ops db connect" not in err, "a tunnel does not help"
            for helpful in ("ops service scale", "ops db reboot", "ops db resize"):
                assert helpful in err
    finally:
        for session in held:
            session.close()
    monkeypatch.setattr(connections, "FULL_RETRY_SECONDS", 20)
    ops("db activity")


def test_a_full_server_is_asked_again_while_sessions_come_and_go(ops: OpsConsole) -> None:
    held: list[psycopg.Connection[Any]] = []
    fill_server(ops, held)

    def end_sessions() -> None:
        for session in held:
            session.close()

    timer = threading.Timer(1, end_sessions)
    timer.start()
    try:
        assert ops.run_for_json("db activity")["allowed"] == 100
    finally:
        timer.join()


def test_a_role_at_its_own_limit_is_full_too(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "FULL_RETRY_SECONDS", 0)
    with connect_stage_superuser(ops.stage) as admin, connect_application(ops.stage):
        admin.execute(f"ALTER ROLE {DATABASE_USER} CONNECTION LIMIT 1".encode())
        try:
            _, err = ops("db activity", expected_code=1)
        finally:
            admin.execute(f"ALTER ROLE {DATABASE_USER} CONNECTION LIMIT -1".encode())
    assert "is full (53300)" in err
    assert f'too many connections for role "{DATABASE_USER}"' in err


def test_a_server_that_refuses_is_not_looked_for_through_a_tunnel(ops: OpsConsole) -> None:
    with connect_stage_superuser(ops.stage) as admin:
        admin.execute(f"ALTER ROLE {DATABASE_USER} NOLOGIN".encode())
        try:
            _, err = ops("db activity", expected_code=1)
        finally:
            admin.execute(f"ALTER ROLE {DATABASE_USER} LOGIN".encode())
    assert "refuses connections" in err
    assert "is not permitted to log in" in err
    assert "ops db connect" not in err


@pytest.mark.parametrize(
    ("message", "full"),
    [
        ("FATAL:  sorry, too many clients already", True),
        (
            "FATAL:  remaining connection slots are reserved for non-replication superuser, "
            "rds_reserved, and rds_superuser connections",
            True,
        ),
        (
            "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER "
            "attribute",
            True,
        ),
        ('FATAL:  too many connections for database "app"', True),
        ("FATAL:  the database system is starting up", False),
        ("timeout expired", False),
    ],
)
def test_what_a_server_says_when_it_is_full(message: str, *, full: bool) -> None:
    error = psycopg.OperationalError(f'connection to server at "10.0.0.1" failed: {message}')
    converted = connection_errors.convert_connect_error(error, "db", "10.0.0.1:5432")
    assert ("53300" in str(converted)) is full
    assert ("ops db connect" in converted.advice) is (message == "timeout expired")

"""What PostgreSQL says of itself, asked of a real one with what is looked for really made.

What is not covered: TLS, which the server of the tests may not have.
"""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ops.core.errors import UsageError
from ops.database.sql.connection import DATABASE_ADDRESS_VARIABLE, resolve_database_address
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import (
    DATABASE_PASSWORD,
    connect_application,
    connect_stage_superuser,
)


def prepare_server(console: OpsConsole) -> None:
    """Read by the fixture `server`."""
    with connect_application(console.stage) as connection:
        connection.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, name text) WITH (autovacuum_enabled=off)"
        )
        connection.execute(
            "INSERT INTO orders SELECT n, repeat('x', 100) FROM generate_series(1, 20000) n"
        )


class BusySession:
    """A session that does something until it is ended, in a thread of its own."""

    def __init__(self, ops: OpsConsole, statement: str, application: str = "shop") -> None:
        self.ops, self.connection = ops, connect_application(ops.stage, application)
        self.pid = self.connection.info.backend_pid
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(statement,), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            rows = ops.run_for_json("db activity --full")["items"]
            if any(row["pid"] == self.pid and statement in row["query"] for row in rows):
                return
            time.sleep(0.02)
        pytest.fail(f"{statement} did not begin")

    def _run(self, statement: str) -> None:
        try:
            self.connection.execute(statement.encode())
        except psycopg.Error as error:
            self.error = error

    def wait_for_error(self) -> Exception | None:
        """What it ended with."""
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.error

    def end_session(self) -> None:
        with connect_stage_superuser(self.ops.stage) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", (self.pid,))
        self._thread.join(20)
        self.connection.close()


@pytest.fixture
def start_busy_session(ops: OpsConsole) -> Iterator[Any]:
    sessions: list[BusySession] = []

    def begin_session(
        statement: str = "SELECT pg_sleep(60)", application: str = "shop"
    ) -> BusySession:
        sessions.append(BusySession(ops, statement, application))
        return sessions[-1]

    yield begin_session
    for session in sessions:
        session.end_session()


def get_item(printed: Any, **expected: object) -> Any:
    """The one item of JSON that has these values."""
    (match,) = (
        candidate
        for candidate in printed["items"]
        if all(candidate[key] == value for key, value in expected.items())
    )
    return match


def test_activity_shows_who_does_what_and_how_many_there_may_be(
    ops: OpsConsole, start_busy_session: Any
) -> None:
    sleeper = start_busy_session("SELECT pg_sleep(61)", "reports")
    found = ops.run_for_json("db activity")
    row = get_item(found, pid=sleeper.pid)
    assert (row["application"], row["state"], row["waits_for"]) == (
        "reports",
        "active",
        "Timeout:PgSleep",
    )
    assert found["states"]["active"] >= 1
    assert found["allowed"] == 100
    out, _ = ops("db activity")
    assert "SELECT pg_sleep(61)" in out
    assert "connections: " in out
    assert "bulwark-ops" not in out


def test_a_long_query_is_cut_unless_all_is_asked_for(
    ops: OpsConsole, start_busy_session: Any
) -> None:
    text = f"SELECT pg_sleep(62) /* {'y' * 300} */"
    start_busy_session(text)
    assert "y" * 300 not in ops("db activity")[0]
    assert "y" * 300 in ops("db activity --full")[0]


def test_slow_shows_what_runs_for_long_where_there_are_no_statistics(
    ops: OpsConsole, start_busy_session: Any
) -> None:
    sleeper = start_busy_session("SELECT pg_sleep(63)")
    out, _ = ops("db slow --longer-than 0")
    assert "SELECT pg_sleep(63)" in out
    assert "ops db extension create pg_stat_statements" in out
    assert ops.run_for_json("db slow --longer-than 3600")["items"] == []
    assert get_item(ops.run_for_json("db slow --longer-than 0"), pid=sleeper.pid)["seconds"] >= 0


def test_slow_shows_the_statistics_where_there_are_some(ops: OpsConsole) -> None:
    with connect_stage_superuser(ops.stage) as admin:
        known = admin.execute(
            "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'"
        ).fetchone()
        loaded = admin.execute("SHOW shared_preload_libraries").fetchone()
        if known is None or "pg_stat_statements" not in str(loaded):
            pytest.skip("the server has no pg_stat_statements, or has not loaded it")
        admin.execute("CREATE EXTENSION pg_stat_statements")
        try:
            with connect_application(ops.stage) as connection:
                connection.execute("SELECT count(*) FROM orders")
            assert "SELECT count(*) FROM orders" in ops("db slow")[0]
        finally:
            admin.execute("DROP EXTENSION pg_stat_statements")


def test_locks_show_the_blocking_session_and_how_to_end_it(
    ops: OpsConsole, start_busy_session: Any
) -> None:
    holder = connect_application(ops.stage, "migration")
    holder.execute("BEGIN")
    holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    waiter = start_busy_session("SELECT max(id) FROM orders")
    row = get_item(ops.run_for_json("db locks"), pid=waiter.pid)
    assert (row["blocked_by"], row["table"], row["mode"]) == (
        holder.info.backend_pid,
        "orders",
        "AccessShareLock",
    )
    assert row["command"] is None, "it is the victim"
    root = get_item(ops.run_for_json("db locks"), pid=holder.info.backend_pid)
    assert root["command"] == f"ops db kill {holder.info.backend_pid} --terminate"
    out, _ = ops("db locks")
    assert "LOCK TABLE orders" in out
    said, _ = ops(f"{root['command'].removeprefix('ops ')} --yes")
    assert "state: ended" in said
    assert waiter.wait_for_error() is None, "it got its lock"
    assert ops.run_for_json("db locks")["items"] == []


def test_bloat_that_is_made_is_found_and_vacuumed(ops: OpsConsole) -> None:
    run_and_analyze(
        ops, "UPDATE orders SET name = name || 'y'", "UPDATE orders SET name = name || 'z'"
    )
    row = get_item(ops.run_for_json("db bloat"), table="public.orders")
    assert row["dead_rows"] >= 20000
    assert 50 < row["wasted_percent"] < 80
    assert "public.orders" in ops("db bloat")[0]
    assert ops.run_for_json("db vacuum --yes")["vacuumed"] == ["public.orders"]
    after = get_item(ops.run_for_json("db bloat"), table="public.orders")
    assert after["dead_rows"] == 0
    assert after["vacuumed"] is not None
    assert "vacuumed: public.orders" in ops(ops.add_plan_hash("db vacuum orders --full"))[0]
    run_and_analyze(ops)
    assert get_item(ops.run_for_json("db bloat"), table="public.orders")["wasted_percent"] < 10


def run_and_analyze(ops: OpsConsole, *statements: str) -> None:
    """Runs statements and makes statistics anew; a session tells what it did when it ends."""
    with connect_application(ops.stage) as connection:
        for statement in statements:
            connection.execute(statement.encode())
    with connect_application(ops.stage) as connection:
        connection.execute("ANALYZE orders")


def test_a_full_vacuum_of_a_protected_stack_wants_more_than_yes(ops: OpsConsole) -> None:
    assert "--expect must be" in ops("db vacuum orders --full --yes", expected_code=2)[1]


def test_unused_indexes_are_listed_by_kind(ops: OpsConsole) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute("CREATE TABLE parts (a int PRIMARY KEY, b int, c int)")
        connection.execute("CREATE INDEX parts_b ON parts (b)")
        connection.execute("CREATE INDEX parts_b_c ON parts (b, c)")
        connection.execute("CREATE INDEX parts_c ON parts (c)")
        connection.execute("INSERT INTO parts VALUES (1, 1, 1), (2, 2, 1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY parts_one ON parts (c)")
    found = {(i["problem"], i["index"]) for i in ops.run_for_json("db indexes")["items"]}
    assert ("invalid", "public.parts_one") in found
    assert ("duplicate", "public.parts_b") in found
    assert ("unused", "public.parts_c") in found
    assert not any(index == "public.parts_pkey" for _, index in found)
    assert ("duplicate", "public.parts_b_c") not in found


def test_a_table_that_is_read_whole_again_and_again_lacks_an_index(ops: OpsConsole) -> None:
    with connect_application(ops.stage) as connection:
        for _ in range(60):
            connection.execute("SELECT count(*) FROM orders WHERE name = 'none'")
    time.sleep(1.2)
    row = get_item(ops.run_for_json("db indexes"), problem="missing", table="public.orders")
    assert "sequential scans" in row["evidence"]


def test_size_shows_what_fills_the_disk(ops: OpsConsole) -> None:
    found = ops.run_for_json("db size")
    assert found["has_tables"] is True
    assert (found["database"], found["items"][0]["table"]) == ("app", "public.orders")
    assert found["wal"] > 0
    assert found["items"][0]["total"] > 1 << 20
    assert "MiB" in ops("db size")[0]


def test_a_query_is_cancelled_and_its_session_stays(
    ops: OpsConsole, start_busy_session: Any
) -> None:
    sleeper = start_busy_session("SELECT pg_sleep(64)")
    out, _ = ops(f"db kill {sleeper.pid} --yes")
    assert "state: cancelled" in out
    assert isinstance(sleeper.wait_for_error(), psycopg.errors.QueryCanceled)
    assert sleeper.connection.execute("SELECT 1").fetchone() == (1,)


def test_only_the_session_that_was_looked_at_is_ended(
    ops: OpsConsole, start_busy_session: Any
) -> None:
    sleeper = start_busy_session("SELECT pg_sleep(65)")
    plan = ops.run_for_json(f"db kill {sleeper.pid} --terminate --dry-run")["plan"]
    step = plan["steps"][0]["action"]
    later = [f"{began[:-1]}9" for began in step["params"]["began"]]  # another of the same id
    with connect_application(ops.stage) as admin:
        told = admin.execute(step["statement"].encode(), {**step["params"], "began": later})
        assert told.fetchone() == (0,)
    ops(f"db kill {sleeper.pid} --terminate --yes")
    assert isinstance(sleeper.wait_for_error(), psycopg.OperationalError)


def test_idle_sessions_are_ended_and_those_at_work_are_not(
    ops: OpsConsole, start_busy_session: Any
) -> None:
    worker = start_busy_session("SELECT pg_sleep(66)", "web")
    idle, inside = connect_application(ops.stage, "web"), connect_application(ops.stage, "batch")
    inside.execute("BEGIN")
    inside.execute("SELECT 1")
    out = ops.run_for_json("db kill-idle --older-than 0 --in-transaction --yes")
    assert out["ended"] == [inside.info.backend_pid]
    with pytest.raises(psycopg.OperationalError):
        inside.execute("SELECT 1")
    assert ops.run_for_json("db kill-idle --older-than 60 --yes") == {
        "schema": 1,
        "kind": "db-kill-idle",
        "ended": [],
        "at_work_again": [],
        "run": None,
    }
    out = ops.run_for_json("db kill-idle --older-than 0 --application web --yes")
    assert out["ended"] == [idle.info.backend_pid]
    with pytest.raises(psycopg.OperationalError):
        idle.execute("SELECT 1")
    assert worker.connection.info.transaction_status is not None
    assert get_item(ops.run_for_json("db activity"), pid=worker.pid)["state"] == "active"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("kill 999999", "PID 999999 is not a session"),
        ("kill x", "PID"),
        ("kill 0", "PID"),
        ("vacuum nowhere", "TABLE must be public.orders"),
        ("kill-idle --older-than -1", "--older-than"),
        ("activity --replica other", "--replica must be 'bulwark-test-database'"),
        ("activity --via nowhere", "--via must be HOST:PORT, like 127.0.0.1:15432, not 'nowhere'"),
        ("locks --limit 0", "--limit"),
        ("slow --longer-than -1", "--longer-than"),
    ],
)
def test_bad_input_is_one_line(ops: OpsConsole, line: str, says: str) -> None:
    _, err = ops(f"db {line}", expected_code=2)
    assert says in err.splitlines()[0]


def test_internal_database_processes_are_never_ended(ops: OpsConsole) -> None:
    with connect_stage_superuser(ops.stage) as admin:
        pid = admin.info.backend_pid
        assert "of rdsadmin" in ops(f"db kill {pid} --terminate --yes", expected_code=2)[1]
        found = admin.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        ).fetchone()
    assert found is not None
    assert (
        f"{found[0]} is checkpointer"
        in ops(f"db kill {found[0]} --terminate --yes", expected_code=2)[1]
    )


def test_an_unreachable_database_is_reported_with_the_connect_command(ops: OpsConsole) -> None:
    _, err = ops("db activity --via 127.0.0.1:1", expected_code=1)
    assert "does not answer at 127.0.0.1:1" in err.splitlines()[0]
    assert "ops db connect" in err


def test_a_secret_that_leads_to_another_instance_is_said(ops: OpsConsole) -> None:
    secrets = ops.stage.client("secretsmanager")
    arn = ops.stage.outputs.database.secret_arn
    good = secrets.get_secret_value(SecretId=arn)["SecretString"]
    assert "services are sent to" not in ops("db size")[1]
    changed = json.dumps({**json.loads(good), "host": "bulwark-test-database-2.x.example.com"})
    secrets.put_secret_value(SecretId=arn, SecretString=changed)
    try:
        out, err = ops("db size --output json")
    finally:
        secrets.put_secret_value(SecretId=arn, SecretString=good)
    assert json.loads(out)["items"], "it is answered all the same"
    said = " ".join(err.split())
    assert "services are sent to bulwark-test-database-2.x.example.com by the stack's" in said
    assert "this command uses bulwark-test-database: see" in said


def test_a_wrong_password_is_said_and_not_shown(ops: OpsConsole) -> None:
    secrets = ops.stage.client("secretsmanager")
    arn = ops.stage.outputs.database.secret_arn
    good = secrets.get_secret_value(SecretId=arn)["SecretString"]
    secrets.put_secret_value(
        SecretId=arn, SecretString=good.replace(DATABASE_PASSWORD, "not-the-password")
    )
    try:
        _, err = ops("db activity", expected_code=1)
    finally:
        secrets.put_secret_value(SecretId=arn, SecretString=good)
    assert "rejected the password from its secret" in err
    assert "ops db rotate-password" in err
    assert "not-the-password" not in err


def test_a_secret_that_may_not_be_read_is_said(ops: OpsConsole) -> None:
    from tests.ops.db_stage import fail_operations

    with fail_operations("AccessDeniedException", "get_secret_value"):
        _, err = ops("db activity", expected_code=1)
    assert "secretsmanager.get_secret_value was denied" in err


def test_a_table_with_a_strange_name_is_quoted(ops: OpsConsole) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute('CREATE TABLE "Odd ""%s"" name" (n int)')
        found = ops.run_for_json("db vacuum --dry-run orders")
        assert found["plan"]["steps"][0]["action"]["statement"] == 'VACUUM "public"."orders"'
        from ops.database.sql.vacuum import TableStatistics

        odd = TableStatistics(1, "public", 'Odd "%s" name', 0, 0, 0, 0, 0, 0, True)
        connection.execute(f"VACUUM {odd.quoted_name}".encode())


def test_the_address_comes_from_the_tunnel_variable(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = ops.stage.outputs
    assert resolve_database_address(outputs, None).is_tunnel is False
    monkeypatch.setenv(DATABASE_ADDRESS_VARIABLE, "localhost:15432")
    assert (
        resolve_database_address(outputs, None).host,
        resolve_database_address(outputs, None).port,
    ) == ("localhost", 15432)
    assert resolve_database_address(outputs, None, "127.0.0.1:9").port == 9
    monkeypatch.setenv(DATABASE_ADDRESS_VARIABLE, "here")
    with pytest.raises(UsageError, match=r"BULWARK_DATABASE must be HOST:PORT, .* not 'here'"):
        resolve_database_address(outputs, None)

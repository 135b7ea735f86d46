"""The way to the database when it does not go as it should, on a real server.

A connection that drops, a tunnel that leads to the wrong one, an autovacuum at work, a run that
another process carries on.
"""

import json
import time

import psycopg
import pytest

from ops.core.errors import OutcomeUnknownError, UnreachableError
from ops.core.plan import Sql
from ops.core.run import WallClock
from ops.database.sql import sessions
from ops.database.sql.connection import DATABASE_ADDRESS_VARIABLE, DatabaseClient
from ops.database.sql.vacuum import build_table_vacuum_plan, fetch_table_statistics
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import (
    connect_application,
    connect_stage_superuser,
)
from tests.ops.stage import shared_aws


def prepare_server(console: OpsConsole) -> None:
    """Read by the fixture `server`."""
    with connect_application(console.stage) as connection:
        connection.execute("CREATE TABLE orders (id int) WITH (autovacuum_enabled=off)")
        connection.execute("INSERT INTO orders SELECT n FROM generate_series(1, 100) n")


@pytest.fixture
def ops_database(ops: OpsConsole) -> DatabaseClient:
    return DatabaseClient(ops.stage.outputs, shared_aws())


def end_ops_sessions(ops: OpsConsole) -> int:
    """Ends our own sessions, as a failover would; how many there were."""
    with connect_stage_superuser(ops.stage) as admin:
        ended_sessions = admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name = 'bulwark-ops'"
        ).fetchall()
    return len(ended_sessions)


def test_a_connection_that_was_dropped_is_opened_again_before_anything_is_sent(
    ops: OpsConsole, ops_database: DatabaseClient
) -> None:
    assert ops_database(Sql(statement="SELECT 1 AS n")) == [{"n": 1}]
    assert end_ops_sessions(ops) == 1
    assert ops_database(Sql(statement="SELECT 2 AS n")) == [{"n": 2}]


def test_a_lost_answer_is_unknown_for_a_change_and_repeatable_for_a_query(
    ops_database: DatabaseClient,
) -> None:
    gone = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(OutcomeUnknownError, match="did not answer"):
        ops_database(Sql(statement=gone))
    with pytest.raises(UnreachableError, match="did not answer"):
        ops_database.fetch_rows(gone)


def test_a_statement_that_takes_too_long_is_not_known_to_have_found_nothing(
    ops_database: DatabaseClient,
) -> None:
    with pytest.raises(OutcomeUnknownError, match="did not answer within 0 s"):
        ops_database(Sql(statement="SELECT pg_sleep(30)", timeout=0.05))
    with pytest.raises(UnreachableError, match="did not answer within 0 s"):
        ops_database.fetch_rows("SELECT pg_sleep(30)", timeout=0.05)


def test_read_only_commands_cannot_write(ops: OpsConsole) -> None:
    reading = DatabaseClient(ops.stage.outputs, shared_aws(), read_only=True)
    with pytest.raises(Exception, match="read-only transaction"):
        reading.fetch_rows("DELETE FROM orders")


def test_a_tunnel_to_the_primary_is_not_taken_for_a_replica(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = ops.stage.outputs.database
    replica = f"{part.identifier}-replica-1"
    also = part.model_copy(update={"replicas": (replica,)})
    outputs = ops.stage.outputs.model_copy(update={"database": also})
    before = ops.file.read_text()
    ops.file.write_text(outputs.model_dump_json(by_alias=True))
    try:
        monkeypatch.setenv(DATABASE_ADDRESS_VARIABLE, f"{part.endpoint}:{part.port}")
        ops("db activity")
        monkeypatch.setenv("PGSSLMODE", "require")  # else its certificate would not be a replica's
        _, err = ops(f"db activity --replica {replica}", expected_code=2)
    finally:
        ops.file.write_text(before)
    assert f"must lead to a replica ({replica}), but" in err
    assert "leads to a primary" in err


def test_an_sslmode_that_there_is_not_is_bad_input(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", "secure")
    assert "PGSSLMODE must be disable" in ops("db size", expected_code=2)[1]


def test_a_secret_that_is_not_there_is_said(ops: OpsConsole) -> None:
    part = ops.stage.outputs.database.model_copy(update={"secret_arn": "no-such-secret"})
    outputs = ops.stage.outputs.model_copy(update={"database": part})
    before = ops.file.read_text()
    ops.file.write_text(outputs.model_dump_json(by_alias=True))
    try:
        _, err = ops("db size", expected_code=1)
    finally:
        ops.file.write_text(before)
    assert "secretsmanager.get_secret_value: ResourceNotFoundException" in err


@pytest.mark.parametrize(("application", "ours"), [("bulwark-ops", True), ("another", False)])
def test_only_a_vacuum_of_ours_counts_as_begun(
    ops: OpsConsole, ops_database: DatabaseClient, application: str, ours: bool
) -> None:
    name = f"slow_{ours}".lower()
    with connect_application(ops.stage) as holder:
        holder.execute(f"CREATE TABLE {name} (n int) WITH (autovacuum_enabled=off)".encode())
        holder.execute(f"INSERT INTO {name} SELECT n FROM generate_series(1, 60000) n".encode())
        holder.execute(f"DELETE FROM {name}".encode())
        (table,) = (t for t in fetch_table_statistics(ops_database) if t.name == name)
        plan = build_table_vacuum_plan(ops.stage.outputs, [table], "vacuum-1")
        goal = plan.steps[0].goal.read
        assert isinstance(goal, Sql)
        assert ops_database(goal) == [{"vacuumed": False, "running": False}]
        other = connect_application(ops.stage, application)
        other.execute("SET vacuum_cost_delay = '100ms'")
        other.execute("SET vacuum_cost_limit = 1")
        other.pgconn.send_query(f"VACUUM {name}".encode())
        other.pgconn.flush()
        begun = "SELECT count(*) FROM pg_stat_progress_vacuum"
        until = time.monotonic() + 20
        while holder.execute(begun.encode()).fetchone() != (1,):
            assert time.monotonic() < until, "it did not begin"
        assert ops_database(goal) == [{"vacuumed": False, "running": ours}]
        holder.execute("SELECT pg_terminate_backend(%s, 5000)", (other.info.backend_pid,))
        other.close()


def test_statistics_that_were_asked_for_are_proved_as_well(
    ops: OpsConsole, ops_database: DatabaseClient
) -> None:
    ops("db vacuum orders --analyze --yes")
    (table,) = (t for t in fetch_table_statistics(ops_database) if t.name == "orders")
    plan = build_table_vacuum_plan(ops.stage.outputs, [table], "vacuum-2", analyze=True)
    goal = plan.steps[0].goal.read
    assert isinstance(goal, Sql)
    with connect_application(ops.stage) as connection:
        connection.execute("VACUUM orders")
        assert ops_database(goal) == [{"vacuumed": False, "running": False}]
        connection.execute("VACUUM (ANALYZE) orders")
        assert ops_database(goal) == [{"vacuumed": True, "running": False}]


def test_bloat_is_measured_where_it_can_be(ops: OpsConsole) -> None:
    out, _ = ops("db bloat")
    assert "to measure it: ops db extension create pgstattuple" in out
    with connect_stage_superuser(ops.stage) as admin:
        known = "SELECT 1 FROM pg_available_extensions WHERE name = 'pgstattuple'"
        if admin.execute(known.encode()).fetchone() is None:
            pytest.skip("the server has no pgstattuple")
        admin.execute("CREATE EXTENSION pgstattuple")
        try:
            with connect_application(ops.stage) as connection:
                connection.execute("CREATE TABLE half (t text) WITH (autovacuum_enabled=off)")
                rows = "SELECT repeat('x', 100) FROM generate_series(1, 10000)"
                connection.execute(f"INSERT INTO half {rows}".encode())
                connection.execute("DELETE FROM half WHERE ctid::text LIKE '%5)'")
            found = ops.run_for_json("db bloat")
            assert "to measure" not in ops("db bloat")[0]
        finally:
            admin.execute("DROP EXTENSION pgstattuple")
    (row,) = (r for r in found["items"] if r["table"] == "public.half")
    assert found["measured"] is True
    assert 5 < row["measured_percent"] < 25, "one row in ten, and what a page cannot use"


def test_a_session_that_works_again_is_left_alone_and_named(
    ops: OpsConsole, ops_database: DatabaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect_application(ops.stage, "pool") as idle:
        seen = sessions.list_idle_sessions(ops_database, None, 0, application="pool")
        idle.execute("SELECT 1")  # it works while the plan is agreed to
        monkeypatch.setattr(sessions, "list_idle_sessions", lambda *_, **__: seen)
        found = ops.run_for_json("db kill-idle --older-than 0 --application pool --yes")
        assert (found["ended"], found["at_work_again"]) == ([], [idle.info.backend_pid])
        assert idle.execute("SELECT 2").fetchone() == (2,)


def test_a_run_with_statements_is_carried_on_by_another_process(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: object, seconds: float) -> None:
        raise KeyboardInterrupt

    sleeper = connect_application(ops.stage, "pool")
    with monkeypatch.context() as stopping:
        stopping.setattr(WallClock, "sleep", stop)
        ops("db kill-idle --older-than 0 --application pool --yes", expected_code=130)
    assert sleeper.execute("SELECT 1").fetchone() == (1,), "nothing was sent yet"
    (run,) = (
        r["run"] for r in ops.run_for_json("runs list")["items"] if r["state"] == "unfinished"
    )
    ops(f"runs resume {run} --yes")
    assert sleeper.execute("SELECT 2").fetchone() == (2,), "it has worked meanwhile"
    with monkeypatch.context() as stopping:
        stopping.setattr(WallClock, "sleep", stop)
        ops("db kill-idle --older-than 0 --application pool --yes", expected_code=130)
    (run,) = (
        r["run"] for r in ops.run_for_json("runs list")["items"] if r["state"] == "unfinished"
    )
    ops(f"runs resume {run} --yes")
    with pytest.raises(psycopg.OperationalError):
        sleeper.execute("SELECT 3")


def test_a_plan_through_a_tunnel_says_how_it_is_resumed(ops: OpsConsole) -> None:
    part = ops.stage.outputs.database
    way = f"{part.endpoint}:{part.port}"
    out, _ = ops(f"db vacuum orders --dry-run --via {way}")
    assert f"note      to resume this run, set BULWARK_DATABASE={way} again" in out


def test_what_a_session_asks_is_shown_and_in_no_plan(ops: OpsConsole) -> None:
    with connect_application(ops.stage, "pool") as session:
        session.execute("SELECT 'a private word'")
        line = f"db kill {session.info.backend_pid} --terminate --dry-run"
        assert "a private word" in ops(line)[0]
        assert "a private word" not in json.dumps(ops.run_for_json(line))


def test_an_index_that_makes_rows_unique_is_not_superfluous(ops: OpsConsole) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute("CREATE TABLE keys (a int, b int)")
        connection.execute("CREATE UNIQUE INDEX keys_a ON keys (a)")
        connection.execute("CREATE INDEX keys_a_b ON keys (a, b)")
        connection.execute("CREATE INDEX keys_a_again ON keys (a)")
        connection.execute("CREATE INDEX keys_partly ON keys (a) WHERE b > 0")
    found = {(i["problem"], i["index"]) for i in ops.run_for_json("db indexes")["items"]}
    assert {index for problem, index in found if problem == "duplicate"} == {"public.keys_a_again"}
    assert not any(index == "public.keys_a" for _, index in found)
    assert ("unused", "public.keys_a_b") in found

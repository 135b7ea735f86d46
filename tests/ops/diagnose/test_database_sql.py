"""What a real PostgreSQL says of its sessions, and what its refusals mean."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import psycopg
import pytest

from ops.core.errors import DeniedError, OpsError, UnreachableError, UsageError
from ops.database.sql.locks import build_lock_tree
from ops.database.sql.vacuum import TableStatistics
from ops.database.sql.vacuum_horizon import HorizonHolder
from ops.diagnose.facts import Facts
from ops.diagnose.reader import FactCollector
from ops.diagnose.readers import database_sql
from ops.diagnose.readers.database_sql import (
    add_blockers,
    add_clients,
    add_idle_transactions,
    add_refusal,
    add_vacuum,
    read_database_sql,
)
from tests.ops.command_line import OpsConsole
from tests.ops.diagnose_stage import build_request
from tests.ops.sql_stage import (
    DATABASE_PASSWORD,
    connect_application,
    connect_stage_superuser,
    open_postgres_console,
)
from tests.ops.stage import Stage

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpsConsole]:
    with open_postgres_console(tmp_path_factory.mktemp("server")) as console:
        with connect_application(console.stage) as session:
            session.execute("CREATE TABLE hot (id int PRIMARY KEY, n int)")
            session.execute("INSERT INTO hot SELECT g, 0 FROM generate_series(1, 9) g")
        yield console


@pytest.fixture
def sql_stage(server: OpsConsole) -> Iterator[Stage]:
    """The stage, without sessions that a test left."""
    yield server.stage
    with connect_stage_superuser(server.stage) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )


def look(stage: Stage) -> Facts:
    return read_database_sql(build_request(stage))


def block(stage: Stage, count: int) -> "psycopg.Connection[tuple[Any, ...]]":
    """A session that holds a row and does nothing, once so many others wait for it."""
    holder = connect_application(stage, "report")
    holder.execute("BEGIN; UPDATE hot SET n = n + 1 WHERE id = 1")

    def wait() -> None:
        try:
            connect_application(stage, "shop").execute("UPDATE hot SET n = 0 WHERE id = 1")
        except psycopg.Error:
            return

    for _ in range(count):
        threading.Thread(target=wait, daemon=True).start()
    with connect_stage_superuser(stage) as admin:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            row = admin.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            ).fetchone()
            if row == (count,):
                return holder
            time.sleep(0.02)
    pytest.fail("nobody waits")


def test_a_quiet_server_has_no_facts(sql_stage: Stage) -> None:
    facts = look(sql_stage)
    assert not facts.facts
    assert not facts.gaps


def test_a_session_that_others_wait_for_is_named_with_what_ends_it(sql_stage: Stage) -> None:
    holder = block(sql_stage, 3)
    pid = holder.info.backend_pid
    (fact,) = look(sql_stage).select("sql.blocker.*")
    assert fact.key == "sql.blocker.long"
    assert (fact.subject, fact.value) == (str(pid), 3)
    assert fact.command == f"ops db kill {pid} --terminate"
    assert "report" in fact.text
    assert "idle in transaction" in fact.text


def test_a_session_that_does_nothing_in_a_transaction_is_named_once_it_lasts(
    sql_stage: Stage,
) -> None:
    session = connect_application(sql_stage, "report")
    session.execute("BEGIN; SELECT count(*) FROM hot")
    assert not look(sql_stage).select("sql.idle-in-transaction")
    with patch.object(database_sql, "IDLE_SECONDS", 0):
        (fact,) = look(sql_stage).select("sql.idle-in-transaction")
    assert fact.subject == str(session.info.backend_pid)
    assert fact.command == f"ops db kill {fact.subject} --terminate"


def test_connections_that_are_nearly_all_taken_are_named_with_who_has_them(
    sql_stage: Stage,
) -> None:
    sessions = [connect_application(sql_stage, "leaking") for _ in range(5)]
    with patch.object(database_sql, "FULL_SHARE", 0.01):
        (fact,) = look(sql_stage).select("sql.connections.full")
    assert fact.subject == "leaking"
    assert "leaking" in fact.text
    assert len(sessions) == 5


def test_a_wrong_password_is_an_observation(server: OpsConsole) -> None:
    secrets = server.stage.client("secretsmanager")
    arn = server.stage.outputs.database.secret_arn
    text = secrets.get_secret_value(SecretId=arn)["SecretString"]
    secrets.put_secret_value(SecretId=arn, SecretString=text.replace(DATABASE_PASSWORD, "other"))
    try:
        (fact,) = look(server.stage).facts
        assert fact.key == "sql.refused.password"
        assert fact.command == "ops db rotate-password"
        assert "other" not in fact.text
    finally:
        secrets.put_secret_value(SecretId=arn, SecretString=text)


def test_a_database_that_does_not_answer_from_here_is_no_failure(server: OpsConsole) -> None:
    with patch.object(database_sql, "is_database_reachable", return_value=False):
        (gap,) = look(server.stage).gaps
    assert not gap.is_failure
    assert "ops db connect" in gap.reason


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (UnreachableError("x is full (53300): sorry, too many clients already"), "full"),
        (
            UnreachableError(
                "x is full: remaining connection slots are reserved for roles with SUPERUSER"
            ),
            "full",
        ),
        (UnreachableError("the server at y could not be verified to be x"), "certificate"),
        (UnreachableError("x refuses connections at y: the database is starting up"), "server"),
        (UnreachableError("x does not answer at y"), None),
        (DeniedError("secretsmanager.get_secret_value was denied"), None),
        (UsageError("--via must lead to the primary"), None),
    ],
)
def test_a_refusal_of_the_server_is_told_from_one_of_aws(error: OpsError, key: str | None) -> None:
    collector = FactCollector("test")
    assert add_refusal(collector, error) is (key is not None)
    assert [fact.key for fact in collector.facts] == ([f"sql.refused.{key}"] if key else [])


def build_session(pid: int, **fields: Any) -> dict[str, Any]:
    return {
        "pid": pid,
        "state": "active",
        "query": "x",
        "user": "shop",
        "application": "web",
        "database": "app",
        "kind": "client backend",
        "super": False,
        "transaction": 9,
        **fields,
    }


def build_waiter(pid: int, waits: float, *blockers: int, prepared: tuple[str, ...] = ()) -> Any:
    return {
        "pid": pid,
        "mode": "ShareLock",
        "blockers": list(blockers),
        "prepared": list(prepared),
        "waits": waits,
        "table": "orders",
    }


@pytest.mark.parametrize(
    ("waits", "kind", "key"),
    [
        (0.4, "client backend", None),
        (3, "client backend", "brief"),
        (40, "client backend", "long"),
        (40, "autovacuum worker", "unendable"),
    ],
)
def test_a_blocker_is_long_brief_or_nobodys_to_end(
    waits: float, kind: str, key: str | None
) -> None:
    sessions = [build_session(1, kind=kind), build_session(2)]
    collector = FactCollector("test")
    add_blockers(collector, build_lock_tree([build_waiter(2, waits, 1)], sessions), NOW)
    assert [fact.key for fact in collector.facts] == ([f"sql.blocker.{key}"] if key else [])
    for fact in collector.facts:
        assert fact.since == NOW - timedelta(seconds=waits)


def test_a_prepared_transaction_is_nobodys_to_end() -> None:
    prepared = [{"gid": "x", "user": "shop", "database": "app", "transaction": 90}]
    waiters = [build_waiter(2, 40, prepared=("x",))]
    collector = FactCollector("test")
    add_blockers(collector, build_lock_tree(waiters, [build_session(2)], prepared), NOW)
    assert [fact.key for fact in collector.facts] == ["sql.blocker.unendable"]


def test_idle_transactions_of_moments_are_left_out() -> None:
    collector = FactCollector("test")
    rows = [
        {"pid": pid, "user": "shop", "application": "web", "idle": idle, "transaction": idle}
        for pid, idle in ((1, 900.0), (2, 5.0))
    ]
    add_idle_transactions(collector, rows, NOW)
    assert [fact.subject for fact in collector.facts] == ["1"]


def test_many_active_sessions_and_long_statements_are_named() -> None:
    collector = FactCollector("test")
    clients = [
        {"user": "shop", "application": "report", "sessions": 9, "active": 7, "longest": 400.0},
        {"user": "shop", "application": "web", "sessions": 20, "active": 1, "longest": 0.1},
    ]
    states = [{"state": "active", "sessions": 29, "allowed": 100}]
    add_clients(collector, states, clients, "db.m6g.large")
    keys = {fact.key: fact for fact in collector.facts}
    assert keys.keys() == {"sql.active.many", "sql.long-statement"}
    assert keys["sql.active.many"].value == 4
    assert "report" in keys["sql.active.many"].text


def test_what_vacuum_is_behind_with_and_what_holds_it_are_named() -> None:
    def build_table(name: str, **fields: Any) -> TableStatistics:
        base = {"oid": 1, "schema": "public", "dead": 0, "live": 10, "vacuums": 0, "file": 1}
        return TableStatistics(
            **{**base, "name": name, "size": 1, "xid_age": 1.0, "ours": True, **fields}
        )

    collector = FactCollector("test")
    tables = [build_table("hot", dead=900_000, live=1000), build_table("old", xid_age=400.0)]
    holders = [
        HorizonHolder("slot", "gone", "logical", "inactive", None, 5),
        HorizonHolder("session", "7", "web", "idle in transaction", 9000.0, 5),
        HorizonHolder("session", "8", "web", "active", 3.0, 5),
    ]
    add_vacuum(collector, tables, holders, NOW)
    assert [(fact.key, fact.subject) for fact in collector.facts] == [
        ("sql.dead-rows", "public.hot"),
        ("sql.xid-age", "public.old"),
        ("sql.vacuum-held", "gone"),
        ("sql.vacuum-held", "7"),
    ]

"""One table locked ACCESS EXCLUSIVE: everything but it is answered, and it is named.

Cases: pganalyze/collector issues 50, 320 and 455.
"""

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from ops.database.sql import connection as sql_connection
from ops.database.sql import locked_tables
from ops.database.sql.connection import DatabaseClient
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import (
    connect_application,
    connect_stage_superuser,
    open_postgres_console,
)
from tests.ops.stage import shared_aws


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpsConsole]:
    with open_postgres_console(tmp_path_factory.mktemp("locked")) as console:
        with connect_application(console.stage) as connection:
            connection.execute("CREATE TABLE ul (id int PRIMARY KEY, t text)")
            connection.execute('CREATE TABLE "Other" (id int PRIMARY KEY)')
        with connect_stage_superuser(console.stage) as admin:
            admin.execute("ALTER SYSTEM SET max_prepared_transactions = 20")
        console.stage.client("rds").reboot_db_instance(
            DBInstanceIdentifier=console.stage.outputs.database.identifier
        )
        yield console


@pytest.fixture
def ops(server: OpsConsole, capsys: pytest.CaptureFixture[str]) -> OpsConsole:
    server.capture = capsys
    return server


@pytest.fixture
def holder(ops: OpsConsole) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    with connect_application(ops.stage, "migration") as connection:
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE ul IN ACCESS EXCLUSIVE MODE")
        yield connection
        connection.execute("ROLLBACK")


@pytest.mark.parametrize("command", ["size", "bloat", "indexes"])
def test_a_locked_table_is_left_out_and_named_with_its_holder(
    ops: OpsConsole, holder: "psycopg.Connection[tuple[object, ...]]", command: str
) -> None:
    begun = time.monotonic()
    found = ops.run_for_json(f"db {command}")
    assert time.monotonic() - begun < 3, "it waits for no lock"
    if command != "indexes":
        assert [item["table"] for item in found["items"]] == ['public."Other"']
    (locked,) = found["locked"]
    pid = holder.info.backend_pid
    assert (locked["table"], locked["pid"], locked["granted"]) == ("public.ul", pid, True)
    assert (locked["application"], locked["state"]) == ("migration", "idle in transaction")
    assert locked["command"] == f"ops db kill {pid} --terminate"
    out, _ = ops(f"db {command}")
    assert f"left out: public.ul is locked by pid {pid} (user bulwark_admin, migration, " in out
    assert "LOCK TABLE ul IN ACCESS EXCLUSIVE MODE" in out


@pytest.mark.parametrize(
    "statement",
    ["REINDEX INDEX ul_pkey", "TRUNCATE ul", "ALTER TABLE ul ADD z int", "DROP TABLE ul"],
)
def test_the_lock_may_be_that_of_an_index_or_of_toast(ops: OpsConsole, statement: str) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute("BEGIN")
        connection.execute(statement.encode())
        found = ops.run_for_json("db size")
        connection.execute("ROLLBACK")
    assert [locked["table"] for locked in found["locked"]] == ["public.ul"]
    assert [item["table"] for item in found["items"]] == ['public."Other"']


def test_a_lock_that_is_waited_for_keeps_others_waiting_too(ops: OpsConsole) -> None:
    reader, waiter = connect_application(ops.stage), connect_application(ops.stage, "ddl")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM ul")
    pid = waiter.info.backend_pid
    thread = threading.Thread(target=waiter.execute, args=(b"LOCK TABLE ul",))
    waiter.execute("BEGIN")
    thread.start()
    try:
        until = time.monotonic() + 20
        locked: list[dict[str, object]] = []
        while not locked:
            assert time.monotonic() < until, "it does not wait"
            locked = ops.run_for_json("db size")["locked"]
    finally:
        reader.close()
        thread.join(20)
        waiter.close()
    assert (locked[0]["granted"], locked[0]["pid"]) == (False, pid)
    assert locked[0]["command"] == f"ops db kill {pid}"


def test_a_prepared_transaction_is_a_holder(ops: OpsConsole) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE ul")
        connection.execute("PREPARE TRANSACTION 'it''s'")
        try:
            out, _ = ops("db size")
            (locked,) = ops.run_for_json("db size")["locked"]
        finally:
            connection.execute("ROLLBACK PREPARED 'it''s'")
    assert (locked["pid"], locked["prepared"], locked["user"]) == (None, "it's", "bulwark_admin")
    assert "to end it: ROLLBACK PREPARED 'it''s'" in out


def test_a_lock_that_is_taken_in_between_is_seen_the_second_time(
    ops: OpsConsole,
    holder: "psycopg.Connection[tuple[object, ...]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sql_connection, "LOCK_TIMEOUT_MILLISECONDS", 200)
    client = DatabaseClient(ops.stage.outputs, shared_aws())
    original, calls = locked_tables.fetch_locked_tables, []

    def fetch_late(*arguments: object) -> list[locked_tables.LockedTable]:
        calls.append(arguments)
        return [] if len(calls) == 1 else original(client, None)

    def fetch(oids: list[int]) -> list[dict[str, object]]:
        if not oids:
            client.fetch_rows("SELECT pg_total_relation_size('ul')")
        return [{"oids": oids}]

    monkeypatch.setattr(locked_tables, "fetch_locked_tables", fetch_late)
    rows, locked = locked_tables.fetch_around_locks(client, None, fetch)
    assert rows == [{"oids": [locked[0].oid]}]
    assert len(calls) == 2

"""One table locked ACCESS EXCLUSIVE: everything but it is answered, and it is named.

Cases: pganalyze/collector issues 50, 320 and 455.
"""

import json
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from ops.core.errors import UsageError
from ops.database.sql import connection as sql_connection
from ops.database.sql import locked_tables
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.contents import (
    build_contents_statement,
    fetch_table_contents,
    parse_heartbeat,
)
from ops.database.sql.names import list_table_readings, parse_name_parts, quote_name
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import (
    connect_application,
    connect_stage_superuser,
)
from tests.ops.stage import shared_aws


def prepare_server(console: OpsConsole) -> None:
    """Read by the fixture `server`."""
    with connect_application(console.stage) as connection:
        connection.execute("CREATE TABLE ul (id int PRIMARY KEY, t text)")
        connection.execute('CREATE TABLE "Other" (id int PRIMARY KEY)')
    with connect_stage_superuser(console.stage) as admin:
        admin.execute("ALTER SYSTEM SET max_prepared_transactions = 20")
    console.stage.client("rds").reboot_db_instance(
        DBInstanceIdentifier=console.stage.outputs.database.identifier
    )


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
    monkeypatch.setattr(sql_connection, "LOCK_TIMEOUT_SECONDS", 0.2)
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


@pytest.fixture
def compare_line(ops: OpsConsole) -> str:
    name = ops.stage.outputs.database.identifier
    return f"recover compare {name} {name} --sql"


def test_a_comparison_counts_everything_but_the_locked_table_and_names_it(
    ops: OpsConsole,
    holder: "psycopg.Connection[tuple[object, ...]]",
    compare_line: str,
) -> None:
    printed, err = ops(f"{compare_line} --output json", expected_code=3)
    (item,) = json.loads(printed)["items"]
    pid = holder.info.backend_pid
    assert (item["kind"], item["what"]) == ("not compared", "public.ul")
    assert item["source"].startswith(f"not counted: locked by pid {pid} (user bulwark_admin")
    assert "matches bulwark-test-database in what could be compared; 1 could not" in err
    holder.execute("ROLLBACK")
    holder.execute("BEGIN")
    assert "matches" in ops(compare_line)[0]


def test_a_heartbeat_in_a_locked_table_is_named_too(
    ops: OpsConsole,
    holder: "psycopg.Connection[tuple[object, ...]]",
    compare_line: str,
) -> None:
    holder.execute('CREATE TABLE "Beats" ("At" timestamptz)')
    holder.execute("COMMIT")
    holder.execute("BEGIN")
    holder.execute('LOCK TABLE "Beats" IN ACCESS EXCLUSIVE MODE')
    for name in ('public."Beats"."At"', "Beats.At"):
        printed, _ = ops(f"{compare_line} --output json --heartbeat {name}", expected_code=3)
        found = {item["what"]: item["source"] for item in json.loads(printed)["items"]}
        assert found['public."Beats"."At"'].startswith("not read: locked by pid ")
    holder.execute("ROLLBACK")
    holder.execute('DROP TABLE "Beats"')
    holder.execute("BEGIN")


def test_counting_keeps_no_lock_on_the_tables_that_it_has_counted(ops: OpsConsole) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute("BEGIN")
        rows = connection.execute(build_contents_statement().encode())
        while rows.nextset():
            pass
        kept = connection.execute(
            "SELECT relation::regclass::text FROM pg_locks WHERE pid = pg_backend_pid() "
            "AND relation::regclass::text IN ('ul', '\"Other\"')"
        ).fetchall()
    assert kept == []


def test_rows_that_a_policy_hides_and_rows_of_children_are_no_wrong_counts(
    ops: OpsConsole, compare_line: str
) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute("CREATE TABLE par (n int)")
        connection.execute("CREATE TABLE chi () INHERITS (par)")
        connection.execute("INSERT INTO chi SELECT generate_series(1, 5)")
        connection.execute("CREATE TABLE hidden (n int)")
        connection.execute("ALTER TABLE hidden ENABLE ROW LEVEL SECURITY")
        connection.execute("ALTER TABLE hidden FORCE ROW LEVEL SECURITY")
        client = DatabaseClient(ops.stage.outputs, shared_aws(), read_only=True)
        contents = fetch_table_contents(client, None)
        assert (contents["public.par"].row_count, contents["public.chi"].row_count) == (0, 5)
        assert contents["public.hidden"].row_count is None
        assert "row-level security" in str(contents["public.hidden"].reason)
        printed, _ = ops(f"{compare_line} --output json", expected_code=3)
        connection.execute("DROP TABLE chi, par, hidden")
    assert [item["what"] for item in json.loads(printed)["items"]] == ["public.hidden"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("orders", ("orders",)),
        ("shop.orders", ("shop", "orders")),
        ('public."My.Table"', ("public", "My.Table")),
        ('"a""b".c', ('a"b', "c")),
        ("Beats.At", ("Beats", "At")),
        ("größe", ("größe",)),
        ("", None),
        ("t.c;drop", None),
        ("a b", None),
        ("a.", None),
        ('"open', None),
        ('a"b', None),
    ],
)
def test_table_names_may_be_quoted_or_not(text: str, parts: tuple[str, ...] | None) -> None:
    assert parse_name_parts(text) == parts
    if parts is not None:
        assert parse_name_parts(quote_name(*parts)) == parts


def test_a_malformed_name_is_refused_with_its_option() -> None:
    with pytest.raises(UsageError, match=r"--heartbeat must be TABLE\.COLUMN or .* not 'beats'"):
        parse_heartbeat("beats")


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("Orders", [(None, "Orders"), (None, "orders")]),
        ('"Orders"', [(None, '"Orders"'), (None, "Orders")]),
        ("Shop.Orders", [(None, "Shop.Orders"), ("Shop", "Orders"), ("shop", "orders")]),
        (
            '"Shop"."my.orders"',
            [(None, '"Shop"."my.orders"'), ('"Shop"', '"my.orders"'), ("Shop", "my.orders")],
        ),
        ("a.b.c", [(None, "a.b.c"), ("a", "b.c")]),
        ("a b", [(None, "a b")]),
    ],
)
def test_a_table_is_named_as_it_is_or_as_sql_reads_it(
    text: str, readings: list[tuple[str | None, str]]
) -> None:
    assert list_table_readings(text) == readings

"""`ops db reindex` on a real server: what is rebuilt, dropped, left, and waited for."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import psycopg
import pytest

from ops.core.errors import OpsError
from ops.core.plan import Plan, Sql
from ops.core.run import WallClock
from ops.database.sql import reindex_waits, statement_progress
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.indexes import fetch_indexes
from ops.database.sql.reindex import (
    build_reindex_plan,
    list_leftovers,
    select_named_indexes,
)
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import connect_application, connect_stage_superuser
from tests.ops.stage import shared_aws


@pytest.fixture
def shop(ops: OpsConsole) -> "Iterator[psycopg.Connection[Any]]":
    """A session of the application's, in a schema that goes with the test."""
    with connect_application(ops.stage) as session:
        session.execute("CREATE SCHEMA shop; SET search_path = shop")
        session.execute("CREATE TABLE orders (id int PRIMARY KEY, email text)")
        session.execute("INSERT INTO orders SELECT g, 'm' || g FROM generate_series(1, 500) g")
        session.execute('CREATE INDEX "by.Email" ON orders (email)')
        try:
            yield session
        finally:
            session.execute("ROLLBACK")
            session.execute("DROP SCHEMA shop CASCADE")


@pytest.fixture(autouse=True)
def sleep_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run settles for a minute before it undoes anything; here nothing is in flight."""
    monkeypatch.setattr(WallClock, "sleep", lambda _, seconds: time.sleep(min(seconds, 0.05)))


def list_oids(session: "psycopg.Connection[Any]", pattern: str = "%") -> dict[str, int]:
    """The indexes of the schema that are valid, with their oids."""
    rows = session.execute(
        "SELECT c.relname, c.oid::int8 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE i.indisvalid AND c.relnamespace = 'shop'::regnamespace AND c.relname LIKE %s",
        [pattern],
    )
    return dict(rows.fetchall())


def list_invalid(session: "psycopg.Connection[Any]") -> list[str]:
    rows = session.execute(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE NOT i.indisvalid AND c.relnamespace = 'shop'::regnamespace ORDER BY 1"
    )
    return [name for (name,) in rows.fetchall()]


def leave_invalid(ops: OpsConsole, session: "psycopg.Connection[Any]", *names: str) -> None:
    """Makes indexes that look as an interrupted build leaves them."""
    for name in names:
        session.execute(f"CREATE INDEX {name} ON orders (email)".encode())
        with connect_stage_superuser(ops.stage) as admin:
            admin.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass",
                [f"shop.{name}"],
            )


def test_an_index_and_a_table_are_rebuilt(ops: OpsConsole, shop: "psycopg.Connection[Any]") -> None:
    before = list_oids(shop)
    found = ops.run_for_json('db reindex shop."by.Email" --yes')
    assert (found["rebuilt"], found["dropped"]) == (['shop."by.Email"'], [])
    after = list_oids(shop)
    assert after["by.Email"] != before["by.Email"]
    assert after["orders_pkey"] == before["orders_pkey"]
    found = ops.run_for_json("db reindex ORDERS --yes")
    assert found["rebuilt"] == ['shop."by.Email"', "shop.orders_pkey"]
    assert {*list_oids(shop).values()}.isdisjoint({*before.values()} | {*after.values()})
    assert list_invalid(shop) == []


def test_a_partitioned_table_or_index_stands_for_its_partitions(
    ops: OpsConsole, shop: "psycopg.Connection[Any]"
) -> None:
    shop.execute("CREATE TABLE events (id int, day int) PARTITION BY RANGE (day)")
    shop.execute("CREATE TABLE e1 PARTITION OF events FOR VALUES FROM (0) TO (10)")
    shop.execute("CREATE TABLE e2 PARTITION OF events FOR VALUES FROM (10) TO (20)")
    _, err = ops("db reindex events --yes", expected_code=2)
    assert "INDEX must be the name of an index, or of a table that has one, not 'events'" in err
    shop.execute("CREATE INDEX by_day ON events (day)")
    shop.execute("CREATE INDEX own ON e2 (id)")
    before = list_oids(shop)
    found = ops.run_for_json("db reindex by_day --yes")
    assert found["rebuilt"] == ["shop.e1_day_idx", "shop.e2_day_idx"]
    after = list_oids(shop)
    assert {n for n in before if before[n] != after[n]} == {"e1_day_idx", "e2_day_idx"}
    assert shop.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_day'::regclass")
    found = ops.run_for_json("db reindex events --yes")
    assert found["rebuilt"] == ["shop.e1_day_idx", "shop.e2_day_idx", "shop.own"]


def test_invalid_indexes_are_rebuilt_and_leftovers_dropped(
    ops: OpsConsole, shop: "psycopg.Connection[Any]"
) -> None:
    leave_invalid(ops, shop, "by_mail", "by_mail_ccnew", "orders_pkey_ccold1")
    shop.execute("CREATE INDEX really_ccnew ON orders (id)")  # valid: somebody's own
    shop.execute("CREATE TABLE whole (id int, day int) PARTITION BY RANGE (day)")
    shop.execute("CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (10)")
    shop.execute("CREATE INDEX partly ON ONLY whole (day)")
    plan = ops.run_for_json("db reindex --invalid --dry-run")["plan"]
    assert [step["action"]["statement"] for step in plan["steps"]][:3] == [
        'DROP INDEX CONCURRENTLY IF EXISTS "shop"."by_mail_ccnew"',
        'DROP INDEX CONCURRENTLY IF EXISTS "shop"."orders_pkey_ccold1"',
        'REINDEX INDEX CONCURRENTLY "shop"."by_mail"',
    ]
    found = ops.run_for_json("db reindex --invalid --yes")
    assert found["rebuilt"] == ["shop.by_mail"]
    assert found["dropped"] == ["shop.by_mail_ccnew", "shop.orders_pkey_ccold1"]
    assert "not every partition" in found["skipped"]["shop.partly"]
    assert list_invalid(shop) == ["partly"]
    assert {"by_mail", "really_ccnew", "orders_pkey"} <= {*list_oids(shop)}
    found = ops.run_for_json("db reindex --invalid --yes")
    assert (found["rebuilt"], found["dropped"], found["run"]) == ([], [], None)


def test_what_cannot_be_rebuilt_is_refused_with_the_reason(
    ops: OpsConsole, shop: "psycopg.Connection[Any]"
) -> None:
    shop.execute("CREATE TABLE booked (room int4range, EXCLUDE USING gist (room WITH &&))")
    _, err = ops("db reindex booked_room_excl --yes", expected_code=1)
    assert "of an exclusion constraint, which PostgreSQL rebuilds only while nobody writes" in err
    found = ops.run_for_json("db reindex booked --yes")
    assert (found["rebuilt"], [*found["skipped"]]) == ([], ["shop.booked_room_excl"])
    for name in ("pg_class", "pg_catalog.pg_class_oid_index", "pg_toast.pg_toast_1"):
        _, err = ops(f"db reindex {name} --yes", expected_code=2)
        assert f"not '{name}': PostgreSQL does not rebuild those of the system" in err
    _, err = ops("db reindex nothing --yes", expected_code=2)
    assert "INDEX must be the name of an index, or of a table that has one, not 'nothing'" in err
    _, err = ops("db reindex", expected_code=2)
    assert "INDEX or --invalid must be given" in err
    _, err = ops("db reindex orders --invalid", expected_code=2)
    assert "--invalid takes all invalid indexes, so INDEX must not be 'orders'" in err
    with connect_stage_superuser(ops.stage) as admin:
        admin.execute("CREATE TABLE shop.foreign_owned (n int PRIMARY KEY)")
        _, err = ops("db reindex shop.foreign_owned_pkey --yes", expected_code=1)
        assert "another user owns shop.foreign_owned" in err
        admin.execute("DROP TABLE shop.foreign_owned")


def test_a_rebuild_that_fails_is_cleaned_and_leaves_the_old_index(
    ops: OpsConsole, shop: "psycopg.Connection[Any]"
) -> None:
    shop.execute("CREATE UNIQUE INDEX one_email ON orders (email)")
    with connect_stage_superuser(ops.stage) as admin:  # as a changed collation does it
        admin.execute(
            "UPDATE pg_index SET indisunique = false, indisready = false "
            "WHERE indexrelid = 'shop.one_email'::regclass"
        )
        shop.execute("INSERT INTO orders VALUES (1000, 'm1')")
        admin.execute(
            "UPDATE pg_index SET indisunique = true, indisready = true "
            "WHERE indexrelid = 'shop.one_email'::regclass"
        )
    before = list_oids(shop)
    _, err = ops("db reindex one_email --yes", expected_code=5)
    assert "could not create unique index" in err
    assert "m1" not in err, "values of rows are not shown"
    assert (list_oids(shop), list_invalid(shop)) == (before, [])


def test_storage_that_does_not_suffice_or_is_unknown_stops_a_rebuild(
    ops: OpsConsole, shop: "psycopg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "ops.database.commands.reindex.fetch_free_bytes"
    monkeypatch.setattr(name, lambda *_: 4096.0)
    _, err = ops("db reindex orders --yes", expected_code=1)
    assert "GiB of free storage, but only 0.00 GiB is free" in err
    monkeypatch.setattr(name, lambda *_: None)
    _, err = ops("db reindex orders --yes", expected_code=1)
    assert "CloudWatch has no FreeStorageSpace of the last 15 minutes" in err
    found = ops.run_for_json("db reindex orders --without-space-check --yes")
    assert len(found["rebuilt"]) == 2


@contextmanager
def hold_transaction(ops: OpsConsole) -> "Iterator[psycopg.Connection[Any]]":
    """A report that writes to the table and stays open."""
    with connect_application(ops.stage, "reports") as holder:
        holder.execute("BEGIN; UPDATE shop.orders SET email = email WHERE id = 1")
        yield holder
        holder.execute("ROLLBACK")


def test_transactions_that_it_waits_for_are_named_and_given_up_on(
    ops: OpsConsole, shop: "psycopg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex_waits, "MIN_WAITED_FOR_SECONDS", 0.01)
    monkeypatch.setattr(statement_progress, "PROGRESS_INTERVAL_SECONDS", 0.1)
    before = list_oids(shop)
    with hold_transaction(ops) as holder:
        pid = holder.info.backend_pid
        _, err = ops("db reindex orders --lock-timeout 3s --yes", expected_code=1)
        assert f"waits for session {pid} (reports, idle in transaction" in err
        assert f"process {pid} has a transaction open: ops db kill {pid} --terminate" in err
        assert "no lock within 3 s" in err
        # A drop waits for the same transaction: it is named, and cleaned when that has ended.
        assert 'left invalid: shop."by.Email_ccnew"' in err
        (line,) = {part for part in err.split("`") if part.startswith("ops runs undo ")}
    assert list_invalid(shop) == ["by.Email_ccnew"]
    ops(f"{line.removeprefix('ops ')} --yes")
    assert (list_oids(shop), list_invalid(shop)) == (before, [])
    holder_name = "it's"
    shop.execute("BEGIN; UPDATE orders SET email = email WHERE id = 2; PREPARE TRANSACTION 'it''s'")
    try:
        _, err = ops("db reindex orders --dry-run")
        assert f"waits for prepared transaction {holder_name}" in err
    finally:
        shop.execute("ROLLBACK PREPARED 'it''s'")


def test_a_table_that_somebody_builds_an_index_of_is_left_alone(
    ops: OpsConsole, shop: "psycopg.Connection[Any]"
) -> None:
    leave_invalid(ops, shop, "by_mail")
    with connect_application(ops.stage) as builder:
        builder.execute("BEGIN; CREATE INDEX building ON shop.orders (id)")
        pid = builder.info.backend_pid
        _, err = ops("db reindex by_mail --yes", expected_code=1)
        assert f"process {pid} builds an index of shop.orders or changes it" in err
        found = ops.run_for_json("db reindex --invalid --yes")
        assert (found["rebuilt"], [*found["skipped"]]) == ([], ["shop.by_mail"])
        builder.execute("ROLLBACK")


def test_a_build_that_was_cut_off_is_named_and_the_same_steps_clean_it(
    ops: OpsConsole, shop: "psycopg.Connection[Any]"
) -> None:
    client = DatabaseClient(ops.stage.outputs, shared_aws())
    (index,) = [i for i in fetch_indexes(client) if i.name == "orders_pkey"]
    plan = build_reindex_plan(
        ops.stage.outputs,
        select_named_indexes([index], ["orders_pkey"]),
        "reindex-9",
        arguments="orders_pkey",
        lock_timeout=60,
    )
    rebuild, clean = (get_statement(step.action) for step in plan.steps)
    leftovers = get_statement(plan.steps[1].goal.read)
    with hold_transaction(ops):
        worker = threading.Thread(target=_run_quietly, args=(ops, rebuild))
        worker.start()
        _wait_for(lambda: bool(read_goal(client, plan)["running"]))
        (reading,) = [read_goal(client, plan)]
        assert str(reading["Status"]).startswith("waiting for writers")
        shop.execute("SELECT pg_terminate_backend(p.pid) FROM pg_stat_progress_create_index p")
        worker.join(30)
    assert list_leftovers(client, [index.table_oid]) == ["shop.orders_pkey_ccnew"]
    assert read_goal(client, plan)["rebuilt"] is False
    client(rebuild)  # what a resume does
    assert read_goal(client, plan)["rebuilt"] is True
    assert list_invalid(shop) == ["orders_pkey_ccnew"]
    assert client(leftovers) == [{"leftovers": 1}]
    client(clean)
    assert client(leftovers) == [{"leftovers": 0}]
    assert list_invalid(shop) == []


def read_goal(client: DatabaseClient, plan: Plan) -> dict[str, Any]:
    (row,) = client(get_statement(plan.steps[0].goal.read))
    return row


def get_statement(action: Any) -> Sql:
    assert isinstance(action, Sql)
    return action


def _run_quietly(ops: OpsConsole, action: Any) -> None:
    with suppress(OpsError):
        DatabaseClient(ops.stage.outputs, shared_aws())(action)


def _wait_for(is_met: Any) -> None:
    deadline = time.monotonic() + 20
    while not is_met():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ctrl_c_ends_the_build_and_names_what_it_left(
    ops: OpsConsole, shop: "psycopg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks: list[WallClock] = []
    handle_interrupts = WallClock.handle_interrupts

    def handle_and_record(clock: WallClock) -> AbstractContextManager[None]:
        clocks.append(clock)
        return handle_interrupts(clock)

    monkeypatch.setattr(WallClock, "handle_interrupts", handle_and_record)
    client = DatabaseClient(ops.stage.outputs, shared_aws())
    building = "SELECT 1 FROM pg_stat_progress_create_index"

    def interrupt() -> None:
        _wait_for(lambda: bool(client.fetch_rows(building)))
        os.kill(os.getpid(), signal.SIGINT)  # stops between steps
        _wait_for(lambda: clocks[0].interrupted)
        os.kill(os.getpid(), signal.SIGINT)  # stops at once

    with hold_transaction(ops):
        worker = threading.Thread(target=interrupt)
        worker.start()
        _, err = ops("db reindex shop.orders_pkey --lock-timeout 60s --yes", expected_code=130)
        worker.join()
        assert client.fetch_rows(building) == []
    assert "left invalid: shop.orders_pkey_ccnew; `ops runs resume reindex-" in err
    before = list_oids(shop)
    (line,) = {part for part in err.split("`") if part.startswith("ops runs resume ")}
    ops(f"{line.removeprefix('ops ')} --yes")
    assert list_invalid(shop) == []
    assert list_oids(shop)["orders_pkey"] != before["orders_pkey"]

"""What vacuum takes, passes by and cannot remove, on a real server."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ops.core.errors import RefusedError, UsageError
from ops.core.plan import Sql
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.vacuum import (
    TableStatistics,
    fetch_table_statistics,
    select_tables_to_vacuum,
)
from ops.database.sql.vacuum_horizon import HorizonHolder
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import (
    DATABASE_USER,
    connect_application,
    connect_stage_superuser,
)
from tests.ops.stage import shared_aws


@pytest.fixture
def application(ops: OpsConsole) -> "Iterator[psycopg.Connection[Any]]":
    with connect_application(ops.stage) as session:
        yield session


@pytest.fixture
def ops_database(ops: OpsConsole) -> DatabaseClient:
    return DatabaseClient(ops.stage.outputs, shared_aws())


def list_planned_statements(ops: OpsConsole, line: str) -> list[str]:
    plan = ops.run_for_json(f"{line} --dry-run").get("plan")
    return [step["action"]["statement"] for step in plan["steps"]] if plan else []


def make_dead_rows(session: "psycopg.Connection[Any]", name: str, rows: int = 30000) -> None:
    session.execute(f"CREATE TABLE {name} (g int) WITH (autovacuum_enabled=off)".encode())
    session.execute(f"INSERT INTO {name} SELECT generate_series(1, {rows})".encode())


def test_a_partitioned_table_stands_for_its_partitions(
    ops: OpsConsole, application: "psycopg.Connection[Any]"
) -> None:
    application.execute("CREATE TABLE events (id int, at date) PARTITION BY RANGE (at)")
    application.execute(
        "CREATE TABLE e1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')"
    )
    application.execute(
        "CREATE TABLE e2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') "
        "PARTITION BY RANGE (at)"
    )
    application.execute(
        "CREATE TABLE e21 PARTITION OF e2 FOR VALUES FROM ('2026-02-01') TO ('2026-02-15')"
    )
    assert not any("events" in text for text in list_planned_statements(ops, "db vacuum"))
    found = ops.run_for_json("db vacuum events --yes")
    assert sorted(found["vacuumed"]) == ["public.e1", "public.e21"]
    counts = application.execute(
        "SELECT relname, vacuum_count FROM pg_stat_user_tables WHERE relname LIKE 'e%' ORDER BY 1"
    ).fetchall()
    assert ("e1", 1) in counts
    assert ("e21", 1) in counts
    assert list_planned_statements(ops, "db vacuum e2") == ['VACUUM "public"."e21"']
    assert list_planned_statements(ops, "db vacuum e2 --analyze") == [
        'VACUUM (ANALYZE) "public"."e21"',
        'ANALYZE "public"."e2"',
    ]
    ops("db vacuum e2 --analyze --yes")
    analyzed = application.execute(
        "SELECT analyze_count FROM pg_stat_user_tables WHERE relname = 'e2'"
    )
    assert analyzed.fetchone() == (1,)
    application.execute("CREATE TABLE bare (at date) PARTITION BY RANGE (at)")
    _, err = ops("db vacuum bare", expected_code=2)
    assert "'bare' is a partitioned table without partitions" in err
    application.execute("DROP TABLE events, bare")


def test_a_table_is_found_as_any_command_prints_it(
    ops: OpsConsole, application: "psycopg.Connection[Any]"
) -> None:
    application.execute("CREATE SCHEMA shop")
    application.execute('CREATE TABLE shop."Odd.Name" (n int)')
    application.execute("CREATE TABLE shop.single (n int)")
    application.execute("CREATE TABLE public.twice (n int)")
    application.execute("CREATE TABLE shop.twice (n int)")
    client = DatabaseClient(ops.stage.outputs, shared_aws())
    tables = fetch_table_statistics(client)
    for written, full_name in (
        ('shop."Odd.Name"', "shop.Odd.Name"),
        ("shop.Odd.Name", "shop.Odd.Name"),
        ('"shop"."Odd.Name"', "shop.Odd.Name"),
        ("single", "shop.single"),
        ("SINGLE", "shop.single"),
        ("twice", "public.twice"),
        ("shop.twice", "shop.twice"),
    ):
        assert [t.full_name for t in select_tables_to_vacuum(tables, [written])] == [full_name]
    application.execute("CREATE SCHEMA depot")
    application.execute("CREATE TABLE depot.single (n int)")
    with pytest.raises(UsageError, match=r"TABLE must be depot\.single or shop\.single"):
        select_tables_to_vacuum(fetch_table_statistics(client), ["single"])
    application.execute("DROP SCHEMA shop, depot CASCADE")
    application.execute("DROP TABLE twice")


def test_a_materialized_view_is_vacuumed_and_a_foreign_table_is_not(
    ops: OpsConsole, application: "psycopg.Connection[Any]"
) -> None:
    application.execute("CREATE MATERIALIZED VIEW seen AS SELECT generate_series(1, 100) n")
    assert ops.run_for_json("db vacuum seen --yes")["vacuumed"] == ["public.seen"]
    application.execute("DROP MATERIALIZED VIEW seen")
    with connect_stage_superuser(ops.stage) as admin:
        admin.execute("CREATE FOREIGN DATA WRAPPER dummy")
        admin.execute("CREATE SERVER elsewhere FOREIGN DATA WRAPPER dummy")
        admin.execute("CREATE FOREIGN TABLE far (n int) SERVER elsewhere")
        try:
            _, err = ops("db vacuum far --yes", expected_code=2)
            assert "'far' is a foreign table, which is vacuumed on its own server" in err
            assert not any("far" in text for text in list_planned_statements(ops, "db vacuum"))
        finally:
            admin.execute("DROP FOREIGN DATA WRAPPER dummy CASCADE")


def test_a_temporary_table_of_another_session_is_passed_by(
    ops: OpsConsole, application: "psycopg.Connection[Any]"
) -> None:
    application.execute(
        "CREATE TEMP TABLE t AS SELECT g, repeat('y', 50) FROM generate_series(1, 20000) g"
    )
    application.execute("DELETE FROM t WHERE g % 2 = 0")
    application.execute("ANALYZE t")
    # A session reports what it did at most once a second.
    time.sleep(1.1)
    application.execute("SELECT 1")
    assert list_planned_statements(ops, "db vacuum") == []
    _, err = ops("db vacuum t --yes", expected_code=2)
    assert "'t' is a temporary table of a session, which alone can vacuum it" in err


def test_the_owner_of_the_database_vacuums_what_others_own(
    ops: OpsConsole, application: "psycopg.Connection[Any]"
) -> None:
    with connect_stage_superuser(ops.stage) as admin:
        admin.execute("CREATE TABLE foreign_owned (n int)")
        owner = admin.execute(
            "SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        admin.execute(f"ALTER DATABASE app OWNER TO {DATABASE_USER}".encode())
        try:
            found = ops.run_for_json("db vacuum foreign_owned --yes")
            assert found["vacuumed"] == ["public.foreign_owned"]
        finally:
            assert owner is not None
            admin.execute(f"ALTER DATABASE app OWNER TO {owner[0]}".encode())
            admin.execute("DROP TABLE foreign_owned")


def test_a_table_that_vacuum_skips_is_an_error(
    ops_database: DatabaseClient,
) -> None:
    with pytest.raises(RefusedError, match="skipping"):
        ops_database(Sql(statement="VACUUM pg_authid"))
    assert ops_database(Sql(statement="SELECT 1 AS n")) == [{"n": 1}]


def test_children_are_not_vacuumed_unasked(ops: OpsConsole) -> None:
    table = TableStatistics(1, "public", "par", 0, 0, 0, 0, 0, 0, True, has_children=True)
    assert table.vacuum_target == 'ONLY "public"."par"'


def test_a_locked_table_stops_no_other(
    ops: OpsConsole, application: "psycopg.Connection[Any]"
) -> None:
    application.execute("CREATE TABLE ul (n int)")
    make_dead_rows(application, "other")
    application.execute("DELETE FROM other")
    with connect_application(ops.stage) as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE ul IN ACCESS EXCLUSIVE MODE")
        pid = holder.info.backend_pid
        start = time.monotonic()
        found = ops.run_for_json("db vacuum other --yes")
        assert found["vacuumed"] == ["public.other"]
        assert time.monotonic() - start < 8, "it did not wait for the lock"
        assert ops.run_for_json("db vacuum --yes")["locked"] == {"public.ul": f"session {pid}"}
        assert f"public.ul is locked by session {pid}: ops db locks" in ops("db vacuum --yes")[0]
        holder.execute("ROLLBACK")
    application.execute("DROP TABLE ul, other")


def test_rows_that_a_transaction_may_read_stay_and_it_is_named(
    ops: OpsConsole, application: "psycopg.Connection[Any]"
) -> None:
    make_dead_rows(application, "v1")
    with connect_application(ops.stage, "reports") as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1 FROM v1 LIMIT 1")
        application.execute("DELETE FROM v1")
        pid = reader.info.backend_pid
        out, _ = ops("db vacuum v1 --yes")
        assert "public.v1: 30000 dead rows could not be removed" in out
        assert f"session {pid} (reports, idle in transaction" in out
        assert f"ops db kill {pid} --terminate" in out
        found = ops.run_for_json("db vacuum v1 --yes")
        assert found["dead_rows_left"] == {"public.v1": 30000}
        assert (found["held_back_by"][0]["kind"], found["held_back_by"][0]["name"]) == (
            "session",
            str(pid),
        )
        reader.execute("ROLLBACK")
    found = ops.run_for_json("db vacuum v1 --yes")
    assert (found["dead_rows_left"], found["held_back_by"]) == ({"public.v1": 0}, [])
    application.execute("DROP TABLE v1")


def test_rows_that_a_prepared_transaction_may_read_stay_and_it_is_named(
    ops: OpsConsole, application: "psycopg.Connection[Any]"
) -> None:
    make_dead_rows(application, "v2")
    application.execute("CREATE TABLE hot (id int)")
    application.execute("BEGIN; INSERT INTO hot VALUES (1); PREPARE TRANSACTION 'it''s'")
    try:
        application.execute("DELETE FROM v2")
        out, _ = ops("db vacuum v2 --yes")
        assert "public.v2: 30000 dead rows" in out
        assert "prepared transaction it's (" in out
        assert "ROLLBACK PREPARED 'it''s'" in out
    finally:
        application.execute("ROLLBACK PREPARED 'it''s'")
    assert ops.run_for_json("db vacuum v2 --yes")["dead_rows_left"] == {"public.v2": 0}
    application.execute("DROP TABLE v2, hot")


def test_who_holds_rows_back_for_long_is_named_before_a_vacuum(
    ops: OpsConsole,
    application: "psycopg.Connection[Any]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ops.database.commands.sessions.LONG_TRANSACTION_SECONDS", 0.01)
    make_dead_rows(application, "v3", 10)
    with connect_application(ops.stage, "reports") as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1 FROM v3")
        time.sleep(0.1)
        out, _ = ops("db vacuum v3 --dry-run")
        assert f"holds back what vacuum can remove: session {reader.info.backend_pid}" in out
    application.execute("DROP TABLE v3")


@pytest.mark.parametrize(
    ("kind", "name", "state", "command"),
    [
        ("session", "42", "active", "ops db kill 42"),
        ("session", "42", "idle in transaction", "ops db kill 42 --terminate"),
        ("prepared transaction", "it's", "prepared", "ROLLBACK PREPARED 'it''s'"),
        ("slot", "old", "inactive", "SELECT pg_drop_replication_slot('old')"),
        ("slot", "rds_eu_north_1_db_x", "inactive", "ops db status"),
        ("slot", "rds_eu_north_1_db_x", "active", "ops db activity --replica NAME"),
        ("standby", "77", "active", "ops db activity --replica NAME"),
    ],
)
def test_a_holder_of_dead_rows_names_the_command_that_ends_it(
    kind: str, name: str, state: str, command: str
) -> None:
    holder = HorizonHolder(kind, name, "shop", state, None if kind == "slot" else 90.0, 5)
    assert holder.command == command
    assert holder.describe().startswith(f"{kind} {name} (shop, {state}")


def test_a_slot_that_holds_rows_back_is_named(
    ops: OpsConsole, application: "psycopg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    # A slot has an xmin only once a standby with hot_standby_feedback has used it.
    from ops.database.sql import vacuum_horizon

    slots = "(SELECT 'old' AS slot_name, 'physical' AS slot_type, false AS active, "
    monkeypatch.setattr(
        vacuum_horizon,
        "HORIZON_HOLDERS_STATEMENT",
        vacuum_horizon.HORIZON_HOLDERS_STATEMENT.replace(
            "FROM pg_replication_slots", f"FROM {slots} '3'::xid AS xmin) AS slots"
        ),
    )
    make_dead_rows(application, "v4", 10)
    out, _ = ops("db vacuum v4 --dry-run")
    assert "slot old (physical, inactive): SELECT pg_drop_replication_slot('old')" in out
    application.execute("DROP TABLE v4")

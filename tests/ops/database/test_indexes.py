"""Advice about indexes, asked of a real server: nothing is dropped that is needed or in the making.

Cases: pg_index_watch issue 12, citus issue 2369, pghero issue 144.
"""

import threading
import time
from collections.abc import Iterator

import pytest

from ops.database.commands import queries
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import (
    connect_application,
    connect_stage_superuser,
)


@pytest.fixture
def ops(ops: OpsConsole) -> Iterator[OpsConsole]:
    yield ops
    with connect_application(ops.stage) as connection:
        connection.execute("DROP SCHEMA IF EXISTS t CASCADE")


def create(ops: OpsConsole, *statements: str) -> None:
    """Runs statements with the schema `t` first."""
    with connect_application(ops.stage) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS t")
        connection.execute("SET search_path = t")
        for statement in statements:
            connection.execute(statement.encode())


def list_problems(ops: OpsConsole) -> dict[tuple[str, str], dict[str, object]]:
    items = ops.run_for_json("db indexes --limit 1000")["items"]
    return {(item["problem"], item["index"]): item for item in items}


def test_an_index_that_is_being_built_has_not_failed(ops: OpsConsole) -> None:
    create(ops, "CREATE TABLE ul (a int)")
    holder, builder = connect_application(ops.stage), connect_application(ops.stage)
    holder.execute("BEGIN")
    holder.execute("INSERT INTO t.ul VALUES (1)")
    statement = b"CREATE INDEX CONCURRENTLY ul_a ON t.ul (a)"
    thread = threading.Thread(target=builder.execute, args=(statement,))
    thread.start()
    try:
        until = time.monotonic() + 20
        found = list_problems(ops)
        while not any(index == "t.ul_a" for _, index in found):
            assert time.monotonic() < until, "it did not begin"
            found = list_problems(ops)
        assert [problem for problem, index in found if index == "t.ul_a"] == ["being built"]
        row = found["being built", "t.ul_a"]
        assert f"pid {builder.info.backend_pid}, waiting for writers" in str(row["evidence"])
        assert row["helps"] == "wait until it is built"
    finally:
        holder.close()
        thread.join(20)
    assert not any(problem in {"being built", "invalid"} for problem, _ in list_problems(ops))


def test_an_index_that_failed_is_invalid_also_while_its_table_is_vacuumed(ops: OpsConsole) -> None:
    create(ops, "CREATE TABLE ul (a int) WITH (autovacuum_enabled = off)")
    create(ops, "INSERT INTO ul SELECT g / 2 FROM generate_series(1, 60000) g")
    with pytest.raises(Exception, match="could not create unique index"):
        create(ops, "CREATE UNIQUE INDEX CONCURRENTLY ul_a ON ul (a)")
    assert "DROP INDEX CONCURRENTLY" in str(list_problems(ops)["invalid", "t.ul_a"]["helps"])
    vacuum = connect_application(ops.stage)
    vacuum.execute("SET vacuum_cost_delay = '100ms'")
    vacuum.execute("SET vacuum_cost_limit = 1")
    vacuum.pgconn.send_query(b"VACUUM t.ul")
    vacuum.pgconn.flush()
    with connect_application(ops.stage) as admin:
        until = time.monotonic() + 20
        while admin.execute("SELECT count(*) FROM pg_stat_progress_vacuum").fetchone() != (1,):
            assert time.monotonic() < until, "it did not begin"
        found = list_problems(ops)
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (vacuum.info.backend_pid,))
    assert ("invalid", "t.ul_a") in found


def test_a_leftover_index_of_a_failed_rebuild_is_only_dropped(ops: OpsConsole) -> None:
    create(ops, "CREATE TABLE ul (a int)", "CREATE INDEX ul_a_ccnew ON ul (a)")
    with connect_stage_superuser(ops.stage) as admin:
        admin.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't.ul_a_ccnew'::regclass"
        )
    assert list_problems(ops)["invalid", "t.ul_a_ccnew"]["helps"] == (
        "to drop it: ops db reindex --invalid"
    )


def test_an_index_of_a_partition_is_not_offered_but_the_whole_is(ops: OpsConsole) -> None:
    create(
        ops,
        "CREATE TABLE events (id int, at date) PARTITION BY RANGE (at)",
        "CREATE TABLE e1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
        "CREATE INDEX events_id ON events (id)",
        "CREATE INDEX events_id_again ON events (id)",
        "CREATE INDEX events_at ON events (at)",
        "CREATE INDEX e1_own ON e1 (id)",
        "CREATE INDEX events_partly ON ONLY events (id, at)",
    )
    found = list_problems(ops)
    assert {index for _, index in found} == {
        "t.events_id_again",
        "t.events_at",
        "t.e1_own",
        "t.events_partly",
    }
    assert found["duplicate", "t.events_id_again"]["helps"] == "DROP INDEX"
    assert found["duplicate", "t.e1_own"]["helps"] == "DROP INDEX CONCURRENTLY"
    assert found["incomplete", "t.events_partly"]["helps"] == (
        "CREATE INDEX on each partition, then ALTER INDEX ATTACH PARTITION"
    )
    assert found["unused", "t.events_at"]["size"] == 8192
    with connect_application(ops.stage) as connection:  # the advice can be followed
        connection.execute("DROP INDEX t.events_id_again")
        connection.execute("DROP INDEX CONCURRENTLY t.e1_own")


def test_a_partitioned_index_is_used_if_a_locked_partition_uses_it(ops: OpsConsole) -> None:
    create(
        ops,
        "CREATE TABLE events (id int) PARTITION BY LIST (id)",
        "CREATE TABLE e1 PARTITION OF events FOR VALUES IN (1)",
        "CREATE TABLE e2 PARTITION OF events FOR VALUES IN (2)",
        "CREATE INDEX events_id ON events (id)",
        "SET enable_seqscan = off",
        "SELECT FROM e1 WHERE id = 1",
    )
    with connect_application(ops.stage) as connection:
        until = time.monotonic() + 20
        while connection.execute(
            "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'e1_id_idx'"
        ).fetchone() == (0,):
            assert time.monotonic() < until, "the scan is not counted"
        assert list_problems(ops) == {}
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE t.e1")
        assert list_problems(ops) == {}
        connection.execute("ROLLBACK")


def test_an_index_behind_a_constraint_is_not_offered(ops: OpsConsole) -> None:
    create(
        ops,
        "CREATE TABLE parent (a int CONSTRAINT p UNIQUE, b int NOT NULL)",
        "CREATE UNIQUE INDEX referred ON parent (b)",
        "CREATE UNIQUE INDEX twin ON parent (b)",
        "CREATE TABLE child (b int REFERENCES parent (b))",
        "CREATE INDEX p_again ON parent (a)",
        "CREATE TABLE identified (a int NOT NULL, b int)",
        "CREATE UNIQUE INDEX identity ON identified (a)",
        "CREATE UNIQUE INDEX identity_twin ON identified (a)",
        "ALTER TABLE identified REPLICA IDENTITY USING INDEX identity",
        "CREATE TABLE rooms (during int4range, EXCLUDE USING gist (during WITH &&))",
    )
    found = list_problems(ops)
    with connect_application(ops.stage) as connection:
        kept = connection.execute(
            "SELECT 't.' || c.conindid::regclass FROM pg_constraint c "
            "WHERE conrelid = 't.child'::regclass"
        ).fetchone()
    twin = {"t.referred", "t.twin"} - {str(kept[0]).replace("t.t.", "t.") if kept else ""}
    assert {index for problem, index in found if problem == "duplicate"} == {
        *twin,
        "t.p_again",
        "t.identity_twin",
    }
    assert {index for _, index in found} == {*twin, "t.p_again", "t.identity_twin"}


def test_duplicates_of_every_kind_are_found_and_one_of_them_stays(ops: OpsConsole) -> None:
    create(
        ops,
        "CREATE TABLE d (a int, b text, c int[], j int)",
        "CREATE UNIQUE INDEX u1 ON d (a)",
        "CREATE UNIQUE INDEX u2 ON d (a)",
        "CREATE UNIQUE INDEX u3 ON d (a) WHERE j > 0",
        "CREATE INDEX x1 ON d (lower(b))",
        "CREATE INDEX x2 ON d (lower(b))",
        "CREATE INDEX x3 ON d (lower(b), j)",
        "CREATE INDEX x4 ON d (upper(b))",
        "CREATE INDEX g1 ON d USING gin (c)",
        "CREATE INDEX g2 ON d USING gin (c)",
        "CREATE INDEX h1 ON d USING hash (j)",
        "CREATE INDEX i1 ON d (j) INCLUDE (b)",
        "CREATE INDEX i2 ON d (j)",
        "CREATE INDEX i3 ON d (j, b)",
        "CREATE INDEX o1 ON d (b text_pattern_ops)",
        'CREATE INDEX o2 ON d (b COLLATE "C")',
        "CREATE INDEX o3 ON d (b DESC)",
    )
    found = list_problems(ops)
    assert {index for problem, index in found if problem == "duplicate"} == {
        "t.u2",
        "t.x1",
        "t.x2",
        "t.g2",
        "t.i1",
        "t.i2",
    }
    assert "the same as t.u1" in str(found["duplicate", "t.u2"]["evidence"])


def test_an_index_that_replaces_another_is_not_offered_as_unused(ops: OpsConsole) -> None:
    create(
        ops,
        "CREATE TABLE k (a int, b int)",
        "CREATE INDEX k_a ON k (a)",
        "CREATE INDEX k_a_b ON k (a, b)",
    )
    assert {index for _, index in list_problems(ops)} == {"t.k_a"}


def test_an_index_is_unused_only_after_a_month_of_statistics(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(ops, "CREATE TABLE k (a int)", "CREATE INDEX k_a ON k (a)")
    row = list_problems(ops)["unused", "t.k_a"]
    assert str(row["helps"]).startswith("statistics are young: look again on 2")
    assert "DROP" not in str(row["helps"])
    monkeypatch.setattr(queries, "MIN_STATISTICS_DAYS", 0)
    row = list_problems(ops)["unused", "t.k_a"]
    assert row["helps"] == "check the replicas too, then DROP INDEX CONCURRENTLY"


def test_four_thousand_tables_are_judged_within_two_seconds(ops: OpsConsole) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS many")
        for first in range(0, 4000, 500):  # the locks of one transaction are limited
            connection.execute(
                f"""DO $$ BEGIN FOR n IN {first} .. {first + 499} LOOP
                    EXECUTE format('CREATE TABLE many.t%s (a int PRIMARY KEY, b int)', n);
                    EXECUTE format('CREATE INDEX t%s_b ON many.t%s (b)', n, n);
                END LOOP; END $$""".encode()
            )
    took = []
    for _ in range(3):  # the fastest: other tests may share the processor
        begun = time.monotonic()
        found = ops.run_for_json("db indexes")["items"]
        took.append(time.monotonic() - begun)
    with connect_application(ops.stage) as connection:
        for first in range(0, 4000, 500):
            connection.execute(
                f"""DO $$ BEGIN FOR n IN {first} .. {first + 499} LOOP
                    EXECUTE format('DROP TABLE many.t%s', n); END LOOP; END $$""".encode()
            )
        connection.execute("DROP SCHEMA many")
    assert len(found) == 50
    assert min(took) < 2

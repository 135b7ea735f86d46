"""Wasted space, compared with what was really wasted on a real server.

Cases: postgres_dba issues 5 and 58, pgsql-bloat-estimation issues 2 and 24, pg_bloat_check issue 2,
pghero issue 338, pganalyze/collector issue 152.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from ops.database.sql.bloat import (
    ColumnStatistics,
    estimate_row_bytes,
    estimate_wasted_toast_bytes,
)
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import (
    connect_application,
    connect_stage_superuser,
)

NO_VACUUM = "WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off)"
ROWS = f"""
    CREATE TABLE pad (a bool, b bigint, c bool, d bigint, e bool, f bigint) {NO_VACUUM};
    INSERT INTO pad SELECT true, g, true, g, true, g FROM generate_series(1, 50000) g;
    CREATE TABLE nulls (c1 int, c2 int, c3 int, c4 int, c5 int, c6 int, c7 int, c8 int, c9 int,
                        c10 int) {NO_VACUUM};
    INSERT INTO nulls (c1) SELECT generate_series(1, 50000);
    CREATE TABLE texts (id int, name text, at timestamptz, note varchar, ok bool) {NO_VACUUM};
    INSERT INTO texts SELECT g, repeat('x', g % 40), now(), CASE WHEN g % 3 = 0 THEN 'note' END,
                             true FROM generate_series(1, 50000) g;
    CREATE TABLE wide (id int, t text) {NO_VACUUM};
    INSERT INTO wide SELECT g, repeat('x', 1500) FROM generate_series(1, 3000) g;
    CREATE TABLE filled (a int) WITH (fillfactor = 50, autovacuum_enabled = off);
    INSERT INTO filled SELECT generate_series(1, 50000);
    CREATE TABLE dropped (a bigint, b bigint, c bigint) {NO_VACUUM};
    ALTER TABLE dropped DROP COLUMN b;
    INSERT INTO dropped SELECT g, g FROM generate_series(1, 50000) g;
    CREATE TABLE par (id int, t text) {NO_VACUUM};
    CREATE TABLE chi () INHERITS (par) {NO_VACUUM};
    INSERT INTO par SELECT g, repeat('x', 80) FROM generate_series(1, 20000) g;
    INSERT INTO chi SELECT g, repeat('x', 80) FROM generate_series(1, 20000) g;
    DELETE FROM ONLY par WHERE id %% 2 = 0;
    DELETE FROM chi WHERE id %% 2 = 0;
    CREATE TABLE docs (id int, body text) {NO_VACUUM};
    ALTER TABLE docs ALTER body SET STORAGE EXTERNAL;
    INSERT INTO docs SELECT g, repeat('x', 8000) FROM generate_series(1, 3000) g;
    DELETE FROM docs WHERE id %% 20 <> 0;
    CREATE TABLE full_docs (id int, body text) {NO_VACUUM};
    ALTER TABLE full_docs ALTER body SET STORAGE EXTERNAL;
    INSERT INTO full_docs SELECT g, repeat('x', 8000) FROM generate_series(1, 500) g;
    ANALYZE;
""".replace("%%", "%")


def prepare_server(console: OpsConsole) -> None:
    """Read by the fixture `server`."""
    with connect_application(console.stage) as connection:
        for statement in ROWS.split(";"):
            connection.execute(statement.encode())


def list_tables(ops: OpsConsole) -> dict[str, Any]:
    return {row["table"]: row for row in ops.run_for_json("db bloat --limit 100")["items"]}


@pytest.mark.parametrize(
    "table", ["pad", "nulls", "texts", "wide", "filled", "dropped", "full_docs"]
)
def test_a_table_without_bloat_has_next_to_none(ops: OpsConsole, table: str) -> None:
    assert list_tables(ops)[f"public.{table}"]["wasted_percent"] < 4


@pytest.mark.parametrize(
    ("table", "low", "high"), [("par", 46, 51), ("chi", 46, 51), ("docs", 90, 96)]
)
def test_rows_that_were_deleted_are_wasted_space(
    ops: OpsConsole, table: str, low: float, high: float
) -> None:
    assert low < list_tables(ops)[f"public.{table}"]["wasted_percent"] < high


def test_toast_stays_counted_after_it_was_vacuumed(ops: OpsConsole) -> None:
    row = list_tables(ops)["public.docs"]
    assert row["toast"] > 20 << 20
    assert row["size"] > row["toast"]
    with connect_application(ops.stage) as connection:
        connection.execute("CREATE TABLE again (LIKE docs)")
        connection.execute("ALTER TABLE again ALTER body SET STORAGE EXTERNAL")
        connection.execute(
            "INSERT INTO again SELECT g, repeat('x', 8000) FROM generate_series(1, 1000) g"
        )
        connection.execute("DELETE FROM again WHERE id % 20 <> 0")
        connection.execute("VACUUM (ANALYZE, TRUNCATE off) again")
    again = list_tables(ops)["public.again"]
    with connect_application(ops.stage) as connection:
        connection.execute("DROP TABLE again")
    assert 90 < again["wasted_percent"] < 97


def build_toast(**values: object) -> dict[str, object]:
    """A TOAST of 100 pages whose 400 rows are all known, unless told otherwise."""
    return {
        "toast": 100 * 8192,
        "page_bytes": 8192,
        "toast_rows": 400,
        "toast_live": 400,
        "toast_dead": 0,
        **values,
    }


@pytest.mark.parametrize(
    ("values", "pages"),
    [
        ({}, 0),
        ({"toast_live": 100, "toast_dead": 300}, 75),
        ({"toast_rows": 100, "toast_live": 100}, 75),
        ({"toast_rows": -1, "toast_live": 100, "toast_dead": 300}, 75),
        # the counters are of a part of the rows
        ({"toast_rows": -1, "toast_live": 3}, None),
        ({"toast_live": 0}, 0),
        ({"toast_live": 0, "toast_dead": 4}, 100 * 4 / 404),
    ],
)
def test_toast_is_estimated_low_and_not_where_counters_were_lost(
    values: dict[str, object], pages: float | None
) -> None:
    wasted = estimate_wasted_toast_bytes(build_toast(**values))
    assert wasted == (pages if pages is None else pytest.approx(pages * 8192))


def test_a_row_is_as_long_as_its_columns_their_padding_and_its_header() -> None:
    int4, int8 = ColumnStatistics("i", 4, 0, 4), ColumnStatistics("d", 8, 0, 8)
    absent = ColumnStatistics("i", 4, 1, 4)
    flag = ColumnStatistics("c", 1, 0, 1)
    text = ColumnStatistics("i", -1, 0, 10)
    assert estimate_row_bytes([int4]) == 24 + 8 + 4
    assert estimate_row_bytes([flag, int8, flag, int8, flag, int8]) == 24 + 48 + 4
    assert estimate_row_bytes([int8, int8, int8, flag, flag, flag]) == 24 + 32 + 4
    assert estimate_row_bytes([int4, *[absent] * 7]) == 24 + 8 + 4, "the bitmap fits"
    assert estimate_row_bytes([int4, *[absent] * 9]) == 32 + 8 + 4
    assert estimate_row_bytes([text, int8]) == 24 + 10 + 3.5 + 8 + 4
    assert estimate_row_bytes([]) == 24 + 4


def test_a_table_without_statistics_is_unknown_and_not_fine(ops: OpsConsole) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute("CREATE TABLE fresh (n int) WITH (autovacuum_enabled = off)")
        connection.execute("INSERT INTO fresh VALUES (1)")
        row = list_tables(ops)["public.fresh"]
        assert (row["wasted"], row["wasted_percent"]) == (None, None)
        assert "ops db vacuum TABLE --analyze" in ops("db bloat --limit 100")[0]
        connection.execute("DROP TABLE fresh")


@pytest.fixture
def extensions(ops: OpsConsole) -> Iterator[None]:
    with connect_stage_superuser(ops.stage) as admin:
        admin.execute('CREATE SCHEMA "my extensions"')
        for name in ("pgstattuple", "pg_stat_statements"):
            known = admin.execute(
                "SELECT FROM pg_available_extensions WHERE name = %s", (name,)
            ).fetchone()
            if known is None:
                admin.execute('DROP SCHEMA "my extensions" CASCADE')
                pytest.skip(f"the server has no {name}")
            admin.execute(f'CREATE EXTENSION {name} SCHEMA "my extensions"'.encode())
        admin.execute('GRANT USAGE ON SCHEMA "my extensions" TO bulwark_admin')
        yield
        admin.execute('DROP SCHEMA "my extensions" CASCADE')


@pytest.mark.usefixtures("extensions")
def test_extensions_in_a_schema_of_their_own_are_found(ops: OpsConsole) -> None:
    assert ops.run_for_json("db slow")["statistics"] is True
    with connect_application(ops.stage) as other:
        other.execute(
            "CREATE TEMP TABLE t AS SELECT g, repeat('y', 50) FROM generate_series(1, 20000) g"
        )
        other.execute("DELETE FROM t WHERE g % 2 = 0")
        other.execute("ANALYZE t")
        found = ops.run_for_json("db bloat --limit 100")
    rows = {row["table"]: row for row in found["items"]}
    assert found["measured"] is True
    (temporary,) = (name for name in rows if name.startswith("pg_temp"))
    assert found["unmeasured"] == [f"{temporary}: a temporary table of another session"]
    assert rows[temporary]["measured_percent"] is None
    for table, low, high in (("pad", 0, 2), ("chi", 46, 51), ("docs", 90, 96)):
        assert low <= rows[f"public.{table}"]["measured_percent"] < high


@pytest.mark.usefixtures("extensions")
def test_an_outdated_pg_stat_statements_asks_for_an_update(ops: OpsConsole) -> None:
    with connect_stage_superuser(ops.stage) as admin:
        admin.execute("DROP EXTENSION pg_stat_statements")
        admin.execute("CREATE EXTENSION pg_stat_statements SCHEMA \"my extensions\" VERSION '1.4'")
    assert "pg_stat_statements" in ops.run_for_json("db slow")["missing"]

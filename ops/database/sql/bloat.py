"""Wasted space of tables and their TOAST: estimated from statistics, or measured by pgstattuple.

The estimate is the size less the pages that the rows need. A row has a header of 23 bytes and, if
any of its columns is null, a bit for each column, both aligned to 8 bytes; its columns are aligned
by type; it has a line pointer of 4 bytes. A page has a header of 24 bytes. Source: PostgreSQL
manual, "Database Page Layout" and "pg_type" (typalign).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.errors import OpsError
from ops.database.sql.connection import DatabaseClient

BLOAT_KIND: Final = "db-bloat"
BLOAT_COLUMNS: Final = (
    "table",
    "size",
    "toast",
    "wasted",
    "wasted_percent",
    "measured_percent",
    "dead_rows",
    "live_rows",
    "vacuumed",
    "xid_age_percent",
)
ROW_HEADER_BYTES, LINE_POINTER_BYTES, PAGE_HEADER_BYTES = 23, 4, 24
MAX_ALIGNMENT: Final = 8  # bytes
ALIGNMENTS: Final = {"c": 1, "s": 2, "i": 4, "d": 8}  # bytes, by typalign
# A value of up to 126 bytes has a header of one byte and is not aligned: "Database Page Layout".
MAX_SHORT_VALUE_BYTES: Final = 127
# A TOAST row is at most a quarter of a page: TOAST_TUPLES_PER_PAGE in PostgreSQL's heaptoast.h.
TOAST_ROWS_PER_PAGE: Final = 4
KNOWN_SHARE: Final = 0.9  # of a table's rows: the counters are of all of them, not of some
MEASURE_TIMEOUT_SECONDS: Final = 300.0  # seconds for one table; measuring reads its pages
# One row for each table. The width of a column is that of the stored value, which is short if the
# value is in TOAST. Statistics with `inherited` are of the children as well, so they are left out.
# Columns that were dropped stay in the row, as null. reltuples is below 0 before the first vacuum.
TABLES_STATEMENT: Final = """
    WITH columns AS MATERIALIZED (
        SELECT a.attrelid,
               array_agg(a.attalign::text ORDER BY a.attnum) AS alignments,
               array_agg(a.attlen::int ORDER BY a.attnum) AS lengths,
               array_agg(CASE WHEN a.attisdropped THEN 1 ELSE s.null_frac END::float8
                         ORDER BY a.attnum) AS null_fractions,
               array_agg(CASE WHEN a.attisdropped THEN 0 ELSE s.avg_width END::int
                         ORDER BY a.attnum) AS widths
          FROM pg_attribute a
          JOIN pg_class c ON c.oid = a.attrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
               AND s.attname = a.attname AND NOT s.inherited
         WHERE a.attnum > 0 AND c.relkind IN ('r', 'm')
           AND n.nspname NOT IN ('pg_catalog', 'information_schema')
         GROUP BY 1
    )
    SELECT c.oid::int8 AS oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS "table",
           pg_is_other_temp_schema(n.oid) AS is_other_temp,
           current_setting('block_size')::int AS page_bytes,
           coalesce((SELECT option_value::int FROM pg_options_to_table(c.reloptions)
                      WHERE option_name = 'fillfactor'), 100) AS fill_percent,
           pg_relation_size(c.oid) AS size, c.reltuples::float8 AS rows,
           columns.alignments, columns.lengths, columns.null_fractions, columns.widths,
           t.oid::int8 AS toast_oid, coalesce(pg_relation_size(t.oid), 0) AS toast,
           t.reltuples::float8 AS toast_rows,
           pg_stat_get_live_tuples(t.oid) AS toast_live,
           pg_stat_get_dead_tuples(t.oid) AS toast_dead,
           pg_stat_get_dead_tuples(c.oid) AS dead_rows, pg_stat_get_live_tuples(c.oid) AS live_rows,
           greatest(pg_stat_get_last_vacuum_time(c.oid),
                    pg_stat_get_last_autovacuum_time(c.oid))::text AS vacuumed,
           greatest(pg_stat_get_last_analyze_time(c.oid),
                    pg_stat_get_last_autoanalyze_time(c.oid))::text AS analyzed,
           round(100.0 * greatest(age(c.relfrozenxid), age(t.relfrozenxid))
               / current_setting('autovacuum_freeze_max_age')::numeric, 1) AS xid_age_percent
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN columns ON columns.attrelid = c.oid
      LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
     WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND c.oid <> ALL (%(locked)s::oid[])"""
# Reads the pages that are not marked in the visibility map: more exact and slower.
MEASURE_STATEMENT: Final = """
    SELECT sum(m.dead_tuple_len + m.approx_free_space)::float8 AS wasted,
           sum(m.table_len)::float8 AS size
      FROM unnest(%(oids)s::oid[]) AS relation (oid)
     CROSS JOIN LATERAL {schema}.pgstattuple_approx(relation.oid) m"""
EXTENSION_SCHEMA_STATEMENT: Final = """
    SELECT quote_ident(n.nspname) AS schema, e.extversion AS version
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = %(name)s"""


@dataclass(frozen=True)
class ColumnStatistics:
    """A column as it is stored. `length` is in bytes, below 0 if it varies; so is `width`."""

    alignment: str
    length: int
    null_fraction: float
    width: int


def estimate_row_bytes(columns: Sequence[ColumnStatistics]) -> float:
    """Returns the mean bytes of a row, with its header, its padding and its line pointer.

    Where the padding depends on values of varying width, it is that of the mean over all offsets.
    """
    has_nulls = 1 - math.prod(1 - column.null_fraction for column in columns)
    header = _align(ROW_HEADER_BYTES, MAX_ALIGNMENT)
    header_with_nulls = _align(ROW_HEADER_BYTES + math.ceil(len(columns) / 8), MAX_ALIGNMENT)
    total = header + has_nulls * (header_with_nulls - header)
    # The offset is known to be `remainder` modulo `modulus`, a power of two.
    remainder, modulus = 0, MAX_ALIGNMENT
    for column in columns:
        share = 1 - column.null_fraction
        if share <= 0:
            continue
        alignment = _get_alignment(column)
        total += share * (_get_mean_padding(remainder, modulus, alignment) + column.width)
        if modulus >= alignment:
            after, after_modulus = _align(remainder, alignment), modulus
        else:
            after, after_modulus = 0, alignment
        if column.length < 0:
            after, after_modulus = 0, 1
        after = (after + max(column.length, 0)) % after_modulus
        if share < 1:  # present in some rows and not in others
            after_modulus = min(after_modulus, modulus)
            while (after - remainder) % after_modulus:
                after_modulus //= 2
        remainder, modulus = after % after_modulus, after_modulus
    return total + _get_mean_padding(remainder, modulus, MAX_ALIGNMENT) + LINE_POINTER_BYTES


def _align(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _get_alignment(column: ColumnStatistics) -> int:
    is_short = column.length < 0 and column.width < MAX_SHORT_VALUE_BYTES
    return 1 if is_short else ALIGNMENTS[column.alignment]


def _get_mean_padding(remainder: int, modulus: int, alignment: int) -> float:
    """Returns the mean padding over the offsets that the remainder allows."""
    paddings = [-offset % alignment for offset in range(remainder, max(alignment, 1), modulus)]
    return sum(paddings) / len(paddings) if paddings else -remainder % alignment


def estimate_wasted_bytes(table: Mapping[str, Any]) -> float | None:
    """Returns the wasted bytes of a table without its TOAST; None without statistics."""
    if table["size"] == 0:
        return 0
    if table["rows"] < 0 or not table["widths"] or None in table["widths"]:
        return None
    columns = [
        ColumnStatistics(*values)
        for values in zip(
            table["alignments"],
            table["lengths"],
            table["null_fractions"],
            table["widths"],
            strict=True,
        )
    ]
    page = int(table["page_bytes"])
    room = page - PAGE_HEADER_BYTES - page * (100 - table["fill_percent"]) / 100
    rows_per_page = max(1, math.floor(room / estimate_row_bytes(columns)))
    return float(max(0, table["size"] - page * math.ceil(table["rows"] / rows_per_page)))


def estimate_wasted_toast_bytes(table: Mapping[str, Any]) -> float | None:
    """Returns the least wasted bytes of a table's TOAST; None if too little is known.

    The size of a TOAST row is not in the statistics; each is counted as the largest that there is.
    """
    size, page = float(table["toast"]), int(table["page_bytes"])
    if size == 0:
        return 0
    live, dead = table["toast_live"] or 0, table["toast_dead"] or 0
    vacuumed_rows = table["toast_rows"] if table["toast_rows"] is not None else -1
    largest = page / TOAST_ROWS_PER_PAGE
    # A restore, or a crash, loses the counters: then they are of a part of the rows.
    expected_rows = min(size / largest, vacuumed_rows if vacuumed_rows >= 0 else math.inf)
    if live + dead >= KNOWN_SHARE * expected_rows:
        rows = live if dead else max(live, vacuumed_rows)
    elif vacuumed_rows >= 0:
        rows = vacuumed_rows + live
    else:
        return None
    by_pages = size - page * math.ceil(rows / TOAST_ROWS_PER_PAGE)
    by_dead_rows = size * dead / (rows + dead) if rows + dead else size
    return float(max(0, by_pages, by_dead_rows))


def list_bloat(client: DatabaseClient, name: str | None, locked: list[int]) -> list[dict[str, Any]]:
    """Lists the tables that are not locked, the most wasted bytes first, then the unknown ones."""
    rows: list[Any] = client.fetch_rows(TABLES_STATEMENT, {"locked": locked}, name)
    bloat = [_estimate_bloat(row) for row in rows]
    return sorted(
        bloat, key=lambda row: (row["wasted"] is None, -(row["wasted"] or 0), -row["dead_rows"])
    )


def _estimate_bloat(table: Mapping[str, Any]) -> dict[str, Any]:
    parts = estimate_wasted_bytes(table), estimate_wasted_toast_bytes(table)
    size = table["size"] + table["toast"]
    wasted = None if None in parts else round(sum(part or 0 for part in parts))
    kept = ("oid", "toast_oid", "is_other_temp", "table", "toast", "dead_rows", "live_rows")
    return {
        **{key: table[key] for key in (*kept, "vacuumed", "analyzed", "xid_age_percent")},
        "size": size,
        "wasted": wasted,
        "wasted_percent": round(100 * wasted / size, 1) if wasted is not None and size else None,
    }


def find_extension(
    client: DatabaseClient, name: str | None, extension: str
) -> dict[str, str] | None:
    """Finds an extension: its schema, quoted, and its version; None if it is not created."""
    rows: list[Any] = client.fetch_rows(EXTENSION_SCHEMA_STATEMENT, {"name": extension}, name)
    return rows[0] if rows else None


def measure_bloat(
    client: DatabaseClient, name: str | None, schema: str, table: Mapping[str, Any]
) -> tuple[float | None, str | None]:
    """Returns the wasted percent of a table with its TOAST, or None and the reason.

    A temporary table of another session is in that session's memory.
    """
    if table["is_other_temp"]:
        return None, "a temporary table of another session"
    oids = [oid for oid in (table["oid"], table["toast_oid"]) if oid is not None]
    statement = MEASURE_STATEMENT.format(schema=schema.replace("%", "%%"))
    try:
        (row,) = client.fetch_rows(statement, {"oids": oids}, name, timeout=MEASURE_TIMEOUT_SECONDS)
    except OpsError as error:
        return None, str(error)
    values: Any = row
    size = values["size"]
    return (round(100 * values["wasted"] / size, 1) if size else 0.0), None

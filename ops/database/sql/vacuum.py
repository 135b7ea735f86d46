"""Vacuum: which tables need it, and the plan that vacuums them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.errors import UsageError
from ops.core.plan import Plan, Sql, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database.sql.connection import DatabaseClient
from ops.outputs import Outputs

TABLE_STATISTICS_STATEMENT: Final = """
    SELECT s.relid::int8 AS oid, s.schemaname AS schema, s.relname AS name,
           s.n_dead_tup AS dead, s.n_live_tup AS live, s.vacuum_count AS vacuums,
           s.analyze_count AS analyzes,
           pg_relation_filenode(s.relid)::int8 AS file, pg_total_relation_size(s.relid) AS size,
           100.0 * age(c.relfrozenxid) / current_setting('autovacuum_freeze_max_age')::numeric
               AS xid_age,
           pg_has_role(c.relowner, 'USAGE') AS ours
      FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
     ORDER BY s.n_dead_tup DESC, xid_age DESC"""
# Only ops's own vacuum counts: an autovacuum of the same table gives way to it.
RUNNING_VACUUM_EXPRESSION: Final = """EXISTS (
               SELECT FROM {progress} p JOIN pg_stat_activity a ON a.pid = p.pid
                WHERE p.relid = %(oid)s::oid AND a.backend_type = 'client backend'
                  AND a.application_name = 'bulwark-ops') AS running"""
ANALYZED_CONDITION: Final = "(NOT %(analyze)s OR coalesce(s.analyze_count, 0) > %(analyzes)s)"
VACUUM_CHECK_STATEMENT: Final = f"""
    SELECT coalesce(s.vacuum_count, 0) > %(before)s AND {ANALYZED_CONDITION} AS vacuumed,
           {RUNNING_VACUUM_EXPRESSION.format(progress="pg_stat_progress_vacuum")}
      FROM pg_stat_user_tables s WHERE s.relid = %(oid)s::oid"""
# PostgreSQL does not count VACUUM FULL; it writes the table to a new file.
FULL_VACUUM_CHECK_STATEMENT: Final = f"""
    SELECT pg_relation_filenode(s.relid)::int8 <> %(before)s AND {ANALYZED_CONDITION} AS vacuumed,
           {RUNNING_VACUUM_EXPRESSION.format(progress="pg_stat_progress_cluster")}
      FROM pg_stat_user_tables s WHERE s.relid = %(oid)s::oid"""
DEAD_ROWS_PER_LIVE_ROW: Final = (
    0.05  # dead rows per live row; autovacuum starts at 0.2 (autovacuum_vacuum_scale_factor)
)
OLD_XID_AGE_PERCENT: Final = 50.0  # percent of autovacuum_freeze_max_age
MAX_DEFAULT_VACUUM_TABLES: Final = 10  # tables to vacuum if the command names no table


@dataclass(frozen=True)
class TableStatistics:
    """Statistics of one table.

    `xid_age` is in percent of autovacuum_freeze_max_age, `size` in bytes.
    """

    oid: int
    schema: str
    name: str
    dead: int
    live: int
    vacuums: int
    file: int
    size: int
    xid_age: float
    ours: bool
    analyzes: int = 0

    @property
    def quoted_name(self) -> str:
        """Returns the name quoted for SQL."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in (self.schema, self.name))

    @property
    def full_name(self) -> str:
        """Returns `schema.table`."""
        return f"{self.schema}.{self.name}"

    @property
    def needs_vacuum(self) -> bool:
        """True if the table has many dead rows or old transaction ids."""
        return (
            self.dead > max(1000, self.live * DEAD_ROWS_PER_LIVE_ROW)
            or self.xid_age > OLD_XID_AGE_PERCENT
        )


def fetch_table_statistics(client: DatabaseClient) -> list[TableStatistics]:
    """Fetches the statistics of all tables, the most dead rows first."""
    rows: list[Any] = client.fetch_rows(TABLE_STATISTICS_STATEMENT)
    return [TableStatistics(**{**row, "xid_age": float(row["xid_age"] or 0)}) for row in rows]


def select_tables_to_vacuum(
    tables: Sequence[TableStatistics], names: Sequence[str], option: str = "TABLE"
) -> list[TableStatistics]:
    """Returns the named tables, or up to ten that need a vacuum.

    Raises UsageError, naming the option, for a table that does not exist or another user owns.
    """
    if not names:
        return [table for table in tables if table.needs_vacuum and table.ours][
            :MAX_DEFAULT_VACUUM_TABLES
        ]
    by_name = {t.name: t for t in tables if t.schema == "public"} | {t.full_name: t for t in tables}
    for name in names:
        if name not in by_name:
            choices = ", ".join(sorted(t.full_name for t in tables)[:20])
            raise UsageError(
                f"{option} must be {choices}, not {name!r}"
                if choices
                else f"{option} is {name!r}, but the database has no tables",
                "ops db size",
            )
        if not by_name[name].ours:
            raise UsageError(f"{option} is {name!r}, a table that another user owns")
    return [by_name[name] for name in dict.fromkeys(names)]


def build_table_vacuum_plan(
    outputs: Outputs,
    tables: Sequence[TableStatistics],
    run: str,
    *,
    analyze: bool = False,
    freeze: bool = False,
    full: bool = False,
) -> Plan:
    """Builds the plan that vacuums tables one after the other. There is nothing to undo."""
    keywords = [
        keyword
        for keyword, is_set in (("FULL", full), ("FREEZE", freeze), ("ANALYZE", analyze))
        if is_set
    ]
    options = f" ({', '.join(keywords)})" if keywords else ""
    steps = [
        _build_vacuum_step(number, table, options, full=full, analyze=analyze)
        for number, table in enumerate(tables, 1)
    ]
    notes = (
        ("a table is locked while it is rewritten, and needs its size again on disk",)
        if full
        else ("reads and writes continue; space is reused, but the files do not shrink",)
    )
    return build_stack_plan(outputs, run, "db vacuum", *steps, notes=notes)


def _build_vacuum_step(
    number: int, table: TableStatistics, options: str, *, full: bool, analyze: bool
) -> Step:
    previous_value = table.file if full else table.vacuums
    check_query = Sql(
        statement=FULL_VACUUM_CHECK_STATEMENT if full else VACUUM_CHECK_STATEMENT,
        params={
            "oid": table.oid,
            "before": previous_value,
            "analyze": analyze,
            "analyzes": table.analyzes,
        },
    )
    return Step(
        name=f"vacuum_{number}",
        description=f"vacuum {table.full_name}: {table.dead} dead rows, {table.size >> 20} MiB",
        action=Sql(statement=f"VACUUM{options} {table.quoted_name}", timeout=0),
        goal=Wait(
            read=check_query,
            met={"rows[0].vacuumed": True},
            begun={"rows[0].running": True},
            every=2,
            within=6 * 3600,
            typical=max(1, table.size / (50 << 20)),
            source="an assumption: 50 MiB per second",
        ),
        downtime=max(1, table.size / (50 << 20)) if full else 0,
    )

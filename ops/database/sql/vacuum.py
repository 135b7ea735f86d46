"""Vacuum: which tables need it, and that they have had it."""

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
# What is at work must be ours: an autovacuum of the same table is counted apart, and makes way.
RUNNING_VACUUM_EXPRESSION: Final = """EXISTS (
               SELECT FROM {progress} p JOIN pg_stat_activity a ON a.pid = p.pid
                WHERE p.relid = %(oid)s::oid AND a.backend_type = 'client backend'
                  AND a.application_name = 'bulwark-ops') AS running"""
ANALYZED_CONDITION: Final = "(NOT %(analyze)s OR coalesce(s.analyze_count, 0) > %(analyzes)s)"
VACUUM_CHECK_STATEMENT: Final = f"""
    SELECT coalesce(s.vacuum_count, 0) > %(before)s AND {ANALYZED_CONDITION} AS vacuumed,
           {RUNNING_VACUUM_EXPRESSION.format(progress="pg_stat_progress_vacuum")}
      FROM pg_stat_user_tables s WHERE s.relid = %(oid)s::oid"""
# VACUUM FULL is not counted: it writes the table into another file.
FULL_VACUUM_CHECK_STATEMENT: Final = f"""
    SELECT pg_relation_filenode(s.relid)::int8 <> %(before)s AND {ANALYZED_CONDITION} AS vacuumed,
           {RUNNING_VACUUM_EXPRESSION.format(progress="pg_stat_progress_cluster")}
      FROM pg_stat_user_tables s WHERE s.relid = %(oid)s::oid"""
DEAD_ROWS_PER_LIVE_ROW: Final = (
    0.05  # dead rows a live one; autovacuum begins at 0.2 (autovacuum_vacuum_scale_factor)
)
OLD_XID_AGE_PERCENT: Final = 50.0  # percent of autovacuum_freeze_max_age
MAX_DEFAULT_VACUUM_TABLES: Final = 10  # tables that are vacuumed where none is named


@dataclass(frozen=True)
class TableStatistics:
    """A table as it was seen. `xid_age` is in percent of what autovacuum lets it become."""

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
        """As it stands in a statement."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in (self.schema, self.name))

    @property
    def full_name(self) -> str:
        """As a person writes it."""
        return f"{self.schema}.{self.name}"

    @property
    def needs_vacuum(self) -> bool:
        """Whether vacuum would find something worth the while."""
        return (
            self.dead > max(1000, self.live * DEAD_ROWS_PER_LIVE_ROW)
            or self.xid_age > OLD_XID_AGE_PERCENT
        )


def fetch_table_statistics(client: DatabaseClient) -> list[TableStatistics]:
    """The tables of the database, those with most dead rows first."""
    rows: list[Any] = client.fetch_rows(TABLE_STATISTICS_STATEMENT)
    return [TableStatistics(**{**row, "xid_age": float(row["xid_age"] or 0)}) for row in rows]


def select_tables_to_vacuum(
    tables: Sequence[TableStatistics], names: Sequence[str], option: str = "TABLE"
) -> list[TableStatistics]:
    """The tables of these names, or those that need it most. Raises UsageError."""
    if not names:
        return [table for table in tables if table.needs_vacuum and table.ours][
            :MAX_DEFAULT_VACUUM_TABLES
        ]
    by_name = {t.name: t for t in tables if t.schema == "public"} | {t.full_name: t for t in tables}
    for name in names:
        if name not in by_name:
            choices = (
                ", ".join(sorted(t.full_name for t in tables)[:20]) or "none: there are no tables"
            )
            raise UsageError(f"{option} is {name!r}, must be {choices}", "ops db size")
        if not by_name[name].ours:
            raise UsageError(f"{option} is {name!r}, which another user owns")
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
    """Each table vacuumed, one after the other. There is no undo, and nothing to undo."""
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
        ("nobody reads or writes a table while it is written anew, and it needs its size again",)
        if full
        else ("reads and writes go on meanwhile; the space is used again, the files stay as large",)
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
            source="an assumption: 50 MiB a second",
        ),
        downtime=max(1, table.size / (50 << 20)) if full else 0,
    )

"""Vacuum: which tables need it, and the plan that vacuums them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.counts import format_count
from ops.core.errors import UsageError
from ops.core.plan import Plan, Sql, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.names import list_table_readings, quote_name_parts
from ops.outputs import Outputs

# Tables, with those that VACUUM passes by without an error: partitioned parents (only their
# partitions have rows), foreign tables, temporary tables (all are of other sessions). A table that
# somebody locks, or waits to lock, exclusively is not measured: reading its size would wait.
# Those who may vacuum: the owner, the owner of the database, and since PostgreSQL 17 holders of
# MAINTAIN (PostgreSQL's manual, VACUUM). Since PostgreSQL 18 VACUUM takes a table's inheritance
# children along unless it says ONLY (release notes of 18).
TABLE_STATISTICS_STATEMENT: Final = """
    WITH lock AS (
        SELECT coalesce(parent.oid, i.indrelid, l.relation) AS oid,
               min(coalesce('session ' || l.pid, 'a prepared transaction')) AS holder
          FROM pg_locks l
          LEFT JOIN pg_index i ON i.indexrelid = l.relation
          LEFT JOIN pg_class parent ON parent.reltoastrelid = coalesce(i.indrelid, l.relation)
         WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND l.pid IS DISTINCT FROM pg_backend_pid()
         GROUP BY 1
    )
    SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name,
           coalesce(s.n_dead_tup, 0) AS dead, coalesce(s.n_live_tup, 0) AS live,
           coalesce(s.vacuum_count, 0) AS vacuums, coalesce(s.analyze_count, 0) AS analyzes,
           coalesce(pg_relation_filenode(c.oid)::int8, 0) AS file,
           CASE WHEN lock.oid IS NULL AND c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
                THEN pg_total_relation_size(c.oid)
                ELSE c.relpages * current_setting('block_size')::int8 END AS size,
           100.0 * greatest(age(nullif(c.relfrozenxid, '0')), age(nullif(t.relfrozenxid, '0')))
               / current_setting('autovacuum_freeze_max_age')::numeric AS xid_age,
           pg_has_role(c.relowner, 'USAGE')
               OR pg_has_role((SELECT datdba FROM pg_database WHERE datname = current_database()),
                              'USAGE')
               OR CASE WHEN current_setting('server_version_num')::int >= 170000
                       THEN has_table_privilege(c.oid, 'MAINTAIN') ELSE false END AS ours,
           CASE WHEN c.relpersistence = 't' THEN 'temporary table' WHEN c.relkind = 'f'
                THEN 'foreign table' WHEN c.relkind = 'p' THEN 'partitioned table'
                WHEN c.relkind = 'm' THEN 'materialized view' ELSE 'table' END AS kind,
           current_setting('server_version_num')::int >= 180000 AND c.relhassubclass
               AND c.relkind = 'r' AS has_children,
           CASE WHEN c.relispartition THEN ARRAY(
               SELECT a.relid::int8 FROM pg_partition_ancestors(c.oid) AS a
                WHERE a.relid <> c.oid) ELSE '{}' END AS parents,
           lock.holder AS locked_by, s.relid IS NOT NULL AS is_counted
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
      LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
      LEFT JOIN lock ON lock.oid = c.oid
     WHERE c.relkind IN ('r', 'm', 'p', 'f')
       AND n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND n.nspname NOT LIKE 'pg\\_toast%%'
     ORDER BY dead DESC, xid_age DESC NULLS LAST"""
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
VACUUMED_KINDS: Final = ("table", "materialized view")
# Why VACUUM passes by a table of another kind, in words that follow "is".
NOT_VACUUMED_REASONS: Final = {
    "partitioned table": "a partitioned table without partitions on this server",
    "foreign table": "a foreign table, which is vacuumed on its own server",
    "temporary table": "a temporary table of a session, which alone can vacuum it",
}
# Autovacuum never analyzes a partitioned table itself (PostgreSQL's manual, "Routine Vacuuming").
ANALYZE_CHECK_STATEMENT: Final = f"""
    SELECT coalesce(s.analyze_count, 0) > %(analyzes)s AS analyzed,
           {RUNNING_VACUUM_EXPRESSION.format(progress="pg_stat_progress_analyze")}
      FROM pg_stat_user_tables s WHERE s.relid = %(oid)s::oid"""
DEAD_ROWS_PER_LIVE_ROW: Final = (
    0.05  # dead rows per live row; autovacuum starts at 0.2 (autovacuum_vacuum_scale_factor)
)
OLD_XID_AGE_PERCENT: Final = 50.0  # percent of autovacuum_freeze_max_age
MAX_DEFAULT_VACUUM_TABLES: Final = 10  # tables to vacuum if the command names no table


@dataclass(frozen=True)
class TableStatistics:
    """Statistics of one table.

    `xid_age` is in percent of autovacuum_freeze_max_age, `size` in bytes. `parents` are the oids of
    the partitioned tables that it is a partition of. `has_children` if VACUUM would take
    inheritance children along. `is_counted` unless PostgreSQL keeps no statistics of it, as of
    partitioned tables before PostgreSQL 14. `locked_by` holds an exclusive lock, or waits for one.
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
    kind: str = "table"
    has_children: bool = False
    parents: tuple[int, ...] = ()
    locked_by: str | None = None
    is_counted: bool = True

    @property
    def quoted_name(self) -> str:
        """Returns the name quoted for SQL."""
        return quote_name_parts(self.schema, self.name)

    @property
    def vacuum_target(self) -> str:
        """Returns what VACUUM is given, so that it takes this table and no other."""
        return f"ONLY {self.quoted_name}" if self.has_children else self.quoted_name

    @property
    def can_be_vacuumed(self) -> bool:
        """True if VACUUM takes the table itself."""
        return self.kind in VACUUMED_KINDS

    @property
    def full_name(self) -> str:
        """Returns `schema.table`."""
        return f"{self.schema}.{self.name}"

    @property
    def needs_vacuum(self) -> bool:
        """True if the table has many dead rows or old transaction ids."""
        return self.can_be_vacuumed and (
            self.dead > max(1000, self.live * DEAD_ROWS_PER_LIVE_ROW)
            or self.xid_age > OLD_XID_AGE_PERCENT
        )


def fetch_table_statistics(client: DatabaseClient) -> list[TableStatistics]:
    """Fetches the statistics of all tables, the most dead rows first."""
    rows: list[Any] = client.fetch_rows(TABLE_STATISTICS_STATEMENT)
    return [
        TableStatistics(
            **{
                **row,
                "xid_age": float(row["xid_age"] or 0),
                "parents": tuple(row.get("parents") or ()),
            }
        )
        for row in rows
    ]


def select_tables_to_vacuum(
    tables: Sequence[TableStatistics], names: Sequence[str], option: str = "TABLE"
) -> list[TableStatistics]:
    """Returns the named tables, or up to ten that need a vacuum and that nobody locks.

    A partitioned table stands for its partitions. Raises UsageError, naming the option, for a table
    that does not exist, that VACUUM does not take or that another user owns.
    """
    if not names:
        return [t for t in tables if t.needs_vacuum and t.ours and t.locked_by is None][
            :MAX_DEFAULT_VACUUM_TABLES
        ]
    selected_tables: dict[int, TableStatistics] = {}
    for name in names:
        table = _get_named_table(tables, name, option)
        partitions = [t for t in tables if table.oid in t.parents and t.can_be_vacuumed]
        for selected_table in [table] if table.can_be_vacuumed else partitions:
            if not selected_table.ours:
                raise UsageError(
                    f"{option} is {name!r}, but {selected_table.full_name} is a table that another "
                    "user owns"
                )
            selected_tables[selected_table.oid] = selected_table
        if not table.can_be_vacuumed and not partitions:
            raise UsageError(
                f"{option} must be a table that can be vacuumed, but {name!r} is "
                f"{NOT_VACUUMED_REASONS[table.kind]}"
            )
    return list(selected_tables.values())


def list_named_parents(
    tables: Sequence[TableStatistics], names: Sequence[str], option: str = "TABLE"
) -> list[TableStatistics]:
    """Lists the partitioned tables among the named ones whose analysis PostgreSQL counts."""
    named_tables = {
        table.oid: table for table in (_get_named_table(tables, n, option) for n in names)
    }
    return [t for t in named_tables.values() if t.kind == "partitioned table" and t.is_counted]


def _get_named_table(tables: Sequence[TableStatistics], name: str, option: str) -> TableStatistics:
    """Returns the table of this name, as a person or PostgreSQL writes it, quoted or not.

    Without a schema, the one in `public`, or the only one. Raises UsageError.
    """
    for schema, table_name in list_table_readings(name):
        matches = [t for t in tables if t.name == table_name and schema in (None, t.schema)]
        if schema is None and len(matches) > 1:
            matches = [t for t in matches if t.schema == "public"] or matches
        if len(matches) > 1:
            choices = " or ".join(sorted(t.full_name for t in matches))
            raise UsageError(f"{option} must be {choices}, not {name!r}")
        if matches:
            return matches[0]
    choices = ", ".join(sorted(t.full_name for t in tables if t.can_be_vacuumed)[:20])
    raise UsageError(
        f"{option} must be {choices}, not {name!r}"
        if choices
        else f"{option} is {name!r}, but the database has no tables",
        "ops db size",
    )


def build_table_vacuum_plan(
    outputs: Outputs,
    tables: Sequence[TableStatistics],
    run: str,
    *,
    analyze: bool = False,
    freeze: bool = False,
    full: bool = False,
    parents: Sequence[TableStatistics] = (),
) -> Plan:
    """Builds the plan that vacuums tables one after the other. There is nothing to undo.

    With `analyze`, `parents` are partitioned tables that are analyzed after their partitions.
    """
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
    steps += [
        _build_analyze_step(number, parent)
        for number, parent in enumerate(parents if analyze else (), 1)
    ]
    notes = (
        ("a table is locked while it is rewritten, and needs its size again on disk",)
        if full
        else ("reads and writes continue; space is reused, but the files do not shrink",)
    )
    effect = "rewritten without dead rows" if full else "space of dead rows free for new ones"
    return build_stack_plan(
        outputs,
        run,
        "db vacuum",
        *steps,
        changes=[f"{format_count(len(tables), 'table')}: {effect}"],
        losses=(),
        cost=NO_COST,
        notes=notes,
    )


def _build_analyze_step(number: int, table: TableStatistics) -> Step:
    return Step(
        name=f"analyze_{number}",
        description=f"analyze {table.full_name}: the statistics over all its partitions",
        action=Sql(statement=f"ANALYZE {table.quoted_name}", timeout=0),
        goal=Wait(
            read=Sql(
                statement=ANALYZE_CHECK_STATEMENT,
                params={"oid": table.oid, "analyzes": table.analyzes},
            ),
            met={"rows[0].analyzed": True},
            begun={"rows[0].running": True},
            every=2,
            within=6 * 3600,
            typical=60,
            source="an assumption: it reads a sample of every partition",
        ),
    )


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
        action=Sql(statement=f"VACUUM{options} {table.vacuum_target}", timeout=0),
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

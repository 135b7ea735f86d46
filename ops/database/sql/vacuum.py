"""Vacuum: which tables need it, and that they have had it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.errors import UsageError
from ops.core.plan import Plan, Sql, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database.sql.connection import Database
from ops.outputs import Outputs

TABLES: Final = """
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
RUNNING: Final = """EXISTS (
               SELECT FROM {progress} p JOIN pg_stat_activity a ON a.pid = p.pid
                WHERE p.relid = %(oid)s::oid AND a.backend_type = 'client backend'
                  AND a.application_name = 'bulwark-ops') AS running"""
ANALYZED: Final = "(NOT %(analyze)s OR coalesce(s.analyze_count, 0) > %(analyzes)s)"
COUNTED: Final = f"""
    SELECT coalesce(s.vacuum_count, 0) > %(before)s AND {ANALYZED} AS vacuumed,
           {RUNNING.format(progress="pg_stat_progress_vacuum")}
      FROM pg_stat_user_tables s WHERE s.relid = %(oid)s::oid"""
# VACUUM FULL is not counted: it writes the table into another file.
REWRITTEN: Final = f"""
    SELECT pg_relation_filenode(s.relid)::int8 <> %(before)s AND {ANALYZED} AS vacuumed,
           {RUNNING.format(progress="pg_stat_progress_cluster")}
      FROM pg_stat_user_tables s WHERE s.relid = %(oid)s::oid"""
NEED: Final = (
    0.05  # dead rows a live one; autovacuum begins at 0.2 (autovacuum_vacuum_scale_factor)
)
OLD: Final = 50.0  # percent of autovacuum_freeze_max_age
MOST: Final = 10  # tables that are vacuumed where none is named


@dataclass(frozen=True)
class Table:
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
    def quoted(self) -> str:
        """As it stands in a statement."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in (self.schema, self.name))

    @property
    def full_name(self) -> str:
        """As a person writes it."""
        return f"{self.schema}.{self.name}"

    @property
    def needs_it(self) -> bool:
        """Whether vacuum would find something worth the while."""
        return self.dead > max(1000, self.live * NEED) or self.xid_age > OLD


def tables(on: Database) -> list[Table]:
    """The tables of the database, those with most dead rows first."""
    rows: list[Any] = on.rows(TABLES)
    return [Table(**{**row, "xid_age": float(row["xid_age"] or 0)}) for row in rows]


def chosen(found: Sequence[Table], names: Sequence[str], option: str = "TABLE") -> list[Table]:
    """The tables of these names, or those that need it most. Raises UsageError."""
    if not names:
        return [table for table in found if table.needs_it and table.ours][:MOST]
    by_name = {t.name: t for t in found if t.schema == "public"} | {t.full_name: t for t in found}
    for name in names:
        if name not in by_name:
            known = (
                ", ".join(sorted(t.full_name for t in found)[:20]) or "none: there are no tables"
            )
            raise UsageError(f"{option} is {name!r}, may be {known}", "ops db size")
        if not by_name[name].ours:
            raise UsageError(f"{option} is {name!r}, which another user owns")
    return [by_name[name] for name in dict.fromkeys(names)]


def vacuum(
    outputs: Outputs,
    found: Sequence[Table],
    run: str,
    *,
    analyze: bool = False,
    freeze: bool = False,
    full: bool = False,
) -> Plan:
    """Each table vacuumed, one after the other. There is no undo, and nothing to undo."""
    words = [w for w, on in (("FULL", full), ("FREEZE", freeze), ("ANALYZE", analyze)) if on]
    options = f" ({', '.join(words)})" if words else ""
    steps = [
        _step(n, table, options, full=full, analyze=analyze) for n, table in enumerate(found, 1)
    ]
    notes = (
        ("nobody reads or writes a table while it is written anew, and it needs its size again",)
        if full
        else ("reads and writes go on meanwhile; the space is used again, the files stay as large",)
    )
    return build_stack_plan(outputs, run, "db vacuum", *steps, notes=notes)


def _step(number: int, table: Table, options: str, *, full: bool, analyze: bool) -> Step:
    before = table.file if full else table.vacuums
    seen = Sql(
        statement=REWRITTEN if full else COUNTED,
        params={
            "oid": table.oid,
            "before": before,
            "analyze": analyze,
            "analyzes": table.analyzes,
        },
    )
    return Step(
        name=f"vacuum_{number}",
        says=f"vacuum {table.full_name}: {table.dead} dead rows, {table.size >> 20} MiB",
        do=Sql(statement=f"VACUUM{options} {table.quoted}", timeout=0),
        goal=Wait(
            read=seen,
            met={"rows[0].vacuumed": True},
            begun={"rows[0].running": True},
            every=2,
            within=6 * 3600,
            typical=max(1, table.size / (50 << 20)),
            source="an assumption: 50 MiB a second",
        ),
        downtime=max(1, table.size / (50 << 20)) if full else 0,
    )

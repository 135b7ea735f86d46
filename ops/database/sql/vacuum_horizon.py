"""What keeps vacuum from removing dead rows: transactions that may still read them.

Sources: PostgreSQL's manual, "Routine Vacuuming", and ComputeXidHorizons in procarray.c: for the
tables of a database count its own sessions, walsenders without a slot (a standby's feedback), the
slots' xmin and prepared transactions. A slot's catalog_xmin holds back catalogs only. Vacuums do
not hold each other back.
"""

from dataclasses import dataclass
from typing import Any, Final

from ops.database.sql.connection import DatabaseClient

HORIZON_HOLDERS_STATEMENT: Final = """
    SELECT kind, name, what, seconds, age, state FROM (
        SELECT CASE WHEN a.backend_type = 'walsender' THEN 'standby' ELSE 'session' END AS kind,
               a.pid::text AS name,
               coalesce(nullif(a.application_name, ''), a.backend_type) AS what, a.state,
               round(extract(epoch FROM clock_timestamp() - a.xact_start)::numeric, 1) AS seconds,
               greatest(age(a.backend_xid), age(a.backend_xmin)) AS age
          FROM pg_stat_activity a
         WHERE (a.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
                OR a.backend_type = 'walsender')
           AND (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL)
           AND a.application_name <> 'bulwark-ops'
           AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)
        UNION ALL
        SELECT 'slot', slot_name, slot_type, CASE WHEN active THEN 'active' ELSE 'inactive' END,
               NULL, age(xmin)
          FROM pg_replication_slots WHERE xmin IS NOT NULL
        UNION ALL
        SELECT 'prepared transaction', gid, owner::text, 'prepared',
               round(extract(epoch FROM clock_timestamp() - prepared)::numeric, 1),
               age(transaction)
          FROM pg_prepared_xacts WHERE database = current_database()
    ) AS holder
     ORDER BY age DESC, seconds DESC NULLS LAST
     LIMIT 5"""
DEAD_ROWS_STATEMENT: Final = """
    SELECT relid::int8 AS oid, n_dead_tup AS dead FROM pg_stat_user_tables
     WHERE relid = ANY (%(oids)s::oid[])"""


@dataclass(frozen=True)
class HorizonHolder:
    """One holder. `seconds` is how long its transaction is open, None for a slot."""

    kind: str
    name: str
    what: str
    state: str | None
    seconds: float | None
    age: int

    @property
    def command(self) -> str:
        """Returns what ends it."""
        if self.kind == "session":
            return f"ops db kill {self.name}" + ("" if self.state == "active" else " --terminate")
        name = self.name.replace("'", "''")
        if self.kind == "prepared transaction":
            return f"ROLLBACK PREPARED '{name}'"
        if self.kind == "slot" and self.state == "inactive":
            # The slots of RDS's own replicas begin with rds_ (assumed) and go with them.
            is_replica = self.name.startswith("rds_")
            return "ops db status" if is_replica else f"SELECT pg_drop_replication_slot('{name}')"
        return "ops db activity --replica NAME"  # held by a transaction on the standby

    def describe(self) -> str:
        """Describes it without its query, which may contain confidential data."""
        duration = f", open for {self.seconds:.0f} s" if self.seconds is not None else ""
        return f"{self.kind} {self.name} ({self.what}, {self.state}{duration}): {self.command}"


def list_horizon_holders(client: DatabaseClient) -> list[HorizonHolder]:
    """Lists who holds back vacuum, the oldest first, at most five."""
    rows: list[Any] = client.fetch_rows(HORIZON_HOLDERS_STATEMENT)
    return [HorizonHolder(**row) for row in rows]


def count_dead_rows(client: DatabaseClient, oids: list[int]) -> dict[int, int]:
    """Returns the dead rows of tables by oid: after a vacuum, those that it could not remove.

    Source: vacuum reports the rows that it had to leave as dead (pgstat_report_vacuum, vacuumlazy.c
    of PostgreSQL 13 to 18). VACUUM FULL reports nothing.
    """
    rows: list[Any] = client.fetch_rows(DEAD_ROWS_STATEMENT, {"oids": oids})
    return {row["oid"]: row["dead"] for row in rows}

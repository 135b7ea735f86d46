"""Transactions that an index build would wait for.

A concurrent build waits for those that hold a lock of its table and for every one of the database
with an older snapshot; it takes no lock that stops reads or writes meanwhile. Source: PostgreSQL's
manual, CREATE INDEX, "Building Indexes Concurrently".
"""

from collections.abc import Sequence
from typing import Any, Final

from ops.database.sql.connection import DatabaseClient
from ops.database.sql.vacuum_horizon import HorizonHolder

# Seconds that a transaction may be open before it is named. Assumed.
MIN_WAITED_FOR_SECONDS: Final = 60.0
WAITED_FOR_STATEMENT: Final = """
    SELECT kind, name, what, state, seconds, age FROM (
        SELECT 'session' AS kind, a.pid::text AS name,
               coalesce(nullif(a.application_name, ''), a.backend_type) AS what, a.state,
               round(extract(epoch FROM clock_timestamp() - a.xact_start)::numeric, 1) AS seconds,
               coalesce(age(a.backend_xmin), 0) AS age
          FROM pg_stat_activity a
         WHERE a.datname = current_database() AND a.application_name <> 'bulwark-ops'
           AND a.backend_type <> 'walsender'
           AND clock_timestamp() - a.xact_start > make_interval(secs => %(seconds)s)
           AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)
           AND (a.backend_xmin IS NOT NULL
                OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.granted
                              AND l.locktype = 'relation'
                              AND l.relation = ANY (%(tables)s::oid[])))
        UNION ALL
        SELECT 'prepared transaction', x.gid, x.owner::text, 'prepared',
               round(extract(epoch FROM clock_timestamp() - x.prepared)::numeric, 1), 0
          FROM pg_prepared_xacts x
         WHERE x.database = current_database()
           AND EXISTS (SELECT FROM pg_locks p JOIN pg_locks l
                           ON l.virtualtransaction = p.virtualtransaction AND l.pid IS NULL
                        WHERE p.pid IS NULL AND p.locktype = 'transactionid'
                          AND p.transactionid = x.transaction AND l.locktype = 'relation'
                          AND l.relation = ANY (%(tables)s::oid[]))
    ) AS holder
     ORDER BY seconds DESC NULLS LAST"""


def list_waited_for(client: DatabaseClient, table_oids: Sequence[int]) -> list[HorizonHolder]:
    """Lists the transactions of more than a minute that a build on the tables waits for."""
    rows: list[Any] = client.fetch_rows(
        WAITED_FOR_STATEMENT, {"tables": list(table_oids), "seconds": MIN_WAITED_FOR_SECONDS}
    )
    return [HorizonHolder(**row) for row in rows]

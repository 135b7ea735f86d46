"""SQL queries of PostgreSQL's statistics, each with the columns of its table.

For PostgreSQL 13 and later. Sizes are in bytes and durations in seconds, unless a name says
otherwise. Sessions of ops itself are left out.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class SqlQuery:
    """One query. `statement` has the parameter `limit` and those that it names."""

    kind: str
    columns: tuple[str, ...]
    statement: str


_OTHER_SESSIONS_CONDITION: Final = (
    "backend_type = 'client backend' AND application_name <> 'bulwark-ops'"
)

ACTIVITY_QUERY: Final = SqlQuery(
    "db-activity",
    (
        "pid",
        "user",
        "application",
        "client",
        "state",
        "waits_for",
        "transaction",
        "query_age",
        "query",
    ),
    f"""
    SELECT pid, usename AS "user", datname AS database, application_name AS application,
           client_addr::text AS client, state,
           wait_event_type || ':' || wait_event AS waits_for,
           round(extract(epoch FROM clock_timestamp() - xact_start)::numeric, 1) AS transaction,
           round(extract(epoch FROM clock_timestamp() - query_start)::numeric, 1) AS query_age,
           backend_start::text AS since, query
      FROM pg_stat_activity
     WHERE {_OTHER_SESSIONS_CONDITION}
     ORDER BY state = 'idle', xact_start NULLS LAST, query_start
     LIMIT %(limit)s""",
)
CONNECTIONS_QUERY: Final = SqlQuery(
    "db-connections",
    ("state", "sessions"),
    """
    SELECT coalesce(state, 'other') AS state, count(*) AS sessions,
           current_setting('max_connections')::int AS allowed
      FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1 ORDER BY 2 DESC""",
)
STATEMENT_STATISTICS_QUERY: Final = SqlQuery(
    "db-slow",
    ("total_ms", "mean_ms", "calls", "rows", "read_blocks", "query"),
    """
    SELECT round(total_exec_time::numeric, 1) AS total_ms,
           round(mean_exec_time::numeric, 2) AS mean_ms,
           calls, rows, shared_blks_read AS read_blocks, queryid::text AS id, query
      FROM pg_stat_statements
     WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
     ORDER BY total_exec_time DESC
     LIMIT %(limit)s""",
)
LONG_RUNNING_QUERY: Final = SqlQuery(
    "db-slow",
    ("pid", "user", "seconds", "waits_for", "query"),
    f"""
    SELECT pid, usename AS "user", wait_event_type || ':' || wait_event AS waits_for,
           round(extract(epoch FROM clock_timestamp() - query_start)::numeric, 1) AS seconds, query
      FROM pg_stat_activity
     WHERE {_OTHER_SESSIONS_CONDITION} AND state = 'active'
       AND clock_timestamp() - query_start > make_interval(secs => %(longer)s)
     ORDER BY query_start
     LIMIT %(limit)s""",
)
LOCKS_QUERY: Final = SqlQuery(
    "db-locks",
    (
        "pid",
        "blocked_by",
        "waits",
        "mode",
        "table",
        "query",
        "blocking_query",
        "blocker_state",
        "command",
    ),
    """
    SELECT waiter.pid, blocker.pid AS blocked_by,
           round(extract(epoch FROM clock_timestamp() - waiter.query_start)::numeric, 1) AS waits,
           wanted.mode, wanted.relation::regclass::text AS "table", waiter.query,
           blocker.query AS blocking_query, blocker.state AS blocker_state,
           round(extract(epoch FROM clock_timestamp() - blocker.xact_start)::numeric, 1)
               AS blocker_transaction,
           cardinality(pg_blocking_pids(blocker.pid)) = 0 AS is_root,
           'ops db kill ' || blocker.pid
               || CASE WHEN blocker.state = 'active' THEN '' ELSE ' --terminate' END AS command
      FROM pg_stat_activity waiter
     CROSS JOIN LATERAL unnest(pg_blocking_pids(waiter.pid)) AS found (pid)
      JOIN pg_stat_activity blocker ON blocker.pid = found.pid
      LEFT JOIN pg_locks wanted ON wanted.pid = waiter.pid AND NOT wanted.granted
     ORDER BY is_root DESC, waits DESC
     LIMIT %(limit)s""",
)
# Beside its columns a row has a header (23 bytes, aligned to 24) and a line pointer (4); a page has
# a header of 24. Source: PostgreSQL manual, "Database Page Layout".
BLOAT_QUERY: Final = SqlQuery(
    "db-bloat",
    (
        "table",
        "size",
        "wasted",
        "wasted_percent",
        "measured_percent",
        "dead_rows",
        "live_rows",
        "vacuumed",
        "xid_age_percent",
    ),
    """
    WITH row AS (
        SELECT schemaname, tablename, sum((1 - null_frac) * avg_width)::numeric AS bytes
          FROM pg_stats GROUP BY 1, 2
    ), sized AS (
        SELECT c.oid, n.nspname, c.relname, c.reltuples::numeric, c.relfrozenxid, c.reltoastrelid,
               pg_relation_size(c.oid) AS size, current_setting('block_size')::numeric AS page,
               row.bytes, coalesce(
                   (SELECT option_value::numeric / 100 FROM pg_options_to_table(c.reloptions)
                     WHERE option_name = 'fillfactor'), 1) AS fill
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN row ON row.schemaname = n.nspname AND row.tablename = c.relname
         WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
           AND n.nspname NOT LIKE 'pg_toast%%'
    ), estimated AS (
        SELECT *, CASE WHEN bytes IS NULL OR reltuples < 0 THEN NULL ELSE greatest(0, size - page
            * ceil(reltuples * (28 + 8 * ceil(bytes / 8)) / ((page - 24) * fill))) END AS wasted
          FROM sized
    )
    SELECT e.oid::int8 AS oid, quote_ident(nspname) || '.' || quote_ident(e.relname) AS "table",
           size,
           round(wasted) AS wasted,
           round(100 * wasted / nullif(size, 0), 1) AS wasted_percent,
           s.n_dead_tup AS dead_rows, s.n_live_tup AS live_rows,
           greatest(s.last_vacuum, s.last_autovacuum)::text AS vacuumed,
           greatest(s.last_analyze, s.last_autoanalyze)::text AS analyzed,
           round(100.0 * age(relfrozenxid)
               / current_setting('autovacuum_freeze_max_age')::numeric, 1) AS xid_age_percent
      FROM estimated e LEFT JOIN pg_stat_user_tables s ON s.relid = e.oid
     ORDER BY wasted DESC NULLS LAST, s.n_dead_tup DESC
     LIMIT %(limit)s""",
)
# Reads the pages that are not marked in the visibility map: more exact and slower.
MEASURED_BLOAT_STATEMENT: Final = """
    SELECT c.oid::int8 AS oid,
           round((m.dead_tuple_percent + m.approx_free_percent)::numeric, 1) AS percent
      FROM pg_class c CROSS JOIN LATERAL pgstattuple_approx(c.oid) m
     WHERE c.oid = ANY (%(oids)s::oid[])"""
TABLE_SIZES_QUERY: Final = SqlQuery(
    "db-size",
    ("table", "total", "rows_only", "toast", "indexes", "live_rows", "inserted", "dead_rows"),
    """
    SELECT quote_ident(schemaname) || '.' || quote_ident(relname) AS "table",
           pg_total_relation_size(relid) AS total, pg_relation_size(relid) AS rows_only,
           pg_total_relation_size(relid) - pg_relation_size(relid) - pg_indexes_size(relid)
               AS toast,
           pg_indexes_size(relid) AS indexes, n_live_tup AS live_rows, n_tup_ins AS inserted,
           n_dead_tup AS dead_rows
      FROM pg_stat_user_tables WHERE relid <> ALL (%(locked)s::oid[])
     ORDER BY 2 DESC LIMIT %(limit)s""",
)
DATABASE_SIZE_QUERY: Final = SqlQuery(
    "db-size-whole",
    ("database", "size", "wal"),
    """
    SELECT datname AS database, pg_database_size(datname) AS size,
           (SELECT sum(size) FROM pg_ls_waldir()) AS wal
      FROM pg_database WHERE datname = current_database()""",
)
PRELOADED_LIBRARY_STATEMENT: Final = """
    SELECT current_setting('shared_preload_libraries') LIKE '%%' || %(name)s || '%%' AS there"""
INSTALLED_EXTENSION_STATEMENT: Final = (
    "SELECT 1 AS there FROM pg_extension WHERE extname = %(name)s"
)

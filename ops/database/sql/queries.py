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


# The version of pg_stat_statements, that of PostgreSQL 13, whose columns are named as below. An
# upgrade of PostgreSQL leaves the extension at its old version.
STATEMENT_STATISTICS_VERSION: Final = "1.8"
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
<<<<<<< HEAD
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
=======
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
INDEX_PROBLEMS_QUERY: Final = SqlQuery(
    "db-indexes",
    ("problem", "table", "index", "size", "evidence", "helps"),
    """
    WITH known AS (
        SELECT i.indexrelid, i.indrelid, i.indisvalid, i.indisunique, i.indkey::text,
               i.indclass::text, i.indcollation::text, i.indoption::text,
               coalesce(pg_get_expr(i.indexprs, i.indrelid), '') AS exprs,
               coalesce(pg_get_expr(i.indpred, i.indrelid), '') AS pred,
               (SELECT amname FROM pg_am WHERE oid = c.relam) AS method,
               s.idx_scan, pg_relation_size(i.indexrelid) AS size,
               EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid) AS constrains
          FROM pg_index i
          JOIN pg_class c ON c.oid = i.indexrelid
          JOIN pg_stat_user_indexes s ON s.indexrelid = i.indexrelid
    ), found AS (
        SELECT 1 AS rank, 'invalid' AS problem, indrelid, indexrelid, size,
               'CREATE INDEX CONCURRENTLY failed' AS evidence,
               'REINDEX INDEX CONCURRENTLY, or DROP INDEX' AS helps
          FROM known WHERE NOT indisvalid
        UNION ALL
        SELECT 2, 'duplicate', a.indrelid, a.indexrelid, a.size,
               'covered by ' || b.indexrelid::regclass, 'DROP INDEX CONCURRENTLY'
          FROM known a JOIN known b ON a.indrelid = b.indrelid AND a.indexrelid <> b.indexrelid
               AND a.method = 'btree' AND b.method = 'btree' AND a.exprs = '' AND b.exprs = ''
               AND a.pred = b.pred AND b.indisvalid AND NOT a.indisunique
               AND (b.indkey || ' ') LIKE (a.indkey || ' %%')
               AND (b.indclass || ' ') LIKE (a.indclass || ' %%')
               AND (b.indcollation || ' ') LIKE (a.indcollation || ' %%')
               AND (b.indoption || ' ') LIKE (a.indoption || ' %%')
               AND (a.indkey <> b.indkey OR b.indisunique OR a.indexrelid > b.indexrelid)
        UNION ALL
        SELECT 3, 'unused', indrelid, indexrelid, size,
               'never scanned since ' || coalesce((SELECT stats_reset::date::text
                   FROM pg_stat_database WHERE datname = current_database()), 'statistics began'),
               'check the replicas too, then DROP INDEX CONCURRENTLY'
          FROM known WHERE idx_scan = 0 AND indisvalid AND NOT indisunique AND NOT constrains
        UNION ALL
        SELECT 4, 'missing', relid, NULL, pg_relation_size(relid),
               seq_scan || ' sequential scans of ' || seq_tup_read / greatest(seq_scan, 1)
                   || ' rows each', 'EXPLAIN the queries of `ops db slow`'
          FROM pg_stat_user_tables
         WHERE seq_scan > 50 AND seq_tup_read / greatest(seq_scan, 1) > 10000
    )
    SELECT DISTINCT ON (rank, indrelid, indexrelid) problem, indrelid::regclass::text AS "table",
           indexrelid::regclass::text AS "index", size, evidence, helps
      FROM found ORDER BY rank, indrelid, indexrelid
>>>>>>> k1
     LIMIT %(limit)s""",
)
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


def build_statement_statistics_query(schema: str) -> SqlQuery:
    """Builds the query of pg_stat_statements in a schema, whose name is quoted."""
    qualifier = schema.replace("%", "%%")
    return SqlQuery(
        "db-slow",
        ("total_ms", "mean_ms", "calls", "rows", "read_blocks", "query"),
        f"""
        SELECT round(total_exec_time::numeric, 1) AS total_ms,
               round(mean_exec_time::numeric, 2) AS mean_ms,
               calls, rows, shared_blks_read AS read_blocks, queryid::text AS id, query
          FROM {qualifier}.pg_stat_statements
         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
         ORDER BY total_exec_time DESC
         LIMIT %(limit)s""",
    )


def is_older_version(version: str, minimum: str) -> bool:
    """True if an extension's version, like 1.6, is below another."""
    first, second = ([int(part) for part in text.split(".")] for text in (version, minimum))
    return first < second

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

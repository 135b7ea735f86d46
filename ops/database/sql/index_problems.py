"""`ops db indexes`: indexes that failed, that are duplicates or unused, and missing ones.

Nothing is offered for dropping that a constraint, a partitioned table or replication needs, or that
is being built. Sources: PostgreSQL manual, "CREATE INDEX", "REINDEX" and "Partitioning".
"""

from typing import Final

from ops.database.sql.queries import SqlQuery

# Days of statistics before "never scanned" counts: what runs once a month has run in them.
MIN_STATISTICS_DAYS: Final = 32
# A build or drop holds SHARE UPDATE EXCLUSIVE or more on the table from its start to its end; a
# vacuum or an analyze does so too. Locks are not replicated, so a replica cannot tell.
# Who builds or drops an index now: by table, the process that holds such a lock on it.
INDEX_BUILDERS_SUBQUERY: Final = """
        SELECT l.relation, min(l.pid) AS pid
          FROM pg_locks l
          JOIN pg_stat_activity a ON a.pid = l.pid
         WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                          'ExclusiveLock', 'AccessExclusiveLock')
           AND a.backend_type = 'client backend'
           AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = l.pid)
           AND NOT EXISTS (SELECT FROM pg_stat_progress_analyze v WHERE v.pid = l.pid)
         GROUP BY l.relation"""
# Statistics of a database begin at its reset, or when the server lost them (a crash, a restore):
# then those of the archiver begin anew. Source: PostgreSQL, pgstat_reset_after_failure().
# The size is that of the last vacuum (relpages) until the limit has chosen, as 4,000 take a second.
# A partitioned index is scanned if that of any partition is, also of one that is locked.
# The locked tables are left out, as pg_get_expr() and pg_relation_size() wait for them.
INDEX_PROBLEMS_QUERY: Final = SqlQuery(
    "db-indexes",
    ("problem", "table", "index", "size", "evidence", "helps"),
    """
    WITH began AS MATERIALIZED (
        SELECT greatest((SELECT stats_reset FROM pg_stat_database
                          WHERE datname = current_database()),
                        (SELECT stats_reset FROM pg_stat_archiver)) AS at
    ), builders AS MATERIALIZED ("""
    + INDEX_BUILDERS_SUBQUERY
    + """
    ), known AS MATERIALIZED (
        SELECT i.indexrelid, i.indrelid, i.indisvalid, i.indisunique, c.relkind, c.relpages,
               c.relispartition AS attached, am.amname AS method,
               CASE WHEN i.indisunique
                    THEN coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false') END AS nulls,
               (SELECT array_agg(concat_ws(' ',
                           CASE WHEN i.indkey[n] = 0 THEN pg_get_indexdef(i.indexrelid, n + 1, true)
                                ELSE '#' || i.indkey[n] END,
                           i.indclass[n], i.indcollation[n], i.indoption[n]) ORDER BY n)
                  FROM generate_series(0, i.indnkeyatts - 1) n) AS keys,
               i.indkey::int2[] AS columns,
               (i.indkey::int2[])[i.indnkeyatts : i.indnatts - 1] AS included,
               CASE WHEN i.indpred IS NULL THEN '' ELSE pg_get_expr(i.indpred, i.indrelid)
                   END AS pred,
               CASE WHEN am.amname = 'btree' THEN '' ELSE coalesce(c.reloptions::text, '')
                   END AS options,
               i.indisreplident OR i.indisexclusion OR k.conindid IS NOT NULL AS needed
          FROM pg_index i
          JOIN pg_class c ON c.oid = i.indexrelid
          JOIN pg_am am ON am.oid = c.relam
          JOIN pg_class t ON t.oid = i.indrelid
          JOIN pg_namespace s ON s.oid = t.relnamespace
          LEFT JOIN (SELECT DISTINCT conindid FROM pg_constraint WHERE conindid <> 0) k
            ON k.conindid = i.indexrelid
         WHERE t.relkind IN ('r', 'm', 'p')
           AND s.nspname NOT IN ('pg_catalog', 'information_schema')
           AND NOT pg_is_other_temp_schema(s.oid) AND i.indrelid <> ALL (%(locked)s::oid[])
    ), pairs AS (
        SELECT a.indrelid, a.indexrelid, a.relkind, b.indexrelid AS kept, a.keys = b.keys AS same,
               cardinality(b.keys) AS width
          FROM known a JOIN known b ON a.indrelid = b.indrelid AND a.indexrelid <> b.indexrelid
         WHERE a.indisvalid AND b.indisvalid AND NOT a.needed AND NOT a.attached
           AND a.method = b.method AND a.pred = b.pred AND a.options = b.options
           AND a.included <@ b.columns
           AND (a.keys = b.keys OR a.method = 'btree' AND NOT a.indisunique
                AND a.keys = b.keys[1 : cardinality(a.keys)])
           AND (NOT a.indisunique OR b.indisunique AND a.nulls = b.nulls)
           AND (a.keys <> b.keys
                OR (b.needed, b.attached, b.indisunique, cardinality(b.included), a.indexrelid)
                 > (a.needed, a.attached, a.indisunique, cardinality(a.included), b.indexrelid))
    ), chosen AS MATERIALIZED (
        SELECT DISTINCT ON (indexrelid) * FROM pairs
         ORDER BY indexrelid, same DESC, width DESC, kept
    ), scans AS (
        SELECT coalesce(pg_partition_root(s.indexrelid), s.indexrelid) AS indexrelid,
               sum(s.idx_scan) AS scans
          FROM pg_stat_user_indexes s GROUP BY 1 HAVING sum(s.idx_scan) = 0
    ), found AS (
        SELECT CASE WHEN b.pid IS NULL AND NOT pg_is_in_recovery() THEN 1 ELSE 6 END AS rank,
               CASE WHEN b.pid IS NOT NULL THEN 'being built'
                    WHEN k.relkind = 'I' THEN 'incomplete' ELSE 'invalid' END AS problem,
               k.indrelid, k.indexrelid,
               CASE WHEN b.pid IS NOT NULL THEN concat('pid ', b.pid, ', ',
                        coalesce(p.phase, 'or another change of the table'),
                        round(100.0 * p.blocks_done / nullif(p.blocks_total, 0)) || ' %%')
                    WHEN pg_is_in_recovery() THEN 'not valid: it failed, or the primary builds it'
                    WHEN k.relkind = 'I' THEN 'not every partition has an index attached to it'
                    ELSE 'CREATE INDEX CONCURRENTLY or REINDEX failed' END AS evidence,
               CASE WHEN b.pid IS NOT NULL THEN 'wait until it is built'
                    WHEN pg_is_in_recovery() THEN 'see the primary: ops db indexes'
                    WHEN k.relkind = 'I'
                    THEN 'CREATE INDEX on each partition, then ALTER INDEX ATTACH PARTITION'
                    WHEN c.relname ~ '_cc(new|old)[0-9]*$'
                    THEN 'to drop it: ops db reindex --invalid'
                    WHEN k.attached OR k.needed THEN 'ops db reindex --invalid'
                    ELSE 'ops db reindex --invalid, or DROP INDEX CONCURRENTLY' END AS helps
          FROM known k
          JOIN pg_class c ON c.oid = k.indexrelid
          LEFT JOIN builders b ON b.relation = k.indrelid
          LEFT JOIN pg_stat_progress_create_index p ON p.pid = b.pid AND p.relid = k.indrelid
         WHERE NOT k.indisvalid
        UNION ALL
        SELECT 2, 'duplicate', indrelid, indexrelid,
               CASE WHEN same THEN 'the same as ' ELSE 'covered by ' END
                   || (SELECT quote_ident(s.nspname) || '.' || quote_ident(c.relname)
                         FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
                        WHERE c.oid = kept),
               CASE WHEN relkind = 'I' THEN 'DROP INDEX' ELSE 'DROP INDEX CONCURRENTLY' END
          FROM chosen
        UNION ALL
        SELECT 3, 'unused', k.indrelid, k.indexrelid,
               CASE WHEN began.at IS NULL THEN 'never scanned, since an unknown time'
                    ELSE 'never scanned since ' || began.at::date END,
               CASE WHEN began.at < now() - make_interval(days => %(days)s)
                    THEN 'check the replicas too, then DROP INDEX'
                         || CASE WHEN k.relkind = 'I' THEN '' ELSE ' CONCURRENTLY' END
                    WHEN began.at IS NULL THEN 'too little is known to drop it'
                    ELSE 'statistics are young: look again on '
                         || (began.at + make_interval(days => %(days)s + 1))::date END
          FROM scans s JOIN known k ON k.indexrelid = s.indexrelid AND NOT k.needed
                                   AND NOT k.attached AND NOT k.indisunique AND k.indisvalid
         CROSS JOIN began
         WHERE s.indexrelid NOT IN (SELECT kept FROM chosen)
        UNION ALL
        SELECT 4, 'missing', relid, NULL,
               seq_scan || ' sequential scans of ' || seq_tup_read / greatest(seq_scan, 1)
                   || ' rows each', 'EXPLAIN the queries of `ops db slow`'
          FROM pg_stat_user_tables
         WHERE seq_scan > 50 AND seq_tup_read / greatest(seq_scan, 1) > 10000
           AND relid <> ALL (%(locked)s::oid[])
    ), first AS MATERIALIZED (
        SELECT f.*, k.relkind FROM found f LEFT JOIN known k ON k.indexrelid = f.indexrelid
         ORDER BY rank, relpages DESC NULLS LAST, f.indrelid, f.indexrelid
         LIMIT %(limit)s
    ), sized AS (
        SELECT f.*, CASE WHEN f.relkind = 'I' THEN (
                   SELECT sum(pg_relation_size(l.relid)) FROM pg_partition_tree(f.indexrelid) l
                     JOIN pg_index li ON li.indexrelid = l.relid
                    WHERE l.isleaf AND li.indrelid <> ALL (%(locked)s::oid[]))
                   ELSE pg_relation_size(coalesce(f.indexrelid, f.indrelid)) END AS size
          FROM first f
    )
    SELECT problem, quote_ident(n.nspname) || '.' || quote_ident(t.relname) AS "table",
           quote_ident(n.nspname) || '.' || quote_ident(x.relname) AS "index",
           f.size, evidence, helps
      FROM sized f
      JOIN pg_class t ON t.oid = f.indrelid
      JOIN pg_namespace n ON n.oid = t.relnamespace
      LEFT JOIN pg_class x ON x.oid = f.indexrelid
     ORDER BY rank, f.size DESC NULLS LAST, f.indrelid, f.indexrelid""",
)

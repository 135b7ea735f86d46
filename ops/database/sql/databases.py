"""The query of all databases of a server.

Its age is that of the oldest transaction id that a database may still have in its rows. PostgreSQL
refuses new transaction ids 3 million before 2^31 (manual, "Preventing Transaction ID Wraparound
Failures"), so that the percentage is of that.
"""

from typing import Final

from ops.database.sql.queries import SqlQuery

# How many transactions a database may be old before it takes no more changes.
MAX_TRANSACTION_AGE: Final = 2**31 - 3_000_000
# pg_database_size raises an error unless one may connect to the database, or read all statistics
# (manual, "Database Object Size Functions"): `rdsadmin` lets nobody in. One that a DROP left half
# done has a connection limit of -2 (manual, "pg_database").
DATABASES_QUERY: Final = SqlQuery(
    "db-databases",
    ("database", "owner", "size", "connections", "oldest_transaction", "used", "state"),
    f"""
    SELECT d.datname AS database, pg_get_userbyid(d.datdba) AS owner,
           CASE WHEN has_database_privilege(d.oid, 'CONNECT')
                  OR pg_has_role('pg_read_all_stats', 'USAGE')
                THEN pg_database_size(d.oid) END AS size,
           coalesce(s.numbackends, 0) AS connections,
           CASE WHEN d.datconnlimit >= 0 THEN d.datconnlimit END AS connection_limit,
           age(d.datfrozenxid) AS oldest_transaction,
           mxid_age(d.datminmxid) AS oldest_multixact,
           round(100.0 * age(d.datfrozenxid) / {MAX_TRANSACTION_AGE}, 1)::float AS used_percent,
           current_setting('autovacuum_freeze_max_age')::int AS freeze_max_age,
           pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collation,
           CASE WHEN d.datconnlimit = -2 THEN 'invalid: drop it'
                WHEN NOT d.datallowconn THEN 'lets nobody in'
                WHEN d.datistemplate THEN 'template' END AS state
      FROM pg_database d LEFT JOIN pg_stat_database s ON s.datid = d.oid
     ORDER BY 3 DESC NULLS LAST, 1""",
)

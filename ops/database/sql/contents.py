"""Contents of a database: tables, their columns and row counts, and the newest heartbeat."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import JsonValue

from ops.core.errors import UsageError
from ops.core.plan import Sql
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.connection_errors import LockTimeoutError
from ops.database.sql.locked_tables import fetch_locked_tables
from ops.database.sql.names import parse_name_parts, quote_name, quote_name_parts

LOCKED_REASON: Final = "locked"  # of a table whose count did not get its lock
ROW_COUNT_TIMEOUT_SECONDS: Final = 3600.0  # seconds to count the rows of all tables
# Milliseconds that a count waits for its lock: a table that is locked is named, not waited for.
COUNT_LOCK_TIMEOUT_MILLISECONDS: Final = 1000
# All tables but those of PostgreSQL and RDS. A DO block counts the rows, since a single statement
# must name its tables; it returns the result in a session setting. A count ends with an exception,
# which undoes its part of the transaction and so releases the table's lock: a migration does not
# wait for the counts of the other tables. With row_security off, a policy that would hide rows is
# an error instead of a smaller count. ONLY: a table with children has its own rows alone.
TABLE_CONTENTS_STATEMENT: Final = """
DO $$
DECLARE
    tab record; row_count bigint; reason text; contents jsonb := '[]';
BEGIN
    PERFORM set_config('lock_timeout', '{lock_timeout}', true);
    PERFORM set_config('row_security', 'off', true);
    FOR tab IN
        SELECT c.oid, n.nspname AS space, c.relname AS name, c.relkind AS kind,
               md5(string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                                        a.attnotnull), ',' ORDER BY a.attnum)) AS shape
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
           AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'rdsadmin')
         GROUP BY 1, 2, 3, 4 ORDER BY 2, 3
    LOOP
        row_count := NULL; reason := NULL;
        IF tab.kind = 'r' AND {counts} THEN
            BEGIN
                IF EXISTS (
                    SELECT FROM pg_locks
                     WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock'
                       AND relation = tab.oid AND pid IS DISTINCT FROM pg_backend_pid()
                       AND database = (SELECT oid FROM pg_database
                                        WHERE datname = current_database())
                ) THEN
                    RAISE lock_not_available;
                END IF;
                EXECUTE format('SELECT count(*) FROM ONLY %I.%I', tab.space, tab.name)
                   INTO row_count;
                RAISE SQLSTATE 'BW000';
            EXCEPTION
                WHEN SQLSTATE 'BW000' THEN NULL;
                WHEN undefined_table THEN CONTINUE;
                WHEN lock_not_available THEN reason := 'locked';
                WHEN OTHERS THEN reason := SQLERRM;
            END;
        END IF;
        contents := contents || jsonb_build_object(
            'table', quote_ident(tab.space) || '.' || quote_ident(tab.name), 'shape', tab.shape,
            'rows', row_count, 'reason', reason);
    END LOOP;
    PERFORM set_config('bulwark.contents', contents::text, false);
END $$;
SELECT item->>'table' AS "table", item->>'shape' AS shape, (item->>'rows')::bigint AS rows,
       item->>'reason' AS reason
  FROM jsonb_array_elements(current_setting('bulwark.contents')::jsonb) AS item"""

# Which server answers, whatever lies between: its own address, and how long it has run by its own
# clock. Source: PostgreSQL manual, "System Information Functions".
IDENTITY_STATEMENT: Final = """
SELECT host(inet_server_addr()) AS address, inet_server_port() AS port,
       pg_postmaster_start_time()::text AS started, pg_is_in_recovery() AS standby,
       extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8 AS age"""


@dataclass(frozen=True)
class HeartbeatColumn:
    """A timestamp column that the application writes continuously."""

    schema: str
    table: str
    column: str

    @property
    def full_name(self) -> str:
        """Returns `schema.table.column`, quoted where PostgreSQL needs it."""
        return quote_name(self.schema, self.table, self.column)

    @property
    def newest_statement(self) -> str:
        """Returns the query of the newest time, in seconds since the epoch."""
        table_name = quote_name_parts(self.schema, self.table)
        column_name = quote_name_parts(self.column)
        return f"SELECT extract(epoch FROM max({column_name}))::float8 AS beat FROM {table_name}"


@dataclass(frozen=True)
class TableContents:
    """One table; its name is quoted where PostgreSQL needs it.

    `row_count` is None if the rows were not counted; `reason` is why they could not be.
    """

    name: str
    columns_digest: str
    row_count: int | None
    reason: str | None = None


def parse_heartbeat(text: str | None) -> HeartbeatColumn | None:
    """Parses --heartbeat; the default schema is public. Raises UsageError."""
    if text is None:
        return None
    parts = parse_name_parts(text)
    if parts is None or len(parts) not in {2, 3}:
        raise UsageError(
            '--heartbeat must be TABLE.COLUMN or SCHEMA.TABLE.COLUMN, with "quotes" or without, '
            f"not {text!r}"
        )
    schema = parts[0] if len(parts) == 3 else "public"
    return HeartbeatColumn(schema, parts[-2], parts[-1])


def build_contents_statement(*, count_rows: bool = True) -> str:
    """Builds the statement that lists the tables, with row counts unless told otherwise."""
    return TABLE_CONTENTS_STATEMENT.replace("{counts}", "true" if count_rows else "false").replace(
        "{lock_timeout}", str(COUNT_LOCK_TIMEOUT_MILLISECONDS)
    )


def build_restored_instance_query(
    identifier: str, via: str | None, statement: str, timeout: float = ROW_COUNT_TIMEOUT_SECONDS
) -> Sql:
    """Builds a query to a restored instance; an unreachable instance is not an error."""
    return Sql(
        statement=statement,
        identifier=identifier,
        other_instance=True,
        via=via,
        unreachable_is_answer=True,
        timeout=timeout,
    )


def parse_table_contents(rows: Sequence[dict[str, JsonValue]]) -> dict[str, TableContents]:
    """Parses the rows of the contents statement, by table name."""
    records: Any = rows
    return {
        record["table"]: TableContents(
            record["table"], record["shape"], record["rows"], record.get("reason")
        )
        for record in records
    }


def fetch_table_contents(
    client: DatabaseClient, identifier: str | None
) -> dict[str, TableContents]:
    """Fetches an instance's tables with exact row counts. Raises as `fetch_rows` does.

    A table that is locked has the holder of its lock as the reason why it was not counted.
    """
    tables = parse_table_contents(
        client.fetch_rows(build_contents_statement(), None, identifier, ROW_COUNT_TIMEOUT_SECONDS)
    )
    if not any(table.reason == LOCKED_REASON for table in tables.values()):
        return tables
    holders = {locked.table: locked.holder for locked in fetch_locked_tables(client, identifier)}
    return {
        name: replace(table, reason=f"locked by {holders.get(name, 'a session that has ended')}")
        if table.reason == LOCKED_REASON
        else table
        for name, table in tables.items()
    }


def fetch_newest_heartbeat(
    client: DatabaseClient, identifier: str | None, heartbeat: HeartbeatColumn
) -> float | None:
    """Fetches the newest heartbeat in seconds since the epoch; None if there are no rows."""
    (row,) = client.fetch_rows(
        heartbeat.newest_statement, None, identifier, ROW_COUNT_TIMEOUT_SECONDS
    )
    timestamp = row["beat"]
    return float(timestamp) if isinstance(timestamp, int | float) else None


def fetch_newest_heartbeat_or_reason(
    client: DatabaseClient, identifier: str | None, heartbeat: HeartbeatColumn
) -> float | str | None:
    """Fetches the newest heartbeat, or the reason why not if its table is locked."""
    name = (heartbeat.schema, heartbeat.table)

    def find_holder() -> str | None:
        return next(
            (
                f"locked by {locked.holder}"
                for locked in fetch_locked_tables(client, identifier)
                if parse_name_parts(locked.table) == name
            ),
            None,
        )

    if reason := find_holder():
        return reason
    try:
        return fetch_newest_heartbeat(client, identifier, heartbeat)
    except LockTimeoutError as error:  # locked since
        return find_holder() or str(error)

"""Contents of a database: tables, their columns and row counts, and the newest heartbeat."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from ops.core.errors import UsageError
from ops.core.plan import Sql
from ops.database.sql.connection import DatabaseClient

SQL_NAME_PATTERN: Final = r"[A-Za-z_][A-Za-z0-9_$]*"
HEARTBEAT_PATTERN: Final = re.compile(
    rf"(?:({SQL_NAME_PATTERN})\.)?({SQL_NAME_PATTERN})\.({SQL_NAME_PATTERN})"
)
ROW_COUNT_TIMEOUT_SECONDS: Final = 3600.0  # seconds to count the rows of all tables
# All tables but those of PostgreSQL and RDS. A DO block counts the rows, since a single statement
# must name its tables; it returns the result in a session setting.
TABLE_CONTENTS_STATEMENT: Final = """
DO $$
DECLARE
    tab record; row_count bigint; contents jsonb := '[]';
BEGIN
    FOR tab IN
        SELECT n.nspname AS space, c.relname AS name, c.relkind AS kind,
               md5(string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                                        a.attnotnull), ',' ORDER BY a.attnum)) AS shape
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
           AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'rdsadmin')
         GROUP BY 1, 2, 3 ORDER BY 1, 2
    LOOP
        row_count := NULL;
        IF tab.kind = 'r' AND {counts} THEN
            BEGIN
                EXECUTE format('SELECT count(*) FROM %I.%I', tab.space, tab.name) INTO row_count;
            EXCEPTION WHEN insufficient_privilege THEN
                NULL;
            END;
        END IF;
        contents := contents || jsonb_build_object('table', tab.space || '.' || tab.name,
                                                   'shape', tab.shape, 'rows', row_count);
    END LOOP;
    PERFORM set_config('bulwark.contents', contents::text, false);
END $$;
SELECT item->>'table' AS "table", item->>'shape' AS shape, (item->>'rows')::bigint AS rows
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
        """Returns `schema.table.column`."""
        return f"{self.schema}.{self.table}.{self.column}"

    @property
    def newest_statement(self) -> str:
        """Returns the query of the newest time, in seconds since the epoch."""
        table_name = f'"{self.schema}"."{self.table}"'
        return f'SELECT extract(epoch FROM max("{self.column}"))::float8 AS beat FROM {table_name}'


@dataclass(frozen=True)
class TableContents:
    """One table. `row_count` is None if the rows were not counted."""

    name: str
    columns_digest: str
    row_count: int | None


def parse_heartbeat(text: str | None) -> HeartbeatColumn | None:
    """Parses --heartbeat; the default schema is public. Raises UsageError."""
    if text is None:
        return None
    match = HEARTBEAT_PATTERN.fullmatch(text)
    if match is None:
        raise UsageError(f"--heartbeat must be TABLE.COLUMN or SCHEMA.TABLE.COLUMN, not {text!r}")
    return HeartbeatColumn(match[1] or "public", match[2], match[3])


def build_contents_statement(*, count_rows: bool = True) -> str:
    """Builds the statement that lists the tables, with row counts unless told otherwise."""
    return TABLE_CONTENTS_STATEMENT.replace("{counts}", "true" if count_rows else "false")


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
        record["table"]: TableContents(record["table"], record["shape"], record["rows"])
        for record in records
    }


def fetch_table_contents(
    client: DatabaseClient, identifier: str | None
) -> dict[str, TableContents]:
    """Fetches an instance's tables with exact row counts. Raises as `fetch_rows` does."""
    return parse_table_contents(
        client.fetch_rows(build_contents_statement(), None, identifier, ROW_COUNT_TIMEOUT_SECONDS)
    )


def fetch_newest_heartbeat(
    client: DatabaseClient, identifier: str | None, heartbeat: HeartbeatColumn
) -> float | None:
    """Fetches the newest heartbeat in seconds since the epoch; None if there are no rows."""
    (row,) = client.fetch_rows(
        heartbeat.newest_statement, None, identifier, ROW_COUNT_TIMEOUT_SECONDS
    )
    timestamp = row["beat"]
    return float(timestamp) if isinstance(timestamp, int | float) else None

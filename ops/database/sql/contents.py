"""What is in a database: its tables, their shape and their rows, and the newest of a heartbeat."""

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
ROW_COUNT_TIMEOUT_SECONDS: Final = (
    3600.0  # seconds that the rows of all tables may take to be counted
)
# Everything but PostgreSQL's own, RDS's too. Counted by a block, since one statement cannot count
# tables that it does not name; what it found it leaves in a setting of its own session.
TABLE_CONTENTS_STATEMENT: Final = """
DO $$
DECLARE
    one record; counted bigint; found jsonb := '[]';
BEGIN
    FOR one IN
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
        counted := NULL;
        IF one.kind = 'r' AND {counts} THEN
            BEGIN
                EXECUTE format('SELECT count(*) FROM %I.%I', one.space, one.name) INTO counted;
            EXCEPTION WHEN insufficient_privilege THEN
                NULL;
            END;
        END IF;
        found := found || jsonb_build_object('table', one.space || '.' || one.name,
                                             'shape', one.shape, 'rows', counted);
    END LOOP;
    PERFORM set_config('bulwark.contents', found::text, false);
END $$;
SELECT item->>'table' AS "table", item->>'shape' AS shape, (item->>'rows')::bigint AS rows
  FROM jsonb_array_elements(current_setting('bulwark.contents')::jsonb) AS item"""


@dataclass(frozen=True)
class HeartbeatColumn:
    """A column of times that the application writes all the time."""

    schema: str
    table: str
    column: str

    @property
    def full_name(self) -> str:
        """As a person writes it."""
        return f"{self.schema}.{self.table}.{self.column}"

    @property
    def newest_statement(self) -> str:
        """Its newest time, seconds since the epoch."""
        table_name = f'"{self.schema}"."{self.table}"'
        return f'SELECT extract(epoch FROM max("{self.column}"))::float8 AS beat FROM {table_name}'


@dataclass(frozen=True)
class TableContents:
    """One table. `rows` is None where they may not be counted, or were not."""

    name: str
    columns_digest: str
    row_count: int | None


def parse_heartbeat(text: str | None) -> HeartbeatColumn | None:
    """The column that --heartbeat names. Raises UsageError."""
    if text is None:
        return None
    match = HEARTBEAT_PATTERN.fullmatch(text)
    if match is None:
        raise UsageError(f"--heartbeat is {text!r}, must be TABLE.COLUMN or SCHEMA.TABLE.COLUMN")
    return HeartbeatColumn(match[1] or "public", match[2], match[3])


def build_contents_statement(*, count_rows: bool = True) -> str:
    """What lists the tables, with their rows where they are to be counted."""
    return TABLE_CONTENTS_STATEMENT.replace("{counts}", "true" if count_rows else "false")


def build_restored_instance_query(
    identifier: str, via: str | None, statement: str, timeout: float = ROW_COUNT_TIMEOUT_SECONDS
) -> Sql:
    """A look at a restored instance, for which no answer is an answer."""
    return Sql(
        statement=statement,
        identifier=identifier,
        other_instance=True,
        via=via,
        unreachable_is_answer=True,
        timeout=timeout,
    )


def parse_table_contents(rows: Sequence[dict[str, JsonValue]]) -> dict[str, TableContents]:
    """The tables that were listed, by name."""
    records: Any = rows
    return {
        record["table"]: TableContents(record["table"], record["shape"], record["rows"])
        for record in records
    }


def fetch_table_contents(
    client: DatabaseClient, identifier: str | None
) -> dict[str, TableContents]:
    """The tables of an instance, with exact counts. Errors as a statement's."""
    return parse_table_contents(
        client.fetch_rows(build_contents_statement(), None, identifier, ROW_COUNT_TIMEOUT_SECONDS)
    )


def fetch_newest_heartbeat(
    client: DatabaseClient, identifier: str | None, heartbeat: HeartbeatColumn
) -> float | None:
    """The newest time of a heartbeat, seconds since the epoch; None where it has none."""
    (row,) = client.fetch_rows(
        heartbeat.newest_statement, None, identifier, ROW_COUNT_TIMEOUT_SECONDS
    )
    timestamp = row["beat"]
    return float(timestamp) if isinstance(timestamp, int | float) else None

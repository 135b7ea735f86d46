"""What is in a database: its tables, their shape and their rows, and the newest of a heartbeat."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from ops.core.errors import UsageError
from ops.core.plan import Sql
from ops.database.sql.connection import Database

NAME: Final = r"[A-Za-z_][A-Za-z0-9_$]*"
BEAT: Final = re.compile(rf"(?:({NAME})\.)?({NAME})\.({NAME})")
LIMIT: Final = 3600.0  # seconds that the rows of all tables may take to be counted
# Everything but PostgreSQL's own, RDS's too. Counted by a block, since one statement cannot count
# tables that it does not name; what it found it leaves in a setting of its own session.
CONTENTS: Final = """
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
class Beat:
    """A column of times that the application writes all the time."""

    schema: str
    table: str
    column: str

    @property
    def name(self) -> str:
        """As a person writes it."""
        return f"{self.schema}.{self.table}.{self.column}"

    @property
    def statement(self) -> str:
        """Its newest time, seconds since the epoch."""
        of = f'"{self.schema}"."{self.table}"'
        return f'SELECT extract(epoch FROM max("{self.column}"))::float8 AS beat FROM {of}'


@dataclass(frozen=True)
class Table:
    """One table. `rows` is None where they may not be counted, or were not."""

    name: str
    shape: str
    rows: int | None


def beat(text: str | None) -> Beat | None:
    """The column that --heartbeat names. Raises UsageError."""
    if text is None:
        return None
    found = BEAT.fullmatch(text)
    if found is None:
        raise UsageError(f"--heartbeat is {text!r}, may be TABLE.COLUMN or SCHEMA.TABLE.COLUMN")
    return Beat(found[1] or "public", found[2], found[3])


def statement(*, counts: bool = True) -> str:
    """What lists the tables, with their rows where they are to be counted."""
    return CONTENTS.replace("{counts}", "true" if counts else "false")


def asking(name: str, via: str | None, text: str, timeout: float = LIMIT) -> Sql:
    """A look at a restored instance, for which no answer is an answer."""
    return Sql(statement=text, identifier=name, apart=True, via=via, patient=True, timeout=timeout)


def tables(rows: Sequence[dict[str, JsonValue]]) -> dict[str, Table]:
    """The tables that were listed, by name."""
    found: Any = rows
    return {r["table"]: Table(r["table"], r["shape"], r["rows"]) for r in found}


def of(database: Database, identifier: str | None) -> dict[str, Table]:
    """The tables of an instance, with exact counts. Errors as a statement's."""
    return tables(database.rows(statement(), None, identifier, LIMIT))


def newest(database: Database, identifier: str | None, beat: Beat) -> float | None:
    """The newest time of a heartbeat, seconds since the epoch; None where it has none."""
    (row,) = database.rows(beat.statement, None, identifier, LIMIT)
    found = row["beat"]
    return float(found) if isinstance(found, int | float) else None

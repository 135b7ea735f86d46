"""What in an instance's databases keeps PostgreSQL from a major upgrade, each with its removal.

Sources, unless a rule has its own: RDS User Guide, "How to perform a major version upgrade for RDS
for PostgreSQL", and check.c of PostgreSQL's pg_upgrade, which RDS runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.database.sql.connection import DatabaseClient
from ops.database.sql.names import quote_literal, quote_name_parts

# Logical slots are kept from this source version on. Source: RDS User Guide, "Managing logical
# replication slots for RDS for PostgreSQL".
FIRST_MAJOR_KEEPING_SLOTS: Final = 17
# The guide names the first six; pg_upgrade refuses the others too (regclass, regrole and regtype
# are kept).
UNSUPPORTED_REG_TYPES: Final = (
    "regproc",
    "regprocedure",
    "regoper",
    "regoperator",
    "regconfig",
    "regdictionary",
    "regcollation",
    "regnamespace",
)
_UNKNOWN_TYPE: Final = "unknown"  # PostgreSQL 10 stopped supporting it in tables
# Its format changed in PostgreSQL 16: check_for_aclitem_data_type_usage.
ACLITEM_TYPE: Final = "aclitem"
FIRST_MAJOR_WITH_NEW_ACLITEM: Final = 16
# check_for_not_null_inheritance, for a target of PostgreSQL 18.
FIRST_MAJOR_WITH_INHERITED_NOT_NULL: Final = 18
# What the whole instance has: databases, prepared transactions, slots and roles. `pg_` names are
# PostgreSQL's own from 9.6 on; its own roles have low OIDs (FirstNormalObjectId).
INSTANCE_STATEMENT: Final = """
SELECT 'database' AS kind, datname AS name, NULL AS detail,
       datallowconn AS connects, datconnlimit = -2 AS broken
  FROM pg_database
UNION ALL
SELECT 'prepared', gid, database, NULL, NULL FROM pg_prepared_xacts
UNION ALL
SELECT 'slot', slot_name, database, active, wal_status IS NOT DISTINCT FROM 'lost'
  FROM pg_replication_slots WHERE slot_type = 'logical' AND NOT temporary
UNION ALL
SELECT 'role', rolname, NULL, NULL, NULL FROM pg_roles
 WHERE rolname LIKE 'pg\\_%%' AND oid >= 16384
 ORDER BY 1, 2"""
# Columns of these types, also inside of domains, arrays, composite types and ranges. A view has no
# data, but RDS's own query counts the columns of every relation that are of the type itself.
TYPES_STATEMENT: Final = """
WITH RECURSIVE typed(oid, base, is_itself) AS (
    SELECT t.oid, t.typname, true
      FROM pg_type t
     WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typname = ANY(%(types)s)
    UNION
    SELECT u.oid, u.base, false FROM (
        WITH held AS (SELECT oid, base FROM typed)
        SELECT t.oid, held.base FROM pg_type t JOIN held
            ON (t.typtype = 'd' AND t.typbasetype = held.oid)
            OR (t.typtype = 'b' AND t.typelem = held.oid)
        UNION ALL
        SELECT t.oid, held.base FROM pg_type t
          JOIN pg_class c ON c.oid = t.typrelid AND t.typtype = 'c'
          JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
          JOIN held ON held.oid = a.atttypid
        UNION ALL
        SELECT r.rngtypid, held.base FROM pg_range r JOIN held ON held.oid = r.rngsubtype
    ) u
)
SELECT DISTINCT n.nspname AS space, c.relname AS name, a.attname AS column, typed.base AS type,
       c.relkind AS kind
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped AND a.attnum > 0
  JOIN typed ON typed.oid = a.atttypid
 WHERE (c.relkind IN ('r', 'm', 'i') OR (typed.is_itself AND c.relkind IN ('p', 'v', 'c', 'f')))
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND n.nspname !~ '^pg_(toast_)?temp_'
 ORDER BY 1, 2, 3"""
NOT_NULL_STATEMENT: Final = """
SELECT n.nspname AS space, c.relname AS name, child.attname AS column
  FROM pg_inherits i
  JOIN pg_attribute parent ON parent.attrelid = i.inhparent AND parent.attnum > 0
                          AND parent.attnotnull AND NOT parent.attisdropped
  JOIN pg_attribute child ON child.attrelid = i.inhrelid AND child.attname = parent.attname
                         AND NOT child.attnotnull
  JOIN pg_class c ON c.oid = child.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY 1, 2, 3"""
EXTENSIONS_STATEMENT: Final = """
SELECT e.extname AS name, e.extversion AS version, a.default_version AS newest
  FROM pg_extension e LEFT JOIN pg_available_extensions a ON a.name = e.extname
 WHERE e.extname <> 'plpgsql' ORDER BY 1"""


@dataclass(frozen=True)
class PrecheckFinding:
    """What must be removed before the upgrade, and what removes it: SQL or a command."""

    problem: str
    remedy: str
    database: str | None = None

    def __str__(self) -> str:
        place = f"in the database {self.database}: " if self.database else ""
        return f"{place}{self.problem}: {self.remedy}"


def list_instance_findings(
    rows: Sequence[Mapping[str, Any]], source_major: int, master_user: str
) -> Iterator[PrecheckFinding]:
    """Lists what stands in the way of the whole instance; `rows` are of INSTANCE_STATEMENT."""
    keeps_slots = source_major >= FIRST_MAJOR_KEEPING_SLOTS
    for row in rows:
        kind, name = row["kind"], str(row["name"])
        literal = quote_literal(name)
        if kind == "prepared":
            yield PrecheckFinding(
                f"the prepared transaction {name}",
                f"COMMIT PREPARED {literal}; or ROLLBACK PREPARED {literal};",
                row["detail"],
            )
        elif kind == "slot" and (row["broken"] or not keeps_slots):
            in_use = "in use" if row["connects"] else "not in use"
            state = "its WAL is lost" if row["broken"] else in_use
            yield PrecheckFinding(
                f"the logical replication slot {name} ({state})",
                f"drop its subscription, then SELECT pg_drop_replication_slot({literal});",
            )
        elif kind == "role":
            is_master = name == master_user
            yield PrecheckFinding(
                f"the {'master user' if is_master else 'role'} {name}, whose name begins with pg_",
                "RDS cannot rename it: dump the data and restore them into another instance"
                if is_master
                else f"ALTER ROLE {quote_name_parts(name)} RENAME TO ...;",
            )
        elif kind == "database":
            yield from _list_database_findings(name, row)


def _list_database_findings(name: str, row: Mapping[str, Any]) -> Iterator[PrecheckFinding]:
    if row["broken"]:
        yield PrecheckFinding(
            f"the database {name} is invalid, its DROP DATABASE was interrupted",
            f"DROP DATABASE {quote_name_parts(name)};",
        )
    elif not row["connects"] and name != "template0":
        yield PrecheckFinding(
            f"the database {name} allows no connections",
            f"ALTER DATABASE {quote_name_parts(name)} WITH ALLOW_CONNECTIONS true; or drop it",
        )
    elif row["connects"] and name == "template0":
        yield PrecheckFinding(
            "the database template0 allows connections",
            "ALTER DATABASE template0 WITH ALLOW_CONNECTIONS false;",
        )


def list_column_findings(
    client: DatabaseClient, database: str, source_major: int, target_major: int
) -> Iterator[PrecheckFinding]:
    """Lists columns of one database that the new version cannot take over."""
    types = [*UNSUPPORTED_REG_TYPES, _UNKNOWN_TYPE]
    if source_major < FIRST_MAJOR_WITH_NEW_ACLITEM <= target_major:
        types.append(ACLITEM_TYPE)
    columns: list[Any] = client.fetch_rows(TYPES_STATEMENT, {"types": types})
    for row in columns:
        table, column = _quote_column(row)
        yield PrecheckFinding(
            f"{table}.{column} has the type {row['type']}",
            _build_column_removal(row["kind"], table, column),
            database,
        )
    if not source_major < FIRST_MAJOR_WITH_INHERITED_NOT_NULL <= target_major:
        return
    children: list[Any] = client.fetch_rows(NOT_NULL_STATEMENT)
    for row in children:
        table, column = _quote_column(row)
        yield PrecheckFinding(
            f"{table}.{column} may be null, but not in the table that it inherits from",
            f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;",
            database,
        )


def _build_column_removal(relation_kind: str, table: str, column: str) -> str:
    """Builds the SQL that removes a column's type, by pg_class.relkind."""
    if relation_kind == "c":
        return f"ALTER TYPE {table} ALTER ATTRIBUTE {column} TYPE text CASCADE; or drop it"
    kinds = {"v": "VIEW", "m": "MATERIALIZED VIEW", "i": "INDEX"}
    if relation_kind in kinds:
        return f"DROP {kinds[relation_kind]} {table};"
    return f"ALTER TABLE {table} ALTER COLUMN {column} TYPE text; or drop it"


def _quote_column(row: Mapping[str, Any]) -> tuple[str, str]:
    return quote_name_parts(row["space"], row["name"]), quote_name_parts(row["column"])

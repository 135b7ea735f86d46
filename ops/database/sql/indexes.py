"""The indexes of the database, and what a person's name of one, or of a table, stands for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ops.core.errors import OpsError, UsageError
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.index_problems import INDEX_BUILDERS_SUBQUERY
from ops.database.sql.locked_tables import fetch_around_locks
from ops.database.sql.names import list_table_readings, quote_name, quote_name_parts

INDEXES_COMMAND: Final = "ops db indexes"
# What PostgreSQL calls the indexes that REINDEX CONCURRENTLY builds and replaces, with a number if
# the name is taken. Invalid, they are what an interrupted one left: they are dropped, not rebuilt.
# Source: PostgreSQL's manual, REINDEX, "Rebuilding Indexes Concurrently".
LEFTOVER_NAME_REGEX: Final = "_cc(new|old)[0-9]*$"
SYSTEM_SCHEMAS: Final = ("pg_catalog", "information_schema", "pg_toast")
# Those who may rebuild: the table's owner and, since PostgreSQL 17, holders of MAINTAIN; only the
# owner may drop (PostgreSQL's manual, REINDEX and DROP INDEX). Temporary indexes are of sessions.
# The size of an index whose table is locked is that of its last vacuum: reading it would wait.
INDEXES_STATEMENT: Final = (
    """
    WITH builders AS MATERIALIZED ("""
    + INDEX_BUILDERS_SUBQUERY
    + """
    )
    SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name, t.oid::int8 AS table_oid,
           s.nspname AS table_schema, t.relname AS table_name, c.relkind = 'I' AS is_partitioned,
           i.indisvalid AS is_valid, i.indislive AS is_live, i.indisunique AS is_unique,
           i.indisexclusion AS is_exclusion,
           EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid) AS has_constraint,
           CASE WHEN c.relispartition THEN ARRAY(
               SELECT a.relid::int8 FROM pg_partition_ancestors(c.oid) a
                WHERE a.relid <> c.oid) ELSE '{}' END AS parents,
           CASE WHEN t.relispartition THEN ARRAY(
               SELECT a.relid::int8 FROM pg_partition_ancestors(t.oid) a
                WHERE a.relid <> t.oid) ELSE '{}' END AS table_parents,
           CASE WHEN c.relkind = 'i' AND t.oid <> ALL (%(locked)s::oid[])
                THEN pg_relation_size(c.oid)
                ELSE c.relpages * current_setting('block_size')::int8 END AS size,
           pg_has_role(t.relowner, 'USAGE') AS is_owned,
           CASE WHEN current_setting('server_version_num')::int >= 170000
                THEN has_table_privilege(t.oid, 'MAINTAIN') ELSE false END AS may_maintain,
           b.pid AS builder
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_class t ON t.oid = i.indrelid
      JOIN pg_namespace s ON s.oid = t.relnamespace
      LEFT JOIN builders b ON b.relation = t.oid
     WHERE t.relkind IN ('r', 'm', 'p') AND t.relpersistence <> 't'
       AND n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND n.nspname NOT LIKE 'pg\\_toast%%'
     ORDER BY n.nspname, c.relname"""
)


@dataclass(frozen=True)
class IndexState:
    """One index. `size` is in bytes; `parents` and `table_parents` are oids of what it is part of.

    `is_partitioned` if it has no rows itself, only indexes of partitions. `is_live` unless a drop
    of it was interrupted. `builder` is a process that builds an index of its table, or changes it.
    """

    oid: int
    schema: str
    name: str
    table_oid: int
    table_schema: str
    table_name: str
    is_partitioned: bool
    is_valid: bool
    is_live: bool
    is_unique: bool
    is_exclusion: bool
    has_constraint: bool
    size: int
    is_owned: bool
    may_maintain: bool
    builder: int | None = None
    parents: Sequence[int] = field(default=())
    table_parents: Sequence[int] = field(default=())

    @property
    def full_name(self) -> str:
        """Returns `schema.index`, as commands print it."""
        return quote_name(self.schema, self.name)

    @property
    def full_table_name(self) -> str:
        """Returns `schema.table`, as commands print it."""
        return quote_name(self.table_schema, self.table_name)

    @property
    def quoted_name(self) -> str:
        """Returns the name quoted for SQL."""
        return quote_name_parts(self.schema, self.name)

    @property
    def is_leftover(self) -> bool:
        """True if an interrupted build or drop left it, so that it can only be dropped."""
        return (
            not self.is_valid
            and not self.is_partitioned
            and not self.has_constraint
            and not self.parents
            and (not self.is_live or re.search(LEFTOVER_NAME_REGEX, self.name) is not None)
        )

    @property
    def obstacle(self) -> str | None:
        """Why it can be neither rebuilt concurrently nor dropped by this user now; else None."""
        if self.is_partitioned:
            return "it has no rows; not every partition has an index attached to it"
        if self.is_exclusion:
            return (
                "it is of an exclusion constraint, which PostgreSQL rebuilds only while nobody "
                f"writes: REINDEX INDEX {self.quoted_name}"
            )
        if not (self.is_owned or (self.may_maintain and not self.is_leftover)):
            return f"another user owns {self.full_table_name}"
        if self.builder is not None:
            return (
                f"process {self.builder} builds an index of {self.full_table_name} or changes it: "
                f"ops db activity"
            )
        return None


def fetch_indexes(client: DatabaseClient) -> list[IndexState]:
    """Fetches all indexes of the database that are no system's, by name."""
    rows: list[Any]
    rows, _ = fetch_around_locks(
        client, None, lambda locked: client.fetch_rows(INDEXES_STATEMENT, {"locked": locked})
    )
    return [IndexState(**row) for row in rows]


def list_named_indexes(indexes: Sequence[IndexState], name: str) -> list[IndexState]:
    """Lists the indexes that have rows behind the name of an index or of a table.

    A partitioned index or table stands for its partitions. Raises UsageError, naming the argument,
    if there is none, and OpsError if one cannot be rebuilt by its own name.
    """
    matches = _find_matches(indexes, name)
    named_index = matches[0] if isinstance(matches[0], IndexState) else None
    if named_index is not None and not named_index.is_partitioned:
        if named_index.obstacle is not None:
            raise OpsError(f"{named_index.full_name}: {named_index.obstacle}", INDEXES_COMMAND)
        return [named_index]
    oid = named_index.oid if named_index else int(str(matches[0]))
    members = [
        index
        for index in indexes
        if not index.is_partitioned
        and (
            oid in index.parents
            if named_index
            else oid == index.table_oid or oid in index.table_parents
        )
    ]
    if not members:
        raise UsageError(f"INDEX is {name!r}, which has no index of a partition to rebuild")
    return members


def _find_matches(indexes: Sequence[IndexState], name: str) -> list[IndexState | int]:
    """Finds the index, or the oid of the table, of this name as a person or PostgreSQL writes it.

    Without a schema, the one in `public`, or the only one. Raises UsageError.
    """
    things: dict[tuple[str, str], IndexState | int] = {}
    for index in indexes:
        things[index.table_schema, index.table_name] = index.table_oid
        things[index.schema, index.name] = index
    for schema, relation in list_table_readings(name):
        if schema in SYSTEM_SCHEMAS or (schema is None and relation.startswith("pg_")):
            raise UsageError(
                f"INDEX must be an index or a table of yours, not {name!r}: PostgreSQL does not "
                "rebuild those of the system concurrently"
            )
        keys = [key for key in things if key[1] == relation and schema in (None, key[0])]
        if schema is None and len(keys) > 1:
            keys = [key for key in keys if key[0] == "public"] or keys
        if len(keys) > 1:
            choices = " or ".join(sorted(quote_name(*key) for key in keys))
            raise UsageError(f"INDEX must be {choices}, not {name!r}")
        if keys:
            return [things[keys[0]]]
    raise UsageError(
        f"INDEX must be the name of an index, or of a table that has one, not {name!r}",
        INDEXES_COMMAND,
    )

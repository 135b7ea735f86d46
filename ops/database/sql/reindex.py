"""Rebuilds indexes concurrently, and drops what interrupted builds left.

Sources: PostgreSQL's manual, REINDEX, "Rebuilding Indexes Concurrently", and DROP INDEX. The
rebuilt index has another oid under the same name. What is interrupted leaves an invalid index,
which no query uses and every write maintains, until it is dropped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ops.core.errors import UsageError
from ops.core.plan import JsonObject, Plan, Sql, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.indexes import LEFTOVER_NAME_REGEX, IndexState, list_named_indexes
from ops.outputs import Outputs

REBUILD_BYTES_PER_SECOND: Final = 20 << 20  # an assumption
INDEX_BUILD_TIME_SOURCE: Final = "an assumption: 20 MiB per second, and no transaction to wait for"
MAX_REBUILD_SECONDS: Final = 24 * 3600
# A rebuild needs the new index beside the old one, and as much again for the files of its sort:
# PostgreSQL's manual, REINDEX ("temporarily ... extra space"); the second is an assumption.
SPACE_FACTOR: Final = 2
# The builds of ops; it builds one index of a table at a time. Blocks are counted while the table is
# read, tuples while the index is written (PostgreSQL's manual, CREATE INDEX progress reporting).
RUNNING_BUILDS_SUBQUERY: Final = """
        SELECT p.relid, p.phase, p.current_locker_pid AS locker,
               round(100.0 * CASE WHEN p.blocks_total > 0
                                  THEN p.blocks_done::numeric / p.blocks_total
                                  WHEN p.tuples_total > 0
                                  THEN p.tuples_done::numeric / p.tuples_total END) AS percent
          FROM pg_stat_progress_create_index p JOIN pg_stat_activity a ON a.pid = p.pid
         WHERE a.application_name = 'bulwark-ops' AND p.datname = current_database()"""
REBUILT_STATEMENT: Final = f"""
    SELECT coalesce(i.indexrelid <> %(before)s::oid AND i.indisvalid, false) AS rebuilt,
           b.relid IS NOT NULL AS running, replace(b.phase, ':', '') AS "Status",
           b.percent AS "PercentProgress"
      FROM (SELECT) AS always
      LEFT JOIN ({RUNNING_BUILDS_SUBQUERY}) b ON b.relid = %(table)s::oid
      LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace)
             ON n.nspname = %(schema)s AND c.relname = %(name)s
      LEFT JOIN pg_index i ON i.indexrelid = c.oid AND i.indrelid = %(table)s::oid"""
# The session that is waited for is named: without it a build would seem to stand still.
BUILD_PROGRESS_STATEMENT: Final = f"""
    SELECT concat_ws(', ', b.phase, b.percent || ' %',
                     'process ' || nullif(b.locker, 0) || ' has a transaction open: ops db kill '
                         || nullif(b.locker, 0) || ' --terminate') AS progress
      FROM ({RUNNING_BUILDS_SUBQUERY}) b"""
LEFTOVERS_SOURCE: Final = f"""
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE i.indrelid = ANY (%(tables)s::oid[]) AND NOT i.indisvalid AND c.relkind = 'i'
       AND NOT c.relispartition AND c.relname ~ '{LEFTOVER_NAME_REGEX}'
       AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid)
       AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid)"""
DROP_LEFTOVERS_STATEMENT: Final = (
    "SELECT format('DROP INDEX CONCURRENTLY IF EXISTS %%I.%%I', n.nspname, c.relname) AS statement"
    + LEFTOVERS_SOURCE
)
COUNT_LEFTOVERS_STATEMENT: Final = "SELECT count(*) AS leftovers" + LEFTOVERS_SOURCE
LIST_LEFTOVERS_STATEMENT: Final = (
    "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name"
    + LEFTOVERS_SOURCE
    + " ORDER BY 1"
)
DROPPED_STATEMENT: Final = """
    SELECT count(*) AS present FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indexrelid = %(oid)s::oid AND NOT i.indisvalid"""


@dataclass(frozen=True)
class IndexSelection:
    """What is rebuilt, what is dropped, and what is neither, with the reason."""

    rebuilt: tuple[IndexState, ...]
    dropped: tuple[IndexState, ...]
    skipped: tuple[tuple[IndexState, str], ...]

    @property
    def needed_bytes(self) -> int:
        """The free storage that the rebuild needs: one index is built at a time."""
        return SPACE_FACTOR * max((index.size for index in self.rebuilt), default=0)

    @property
    def table_oids(self) -> list[int]:
        """The tables whose indexes change."""
        return sorted({index.table_oid for index in (*self.rebuilt, *self.dropped)})


def select_named_indexes(indexes: Sequence[IndexState], names: Sequence[str]) -> IndexSelection:
    """Selects what the names stand for, and what interrupted builds of the same tables left.

    Raises UsageError if a name is none, OpsError if a named index cannot be rebuilt.
    """
    selected = {index.oid: index for name in names for index in list_named_indexes(indexes, name)}
    tables = {index.table_oid for index in selected.values()}
    leftovers = [index for index in indexes if index.is_leftover and index.table_oid in tables]
    return _select((*selected.values(), *leftovers))


def select_invalid_indexes(indexes: Iterable[IndexState]) -> IndexSelection:
    """Selects all invalid indexes."""
    return _select(index for index in indexes if not index.is_valid)


def _select(indexes: Iterable[IndexState]) -> IndexSelection:
    distinct = {index.oid: index for index in indexes}.values()
    usable = [index for index in distinct if index.obstacle is None]
    return IndexSelection(
        tuple(index for index in usable if not index.is_leftover),
        tuple(index for index in usable if index.is_leftover),
        tuple((index, index.obstacle) for index in distinct if index.obstacle is not None),
    )


def require_names_or_invalid(names: Sequence[str], *, invalid: bool) -> None:
    """Raises UsageError unless either names or --invalid are given."""
    if invalid and names:
        raise UsageError(f"--invalid takes all invalid indexes, so INDEX must not be {names[0]!r}")
    if not invalid and not names:
        raise UsageError("INDEX or --invalid must be given, like `ops db reindex orders`")


def list_leftovers(client: DatabaseClient, table_oids: Sequence[int]) -> list[str]:
    """Lists the indexes that interrupted builds left on these tables, by name."""
    rows = client.fetch_rows(LIST_LEFTOVERS_STATEMENT, {"tables": list(table_oids)})
    return [str(row["name"]) for row in rows]


def build_reindex_plan(
    outputs: Outputs, selection: IndexSelection, run: str, *, arguments: str, lock_timeout: float
) -> Plan:
    """Builds the plan that drops leftovers, then rebuilds indexes one after the other.

    `lock_timeout` is how many seconds it waits for one transaction before it gives up. An index
    that cannot be built is dropped again; those that were rebuilt stay.
    """
    steps = [
        *(
            _build_drop_step(number, index, lock_timeout)
            for number, index in enumerate(selection.dropped, 1)
        ),
        *(
            _build_rebuild_step(number, index, lock_timeout)
            for number, index in enumerate(selection.rebuilt, 1)
        ),
    ]
    if selection.rebuilt:
        steps.append(_build_clean_step("clean", selection.table_oids, lock_timeout))
    changes = []
    if selection.rebuilt:
        size = sum(index.size for index in selection.rebuilt) >> 20
        count = _count_indexes(selection.rebuilt)
        changes.append(f"{count} rebuilt, {size} MiB today")
    if selection.dropped:
        count = _count_indexes(selection.dropped, "invalid ")
        changes.append(f"{count} dropped, left by interrupted builds")
    notes = ["reads and writes continue; other changes of the same tables and their vacuums wait"]
    if any(index.is_unique for index in selection.rebuilt):
        notes.append("a unique index whose rows are not unique is not rebuilt: it stays")
    notes += [f"not rebuilt: {index.full_name}: {reason}" for index, reason in selection.skipped]
    return build_stack_plan(
        outputs,
        run,
        "db reindex",
        *steps,
        changes=changes,
        losses=(),
        cost=NO_COST,
        notes=notes,
        arguments=arguments,
    )


def _count_indexes(indexes: Sequence[IndexState], adjective: str = "") -> str:
    return f"{len(indexes)} {adjective}{'index' if len(indexes) == 1 else 'indexes'}"


def _build_drop_step(number: int, index: IndexState, lock_timeout: float) -> Step:
    return Step(
        name=f"drop_{number}",
        description=f"drop {index.full_name}, which an interrupted build left",
        action=Sql(
            statement=f"DROP INDEX CONCURRENTLY IF EXISTS {index.quoted_name}",
            timeout=0,
            lock_timeout=lock_timeout,
        ),
        goal=Wait(
            read=Sql(statement=DROPPED_STATEMENT, params={"oid": index.oid}),
            met={"rows[0].present": 0},
            every=2,
            within=3600,
        ),
    )


def _build_rebuild_step(number: int, index: IndexState, lock_timeout: float) -> Step:
    params: JsonObject = {
        "before": index.oid,
        "table": index.table_oid,
        "schema": index.schema,
        "name": index.name,
    }
    return Step(
        name=f"rebuild_{number}",
        description=f"rebuild {index.full_name} of {index.full_table_name}, {index.size >> 20} MiB",
        action=Sql(
            statement=f"REINDEX INDEX CONCURRENTLY {index.quoted_name}",
            timeout=0,
            lock_timeout=lock_timeout,
            progress=BUILD_PROGRESS_STATEMENT,
        ),
        goal=Wait(
            read=Sql(statement=REBUILT_STATEMENT, params=params),
            met={"rows[0].rebuilt": True},
            begun={"rows[0].running": True},
            every=5,
            within=MAX_REBUILD_SECONDS,
            typical=max(1, index.size / REBUILD_BYTES_PER_SECOND),
            source=INDEX_BUILD_TIME_SOURCE,
        ),
        undo=(_build_clean_step(f"clean_{number}", [index.table_oid], lock_timeout),),
    )


def _build_clean_step(name: str, table_oids: Sequence[int], lock_timeout: float) -> Step:
    """Drops what an interrupted rebuild left on the tables; nothing if none was."""
    params: JsonObject = {"tables": list(table_oids)}
    return Step(
        name=name,
        description="drop invalid indexes that end in _ccnew or _ccold, if a rebuild left any",
        action=Sql(
            statement=DROP_LEFTOVERS_STATEMENT,
            params=params,
            timeout=0,
            lock_timeout=lock_timeout,
            executes_rows=True,
        ),
        goal=Wait(
            read=Sql(statement=COUNT_LEFTOVERS_STATEMENT, params=params),
            met={"rows[0].leftovers": 0},
            every=2,
            within=3600,
        ),
    )

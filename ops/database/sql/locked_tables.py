"""Tables that are locked ACCESS EXCLUSIVE, and who holds the lock.

Reading such a table, even its size, waits for the lock. So statistics leave it out and name it with
its holder. A lock that is waited for counts too, as later sessions wait behind it. Source:
PostgreSQL manual, "Explicit Locking" and "pg_locks".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

from ops.database.sql.connection import DatabaseClient
from ops.database.sql.connection_errors import LockTimeoutError

# The lock may be that of the table, of its TOAST table or of an index of either. A prepared
# transaction has no process; its id is that of the lock that it holds on itself.
LOCKED_TABLES_STATEMENT: Final = """
    WITH locks AS MATERIALIZED (
        SELECT l.relation, l.pid, l.granted, p.transactionid
          FROM pg_locks l
          LEFT JOIN pg_locks p ON l.pid IS NULL AND p.pid IS NULL AND p.granted
               AND p.locktype = 'transactionid' AND p.virtualtransaction = l.virtualtransaction
         WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ), tables AS (
        SELECT coalesce(owner.oid, base.oid) AS oid, l.pid, l.granted, l.transactionid
          FROM locks l
          LEFT JOIN pg_index i ON i.indexrelid = l.relation
          JOIN pg_class base ON base.oid = coalesce(i.indrelid, l.relation)
          LEFT JOIN pg_class owner ON base.relkind = 't' AND owner.reltoastrelid = base.oid
    )
    SELECT DISTINCT ON (t.oid) t.oid::int8 AS oid,
           quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS "table",
           t.granted, t.pid, x.gid AS prepared, a.backend_type,
           coalesce(a.usename, x.owner) AS "user", a.application_name AS application, a.state,
           round(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, x.prepared))::numeric
               ) AS seconds,
           a.query
      FROM tables t
      JOIN pg_class c ON c.oid = t.oid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_stat_activity a ON a.pid = t.pid
      LEFT JOIN pg_prepared_xacts x ON t.pid IS NULL AND x.transaction = t.transactionid
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
     ORDER BY t.oid, t.granted DESC, a.xact_start"""
# A lock that is taken between the two queries is found in the next attempt.
ATTEMPTS: Final = 3
MAX_HOLDER_QUERY_CHARACTERS: Final = 80  # characters of the holder's query
Result = TypeVar("Result")


@dataclass(frozen=True)
class LockedTable:
    """A table that cannot be read now. Without `pid` a prepared transaction holds the lock.

    `table` is quoted as PostgreSQL writes it; `seconds` is the age of the holder's transaction;
    `granted` is False if the lock is only waited for.
    """

    oid: int
    table: str
    granted: bool
    pid: int | None = None
    prepared: str | None = None
    backend_type: str | None = None
    user: str | None = None
    application: str | None = None
    state: str | None = None
    seconds: float | None = None
    query: str | None = None

    @property
    def holder(self) -> str:
        """Describes who has the lock, or waits for it, on one line."""
        if self.pid is None:
            name = f"prepared transaction {self.prepared!r}" if self.prepared else "an unknown one"
        else:
            name = f"pid {self.pid}"
        is_client = self.backend_type in {"client backend", None}
        details = [
            *([f"user {self.user}"] if self.user else []),
            *([self.application] if self.application else []),
            *([str(self.backend_type)] if not is_client else []),
            *([self.state] if self.state else []),
            *([f"{self.seconds:g} s"] if self.seconds is not None else []),
        ]
        text = f"{name} ({', '.join(details)})" if details else name
        if self.query:
            query = " ".join(self.query.split())
            is_long = len(query) > MAX_HOLDER_QUERY_CHARACTERS
            text += f": {query[:MAX_HOLDER_QUERY_CHARACTERS]}{'...' if is_long else ''}"
        return text

    @property
    def command(self) -> str | None:
        """Returns what ends the holder, None unless it is a client's session or prepared."""
        if self.prepared is not None:
            return "ROLLBACK PREPARED '" + self.prepared.replace("'", "''") + "'"
        if self.pid is None or self.backend_type != "client backend":
            return None
        option = "" if self.state == "active" else " --terminate"
        return f"ops db kill {self.pid}{option}"

    def describe(self) -> str:
        """Returns one line: the table, who holds its lock and what ends that."""
        verb = "locked by" if self.granted else "left out behind a lock that is waited for by"
        command = f"; to end it: {self.command}" if self.command else ""
        return f"{self.table} is {verb} {self.holder}{command}"

    def as_json(self) -> dict[str, Any]:
        """Returns the fields for JSON."""
        return {**asdict(self), "command": self.command}


def parse_locked_tables(rows: Sequence[Mapping[str, Any]]) -> list[LockedTable]:
    """Parses the rows of LOCKED_TABLES_STATEMENT, by table name."""
    return sorted((LockedTable(**row) for row in rows), key=lambda locked: locked.table)


def fetch_locked_tables(client: DatabaseClient, identifier: str | None) -> list[LockedTable]:
    """Fetches the tables that are locked ACCESS EXCLUSIVE, each with its holder."""
    return parse_locked_tables(client.fetch_rows(LOCKED_TABLES_STATEMENT, None, identifier))


def fetch_around_locks(
    client: DatabaseClient, identifier: str | None, fetch: Callable[[list[int]], Result]
) -> tuple[Result, list[LockedTable]]:
    """Calls `fetch` with the oids of the locked tables; returns its result and these tables.

    Repeats both if a lock was taken in between. Raises LockTimeoutError after three attempts.
    """
    for attempt in range(1, ATTEMPTS + 1):
        locked_tables = fetch_locked_tables(client, identifier)
        try:
            return fetch([locked.oid for locked in locked_tables]), locked_tables
        except LockTimeoutError:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")

"""A client that writes numbered rows again and again, and tells which of them were lost.

with Writer(address, credentials) as writer:   # a thread of its own
    ...                                        # the database is operated on
writer.seen()

It connects anew when its connection drops, and reads its credentials anew when they are refused, as
a service does that is started again. Each row is a transaction of its own; one is counted as
answered when its commit was acknowledged.

Where the clock stands still until it is advanced, `stepping(held, writer)` (asker.py) between
`begin` and `end` writes each few simulated seconds instead, without a thread.
"""

import os
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from sandbox.clients.observation import Seen
from sandbox.clock import clock

PAUSE: Final = 0.005  # seconds of the wall between two writes
LIMIT: Final = 60.0  # seconds of the wall until what was lost must be countable
TABLE: Final = "bulwark_writer"
Where = Callable[[], Mapping[str, Any]]  # host, port, dbname, username, password: read anew


class Writer:
    """Writes until the end of its block."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._last, self._gap = clock().now(), 0.0
        self._sent = self._errors = self._lost = 0
        self._kept: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="writer", daemon=True)
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def seen(self) -> Seen:
        """What came of it, once its block has ended."""
        return Seen("writer", self._sent, len(self._kept), self._errors, self._gap, self._lost)

    def _connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        known = self._where()
        made: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(
            host=known["host"],
            port=known["port"],
            dbname=known["dbname"],
            user=known["username"],
            password=known["password"],
            connect_timeout=10,
            application_name="writer",
            autocommit=True,
            sslmode=os.environ.get("PGSSLMODE", "prefer"),
        )
        return made

    def ask(self) -> None:
        """Writes one row."""
        self._sent += 1
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            self._connection.execute(f"INSERT INTO {TABLE} VALUES (%s)".encode(), (self._sent,))
        except psycopg.Error:
            self._errors += 1
            if self._connection is not None:
                self._connection.close()
            return
        self._kept.append(self._sent)
        now = clock().now()
        self._gap = max(self._gap, (now - self._last).total_seconds())
        self._last = now

    def _write_on(self) -> None:
        while not self._over.is_set():
            self.ask()
            self._over.wait(PAUSE)

    def begin(self) -> None:
        """Makes its table anew."""
        with self._connect() as connection:
            connection.execute(f"DROP TABLE IF EXISTS {TABLE}".encode())
            connection.execute(f"CREATE TABLE {TABLE} (n int)".encode())
        self._last = clock().now()

    def __enter__(self) -> Self:
        self.begin()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(LIMIT)
        self.end()

    def end(self) -> None:
        """Writes until that is acknowledged once more, then looks at what is there."""
        before = len(self._kept)
        deadline = threading.Event()
        waited = 0.0
        while len(self._kept) == before and waited < LIMIT:  # the gap that is open ends here
            self.ask()
            if len(self._kept) == before:
                deadline.wait(0.05)
                waited += 0.05
        if self._connection is not None and not self._connection.closed:
            rows = self._connection.execute(f"SELECT n FROM {TABLE}".encode()).fetchall()
            self._lost = len(set(self._kept) - {row[0] for row in rows})
            self._connection.close()
        else:
            self._lost = len(self._kept)  # nobody can say that they are there

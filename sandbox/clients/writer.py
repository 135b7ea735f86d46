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

from sandbox.clients.observation import ClientObservation
from sandbox.clock import get_sandbox_clock

WRITE_PAUSE_SECONDS: Final = 0.005  # seconds of the wall between two writes
RECOVERY_LIMIT_SECONDS: Final = 60.0  # seconds of the wall until what was lost must be countable
WRITER_TABLE: Final = "bulwark_writer"
CredentialsGetter = Callable[
    [], Mapping[str, Any]
]  # host, port, dbname, username, password: read anew


class DatabaseWriter:
    """Writes until the end of its block."""

    def __init__(self, get_credentials: CredentialsGetter) -> None:
        self._get_credentials = get_credentials
        self._last_answer_time, self._longest_gap = get_sandbox_clock().now(), 0.0
        self._sent = self._errors = self._lost = 0
        self._acknowledged_rows: list[int] = []
        self._stop_event = threading.Event()
        self._thread = threading.Thread(target=self._write_rows, name="writer", daemon=True)
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def get_observation(self) -> ClientObservation:
        """What came of it, once its block has ended."""
        return ClientObservation(
            "writer",
            self._sent,
            len(self._acknowledged_rows),
            self._errors,
            self._longest_gap,
            self._lost,
        )

    def _connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        credentials = self._get_credentials()
        connection: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(
            host=credentials["host"],
            port=credentials["port"],
            dbname=credentials["dbname"],
            user=credentials["username"],
            password=credentials["password"],
            connect_timeout=10,
            application_name="writer",
            autocommit=True,
            sslmode=os.environ.get("PGSSLMODE", "prefer"),
        )
        return connection

    def send_request(self) -> None:
        """Writes one row."""
        self._sent += 1
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            self._connection.execute(
                f"INSERT INTO {WRITER_TABLE} VALUES (%s)".encode(), (self._sent,)
            )
        except psycopg.Error:
            self._errors += 1
            if self._connection is not None:
                self._connection.close()
            return
        self._acknowledged_rows.append(self._sent)
        now = get_sandbox_clock().now()
        self._longest_gap = max(self._longest_gap, (now - self._last_answer_time).total_seconds())
        self._last_answer_time = now

    def _write_rows(self) -> None:
        while not self._stop_event.is_set():
            self.send_request()
            self._stop_event.wait(WRITE_PAUSE_SECONDS)

    def create_table(self) -> None:
        """Makes its table anew."""
        with self._connect() as connection:
            connection.execute(f"DROP TABLE IF EXISTS {WRITER_TABLE}".encode())
            connection.execute(f"CREATE TABLE {WRITER_TABLE} (n int)".encode())
        self._last_answer_time = get_sandbox_clock().now()

    def __enter__(self) -> Self:
        self.create_table()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_event.set()
        self._thread.join(RECOVERY_LIMIT_SECONDS)
        self.count_lost_rows()

    def count_lost_rows(self) -> None:
        """Writes until that is acknowledged once more, then looks at what is there."""
        acknowledged_count = len(self._acknowledged_rows)
        pause_event = threading.Event()
        waited_seconds = 0.0
        while (
            len(self._acknowledged_rows) == acknowledged_count
            and waited_seconds < RECOVERY_LIMIT_SECONDS
        ):  # the gap that is open ends here
            self.send_request()
            if len(self._acknowledged_rows) == acknowledged_count:
                pause_event.wait(0.05)
                waited_seconds += 0.05
        if self._connection is not None and not self._connection.closed:
            rows = self._connection.execute(f"SELECT n FROM {WRITER_TABLE}".encode()).fetchall()
            self._lost = len(set(self._acknowledged_rows) - {row[0] for row in rows})
            self._connection.close()
        else:
            self._lost = len(self._acknowledged_rows)  # nobody can say that they are there

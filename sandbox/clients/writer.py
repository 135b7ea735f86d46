"""A client that writes numbered rows again and again and counts lost ones.

with DatabaseWriter(get_credentials) as writer:   # in a thread
    ...                                        # the database is operated on
writer.get_observation()

It connects again when its connection drops, and reads its credentials again when they are refused,
as a restarted service does. Each row is one transaction; it counts as answered when its commit was
acknowledged.

With a clock that is advanced by hand, `step_clients(clock, writer)` writes every few simulated
seconds instead, without a thread.
"""

import os
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from sandbox.clients.observation import ClientObservation
from sandbox.clock import get_sandbox_clock
from sandbox.pausing_clock import hold_clock

WRITE_PAUSE_SECONDS: Final = 0.005  # real seconds between two writes
RECOVERY_LIMIT_SECONDS: Final = 60.0  # real seconds until lost rows must be countable
WRITER_TABLE: Final = "bulwark_writer"
CredentialsGetter = Callable[
    [], Mapping[str, Any]
]  # host, port, dbname, username, password: read again


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
        """The result, after its block has ended."""
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
        """Writes one row. The sandbox's clock does not pass faster than real time meanwhile."""
        with hold_clock():
            self._write_row()

    def _write_row(self) -> None:
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
        """Creates its table again."""
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
        """Writes until a row is acknowledged once more, then compares with the table."""
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
            self._lost = len(self._acknowledged_rows)  # unknown whether they were stored

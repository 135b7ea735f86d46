"""A database that is a real server, on a clock that stands still, and a client that writes to it.

The client writes once in five simulated seconds, whenever a line lets time pass.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ops.core.run import WallClock
from sandbox import clock as sandbox_clock
from sandbox.clients.http_client import STEP_SECONDS, step_clients
from sandbox.clients.writer import DatabaseWriter
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import open_postgres_console
from tests.ops.stage import Stage

ENDPOINT_POLL_SECONDS = (
    0.02  # seconds of the wall in which an endpoint sees that it is to drop its connections
)


@dataclass(frozen=True)
class PatientWriter:
    """Writes, and leaves the endpoint the time to look at the clock that was advanced."""

    writer: DatabaseWriter

    def send_request(self) -> None:
        time.sleep(ENDPOINT_POLL_SECONDS)
        self.writer.send_request()


@contextmanager
def open_simulated_console(
    folder: Path, set_up: Callable[[Stage], object] = lambda _: None, **overrides: Any
) -> Iterator[OpsConsole]:
    """A console whose time is simulated: it passes where a line waits."""
    with open_postgres_console(folder, **overrides) as console:
        set_up(console.stage)
        console.file.write_text(console.stage.outputs.model_dump_json(by_alias=True))
        clock = console.stage.clock
        sandbox_clock.set_sandbox_clock(clock.held_clock)
        with (
            patch.object(WallClock, "now", lambda _: clock.now()),
            patch.object(WallClock, "sleep", lambda _, seconds: clock.sleep(seconds)),
            patch("ops.core.clock.now", clock.held_clock.now),
        ):
            yield console


def fetch_login(ops: OpsConsole) -> dict[str, Any]:
    """Where the database is, and what its secret says now."""
    database = ops.stage.outputs.database
    secret = ops.stage.client("secretsmanager").get_secret_value(SecretId=database.secret_arn)
    return {**json.loads(secret["SecretString"]), "host": database.endpoint, "port": database.port}


@contextmanager
def write_continuously(ops: OpsConsole) -> Iterator[DatabaseWriter]:
    """A client writes while the block is carried out."""
    writer = DatabaseWriter(lambda: fetch_login(ops))
    writer.create_table()
    with step_clients(ops.stage.clock.held_clock, PatientWriter(writer)):
        yield writer
        ops.stage.clock.sleep(2 * STEP_SECONDS)
    writer.count_lost_rows()

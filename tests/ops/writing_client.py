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
from tests.ops.command_line import Console
from tests.ops.sql_stage import real_console
from tests.ops.stage import Stage

LOOKS = 0.02  # seconds of the wall in which an endpoint sees that it is to drop its connections


@dataclass(frozen=True)
class Patient:
    """Writes, and leaves the endpoint the time to look at the clock that was advanced."""

    writer: DatabaseWriter

    def send_request(self) -> None:
        time.sleep(LOOKS)
        self.writer.send_request()


@contextmanager
def held_console(
    folder: Path, build: Callable[[Stage], object] = lambda _: None, **given: Any
) -> Iterator[Console]:
    """A console whose time is simulated: it passes where a line waits."""
    with real_console(folder, **given) as made:
        build(made.stage)
        made.file.write_text(made.stage.outputs.model_dump_json(by_alias=True))
        clock = made.stage.clock
        sandbox_clock.set_sandbox_clock(clock.held)
        with (
            patch.object(WallClock, "now", lambda _: clock.now()),
            patch.object(WallClock, "sleep", lambda _, seconds: clock.sleep(seconds)),
            patch("ops.core.clock.now", clock.held.now),
        ):
            yield made


def login(ops: Console) -> dict[str, Any]:
    """Where the database is, and what its secret says now."""
    part = ops.stage.outputs.database
    found = ops.stage.client("secretsmanager").get_secret_value(SecretId=part.secret_arn)
    return {**json.loads(found["SecretString"]), "host": part.endpoint, "port": part.port}


@contextmanager
def written(ops: Console) -> Iterator[DatabaseWriter]:
    """A client writes while the block is carried out."""
    writer = DatabaseWriter(lambda: login(ops))
    writer.create_table()
    with step_clients(ops.stage.clock.held, Patient(writer)):
        yield writer
        ops.stage.clock.sleep(2 * STEP_SECONDS)
    writer.count_lost_rows()

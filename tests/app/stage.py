"""The service as a process, on a PostgreSQL of the sandbox's RDS, with a secret in the sandbox."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.aws import get_client
from sandbox.program import PROJECT_ROOT
from sandbox.server import get_client_environment, open_listening_socket, serve_in_thread
from tests.sandbox.database_stage import (
    ADMIN_PASSWORD,
    ADMIN_USER,
    REGION,
    DatabaseStage,
    open_database_stage,
)

GIVE_UP_SECONDS = 90  # what is waited for has not happened: the test fails
SECRET_NAME = "database"


@dataclass(frozen=True)
class Answer:
    """An answer of the service."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass
class AppProcess:
    """A process of the service and what it has printed."""

    process: "subprocess.Popen[str]"
    port: int
    lines: list[str] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def read_output(self) -> None:
        """Collects its lines until it ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()

    def wait_for_line(self, part: str) -> None:
        """Waits until a line has this text."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: any(part in line for line in self.lines), GIVE_UP_SECONDS
            ), "".join(self.lines)

    def request(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Its answer to a request; a body that is not bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=GIVE_UP_SECONDS)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, content, headers or {})
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read()), dict(response.headers))
        finally:
            connection.close()

    def wait_for_status(self, path: str, status: int) -> Answer:
        """Asks until the answer has a status."""
        answer = None
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            answer = self.request("GET", path)
            if answer.status == status:
                return answer
            time.sleep(0.05)
        raise AssertionError(f"{path} answers {answer}, not {status}\n{''.join(self.lines)}")

    def list_records(self) -> list[dict[str, Any]]:
        """What it has logged."""
        return [json.loads(line) for line in self.lines]

    def stop(self) -> int:
        """Sends SIGTERM, and returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(GIVE_UP_SECONDS)


class AppStage:
    """The database, its secret, and processes that use both."""

    def __init__(self, database: DatabaseStage, aws_url: str) -> None:
        self.database, self._aws_url = database, aws_url
        self.host, self.db_port = database.get_endpoint()
        self.password = ADMIN_PASSWORD
        self.secrets = get_client("secretsmanager", REGION)
        self.secret_arn = self.secrets.create_secret(
            Name=SECRET_NAME, SecretString=self.build_secret(ADMIN_PASSWORD)
        )["ARN"]

    def build_secret(self, password: str) -> str:
        """The secret as the stack writes it."""
        return json.dumps(
            {
                "engine": "postgres",
                "host": self.host,
                "port": self.db_port,
                "dbname": "app",
                "username": ADMIN_USER,
                "password": password,
            }
        )

    def build_environment(self, **changes: str) -> dict[str, str]:
        """What the stack gives a container, and the sandbox as AWS."""
        variables = {
            "DB_HOST": self.host,
            "DB_PORT": str(self.db_port),
            "DB_NAME": "app",
            "DB_USER": ADMIN_USER,
            "DB_PASSWORD": self.password,
            "DB_SECRET_ARN": self.secret_arn,
            "DB_SSLROOTCERT": str(self.database.postgres_servers.authority.root_file),
            **get_client_environment(self._aws_url, REGION),
            **changes,
        }
        given_values = {name: value for name, value in variables.items() if value}
        return {"PATH": os.environ["PATH"], **given_values}

    @contextmanager
    def run_app(self, **changes: str) -> Iterator[AppProcess]:
        """A process of the service that listens; killed at the end if it still runs."""
        port = find_free_port()
        environment = self.build_environment(HOST="127.0.0.1", PORT=str(port), **changes)
        process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=PROJECT_ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        app = AppProcess(process, port)
        reader = threading.Thread(target=app.read_output, daemon=True)
        reader.start()
        try:
            app.wait_for_line("Uvicorn running")
            yield app
        finally:
            process.kill()
            process.wait()
            reader.join()
            assert process.stdout is not None
            process.stdout.close()

    def migrate(self, folder: Path | None = None, **changes: str) -> tuple[int, str]:
        """The exit code and all the text of python -m app.migrate."""
        done = self.start_migration(folder, **changes)
        text, _ = done.communicate(timeout=GIVE_UP_SECONDS)
        return done.returncode, text

    def start_migration(
        self, folder: Path | None = None, **changes: str
    ) -> "subprocess.Popen[str]":
        """A process that migrates."""
        return subprocess.Popen(
            [sys.executable, "-m", "app.migrate", *(["--folder", str(folder)] if folder else [])],
            cwd=PROJECT_ROOT,
            env=self.build_environment(**changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement; none of one that has none."""
        with self.database.connect(password=self.password) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def lock_items(self) -> Iterator[None]:
        """Holds the table of the items: who wants it waits until the end of the block."""
        with (
            self.database.connect(password=self.password) as connection,
            connection.transaction(),
        ):
            connection.execute("LOCK TABLE items")
            yield

    def wait_for_waiting_backends(self, number: int, what: str = "relation") -> None:
        """Waits until so many connections wait for a lock."""
        wait_until(
            lambda: (
                len(self.query(f"SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = '{what}'"))
                >= number
            )
        )

    def change_password(self, password: str) -> None:
        """Rotates the password: of the database, then in the secret."""
        self.database.api.modify_db_instance(
            DBInstanceIdentifier="main", MasterUserPassword=password, ApplyImmediately=True
        )
        self.database.held_clock.advance(600)
        self.secrets.put_secret_value(
            SecretId=self.secret_arn, SecretString=self.build_secret(password)
        )
        self.password = password

    def fail_over(self) -> None:
        """Fails the database over to its standby, which drops every connection."""
        self.database.api.reboot_db_instance(DBInstanceIdentifier="main", ForceFailover=True)
        self.database.held_clock.advance(600)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Waits until something is so."""
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def find_free_port() -> int:
    """A port at which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def open_app_stage() -> Iterator[AppStage]:
    """A database that answers, its secret, and the sandbox behind an address."""
    with open_database_stage() as database:
        database.create_instance()
        with serve_in_thread(open_listening_socket(0)) as aws_url:
            yield AppStage(database, aws_url)

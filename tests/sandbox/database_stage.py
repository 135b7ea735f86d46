"""Instances of the sandbox's RDS that are PostgreSQL servers, and the calls of their tests."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from moto.rds.models import rds_backends

from sandbox import clock
from sandbox import postgres as databases
from sandbox.aws import ACCOUNT_ID, get_client, use_in_memory_aws
from sandbox.postgres.instance import InstanceServer
from sandbox.postgres.servers import PostgresServers

REGION, ADMIN_USER, ADMIN_PASSWORD = "eu-north-1", "bulwark_admin", "a-password-of-the-test"


class DatabaseStage:
    """The calls of these tests, on a clock that stands still until it is advanced."""

    def __init__(
        self, held_clock: clock.ManualClock, postgres_servers: PostgresServers, region: str = REGION
    ) -> None:
        self.held_clock, self.postgres_servers, self.api = (
            held_clock,
            postgres_servers,
            get_client("rds", region),
        )

    def create_instance(self, name: str = "main", **parameters: Any) -> None:
        self.api.create_db_instance(
            **{
                "DBInstanceIdentifier": name,
                "DBInstanceClass": "db.t4g.small",
                "Engine": "postgres",
                "EngineVersion": "16",
                "AllocatedStorage": 20,
                "MasterUsername": ADMIN_USER,
                "MasterUserPassword": ADMIN_PASSWORD,
                "DBName": "app",
                "BackupRetentionPeriod": 7,
                "Port": 5433,
                "MultiAZ": True,
                **parameters,
            }
        )
        self.held_clock.advance(3600)

    def get_endpoint(self, name: str = "main") -> tuple[str, int]:
        instance = self.api.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return instance["Endpoint"]["Address"], instance["Endpoint"]["Port"]

    def connect(
        self,
        name: str = "main",
        password: str = ADMIN_PASSWORD,
        endpoint: tuple[str, int] | None = None,
    ) -> "psycopg.Connection[tuple[Any, ...]]":
        host, port = endpoint or self.get_endpoint(name)
        return psycopg.connect(
            host=host,
            port=port,
            user=ADMIN_USER,
            password=password,
            dbname="app",
            autocommit=True,
            connect_timeout=20,
            sslmode="disable",
        )

    def list_rows(self, name: str = "main") -> list[int]:
        with self.connect(name) as connection:
            return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY n").fetchall()]

    def insert_rows(self, *numbers: int, name: str = "main") -> None:
        with self.connect(name) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS t (n int)")
            for number in numbers:
                connection.execute("INSERT INTO t VALUES (%s)", (number,))

    def restore_copy(self, name: str, source: str = "main", **parameters: Any) -> None:
        """A snapshot, and an instance from it."""
        self.api.create_db_snapshot(DBInstanceIdentifier=source, DBSnapshotIdentifier=f"of-{name}")
        self.held_clock.advance(900)
        self.api.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=f"of-{name}", **parameters
        )
        self.held_clock.advance(3600)

    def get_server(self, name: str = "main") -> InstanceServer:
        server = self.postgres_servers.find_instance_server(
            rds_backends[ACCOUNT_ID][REGION].databases[name]
        )
        assert server is not None
        return server


def require_disconnected(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """Fails where a connection is not dropped soon."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return
        time.sleep(0.01)
    pytest.fail("the connection goes on")


@contextmanager
def open_database_stage() -> Iterator[DatabaseStage]:
    """An in-memory AWS whose databases are servers, on a clock that stands still."""
    held_clock = clock.ManualClock()
    with use_in_memory_aws(REGION), databases.use_real_postgres() as postgres_servers:
        previous_clock = clock.set_sandbox_clock(held_clock)
        try:
            yield DatabaseStage(held_clock, postgres_servers)
        finally:
            clock.set_sandbox_clock(previous_clock)

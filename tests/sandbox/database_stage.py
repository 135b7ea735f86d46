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

REGION, ADMIN, WORD = "eu-north-1", "bulwark_admin", "a-password-of-the-test"


class Rds:
    """The calls of these tests, on a clock that stands still until it is advanced."""

    def __init__(self, held: clock.ManualClock, on: PostgresServers, region: str = REGION) -> None:
        self.held, self.on, self.api = held, on, get_client("rds", region)

    def make(self, name: str = "main", **given: Any) -> None:
        self.api.create_db_instance(
            **{
                "DBInstanceIdentifier": name,
                "DBInstanceClass": "db.t4g.small",
                "Engine": "postgres",
                "EngineVersion": "16",
                "AllocatedStorage": 20,
                "MasterUsername": ADMIN,
                "MasterUserPassword": WORD,
                "DBName": "app",
                "BackupRetentionPeriod": 7,
                "Port": 5433,
                "MultiAZ": True,
                **given,
            }
        )
        self.held.advance(3600)

    def where(self, name: str = "main") -> tuple[str, int]:
        found = self.api.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return found["Endpoint"]["Address"], found["Endpoint"]["Port"]

    def connect(
        self, name: str = "main", word: str = WORD, at: tuple[str, int] | None = None
    ) -> "psycopg.Connection[tuple[Any, ...]]":
        host, port = at or self.where(name)
        return psycopg.connect(
            host=host,
            port=port,
            user=ADMIN,
            password=word,
            dbname="app",
            autocommit=True,
            connect_timeout=20,
            sslmode="disable",
        )

    def rows(self, name: str = "main") -> list[int]:
        with self.connect(name) as connection:
            return [r[0] for r in connection.execute("SELECT n FROM t ORDER BY n").fetchall()]

    def write(self, *numbers: int, name: str = "main") -> None:
        with self.connect(name) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS t (n int)")
            for number in numbers:
                connection.execute("INSERT INTO t VALUES (%s)", (number,))

    def copied(self, name: str, of: str = "main", **given: Any) -> None:
        """A snapshot, and an instance from it."""
        self.api.create_db_snapshot(DBInstanceIdentifier=of, DBSnapshotIdentifier=f"of-{name}")
        self.held.advance(900)
        self.api.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=f"of-{name}", **given
        )
        self.held.advance(3600)

    def standing(self, name: str = "main") -> InstanceServer:
        found = self.on.find_instance_server(rds_backends[ACCOUNT_ID][REGION].databases[name])
        assert found is not None
        return found


def ended(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """Fails where a connection is not dropped soon."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return
        time.sleep(0.01)
    pytest.fail("the connection goes on")


@contextmanager
def servers() -> Iterator[Rds]:
    """An in-memory AWS whose databases are servers, on a clock that stands still."""
    held = clock.ManualClock()
    with use_in_memory_aws(REGION), databases.use_real_postgres() as on:
        before = clock.set_sandbox_clock(held)
        try:
            yield Rds(held, on)
        finally:
            clock.set_sandbox_clock(before)

"""What sessions do in the real database of a world: locks, open transactions, dead rows.

PostgreSQL's own clock is the machine's, and what is minutes old here began seconds ago. So the
database has functions `now()` and `clock_timestamp()` before PostgreSQL's, which are as far ahead
as the world's clock went on meanwhile: ages are those that they would be.
"""

import json
import threading
import time
from contextlib import suppress
from typing import Any, Final

import psycopg
from moto.rds.models import rds_backends

from sandbox import postgres as databases
from sandbox.aws import ACCOUNT_ID
from sandbox.incidents.model import happening
from sandbox.incidents.world import TimeSpanBack, World

Connection = psycopg.Connection[tuple[Any, ...]]
CLOCK_SCHEMA: Final = "incident_clock"
TABLES: Final = """
    CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY, state text NOT NULL);
    CREATE TABLE IF NOT EXISTS payments (id int PRIMARY KEY, state text NOT NULL);
    INSERT INTO orders SELECT n, 'open' FROM generate_series(1, 200) n ON CONFLICT DO NOTHING;
    INSERT INTO payments SELECT n, 'open' FROM generate_series(1, 200) n ON CONFLICT DO NOTHING"""
MAX_WAIT_SECONDS: Final = 20.0  # until a session waits
CONNECTION_ATTEMPTS = 5


@happening("hold-lock")
def hold_lock(
    world: World,
    span: TimeSpanBack,
    *,
    statement: str,
    waiting: list[str],
    application: str = "psql",
    waiting_application: str = "backend",
    is_active: bool = False,
) -> None:
    """A session runs a statement in a transaction and stays; others wait for it.

    With `is_active` it goes on working, as a migration does, instead of doing nothing.
    """
    prepare_database(world, span)
    holder = connect(world, application)
    holder.execute("BEGIN")
    holder.execute(statement)
    if is_active:
        _run_in_background(world, holder, "SELECT pg_sleep(3600)")
    waiters = [connect(world, waiting_application) for _ in waiting]
    for waiter, text in zip(waiters, waiting, strict=True):
        _run_in_background(world, waiter, text)
    _wait_until(
        world,
        "SELECT count(*) FROM pg_locks WHERE NOT granted",
        lambda count: count >= len(waiting),
    )


@happening("idle-transactions")
def open_transactions(
    world: World,
    span: TimeSpanBack,
    *,
    count: int = 1,
    application: str = "report",
    statement: str = "SELECT count(*) FROM orders",
) -> None:
    """Sessions that asked something in a transaction and do nothing since."""
    prepare_database(world, span)
    for _ in range(count):
        session = connect(world, application)
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        session.execute(statement)


@happening("open-sessions")
def open_sessions(
    world: World,
    span: TimeSpanBack,
    *,
    leave: int = 8,
    application: str = "backend",
    most: int = 400,
) -> None:
    """Sessions that do nothing, up to so many fewer than the server takes."""
    prepare_database(world, span)
    with connect_superuser(world) as session:
        free = session.execute(
            "SELECT current_setting('max_connections')::int - count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend'"
        ).fetchone()
    assert free is not None
    for _ in range(min(int(free[0]) - leave, most)):
        session = connect(world, application)
        session.execute("SELECT 1")


@happening("busy-sessions")
def run_statements(
    world: World,
    span: TimeSpanBack,
    *,
    count: int,
    application: str = "backend",
    statement: str = "SELECT count(*) FROM orders a, orders b WHERE pg_sleep(0.2) IS NOT NULL",
) -> None:
    """Sessions that run a statement which takes long."""
    prepare_database(world, span)
    for _ in range(count):
        _run_in_background(world, connect(world, application), statement)
    _wait_until(
        world,
        f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{application}'"
        " AND state = 'active'",
        lambda active: active >= count,
    )


@happening("dead-rows")
def leave_dead_rows(world: World, span: TimeSpanBack, *, table: str = "orders") -> None:
    """A table of which most rows are dead, and that vacuum does not come to."""
    prepare_database(world, span)
    with connect_superuser(world) as session:
        session.autocommit = True
        session.execute(f"CREATE TABLE {table}_events (id int, state text)")
        session.execute(f"ALTER TABLE {table}_events SET (autovacuum_enabled = false)")
        session.execute(
            f"INSERT INTO {table}_events SELECT n, 'open' FROM generate_series(1, 40000) n"
        )
        for state in ("paid", "sent", "done"):
            session.execute(f"UPDATE {table}_events SET state = '{state}'")
        with suppress(psycopg.Error):
            session.execute("SELECT pg_stat_force_next_flush()")
    _at_exit(world, f"DROP TABLE IF EXISTS {table}_events")


@happening("rotate-password")
def change_password(world: World, span: TimeSpanBack, *, by: str = "jane.doe") -> None:
    """The password of the database's user is changed by hand: the secret's is wrong now."""
    prepare_database(world, span)
    password = _get_secret(world)["password"]
    world.person("rds", by).modify_db_instance(
        DBInstanceIdentifier=world.outputs.database.identifier,
        MasterUserPassword="changed-by-hand-8f2c1d",
        ApplyImmediately=True,
    )
    user = world.outputs.database.admin_name
    _at_exit(world, f"ALTER ROLE {user} PASSWORD '{password}'")


def prepare_database(world: World, span: TimeSpanBack) -> None:
    """The shop's tables, and a clock that is ahead by the world's minutes until the diagnosis."""
    with connect_superuser(world) as session:
        session.autocommit = True
        session.execute(TABLES)
        user = world.outputs.database.admin_name
        session.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}")
        session.execute(f"ALTER TABLE orders OWNER TO {user}")
        session.execute(f"ALTER TABLE payments OWNER TO {user}")
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {CLOCK_SCHEMA}")
        for function in ("now", "clock_timestamp"):
            session.execute(
                f"CREATE OR REPLACE FUNCTION {CLOCK_SCHEMA}.{function}() RETURNS timestamptz"
                f" LANGUAGE sql AS 'SELECT pg_catalog.{function}() + interval ''{span.begin} s'''"
            )
        session.execute(f"GRANT USAGE ON SCHEMA {CLOCK_SCHEMA} TO PUBLIC")
        database = world.outputs.database.database
        path = f'{CLOCK_SCHEMA}, pg_catalog, "$user", public'
        session.execute(f"ALTER DATABASE {database} SET search_path = {path}")
    _at_exit(
        world,
        f"ALTER DATABASE {world.outputs.database.database} RESET search_path",
        f"DROP SCHEMA IF EXISTS {CLOCK_SCHEMA} CASCADE",
    )


def connect(world: World, application: str) -> Connection:
    """A session of the application's, closed with the world."""
    database, secret = world.outputs.database, _get_secret(world)
    session: Connection = psycopg.connect(
        host=database.endpoint,
        port=database.port,
        user=secret["username"],
        password=secret["password"],
        dbname=database.database,
        application_name=application,
        sslmode="prefer",
        autocommit=True,
        connect_timeout=20,
    )
    world.exit_stack.callback(_close_quietly, session)
    return session


def connect_superuser(world: World) -> Connection:
    """A session of the superuser's, which RDS gives nobody."""
    identifier = world.outputs.database.identifier
    instance = rds_backends[ACCOUNT_ID][world.region].databases[identifier]
    return databases.connect_superuser(instance)


def _get_secret(world: World) -> dict[str, str]:
    answer = world.client("secretsmanager").get_secret_value(
        SecretId=world.outputs.database.secret_arn
    )
    secret: dict[str, str] = json.loads(answer["SecretString"])
    return secret


def _run_in_background(world: World, session: Connection, statement: str) -> None:
    def run() -> None:
        with suppress(psycopg.Error):
            session.execute(statement)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    # Closed while a thread waits on it, libpq would read freed memory: so that ends first. Not
    # cancelled: libpq sends that without TLS, which the database's endpoint does not take.
    world.exit_stack.callback(thread.join, MAX_WAIT_SECONDS)
    _at_exit(world, f"SELECT pg_terminate_backend({session.info.backend_pid})")


def _wait_until(world: World, query: str, is_reached: Any) -> None:
    """Until the database says so: it takes a moment until a session waits."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    with connect_superuser(world) as session:
        session.autocommit = True
        while time.monotonic() < deadline:
            row = session.execute(query).fetchone()
            if row is not None and is_reached(row[0]):
                return
            time.sleep(0.01)
    raise RuntimeError(f"the database never answered as it must: {query}")


def _close_quietly(session: Connection) -> None:
    with suppress(psycopg.Error):
        session.close()


def _at_exit(world: World, *statements: str) -> None:
    """Statements of the superuser's at the end of the world's incident."""

    def run() -> None:
        with _connect_patiently(world) as session:
            session.autocommit = True
            for statement in statements:
                session.execute(statement)

    world.exit_stack.callback(run)


def _connect_patiently(world: World) -> Connection:
    """A session of the superuser's, also while a busy machine is slow to answer."""
    for _ in range(CONNECTION_ATTEMPTS - 1):
        with suppress(psycopg.errors.ConnectionTimeout):
            return connect_superuser(world)
    return connect_superuser(world)

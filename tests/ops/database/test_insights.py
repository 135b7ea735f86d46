"""`ops db insights`: the load that real sessions make, by what they wait for and by statement."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import psycopg
import pytest

from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations
from tests.ops.sql_stage import connect_application

PRIMARY = "bulwark-test-database"


@pytest.fixture
def switched_on(ops: OpsConsole) -> Iterator[OpsConsole]:
    """The console of a database whose Performance Insights is on."""
    rds = ops.stage.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier=PRIMARY, EnablePerformanceInsights=True)
    try:
        yield ops
    finally:
        rds.modify_db_instance(DBInstanceIdentifier=PRIMARY, EnablePerformanceInsights=False)


@contextmanager
def run_blocked_statement(ops: OpsConsole, statement: str) -> Iterator[None]:
    """A session that waits for the lock of another one, with a statement that names somebody."""
    with connect_application(ops.stage) as holder, connect_application(ops.stage) as waiter:
        holder.execute("CREATE TABLE people (id int, email text)")
        holder.execute("INSERT INTO people VALUES (7, 'a')")
        holder.execute("BEGIN; UPDATE people SET email = 'b'")
        worker = Thread(target=lambda: waiter.execute(statement.encode()))
        worker.start()
        _wait_until_blocked(holder, waiter.info.backend_pid)
        try:
            yield
        finally:
            holder.execute("ROLLBACK")
            worker.join()
            holder.execute("DROP TABLE people")


def _wait_until_blocked(session: "psycopg.Connection[Any]", pid: int) -> None:
    deadline = time.monotonic() + 20
    while session.execute("SELECT pg_blocking_pids(%s) = '{}'", [pid]).fetchone() == (True,):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_says_which_setting_turns_it_on(ops: OpsConsole) -> None:
    _, err = ops("db insights", expected_code=1)
    assert f"Performance Insights is off for {PRIMARY}: set database.performanceInsights" in err


def test_nothing_that_is_busy_is_no_load(switched_on: OpsConsole) -> None:
    out, err = switched_on("db insights")
    assert out == "no load\nno statements with load\n"
    assert "0.00 sessions on average, 0.00 at most, on 2 vCPUs" in err


def test_the_load_is_of_real_sessions_and_statements_have_no_literals(
    switched_on: OpsConsole,
) -> None:
    statement = "UPDATE people SET email = 'eve@example.com' WHERE id = 7"
    with run_blocked_statement(switched_on, statement):
        found = switched_on.run_for_json("db insights")
        out, err = switched_on("db insights")
    (wait,) = found["waits"]
    assert (wait["type"], wait["name"]) == ("Lock", "transactionid")
    (row,) = found["statements"]
    assert row["statement"] == "UPDATE people SET email = ? WHERE id = ?"
    assert [*row["waits"]] == ["transactionid"]
    assert row["load"] == wait["load"] == row["waits"]["transactionid"]
    assert 0 < found["average"] <= found["maximum"] <= 1
    assert found["vcpus"] == 2
    for text in (out, str(found)):
        assert "eve@example.com" not in text
        assert "UPDATE people SET email = ? WHERE id = ?" in text
    assert "sessions on average" in err
    assert "on 2 vCPUs" in err


def test_times_and_instances_that_cannot_be(switched_on: OpsConsole) -> None:
    _, err = switched_on("db insights --since 8d", expected_code=2)
    assert "--since must be at most 7 days ago" in err
    _, err = switched_on("db insights --replica other", expected_code=2)
    assert "--replica must be 'bulwark-test-database', not 'other'" in err
    _, err = switched_on("db insights --replica bulwark-test-database-other", expected_code=1)
    assert "there is no DB instance bulwark-test-database-other" in err


@pytest.mark.parametrize("operation", ["get_resource_metrics", "describe_dimension_keys"])
def test_a_denied_call_is_named(switched_on: OpsConsole, operation: str) -> None:
    with fail_operations("AccessDenied", operation):
        _, err = switched_on("db insights", expected_code=1)
    assert f"pi.{operation} was denied" in err

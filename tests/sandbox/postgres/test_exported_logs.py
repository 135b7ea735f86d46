"""What a real server logs is in the log group that RDS exports it to, and `ops` can read it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ops.health.logs import POSTGRES_ERROR_PATTERN
from sandbox.aws import get_client
from tests.sandbox.database_stage import REGION, DatabaseStage, open_database_stage

GROUP = "/aws/rds/instance/main/postgresql"


@pytest.fixture
def database_stage() -> Iterator[DatabaseStage]:
    with open_database_stage() as opened_stage:
        opened_stage.create_instance()
        get_client("logs", REGION).create_log_group(logGroupName=GROUP)
        yield opened_stage


def list_events(**parameters: Any) -> list[dict[str, Any]]:
    answer = get_client("logs", REGION).filter_log_events(logGroupName=GROUP, **parameters)
    return list(answer["events"])


def fail_statement(stage: DatabaseStage, table: str) -> None:
    with stage.connect() as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute(f"SELECT *\nFROM {table}")


def test_an_error_of_the_server_is_an_event_with_the_sandboxes_time(
    database_stage: DatabaseStage,
) -> None:
    assert list_events() == []
    fail_statement(database_stage, "first_table")
    database_stage.held_clock.advance(7200)
    fail_statement(database_stage, "second_table")
    errors = list_events(filterPattern=POSTGRES_ERROR_PATTERN)
    assert [event["logStreamName"] for event in errors] == ["main.0", "main.0"]
    first, second = (event["message"] for event in errors)
    assert ":bulwark_admin@app:[" in first
    assert 'ERROR:  relation "first_table" does not exist' in first
    assert 'ERROR:  relation "second_table" does not exist' in second
    now = database_stage.held_clock.now()
    assert second.startswith(f"{now:%Y-%m-%d %H:%M}")
    assert first.startswith(f"{now - timedelta(hours=2):%Y-%m-%d %H:%M}")
    (statement,) = list_events(filterPattern='"first_table" "STATEMENT:"')
    assert statement["message"].endswith("STATEMENT:  SELECT *\n\tFROM first_table")


def test_each_log_event_is_exported_once(database_stage: DatabaseStage) -> None:
    fail_statement(database_stage, "first_table")
    count = len(list_events())
    assert count >= 2
    assert len(list_events()) == count
    fail_statement(database_stage, "first_table")
    assert len(list_events()) > count

"""`ops db databases`, on a real server with several databases."""

from typing import Any

from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import connect_application, connect_stage_superuser


def prepare_server(console: OpsConsole) -> None:
    """Read by the fixture `server`."""
    with connect_stage_superuser(console.stage) as connection:
        connection.execute("CREATE DATABASE closed CONNECTION LIMIT 7")
        connection.execute("CREATE DATABASE secluded")
        connection.execute("REVOKE CONNECT ON DATABASE secluded FROM public")
        # Its members could measure every database.
        connection.execute("REVOKE pg_monitor FROM rds_superuser")


def get_databases(ops: OpsConsole) -> dict[str, dict[str, Any]]:
    items = ops.run_for_json("db databases")["items"]
    return {item["database"]: item for item in items}


def test_every_database_has_its_size_owner_connections_and_age(ops: OpsConsole) -> None:
    with connect_application(ops.stage), connect_application(ops.stage):
        during = get_databases(ops)["app"]
    assert during["connections"] >= 3  # and the one that looks
    assert during["size"] > 1_000_000
    assert 0 < during["oldest_transaction"] < during["freeze_max_age"]
    assert during["used_percent"] == round(
        100 * during["oldest_transaction"] / (2**31 - 3_000_000), 1
    )
    databases = get_databases(ops)
    assert databases["template0"]["connections"] == 0
    assert databases["template0"]["state"] == "lets nobody in"
    assert databases["template1"]["state"] == "template"
    assert databases["closed"]["connection_limit"] == 7
    assert databases["app"]["connection_limit"] is None


def test_the_largest_is_first_and_what_may_not_be_measured_last_and_unknown(
    ops: OpsConsole,
) -> None:
    body = ops.run_for_json("db databases")
    sizes = [item["size"] for item in body["items"]]
    measured = [size for size in sizes if size is not None]
    assert sizes == [*sorted(measured, reverse=True), *[None] * body["unmeasured"]]
    assert body["size"] == sum(measured)
    assert get_databases(ops)["secluded"]["size"] is None
    out, _ = ops("db databases")
    row = next(line for line in out.splitlines() if line.startswith("secluded"))
    assert " unknown " in row
    assert "without secluded" in out
    assert "0 of 7" in next(line for line in out.splitlines() if line.startswith("closed"))
    assert "#database:id=bulwark-test-database" in out


def test_one_that_was_left_half_dropped_is_said_to_be_invalid(ops: OpsConsole) -> None:
    with connect_stage_superuser(ops.stage) as connection:
        connection.execute("CREATE DATABASE broken")
        connection.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'broken'")
    assert get_databases(ops)["broken"]["state"] == "invalid: drop it"
    with connect_stage_superuser(ops.stage) as connection:
        connection.execute("DROP DATABASE broken")

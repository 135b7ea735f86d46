"""`ops db extension` on a real server: a command creates what `db slow` and `db bloat` read."""

import pytest

from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import (
    connect_application,
    connect_stage_superuser,
)


def prepare_server(console: OpsConsole) -> None:
    """Read by the fixture `server`."""
    with connect_stage_superuser(console.stage) as admin:
        known = admin.execute(
            "SELECT FROM pg_available_extensions "
            "WHERE name IN ('pg_stat_statements', 'pgstattuple')"
        ).fetchall()
        if len(known) < 2:
            pytest.skip("the server has no contrib extensions")


def find_version(ops: OpsConsole, name: str) -> str | None:
    with connect_application(ops.stage) as connection:
        row = connection.execute(
            "SELECT extversion FROM pg_extension WHERE extname = %s", (name,)
        ).fetchone()
    return row[0] if row else None


def test_the_extension_advice_of_db_slow_works_as_printed_and_is_undone(ops: OpsConsole) -> None:
    missing = ops.run_for_json("db slow")["missing"]
    assert missing == "ops db extension pg_stat_statements"
    done = ops.run_for_json(f"{missing.removeprefix('ops ')} --yes")
    assert find_version(ops, "pg_stat_statements") == done["version"]
    assert ops.run_for_json("db slow")["statistics"] is True
    again = ops.run_for_json("db extension pg_stat_statements --yes")
    assert again["run"] is None
    ops(f"runs undo {done['run']} --yes")
    assert find_version(ops, "pg_stat_statements") is None


def test_bloat_is_measured_after_its_advice_was_followed(ops: OpsConsole) -> None:
    assert "to measure it: ops db extension pgstattuple" in ops("db bloat")[0]
    ops("db extension pgstattuple --yes")
    assert ops.run_for_json("db bloat")["measured"] is True


def test_an_outdated_extension_is_updated(ops: OpsConsole) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements VERSION '1.4'")
    assert "an update, by: ops db extension" in ops.run_for_json("db slow")["missing"]
    out, _ = ops("db extension pg_stat_statements --dry-run")
    assert "update pg_stat_statements from 1.4 to " in out
    ops("db extension pg_stat_statements --yes")
    assert ops.run_for_json("db slow")["statistics"] is True
    with connect_application(ops.stage) as connection:
        connection.execute("DROP EXTENSION pg_stat_statements")


def test_an_extension_that_no_command_reads_is_bad_input(ops: OpsConsole) -> None:
    _, err = ops("db extension file_fdw --yes", expected_code=2)
    assert "EXTENSION must be pg_stat_statements or pgstattuple, not 'file_fdw'" in err

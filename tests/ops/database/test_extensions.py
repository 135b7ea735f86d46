"""`ops db extension` on a real server: listed, created, updated, dropped again by undo."""

from typing import Any

import pytest

from ops.core.errors import DeniedError
from ops.database.preload_libraries import PreloadGroup
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
    assert missing == "ops db extension create pg_stat_statements"
    done = ops.run_for_json(f"{missing.removeprefix('ops ')} --yes")
    assert find_version(ops, "pg_stat_statements") == done["version"]
    assert ops.run_for_json("db slow")["statistics"] is True
    again = ops.run_for_json("db extension create pg_stat_statements --yes")
    assert again["run"] is None
    ops(f"runs undo {done['run']} --yes")
    assert find_version(ops, "pg_stat_statements") is None


def test_bloat_is_measured_after_its_advice_was_followed(ops: OpsConsole) -> None:
    assert "to measure it: ops db extension create pgstattuple" in ops("db bloat")[0]
    ops("db extension create pgstattuple --yes")
    assert ops.run_for_json("db bloat")["measured"] is True


def test_an_outdated_extension_is_updated(ops: OpsConsole) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements VERSION '1.4'")
    assert "an update, by: ops db extension update" in ops.run_for_json("db slow")["missing"]
    out, _ = ops("db extension update pg_stat_statements --dry-run")
    assert "update pg_stat_statements from 1.4 to " in out
    ops("db extension update pg_stat_statements --yes")
    assert ops.run_for_json("db slow")["statistics"] is True
    with connect_application(ops.stage) as connection:
        connection.execute("DROP EXTENSION pg_stat_statements")


def get_row(ops: OpsConsole, name: str) -> dict[str, Any]:
    items = ops.run_for_json("db extension list")["items"]
    return next(item for item in items if item["extension"] == name)


def test_the_list_says_versions_creators_and_the_library_that_is_loaded(ops: OpsConsole) -> None:
    body = ops.run_for_json("db extension list")
    assert body["libraries"] == ["pg_stat_statements"]
    assert body["unknown"] is None
    assert get_row(ops, "plpgsql") == {
        "extension": "plpgsql",
        "installed": "1.0",
        "newest": "1.0",
        "created by": "trusted: CREATE on the database",
        "library": None,
        "missing": [],
    }
    created = [item["installed"] is not None for item in body["items"]]
    assert created == sorted(created, reverse=True)
    assert get_row(ops, "pg_stat_statements")["library"] == "loaded"
    assert get_row(ops, "file_fdw")["created by"] == "rds_superuser"  # PostgreSQL: not trusted
    assert get_row(ops, "earthdistance")["missing"] == ["cube"]
    out, _ = ops("db extension list")
    assert f"shared_preload_libraries of {body['group']}: pg_stat_statements" in out


def test_an_outdated_extension_is_listed_with_its_update(ops: OpsConsole) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute("CREATE EXTENSION pg_trgm VERSION '1.3'")
    assert "ops db extension update pg_trgm" in ops("db extension list")[0]
    _, err = ops("db extension create pg_trgm --yes", expected_code=1)
    assert "created already, as version 1.3" in err
    assert "ops db extension update pg_trgm" in err
    done = ops.run_for_json("db extension update pg_trgm --yes")
    assert find_version(ops, "pg_trgm") == done["version"] == get_row(ops, "pg_trgm")["newest"]
    assert ops.run_for_json("db extension update pg_trgm --yes")["run"] is None
    with connect_application(ops.stage) as connection:
        connection.execute("DROP EXTENSION pg_trgm")


def test_a_name_with_a_hyphen_is_quoted(ops: OpsConsole) -> None:
    done = ops.run_for_json("db extension create uuid-ossp --yes")
    assert find_version(ops, "uuid-ossp") == done["version"]
    ops(f"runs undo {done['run']} --yes")
    assert find_version(ops, "uuid-ossp") is None


def test_undo_drops_nothing_that_a_table_depends_on(ops: OpsConsole) -> None:
    run = ops.run_for_json("db extension create hstore --yes")["run"]
    with connect_application(ops.stage) as connection:
        connection.execute("CREATE TABLE labels (value hstore)")
    _, err = ops(f"runs undo {run} --yes", expected_code=1)
    assert "other objects depend on it" in err
    with connect_application(ops.stage) as connection:
        assert connection.execute("SELECT count(*) FROM labels").fetchone() == (0,)
        connection.execute("DROP TABLE labels; DROP EXTENSION hstore")


def test_what_the_server_would_refuse_is_refused_before_the_plan(ops: OpsConsole) -> None:
    _, err = ops("db extension create earthdistance --yes", expected_code=1)
    assert "earthdistance requires cube, not created yet" in err
    assert "ops db extension create cube" in err
    _, err = ops("db extension update citext --yes", expected_code=1)
    assert "citext is not created" in err
    with connect_stage_superuser(ops.stage) as admin:
        admin.execute("ALTER DATABASE app SET rds.allowed_extensions = 'hstore,cube'")
    try:
        assert get_row(ops, "citext")["created by"] == "nobody: not in rds.allowed_extensions"
        _, err = ops("db extension create citext --yes", expected_code=1)
        assert "rds.allowed_extensions does not have citext in it" in err
        assert ops("db extension create cube --dry-run")
    finally:
        with connect_stage_superuser(ops.stage) as admin:
            admin.execute("ALTER DATABASE app RESET rds.allowed_extensions")


def test_a_user_without_rds_superuser_creates_only_trusted_extensions(ops: OpsConsole) -> None:
    with connect_stage_superuser(ops.stage) as admin:
        admin.execute("REVOKE rds_superuser FROM bulwark_admin")
    try:
        _, err = ops("db extension create file_fdw --yes", expected_code=1)
        assert "may not create file_fdw: needs a member of rds_superuser" in err
        assert ops("db extension create citext --dry-run")
        assert get_row(ops, "pg_stat_statements")["library"] == (
            "unknown: the user in the database's secret is not a member of pg_read_all_settings"
        )
    finally:
        with connect_stage_superuser(ops.stage) as admin:
            admin.execute("GRANT rds_superuser TO bulwark_admin")


def test_a_library_that_is_not_loaded_is_refused_with_what_loads_it(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    preloaded = frozenset({"citext"})  # the server has no pg_cron
    monkeypatch.setattr("ops.database.sql.extensions.PRELOADED_EXTENSIONS", preloaded)
    monkeypatch.setattr("ops.database.commands.extension.PRELOADED_EXTENSIONS", preloaded)
    _, err = ops("db extension create citext --yes", expected_code=1)
    group = ops.stage.outputs.database.parameter_group
    assert f"RDS does not let {group} load it" in err
    assert get_row(ops, "citext")["library"] == f"RDS does not let {group} load it"
    assert find_version(ops, "citext") is None


def test_what_loads_a_library_is_read_from_the_group() -> None:
    group = PreloadGroup("a-group", ("pg_stat_statements",), ("pg_cron", "pg_stat_statements"))
    assert group.describe_missing("pg_cron") == (
        'database.parameters.shared_preload_libraries: "pg_stat_statements,pg_cron" in the '
        "settings; now by `ops db parameters --set shared_preload_libraries=pg_stat_statements,"
        "pg_cron`, then `ops db reboot`"
    )
    assert group.describe_missing("pg_stat_statements") == (
        "a-group has it since the server's last start: ops db reboot"
    )
    assert "RDS does not let" in group.describe_missing("plrust")


def test_a_denied_group_is_unknown_and_the_list_is_shown(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_: object, **__: object) -> None:
        raise DeniedError("rds.describe_db_parameters was denied", "ops permissions")

    monkeypatch.setattr("ops.database.preload_libraries.list_database_parameters", deny)
    out, err = ops("db extension list")
    assert "plpgsql" in out
    assert "shared_preload_libraries is unknown: rds.describe_db_parameters was denied" in err


def test_a_name_that_is_none_is_bad_input(ops: OpsConsole) -> None:
    _, err = ops("db extension create pg_trgn --yes", expected_code=2)
    assert "NAME must be an extension that the server has, not 'pg_trgn'; similar names: " in err
    assert "pg_trgm" in err
    _, err = ops('db extension create x";y --yes', expected_code=2)
    assert "NAME must be the name of an extension" in err

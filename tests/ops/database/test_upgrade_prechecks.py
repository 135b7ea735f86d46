"""What RDS would refuse in a major upgrade is named before the snapshot, with what removes it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from ops.database.instance import get_primary
from ops.database.parameters import PostgresParameter
from ops.database.sql.names import quote_literal
from ops.database.upgrade_prechecks import (
    FamilyParameters,
    Precheck,
    _precheck_extensions,
    list_parameter_findings,
    list_replica_findings,
)
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import connect_application, connect_stage_superuser

UPGRADE = "db upgrade 17 --dry-run"
OTHER_DATABASE = 'the "other"'


@contextmanager
def superuser(ops: OpsConsole, database: str = "app") -> Iterator["psycopg.Connection[Any]"]:
    with connect_stage_superuser(ops.stage) as connection:
        parameters: dict[str, Any] = {**connection.info.get_parameters(), "dbname": database}
        password = connection.info.password
    with psycopg.connect(**parameters, password=password, autocommit=True) as connection:
        yield connection


def prepare_server(ops: OpsConsole) -> None:
    with superuser(ops) as connection:
        connection.execute("ALTER SYSTEM SET wal_level = 'logical'")
        connection.execute("""CREATE DATABASE "the ""other""\"""")
    ops.stage.client("rds").reboot_db_instance(
        DBInstanceIdentifier=ops.stage.outputs.database.identifier
    )
    ops.stage.clock.sleep(3600)


def get_error(ops: OpsConsole, line: str = UPGRADE) -> str:
    return " ".join(ops(line, expected_code=1)[1].split())


def test_an_upgrade_without_obstacles_is_planned(ops: OpsConsole) -> None:
    text = " ".join("".join(ops(UPGRADE)).split())
    assert "not prechecked" not in text
    assert "restore the snapshot bulwark-test-database-upgrade-" in text


# What is done as the superuser in a database, its undo, and what the error names.
OBSTACLES: dict[str, tuple[str, list[str], list[str], list[str]]] = {
    "slot": (
        "app",
        ["SELECT pg_create_logical_replication_slot('cdc', 'test_decoding')"],
        ["SELECT pg_drop_replication_slot('cdc')"],
        [
            "the logical replication slot cdc (not in use): drop its subscription, then SELECT "
            "pg_drop_replication_slot('cdc');"
        ],
    ),
    "reg types": (
        OTHER_DATABASE,
        [
            "CREATE SCHEMA shop",
            "CREATE TABLE shop.jobs (id int, handler regproc)",
            "CREATE DOMAIN handlers AS regprocedure[]",
            'CREATE TABLE "Listed" (all_handlers handlers)',
            "CREATE TYPE step AS (what regoper)",
            "CREATE TABLE steps (step step)",
            "CREATE VIEW searches AS SELECT 'simple'::regconfig AS config",
            "CREATE TABLE kept (a regclass, b regtype, c regrole)",
            "CREATE TEMP TABLE passing (a regproc)",
        ],
        [
            "DROP SCHEMA shop CASCADE",
            'DROP TABLE "Listed", steps, kept',
            "DROP VIEW searches",
            "DROP DOMAIN handlers",
            "DROP TYPE step",
        ],
        [
            'in the database the "other": "shop"."jobs"."handler" has the type regproc: ALTER '
            'TABLE "shop"."jobs" ALTER COLUMN "handler" TYPE text;',
            '"public"."Listed"."all_handlers" has the type regprocedure',
            '"public"."steps"."step" has the type regoper',
            '"public"."step"."what" has the type regoper: ALTER TYPE "public"."step" ALTER '
            'ATTRIBUTE "what" TYPE text CASCADE;',
            '"public"."searches"."config" has the type regconfig: DROP VIEW "public"."searches";',
        ],
    ),
    "unknown type": (
        "app",
        [
            "CREATE TABLE old (a text)",
            "SET allow_system_table_mods = on",
            "UPDATE pg_attribute SET atttypid = 'unknown'::regtype "
            "WHERE attrelid = 'old'::regclass AND attname = 'a'",
        ],
        ["DROP TABLE old"],
        ['in the database app: "public"."old"."a" has the type unknown'],
    ),
    "closed database": (
        "app",
        ["CREATE DATABASE closed", "ALTER DATABASE closed WITH ALLOW_CONNECTIONS false"],
        ["DROP DATABASE closed"],
        [
            'the database closed allows no connections: ALTER DATABASE "closed" WITH '
            "ALLOW_CONNECTIONS true;"
        ],
    ),
    "invalid database": (
        "app",
        [
            "CREATE DATABASE half",
            "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'",
        ],
        [
            "UPDATE pg_database SET datconnlimit = -1 WHERE datname = 'half'",
            "DROP DATABASE half",
        ],
        ['the database half is invalid, its DROP DATABASE was interrupted: DROP DATABASE "half";'],
    ),
    "open template": (
        "app",
        ["ALTER DATABASE template0 WITH ALLOW_CONNECTIONS true"],
        ["ALTER DATABASE template0 WITH ALLOW_CONNECTIONS false"],
        ["the database template0 allows connections: ALTER DATABASE template0"],
    ),
    "role": (
        "app",
        [
            "CREATE ROLE x_reports",
            "UPDATE pg_authid SET rolname = 'pg_reports' WHERE rolname = 'x_reports'",
        ],
        [
            "UPDATE pg_authid SET rolname = 'x_reports' WHERE rolname = 'pg_reports'",
            "DROP ROLE x_reports",
        ],
        ['the role pg_reports, whose name begins with pg_: ALTER ROLE "pg_reports" RENAME TO'],
    ),
    "extension that goes": (
        OTHER_DATABASE,
        ["CREATE EXTENSION old_snapshot"],
        ["DROP EXTENSION old_snapshot"],
        [
            "the extension old_snapshot, which RDS does not have for postgres17: DROP EXTENSION "
            '"old_snapshot";'
        ],
    ),
}


@contextmanager
def put_obstacle(ops: OpsConsole, name: str) -> Iterator[None]:
    database, statements, undo, _ = OBSTACLES[name]
    with superuser(ops, database) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        try:
            yield
        finally:
            for statement in undo:
                connection.execute(statement.encode())


def require_nothing_changed(ops: OpsConsole) -> None:
    rds = ops.stage.client("rds")
    assert rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"] == []
    assert rds.describe_db_instances()["DBInstances"][0]["EngineVersion"] == "16.10"


@pytest.mark.parametrize("name", OBSTACLES)
@pytest.mark.parametrize("line", [UPGRADE, "db upgrade 17 --yes"])
def test_each_obstacle_is_named_before_anything_is_changed(
    ops: OpsConsole, name: str, line: str
) -> None:
    with put_obstacle(ops, name):
        error = get_error(ops, line)
    assert "RDS would not upgrade bulwark-test-database to 17.7; nothing was changed" in error
    for text in OBSTACLES[name][3]:
        assert text in error
    assert error.count(" - ") == len(OBSTACLES[name][3]), "and nothing else"
    require_nothing_changed(ops)


def test_all_obstacles_are_named_together_and_stop_no_minor_upgrade(ops: OpsConsole) -> None:
    with ExitStack() as stack:
        for name in OBSTACLES:
            stack.enter_context(put_obstacle(ops, name))
        error = get_error(ops)
        ops("db upgrade 16.11 --dry-run")
    for _, _, _, texts in OBSTACLES.values():
        for text in texts:
            assert text in error


def test_a_prepared_transaction_is_named_with_its_database(ops: OpsConsole) -> None:
    with connect_application(ops.stage) as connection:
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE prepared (a int)")
        connection.execute("PREPARE TRANSACTION 'it''s half'")
    try:
        error = get_error(ops)
    finally:
        with connect_application(ops.stage) as connection:
            connection.execute("ROLLBACK PREPARED 'it''s half'")
    assert (
        "in the database app: the prepared transaction it's half: COMMIT PREPARED 'it''s half'; or "
        "ROLLBACK PREPARED 'it''s half';"
    ) in error
    ops(UPGRADE)


def test_a_parameter_that_the_new_version_lacks_is_named(ops: OpsConsole) -> None:
    rds = ops.stage.client("rds")
    group = ops.stage.outputs.database.parameter_group
    parameter = {
        "ParameterName": "old_snapshot_threshold",
        "ParameterValue": "60",
        "ApplyMethod": "pending-reboot",
    }
    rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=[parameter])
    try:
        error = get_error(ops)
    finally:
        rds.reset_db_parameter_group(DBParameterGroupName=group, Parameters=[parameter])
    assert "the parameter old_snapshot_threshold, which postgres17 does not have" in error
    assert "`aws rds reset-db-parameter-group --db-parameter-group-name" in error


def test_a_database_that_cannot_be_asked_is_noted(ops: OpsConsole) -> None:
    with superuser(ops) as connection:
        connection.execute("CREATE DATABASE private")
        connection.execute("REVOKE CONNECT ON DATABASE private FROM public")
        try:
            text = " ".join("".join(ops(UPGRADE)).split())
        finally:
            connection.execute("DROP DATABASE private")
    assert "the database private is not prechecked: " in text


def build_parameter(name: str, value: str | None = None, **changes: Any) -> PostgresParameter:
    parameter = PostgresParameter(name, value, "string", None, False, True, True, "")
    return replace(parameter, **changes)


def build_family(version: int, extensions: str, *parameters: PostgresParameter) -> FamilyParameters:
    listed = (build_parameter("rds.extensions", extensions), *parameters)
    return FamilyParameters(f"postgres{version}", {item.name: item for item in listed})


def test_postgis_is_updated_first_and_what_no_list_has_is_unknown() -> None:
    current, target = (
        build_family(16, "postgis,pgrouting,hstore,gone"),
        build_family(17, "postgis,pgrouting,hstore"),
    )
    rows = [
        {"name": "postgis", "version": "3.3.2", "newest": "3.5.1"},
        {"name": "pgrouting", "version": "3.3.0", "newest": "3.6.2"},
        {"name": "hstore", "version": "1.7", "newest": "1.8"},
        {"name": "gone", "version": "1.0", "newest": "1.0"},
        {"name": "homemade", "version": "1.0", "newest": "1.0"},
    ]
    precheck = Precheck()
    _precheck_extensions(rows, "app", current, target, precheck)
    assert [str(finding) for finding in precheck.findings] == [
        "in the database app: the extension postgis is 3.3.2 and must be 3.5.1 first: SELECT "
        "postgis_extensions_upgrade();",
        "in the database app: the extension pgrouting is 3.3.0 and must be 3.6.2 first: ALTER "
        'EXTENSION "pgrouting" UPDATE;',
        "in the database app: the extension gone, which RDS does not have for postgres17: DROP "
        'EXTENSION "gone";',
    ]
    assert [note[:40] for note in precheck.notes] == [
        "RDS does not update the extension hstore",
        "whether RDS has the extension homemade (",
    ]


def test_a_value_that_the_new_family_does_not_allow_is_named(ops: OpsConsole) -> None:
    instance = get_primary(ops.stage.aws, ops.stage.outputs)
    target = build_family(
        17,
        "",
        build_parameter("shared_preload_libraries", data_type="list", allowed_values="a,b"),
        build_parameter("fixed", is_modifiable=False),
    )
    mine = [
        build_parameter("shared_preload_libraries", "a,plrust"),
        build_parameter("fixed", "1"),
        build_parameter("missing", "1"),
    ]
    problems = [finding.problem for finding in list_parameter_findings(instance, mine, target)]
    assert problems == [
        "the parameter shared_preload_libraries is a,plrust, but postgres17 allows a,b",
        "the parameter fixed, which postgres17 does not let be set",
        "the parameter missing, which postgres17 does not have",
    ]


def test_a_replica_in_another_region_is_named(ops: OpsConsole) -> None:
    arn = "arn:aws:rds:eu-west-1:123456789012:db:far"
    instance = replace(get_primary(ops.stage.aws, ops.stage.outputs), replicas=("near", arn))
    (finding,) = list_replica_findings(instance)
    assert "the replica far in eu-west-1" in finding.problem
    assert "--region eu-west-1 --db-instance-identifier far" in finding.remedy


def test_a_literal_is_quoted_as_postgresql_quotes_it(ops: OpsConsole) -> None:
    with superuser(ops) as connection:
        for text in ("plain", "it's", "back\\slash", "\\'"):
            row = connection.execute(f"SELECT {quote_literal(text)}".encode()).fetchone()
            assert row == (text,)

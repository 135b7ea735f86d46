"""Another password: by the stack's own function, read by the services, proved on a server."""

import json
from contextlib import suppress

import psycopg
import pytest

from ops.core.errors import OpsError
from ops.database.instance import get_primary
from ops.database.password import describe_database_secret, require_rotatable
from tests.ops import service_stage
from tests.ops.command_line import OpsConsole
from tests.ops.procedures.db_password import (
    SECRET_NAME,
    collect_rotation_facts,
    plan_rotation,
    put_rotatable_database,
    put_rotation_function,
)
from tests.ops.sql_stage import connect_application
from tests.ops.stage import KilledError, KillFuse, Stage, open_stage


def get_password(stage: Stage) -> str:
    answer = stage.client("secretsmanager").get_secret_value(SecretId=SECRET_NAME)
    return str(json.loads(answer["SecretString"])["password"])


def test_the_function_is_run_and_the_services_start_anew() -> None:
    with open_stage() as stage:
        put_rotatable_database(stage)
        before = get_password(stage)
        assert stage.build_engine(KillFuse()).start(plan_rotation(stage)) == "done"
        assert get_password(stage) != before
        assert collect_rotation_facts(stage) == (
            "available",
            [["AWSCURRENT"], ["AWSPREVIOUS"]],
            ["SUCCESSFUL", "SUCCESSFUL"],
            2,
        )


@pytest.mark.parametrize("point", [3, 5, 8, 14, 22])
def test_a_rotation_killed_anywhere_is_made_once(point: int) -> None:
    with open_stage() as stage:
        put_rotatable_database(stage)
        made, fuse = plan_rotation(stage), KillFuse(point)
        with suppress(KilledError):
            stage.build_engine(fuse).start(made)
        fuse.touches_left = 10**9
        assert stage.build_engine(fuse).resume() == "done"
        assert collect_rotation_facts(stage)[1:] == (
            [["AWSCURRENT"], ["AWSPREVIOUS"]],
            ["SUCCESSFUL", "SUCCESSFUL"],
            2,
        )


def test_a_database_that_is_not_available_is_refused_before_any_call() -> None:
    with open_stage() as stage:
        put_rotatable_database(stage)
        stage.client("rds").reboot_db_instance(
            DBInstanceIdentifier=stage.outputs.database.identifier
        )

        found = get_primary(stage.aws, stage.outputs)
        with pytest.raises(OpsError, match="is rebooting; it must be available"):
            require_rotatable(
                stage.outputs, describe_database_secret(stage.aws, stage.outputs), found
            )


def test_a_rotation_that_has_stuck_is_named() -> None:
    with open_stage() as stage:
        put_rotatable_database(stage)

        found = get_primary(stage.aws, stage.outputs)
        stuck = {"RotationEnabled": True, "VersionIdsToStages": {"v2": ["AWSPENDING"]}}
        with pytest.raises(OpsError, match="version v2 is pending"):
            require_rotatable(stage.outputs, stuck, found)
        with pytest.raises(OpsError, match="rotation is off"):
            require_rotatable(stage.outputs, {"VersionIdsToStages": {}}, found)


def prepare_server(console: OpsConsole) -> None:
    """Read by the fixture `server`."""
    service_stage.put_services(console.stage)
    put_rotation_function(console.stage)
    console.file.write_text(console.stage.outputs.model_dump_json(by_alias=True))


def test_rotate_password_changes_the_servers_password_and_checks_it(ops: OpsConsole) -> None:
    old = connect_application(ops.stage)
    plan, _ = ops("db rotate-password --dry-run --details")
    assert "secretsmanager.rotate_secret" in plan
    assert "a-password-of-the-test" not in plan
    done = ops.run_for_json("db rotate-password --check --yes")
    assert done["restarted"] == ["backend"]
    assert old.execute("SELECT 1").fetchone() == (1,), "a session that is open goes on"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect_application(ops.stage)
    new = get_password(ops.stage)
    for event in ops.run_for_json(f"runs show {done['run']}")["items"]:
        assert new not in json.dumps(event)
    assert "connections: " in ops("db activity")[0]


def test_bad_input_is_one_line(ops: OpsConsole) -> None:
    assert (
        "--via must be HOST:PORT, like 127.0.0.1:15432, not 'x'"
        in ops("db rotate-password --check --via x", expected_code=2)[1]
    )
    assert "--timeout" in ops("db rotate-password --timeout 0", expected_code=2)[1]

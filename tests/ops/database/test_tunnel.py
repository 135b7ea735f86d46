"""The way to the database: lines that a shell reads as meant, through something that runs."""

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.core.errors import OpsError
from ops.database.sql.tls import RDS_ROOTS_FILE
from ops.database.tunnel import TunnelTarget, build_connection_commands, get_tunnel_target
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import put_database as put_database
from tests.ops.service_stage import build_backend_only_outputs, open_service_console
from tests.ops.stage import Stage, build_stack_outputs, open_stage


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    outputs = build_backend_only_outputs().model_copy(update={"fleet": None})
    with open_service_console(capsys, tmp_path, outputs, ("backend",)) as console:
        put_database(console.stage)
        yield console


def enable_exec(stage: Stage) -> None:
    """Tasks that ECS Exec can reach."""
    stage.client("ecs").update_service(
        cluster="bulwark-test",
        service="backend",
        enableExecuteCommand=True,
        forceNewDeployment=True,
    )
    stage.clock.sleep(3600)


def test_the_tunnel_goes_through_a_task_and_psql_through_the_tunnel(ops: OpsConsole) -> None:
    enable_exec(ops.stage)
    found = ops.run_for_json("db connect --local-port 16000")
    words = shlex.split(found["tunnel"])
    given = dict(zip(words[3::2], words[4::2], strict=True))
    cluster, task, runtime = given["--target"].removeprefix("ecs:").split("_")
    assert (cluster, runtime.partition("-")[0]) == ("bulwark-test", task)
    assert given["--document-name"] == "AWS-StartPortForwardingSessionToRemoteHost"
    assert json.loads(given["--parameters"]) == {
        "host": [ops.stage.outputs.database.endpoint],
        "portNumber": ["5433"],
        "localPortNumber": ["16000"],
    }
    assert found["variable"] == "export BULWARK_DATABASE=127.0.0.1:16000"
    endpoint = ops.stage.outputs.database.endpoint
    assert f"host={endpoint} hostaddr=127.0.0.1 port=16000 user=bulwark_admin " in found["psql"]
    assert f"dbname=app sslmode=verify-full sslrootcert={RDS_ROOTS_FILE}" in found["psql"]
    out, _ = ops("db connect")
    assert out.count("aws ssm start-session") == 1
    assert "a-password-of-the-test" not in out


def test_the_psql_line_puts_the_password_where_psql_looks(tmp_path: Path) -> None:
    """With an `aws` and a `psql` that only tell what they were given."""
    import subprocess

    with open_stage(build_backend_only_outputs()) as stage:
        made = build_connection_commands(
            stage.aws, stage.outputs, TunnelTarget("i-1", "an instance")
        )
    secret = json.dumps({"password": 'it\'s "quoted" $HOME'})
    for name, text in {
        "aws": f"printf %s {shlex.quote(secret)}",
        "psql": 'printf "%s|%s" "$PGPASSWORD" "$1"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    said = subprocess.run(
        ["sh", "-c", made.psql_command],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": f"{tmp_path}:{Path(sys.executable).parent}:/usr/bin:/bin"},
    ).stdout
    assert said.startswith('it\'s "quoted" $HOME|host=bulwark-test-database.rds.')


def test_an_instance_of_the_fleet_will_do(ops: OpsConsole) -> None:
    outputs: Any = ops.stage.outputs.model_copy(
        update={"services": None, "fleet": build_stack_outputs().fleet}
    )

    class Aws:
        @staticmethod
        def call(api: str, *_: object) -> object:
            states = ("Pending", "InService")
            one = [{"InstanceId": f"i-{s.lower()}", "LifecycleState": s} for s in states]
            assert api == "autoscaling.describe_auto_scaling_groups"
            return {"AutoScalingGroups": [{"Instances": one}]}

    found: Any = Aws()
    assert get_tunnel_target(found, outputs).target_id == "i-inservice"


def test_nothing_to_go_through_is_said_with_what_helps(ops: OpsConsole) -> None:
    _, err = ops("db connect", expected_code=1)
    assert "no task or instance to tunnel through: task" in err
    assert "without ECS Exec" in err
    with pytest.raises(OpsError, match="no services and no fleet"):
        get_tunnel_target(ops.stage.aws, ops.stage.outputs.model_copy(update={"services": None}))


@pytest.mark.parametrize(
    ("line", "says"),
    [("--local-port 0", "--local-port"), ("--replica other", "--replica must be")],
)
def test_bad_input_is_one_line(ops: OpsConsole, line: str, says: str) -> None:
    assert says in ops(f"db connect {line}", expected_code=2)[1].splitlines()[0]

"""A region is lost, and the program itself makes the stack again a region away, with its data.

Pulumi is the pretended one, but for the deployment: that runs the real program with the settings
that operations have told, into the in-memory AWS whose databases are PostgreSQL servers.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
import yaml
from pydantic import JsonValue

from ops.cli.app import main
from ops.cli.selection import Selection
from ops.core.aws import Aws
from ops.core.local_commands import Shell
from ops.core.run import WallClock
from ops.outputs import Outputs
from sandbox import clock, faults
from sandbox.aws import get_client, use_in_memory_aws
from sandbox.deploy import InMemoryMocks, deploy_in_memory
from sandbox.postgres import use_real_postgres
from sandbox.program import PROJECT_ROOT, load_stack_config, run_stack_program
from tests.ops.fake_pulumi import FakePulumi, FakeStack, ShellAnswer, build_stack_export
from tests.ops.recovery.test_region_lost import RegionDownFault
from tests.ops.stage import SimulatedClock

REGION, RECOVERY_REGION, PROD_REGION_STACK = "eu-north-1", "eu-west-1", "prod-eu-west-1"
pytestmark = pytest.mark.exhaustive


class HeldInstantClock:
    """A clock that is held, on which nothing takes time: nobody lets it pass while Pulumi waits."""

    def __init__(self, held_clock: clock.ManualClock) -> None:
        self.now, self.to_wall_seconds = held_clock.now, held_clock.to_wall_seconds

    def get_completion_time(self, _: float) -> datetime:
        return datetime.min.replace(tzinfo=UTC)


@dataclass
class ProgramPulumi(FakePulumi):
    """A Pulumi whose deployments run the program in a folder, into the in-memory AWS."""

    held_clock: clock.ManualClock = field(default_factory=clock.ManualClock)
    program_folder: Path = Path()

    def __call__(self, shell: Shell) -> JsonValue:
        if shell.argv[3:5] != ("db", "size"):
            return super().__call__(shell)
        stdout = StringIO()
        with redirect_stdout(stdout):  # a process of its own, elsewhere
            code = main([*shell.argv[3:]])
        return {"exit": code, "output": json.loads(stdout.getvalue() or "null"), "said": ""}

    def up(self, stack: str, _: list[str], options: dict[str, str]) -> ShellAnswer:
        self.up_count += 1
        fake_stack = self.stacks[stack]
        config: dict[str, Any] = {}
        for key, text in fake_stack.config.items():
            nested, path = config, key.split(".")
            for name in path[:-1]:
                nested = nested.setdefault(name, {})
            nested[path[-1]] = _parse_value(text) if len(path) == 1 else text
        file = self.program_folder / f"Pulumi.{stack}.yaml"
        file.write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
        previous_clock = clock.set_sandbox_clock(HeldInstantClock(self.held_clock))
        try:
            resource_graph = run_stack_program(
                stack, InMemoryMocks(config["aws:region"]), root=self.program_folder
            )
        finally:
            clock.set_sandbox_clock(previous_clock)
        fake_stack.outputs = json.loads(json.dumps(resource_graph.exports))
        fake_stack.history.append(
            {"kind": "update", "message": options["--message"], "result": "succeeded"}
        )
        return {}


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@dataclass
class RegionScene:
    """Prod in its region, with one row, and what is left when that region is down."""

    held_clock: clock.ManualClock
    outputs: Outputs
    pulumi: ProgramPulumi

    def connect_database(
        self, region: str, outputs: Outputs
    ) -> "psycopg.Connection[tuple[Any, ...]]":
        secret = json.loads(
            get_client("secretsmanager", region).get_secret_value(
                SecretId=outputs.database.secret_arn
            )["SecretString"]
        )
        (instance,) = get_client("rds", region).describe_db_instances(
            DBInstanceIdentifier=outputs.database.identifier
        )["DBInstances"]
        endpoint = instance["Endpoint"]
        return psycopg.connect(
            host=endpoint["Address"],
            port=endpoint["Port"],
            user=secret["username"],
            password=secret["password"],
            dbname=secret["dbname"],
            autocommit=True,
            sslmode="prefer",
            connect_timeout=20,
        )


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[RegionScene]:
    # Nothing of the stack calls the database: those who do are named, there and here.
    overrides: dict[str, JsonValue] = {
        "bulwark:compute": "none",
        "bulwark:database": {"allowedCidrs": ["10.99.0.0/16"]},
    }
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(PROJECT_ROOT / name, tmp_path / name)
    with ExitStack() as contexts:
        contexts.enter_context(use_in_memory_aws(REGION))
        contexts.enter_context(use_real_postgres())
        deployment = deploy_in_memory("prod", overrides)
        held_clock = clock.ManualClock()
        contexts.callback(clock.set_sandbox_clock, clock.set_sandbox_clock(held_clock))
        held_clock.advance(3600)
        _, config = load_stack_config("prod", overrides)
        stage: Any = None
        fake_stack = FakeStack(dict(config), state=build_stack_export("db-1"))
        pulumi = ProgramPulumi(
            stage, {"prod": fake_stack}, held_clock=held_clock, program_folder=tmp_path
        )
        yield RegionScene(held_clock, Outputs.model_validate(deployment.exports), pulumi)


def test_committed_rows_are_recovered_in_the_other_region_with_the_stacks_settings(
    scene: RegionScene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with scene.connect_database(REGION, scene.outputs) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    scene.held_clock.advance(3600)
    down = RegionDownFault(REGION, scene.outputs.backups.operations_bucket)
    time = SimulatedClock(scene.held_clock)
    with (
        faults.inject_faults(down),
        patch.object(WallClock, "now", lambda _: time.now()),
        patch.object(WallClock, "sleep", lambda _, seconds: time.sleep(seconds)),
        patch.object(
            Selection, "build_aws", lambda *_: Aws(REGION, identity_region=RECOVERY_REGION)
        ),
        patch("ops.core.actions.run_shell_command", scene.pulumi),
        patch("shutil.which", lambda name: f"/usr/bin/{name}"),
        patch.dict(os.environ, BULWARK_JOURNAL=str(tmp_path / "journal"), PGSSLMODE="prefer"),
    ):
        shared = ["--stack", "prod", "--region", RECOVERY_REGION, "--program", str(tmp_path)]
        line = ["recover", "region", "--sql", *shared]
        assert main([*line, "--dry-run", "--output", "json"]) == 0
        plan = json.loads(capsys.readouterr().out)
        assert main([*line, "--yes", "--expect", plan["hash"]]) == 0
        said = capsys.readouterr().err
        assert "done: see tables in the database of prod-eu-west-1, with the password" in said
    assert down.refused_apis == []
    made = Outputs.model_validate(scene.pulumi.stacks[PROD_REGION_STACK].outputs)
    (rule,) = get_client("ec2", RECOVERY_REGION).describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [made.database.security_group_id]}]
    )["SecurityGroupRules"]
    assert (rule["CidrIpv4"], rule["FromPort"], rule["IsEgress"]) == ("10.99.0.0/16", 5433, False)
    assert (made.stack.stack, made.stack.region, made.stack.recovery_region) == (
        PROD_REGION_STACK,
        RECOVERY_REGION,
        None,
    )
    with scene.connect_database(RECOVERY_REGION, made) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(42,)]
    (there,) = get_client("rds", RECOVERY_REGION).describe_db_instances()["DBInstances"]
    (here,) = get_client("rds", REGION).describe_db_instances(
        DBInstanceIdentifier=scene.outputs.database.identifier
    )["DBInstances"]
    kept = (
        "DBInstanceClass",
        "EngineVersion",
        "MultiAZ",
        "StorageEncrypted",
        "DeletionProtection",
        "BackupRetentionPeriod",
        "StorageType",
        "AllocatedStorage",
        "MasterUsername",
    )
    assert {key: there[key] for key in kept} == {key: here[key] for key in kept}
    assert there["DBSubnetGroup"]["VpcId"] == made.network.vpc_id

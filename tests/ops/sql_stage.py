"""A stage whose database is a real PostgreSQL server, and the command line in front of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from moto.rds.models import rds_backends

from ops.core.aws import Aws
from sandbox import clock as sandbox_clock
from sandbox import postgres as databases
from tests.ops.command_line import Console
from tests.ops.db_stage import put, seen
from tests.ops.stage import ACCOUNT, REGION, Stage, shared_aws, stage

LOADED = {
    "ParameterName": "shared_preload_libraries",
    "ParameterValue": "pg_stat_statements",
    "ApplyMethod": "pending-reboot",
}
USER, WORD, NAME = "bulwark_admin", "a-password-of-the-test", "app"


def with_secret(on: Stage) -> Stage:
    """The stage with the secret of its database, and outputs that lead to both."""
    found = seen(on)["Endpoint"]
    secret = on.client("secretsmanager").create_secret(
        Name="credentials",
        SecretString=json.dumps(
            {
                "engine": "postgres",
                "host": found["Address"],
                "port": found["Port"],
                "dbname": NAME,
                "username": USER,
                "password": WORD,
            }
        ),
    )
    part = on.outputs.database.model_copy(
        update={
            "endpoint": found["Address"],
            "port": found["Port"],
            "secret_arn": secret["ARN"],
        }
    )
    on.outputs = on.outputs.model_copy(update={"database": part})
    return on


@contextmanager
def real_console(folder: Path, **given: Any) -> Iterator[Console]:
    """A console on a stage with a server; its `capture` is each test's own."""
    original = Aws.client

    def client(self: Aws, service: str, region: str | None = None) -> Any:
        return original(shared_aws(), service, region or self.region)

    with databases.use_real_postgres(), stage() as on, patch.object(Aws, "client", client):
        sandbox_clock.set_sandbox_clock(sandbox_clock.InstantClock())
        group = on.outputs.database.parameter_group
        rds = on.client("rds")
        rds.create_db_parameter_group(
            DBParameterGroupName=group, DBParameterGroupFamily="postgres16", Description="a group"
        )
        rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=[LOADED])
        given = {"DBParameterGroupName": group, **given}
        put(on, DBName=NAME, Port=5433, BackupRetentionPeriod=7, **given)
        on.client("s3").create_bucket(
            Bucket=on.outputs.backups.operations_bucket,
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
        with_secret(on)
        file = folder / "outputs.json"
        file.write_text(on.outputs.model_dump_json(by_alias=True))
        with patch.dict("os.environ", PGSSLMODE="disable"):
            yield Console(on, file, None)


def connect(on: Stage, application: str = "shop") -> "psycopg.Connection[tuple[Any, ...]]":
    """A session of the application's."""
    part = on.outputs.database
    return psycopg.connect(
        host=part.endpoint,
        port=part.port,
        user=USER,
        password=WORD,
        dbname=NAME,
        application_name=application,
        sslmode="disable",
        autocommit=True,
    )


def superuser(on: Stage) -> "psycopg.Connection[tuple[Any, ...]]":
    """A session of the superuser's, which RDS gives nobody."""
    instance = rds_backends[ACCOUNT][REGION].databases[on.outputs.database.identifier]
    return databases.connect_superuser(instance)

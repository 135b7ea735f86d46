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
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import describe_database, put_database
from tests.ops.stage import ACCOUNT, REGION, Stage, open_stage, shared_aws

PRELOADED_LIBRARIES = {
    "ParameterName": "shared_preload_libraries",
    "ParameterValue": "pg_stat_statements",
    "ApplyMethod": "pending-reboot",
}
PREPARED_TRANSACTIONS = {
    "ParameterName": "max_prepared_transactions",
    "ParameterValue": "20",
    "ApplyMethod": "pending-reboot",
}
DATABASE_USER, DATABASE_PASSWORD, DATABASE_NAME = "bulwark_admin", "a-password-of-the-test", "app"


def put_database_secret(stage: Stage) -> Stage:
    """The stage with the secret of its database, and outputs that lead to both."""
    endpoint = describe_database(stage)["Endpoint"]
    secret = stage.client("secretsmanager").create_secret(
        Name="credentials",
        SecretString=json.dumps(
            {
                "engine": "postgres",
                "host": endpoint["Address"],
                "port": endpoint["Port"],
                "dbname": DATABASE_NAME,
                "username": DATABASE_USER,
                "password": DATABASE_PASSWORD,
            }
        ),
    )
    database_part = stage.outputs.database.model_copy(
        update={
            "endpoint": endpoint["Address"],
            "port": endpoint["Port"],
            "secret_arn": secret["ARN"],
        }
    )
    stage.outputs = stage.outputs.model_copy(update={"database": database_part})
    return stage


@contextmanager
def open_postgres_console(folder: Path, **overrides: Any) -> Iterator[OpsConsole]:
    """A console on a stage with a server; its `capture` is each test's own."""
    original = Aws.client

    def client(self: Aws, service: str, region: str | None = None) -> Any:
        return original(shared_aws(), service, region or self.region)

    with (
        databases.use_real_postgres() as postgres_servers,
        open_stage() as stage,
        patch.object(Aws, "client", client),
    ):
        sandbox_clock.set_sandbox_clock(sandbox_clock.InstantClock())
        group = stage.outputs.database.parameter_group
        rds = stage.client("rds")
        rds.create_db_parameter_group(
            DBParameterGroupName=group, DBParameterGroupFamily="postgres16", Description="a group"
        )
        rds.modify_db_parameter_group(
            DBParameterGroupName=group, Parameters=[PRELOADED_LIBRARIES, PREPARED_TRANSACTIONS]
        )
        overrides = {"DBParameterGroupName": group, **overrides}
        put_database(stage, DBName=DATABASE_NAME, Port=5433, BackupRetentionPeriod=7, **overrides)
        stage.client("s3").create_bucket(
            Bucket=stage.outputs.backups.operations_bucket,
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
        put_database_secret(stage)
        file = folder / "outputs.json"
        file.write_text(stage.outputs.model_dump_json(by_alias=True))
        root_file = str(postgres_servers.authority.root_file)
        with patch.dict("os.environ", PGSSLROOTCERT=root_file):
            yield OpsConsole(stage, file, None)


def connect_application(
    stage: Stage, application: str = "shop"
) -> "psycopg.Connection[tuple[Any, ...]]":
    """A session of the application's."""
    database = stage.outputs.database
    return psycopg.connect(
        host=database.endpoint,
        port=database.port,
        user=DATABASE_USER,
        password=DATABASE_PASSWORD,
        dbname=DATABASE_NAME,
        application_name=application,
        sslmode="disable",
        autocommit=True,
    )


def connect_stage_superuser(stage: Stage) -> "psycopg.Connection[tuple[Any, ...]]":
    """A session of the superuser's, which RDS gives nobody."""
    instance = rds_backends[ACCOUNT][REGION].databases[stage.outputs.database.identifier]
    return databases.connect_superuser(instance)

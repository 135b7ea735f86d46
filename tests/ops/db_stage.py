"""A stage with the stack's database on it, and the command line in front of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from ops.core.aws import Aws
from sandbox import clock as sandbox_clock
from tests.ops.command_line import OpsConsole
from tests.ops.stage import REGION, Stage, open_stage, shared_aws

OWNER_TAGS = [{"Key": "owner", "Value": "platform"}]


def put_database(stage: Stage, **overrides: Any) -> None:
    """The primary, and time until it is available."""
    stage.client("rds").create_db_instance(
        **{
            "DBInstanceIdentifier": stage.outputs.database.identifier,
            "DBInstanceClass": "db.t4g.small",
            "Engine": "postgres",
            "EngineVersion": "16",
            "AllocatedStorage": 20,
            "StorageType": "gp3",
            "MultiAZ": True,
            "MasterUsername": "bulwark_admin",
            "MasterUserPassword": "a-password-of-the-test",
            "Tags": OWNER_TAGS,
            **overrides,
        }
    )
    stage.clock.sleep(3600)


def put_database_with_insights(stage: Stage) -> None:
    """The same, with Performance Insights on."""
    put_database(stage, EnablePerformanceInsights=True)


def describe_database(stage: Stage, identifier: str | None = None) -> dict[str, Any]:
    """The primary as AWS describes it."""
    name = identifier or stage.outputs.database.identifier
    response: dict[str, Any] = stage.client("rds").describe_db_instances(DBInstanceIdentifier=name)
    instance: dict[str, Any] = response["DBInstances"][0]
    return instance


@contextmanager
def fail_operations(code: str, *operations: str) -> Iterator[list[str]]:
    """AWS answers these operations with an error; gives the operations that were called."""
    called_operations: list[str] = []
    original = Aws.client

    def client(self: Aws, service: str, region: str | None = None) -> Any:
        client_of_stage = original(self, service, region)

        class FailingClient:
            def __getattr__(self, name: str) -> Any:
                def raise_error(*_: Any, **__: Any) -> Any:
                    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {}}
                    raise ClientError(answer, name)  # type: ignore[arg-type]

                if name == "can_paginate":
                    return lambda operation: (
                        operation not in operations and client_of_stage.can_paginate(operation)
                    )
                if not name.startswith("get_paginator"):
                    called_operations.append(name)
                return raise_error if name in operations else getattr(client_of_stage, name)

        return FailingClient()

    with patch.object(Aws, "client", client):
        yield called_operations


@contextmanager
def open_database_console(
    capture: pytest.CaptureFixture[str], folder: Path, **overrides: Any
) -> Iterator[OpsConsole]:
    """A stage with the database and the operations bucket, seen from the command line.

    Its clients are those of all stages: making them is most of what a command would take.
    """
    original = Aws.client

    def client(self: Aws, service: str, region: str | None = None) -> Any:
        return original(shared_aws(), service, region or self.region)

    with open_stage() as stage, patch.object(Aws, "client", client):
        sandbox_clock.set_sandbox_clock(sandbox_clock.InstantClock())
        put_database(stage, **overrides)
        stage.client("s3").create_bucket(
            Bucket=stage.outputs.backups.operations_bucket,
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
        file = folder / "outputs.json"
        file.write_text(stage.outputs.model_dump_json(by_alias=True))
        yield OpsConsole(stage, file, capture)

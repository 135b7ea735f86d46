"""Secrets whose rotation is off, failed or late, and one that is about to be deleted."""

from collections.abc import Callable
from typing import Any

import pytest
from moto.secretsmanager.models import secretsmanager_backends

from tests.ops.audit.looks import mend, read_open
from tests.ops.every_command import open_command_line
from tests.ops.procedures.db_password import put_rotatable_database
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage

KEY = "secret-rotation"
DAY = 86_400


def get_secret(stage: Stage) -> Any:
    """The database's secret, as the sandbox keeps it."""
    return secretsmanager_backends[ACCOUNT][REGION].secrets.get(stage.outputs.database.secret_arn)


def put_rotated_secret(stage: Stage) -> None:
    put_rotatable_database(stage)
    get_secret(stage).last_rotation_date = int(stage.clock.now())


def make_old(stage: Stage) -> None:
    secret = get_secret(stage)
    secret.auto_rotate_after_days = 0
    vars(secret)["sandbox_rules"] = {"ScheduleExpression": "rate(365 days)"}
    secret.last_rotation_date = int(stage.clock.now()) - 91 * DAY


def make_late(stage: Stage) -> None:
    get_secret(stage).last_rotation_date = int(stage.clock.now()) - 33 * DAY


def leave_half_rotated(stage: Stage) -> None:
    secret = get_secret(stage)
    version = "00000000-0000-4000-8000-000000000000"
    secret.versions[version] = {"version_id": version, "version_stages": ["AWSPENDING"]}
    secret.last_changed_date = int(stage.clock.now()) - 2 * 3600


def switch_rotation_off(stage: Stage) -> None:
    stage.client("secretsmanager").cancel_rotate_secret(SecretId=stage.outputs.database.secret_arn)


def delete(stage: Stage) -> None:
    stage.client("secretsmanager").delete_secret(SecretId=stage.outputs.database.secret_arn)


@pytest.mark.parametrize(
    ("change", "name", "severity", "text"),
    [
        (make_old, "age", "medium", "91 days old, must be 90 at most"),
        (make_late, "failed", "high", "rotated 33 days ago, must be every 30"),
        (leave_half_rotated, "failed", "high", "still AWSPENDING"),
        (switch_rotation_off, "rotation", "high", "its rotation is off"),
        (delete, "deletion", "critical", "about to be deleted"),
    ],
)
def test_what_is_wrong_with_a_secret_is_mended(
    change: Callable[[Stage], None],
    name: str,
    severity: str,
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_rotated_secret) as (stage, run_line):
        assert read_open(run_line, capsys, KEY) == {}
        change(stage)
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["id"] == f"{KEY}/{get_secret(stage).name}/{name}"
        assert finding["severity"] == severity
        assert text in finding["evidence"]
        mend(stage, finding, run_line)
        for _ in range(10):  # the steps of a rotation, each once AWS is done with the one before
            stage.clock.sleep(600)
            stage.client("rds").describe_db_instances()
        assert read_open(run_line, capsys, KEY) == {}


def test_a_secret_that_was_deleted_on_purpose_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_rotated_secret) as (stage, run_line):
        secrets = stage.client("secretsmanager")
        secrets.create_secret(Name=f"{STACK_PREFIX}-old", SecretString="x")
        secrets.delete_secret(SecretId=f"{STACK_PREFIX}-old")
        secrets.create_secret(
            Name=f"{STACK_PREFIX}-eu-database",
            SecretString="x",
            Tags=[
                {"Key": "Project", "Value": "bulwark"},
                {"Key": "Environment", "Value": "test-eu"},
            ],
        )
        assert read_open(run_line, capsys, KEY) == {}

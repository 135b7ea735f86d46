"""An existing database comes into a stack as docs/adopt.md says: by its data, and it stays."""

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
import yaml
from pydantic import JsonValue

from components.settings import RestoreFrom, Settings
from ops.cli.app import main
from sandbox import clock
from sandbox import prerequisites as given
from sandbox.aws import get_client
from sandbox.running_stack import serve_stack
from tests.test_docs import ADOPT
from tests.world import settings

OPERATE = "arn:aws:iam::123456789012:role/bulwark-operate-dev"
SAID = {"OPERATE_ROLE_ARN": OPERATE, "ACCOUNT": "123456789012", "the-old-one": "legacy"}


def blocks() -> dict[str, JsonValue]:
    """The settings that the page shows, with values for what it leaves to its reader."""
    found: dict[str, JsonValue] = {}
    for block in re.findall(r"```yaml\n(.*?)```", ADOPT.read_text(encoding="utf-8"), re.DOTALL):
        for name, value in SAID.items():
            block = block.replace(name, value)
        found |= {k.removeprefix("bulwark:"): v for k, v in yaml.safe_load(block).items()}
    return found


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_the_settings_of_the_page_are_settings(profile: str) -> None:
    shown = blocks()
    assert set(shown) == {"access", "database", "imports"}
    made = settings(shown, profile=profile)
    assert made.access.recoverers == (OPERATE, "123456789012")
    assert made.database.restore_from is not None
    assert made.database.restore_from.instance == "legacy"


class Later(clock.InstantClock):
    """Ten minutes have passed without a write: RDS can restore what is five minutes old."""

    def __init__(self) -> None:
        self.written = time.time()

    def now(self) -> datetime:
        return super().now() + timedelta(minutes=10)

    def wall(self, at: datetime) -> float:
        return min(super().to_wall_seconds(at), self.written)


@pytest.fixture
def _clock() -> Iterator[None]:
    before = clock.get_sandbox_clock()
    yield
    clock.set_sandbox_clock(before)


def connected(identifier: str, user: str, password: str) -> psycopg.Connection[Any]:
    (found,) = get_client("rds", "eu-north-1").describe_db_instances(
        DBInstanceIdentifier=identifier
    )["DBInstances"]
    where = found["Endpoint"]
    return psycopg.connect(
        host=where["Address"],
        port=where["Port"],
        dbname="app",
        user=user,
        password=password,
        autocommit=True,
        connect_timeout=20,
    )


@pytest.mark.usefixtures("_clock")
@pytest.mark.exhaustive
def test_a_new_stack_has_the_data_of_the_old_database_which_stays(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = given._create_restore_source

    def with_data(source: RestoreFrom, own: Settings) -> None:
        made(source, own)
        with connected("legacy", own.database.admin_name, "of-the-source") as old:
            old.execute("CREATE TABLE orders (id int PRIMARY KEY)")
            old.execute("INSERT INTO orders SELECT generate_series(1, 42)")
            clock.set_sandbox_clock(Later())
            old.execute("INSERT INTO orders VALUES (43)")

    overrides: dict[str, JsonValue] = {
        "bulwark:compute": "none",
        "bulwark:database": blocks()["database"],
    }
    with (
        patch("sandbox.prerequisites._source", with_data),
        serve_stack("dev", overrides, factor=1200) as it,
    ):
        for name, value in it.settings.items():
            if name != "AWS_ENDPOINT_URL":
                monkeypatch.setenv(name, value)
        part = it.deployment.exports["database"]
        secret = json.loads(
            get_client("secretsmanager", "eu-north-1").get_secret_value(SecretId=part["secretArn"])[
                "SecretString"
            ]
        )
        with connected(part["identifier"], secret["username"], secret["password"]) as new:
            row = new.execute("SELECT count(*) FROM orders").fetchone()
        assert row == (42,)
        with connected("legacy", secret["username"], "of-the-source") as old:
            assert old.execute("SELECT count(*) FROM orders").fetchone() == (43,)
        capsys.readouterr()
        assert main(["db", "size"]) == 0
        assert "orders" in capsys.readouterr().out

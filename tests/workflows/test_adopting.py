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

from components.settings import Settings
from components.settings.database import RestoreFrom
from ops.cli.app import main
from sandbox import clock
from sandbox import prerequisites as given
from sandbox.aws import get_client
from sandbox.running_stack import serve_stack
from tests.test_docs import ADOPT_PAGE
from tests.world import build_settings

OPERATE_ROLE_ARN = "arn:aws:iam::123456789012:role/bulwark-operate-dev"
ADOPT_PLACEHOLDERS = {
    "OPERATE_ROLE_ARN": OPERATE_ROLE_ARN,
    "ACCOUNT": "123456789012",
    "the-old-one": "legacy",
}


def read_page_settings() -> dict[str, JsonValue]:
    """The settings that the page shows, with values for what it leaves to its reader."""
    page_settings: dict[str, JsonValue] = {}
    for block in re.findall(
        r"```yaml\n(.*?)```", ADOPT_PAGE.read_text(encoding="utf-8"), re.DOTALL
    ):
        for placeholder, text in ADOPT_PLACEHOLDERS.items():
            block = block.replace(placeholder, text)
        for key, value in yaml.safe_load(block).items():
            name = key.removeprefix("bulwark:")
            shown_before = page_settings.get(name)  # another block has more of the same setting
            if isinstance(shown_before, dict) and isinstance(value, dict):
                value = {**shown_before, **value}
            page_settings[name] = value
    return page_settings


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_the_settings_of_the_page_are_settings(profile: str) -> None:
    page_settings = read_page_settings()
    assert set(page_settings) == {"access", "database", "imports", "services"}
    if profile == "dev":  # as the page says
        page_settings["cluster"] = {"containerInsights": "enabled"}
    stack_settings = build_settings(page_settings, profile=profile)
    assert stack_settings.access.recoverers == (OPERATE_ROLE_ARN, "123456789012")
    assert stack_settings.database.restore_from is not None
    assert stack_settings.database.restore_from.instance == "legacy"
    assert [s.kind for s in stack_settings.services.values()] == ["web", "worker"]


class LaterClock(clock.InstantClock):
    """Ten minutes have passed without a write: RDS can restore what is five minutes old."""

    def __init__(self) -> None:
        self.last_write_time = time.time()

    def now(self) -> datetime:
        return super().now() + timedelta(minutes=10)

    def to_wall_seconds(self, moment: datetime) -> float:
        return min(super().to_wall_seconds(moment), self.last_write_time)


@pytest.fixture
def _clock() -> Iterator[None]:
    previous_clock = clock.get_sandbox_clock()
    yield
    clock.set_sandbox_clock(previous_clock)


def connect_as(identifier: str, user: str, password: str) -> psycopg.Connection[Any]:
    (instance,) = get_client("rds", "eu-north-1").describe_db_instances(
        DBInstanceIdentifier=identifier
    )["DBInstances"]
    endpoint = instance["Endpoint"]
    return psycopg.connect(
        host=endpoint["Address"],
        port=endpoint["Port"],
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
    create_source = given._create_restore_source

    def create_source_with_data(source: RestoreFrom, stack_settings: Settings) -> None:
        create_source(source, stack_settings)
        with connect_as("legacy", stack_settings.database.admin_name, "of-the-source") as old:
            old.execute("CREATE TABLE orders (id int PRIMARY KEY)")
            old.execute("INSERT INTO orders SELECT generate_series(1, 42)")
            clock.set_sandbox_clock(LaterClock())
            old.execute("INSERT INTO orders VALUES (43)")

    overrides: dict[str, JsonValue] = {
        "bulwark:compute": "services",  # whose tasks the group of the database lets in
        "bulwark:database": read_page_settings()["database"],
    }
    with (
        patch("sandbox.prerequisites._create_restore_source", create_source_with_data),
        serve_stack("dev", overrides, factor=1200) as stack_up,
    ):
        for name, value in stack_up.settings.items():
            if name != "AWS_ENDPOINT_URL":
                monkeypatch.setenv(name, value)
        part = stack_up.deployment.exports["database"]
        secret = json.loads(
            get_client("secretsmanager", "eu-north-1").get_secret_value(SecretId=part["secretArn"])[
                "SecretString"
            ]
        )
        with connect_as(part["identifier"], secret["username"], secret["password"]) as new:
            row = new.execute("SELECT count(*) FROM orders").fetchone()
        assert row == (42,)
        with connect_as("legacy", secret["username"], "of-the-source") as old:
            assert old.execute("SELECT count(*) FROM orders").fetchone() == (43,)
        capsys.readouterr()
        assert main(["db", "size"]) == 0
        assert "orders" in capsys.readouterr().out

"""The stack files: each is what the README's table says of it."""

from typing import Any

import pytest
from pydantic import JsonValue

from components.settings import Settings, parse_settings
from sandbox.program import load_stack_config

STACK_NAMES = ("dev", "staging", "prod", "sandbox")
# Each row of the table: what is asked, and the answer for dev, staging, prod.
README_TABLE: dict[str, tuple[Any, Any, Any]] = {
    "region": ("eu-north-1",) * 3,
    "recovery_region": (None, None, "eu-west-1"),
    "network.zones": (("a", "b"), ("a", "b"), ("a", "b", "c")),
    "network.nat": ("one", "one", "per-zone"),
    "database.instance_class": ("db.t4g.micro", "db.t4g.small", "db.t4g.small"),
    "database.multi_az": (False, True, True),
    "database.backup_days": (7, 7, 30),
    "database.storage_gb": (20, 20, 20),
    "protect": (False, False, True),
    "service_defaults.min": (1, 2, 2),
    "service_defaults.max": (2, 4, 10),
    "service_defaults.cpu_target": (70, 70, 70),
    "service_defaults.memory_target": (80, 80, 80),
    "fleet.min": (1, 1, 2),
    "fleet.max": (2, 3, 10),
    "profile": ("dev", "prod", "prod"),
    "copies_backups": (False, False, True),
}


def load_stack_settings(name: str, overrides: dict[str, JsonValue] | None = None) -> Settings:
    """The settings of a stack as the program reads them."""
    project, config = load_stack_config(name, overrides)
    return parse_settings(project, stack=name, region=config["aws:region"], config=config)


def get_setting(stack_settings: Any, path: str) -> Any:
    for part in path.split("."):
        stack_settings = getattr(stack_settings, part)
    return stack_settings


@pytest.mark.parametrize("path", README_TABLE)
@pytest.mark.parametrize("column", range(3), ids=STACK_NAMES[:3])
def test_a_stack_is_as_the_table_says(path: str, column: int) -> None:
    assert get_setting(load_stack_settings(STACK_NAMES[column]), path) == README_TABLE[path][column]


@pytest.mark.parametrize(
    ("name", "first"), [("dev", "t4g.micro"), ("staging", "t4g.small"), ("prod", "t4g.small")]
)
def test_a_fleet_prefers_the_tables_instance_type(name: str, first: str) -> None:
    assert load_stack_settings(name, {"compute": "fleet"}).fleet.instance_types[0] == first


@pytest.mark.parametrize("name", STACK_NAMES)
def test_every_service_has_the_limits_of_the_table(name: str) -> None:
    stack_settings = load_stack_settings(name)
    limits = {(service.min, service.max) for service in stack_settings.services.values()}
    assert limits == {(stack_settings.service_defaults.min, stack_settings.service_defaults.max)}


@pytest.mark.parametrize("name", STACK_NAMES)
@pytest.mark.parametrize("compute", ["services", "fleet", "both", "none"])
def test_every_stack_takes_every_compute(name: str, compute: str) -> None:
    assert load_stack_settings(name, {"compute": compute}).compute == compute


def test_an_override_wins_however_its_key_is_written() -> None:
    for key in ("services", "bulwark:services"):
        assert list(load_stack_settings("prod", {key: {"only": {}}}).services) == ["only"]


def test_the_sandbox_has_prods_shape_unprotected_and_its_own_zone() -> None:
    changed_fields = {
        "stack",
        "protect",
        "deletion",
        "load_balancer",
        "backups",
        "policy_exceptions",
        "alarms",
    }
    sandbox, prod = load_stack_settings("sandbox"), load_stack_settings("prod")
    assert sandbox.model_dump(exclude=changed_fields) == prod.model_dump(exclude=changed_fields)
    same_alarms = {"subscriptions": (), "no_subscriptions_reason": None}
    assert sandbox.alarms.model_copy(update=same_alarms) == prod.alarms.model_copy(
        update=same_alarms
    )
    assert not sandbox.protect
    assert sandbox.load_balancer.create_zone
    tested_backups = sandbox.backups.model_copy(update={"restore_testing": True})
    assert tested_backups == prod.backups


def test_a_stack_that_has_no_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"no stack nowhere: Pulumi\.nowhere\.yaml"):
        load_stack_config("nowhere")

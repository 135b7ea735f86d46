"""The stack files: each is what the README's table says of it."""

from typing import Any

import pytest
from pydantic import JsonValue

from components.settings import Settings, load
from sandbox.program import load_stack_config

STACKS = ("dev", "staging", "prod", "sandbox")
# Each row of the table: what is asked, and the answer for dev, staging, prod.
TABLE: dict[str, tuple[Any, Any, Any]] = {
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


def stack(name: str, overrides: dict[str, JsonValue] | None = None) -> Settings:
    """The settings of a stack as the program reads them."""
    project, config = load_stack_config(name, overrides)
    return load(project, name, config["aws:region"], config)


def answer(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("path", TABLE)
@pytest.mark.parametrize("column", range(3), ids=STACKS[:3])
def test_a_stack_is_as_the_table_says(path: str, column: int) -> None:
    assert answer(stack(STACKS[column]), path) == TABLE[path][column]


@pytest.mark.parametrize(
    ("name", "first"), [("dev", "t4g.micro"), ("staging", "t4g.small"), ("prod", "t4g.small")]
)
def test_a_fleet_prefers_the_tables_instance_type(name: str, first: str) -> None:
    assert stack(name, {"compute": "fleet"}).fleet.instance_types[0] == first


@pytest.mark.parametrize("name", STACKS)
def test_every_service_has_the_limits_of_the_table(name: str) -> None:
    found = stack(name)
    limits = {(service.min, service.max) for service in found.services.values()}
    assert limits == {(found.service_defaults.min, found.service_defaults.max)}


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("compute", ["services", "fleet", "both", "none"])
def test_every_stack_takes_every_compute(name: str, compute: str) -> None:
    assert stack(name, {"compute": compute}).compute == compute


def test_an_override_wins_however_its_key_is_written() -> None:
    for key in ("services", "bulwark:services"):
        assert list(stack("prod", {key: {"only": {}}}).services) == ["only"]


def test_the_sandbox_has_prods_shape_unprotected_and_its_own_zone() -> None:
    changed = {"stack", "protect", "load_balancer", "backups", "policy_exceptions"}
    sandbox, prod = stack("sandbox"), stack("prod")
    assert sandbox.model_dump(exclude=changed) == prod.model_dump(exclude=changed)
    assert not sandbox.protect
    assert sandbox.load_balancer.create_zone
    tested = sandbox.backups.model_copy(update={"restore_testing": True})
    assert tested == prod.backups


def test_a_stack_that_has_no_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"no stack nowhere: Pulumi\.nowhere\.yaml"):
        load_stack_config("nowhere")

"""The judgement of every setting, and the settings that the schema has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, get_origin

import yaml
from pydantic import JsonValue

from components.settings import Settings, parse_settings
from components.settings.deployed_parts import DeployedCache, DeployedDatabase, DeployedStack
from components.settings.fields import (
    find_section,
    get_settings_fields,
    is_section,
    unwrap_annotation,
)
from components.settings.profiles import ConfigValues, merge_values
from components.settings.section import Section
from sandbox.program import PROJECT_ROOT, load_stack_config
from tests.changes.steps import Verdict

TABLE_FILE: Final = Path(__file__).with_name("settings.yaml")
PROJECT: Final = "bulwark"


@dataclass(frozen=True)
class SettingChange:
    """One row of the table: settings.yaml says what each field means."""

    key: str
    to: JsonValue
    verdict: Verdict
    other: JsonValue = None
    given: Mapping[str, JsonValue] | None = None
    together: Mapping[str, JsonValue] | None = None
    what: str = ""
    names: str = ""

    def list_values(self) -> list[Mapping[str, JsonValue]]:
        """What changes, as settings: with the value, and with the other one if there is one."""
        values = [self.to] if self.other is None else [self.to, self.other]
        return [
            merge_values(_build_values(self.key, value, self.given or {}), self.together or {})
            for value in values
        ]


@cache
def load_table() -> dict[str, SettingChange]:
    """The rows by their key."""
    rows: dict[str, Any] = yaml.safe_load(TABLE_FILE.read_text())
    return {
        key: SettingChange(
            key,
            **{"together" if name == "with" else name: value for name, value in row.items()},
        )
        for key, row in rows.items()
    }


def list_setting_keys(section: type[Section] = Settings, path: str = "") -> Iterator[str]:
    """Every setting, like `database.port`, `services.NAME.port` or `alarms.subscriptions[].name`.

    A service's keys are those of `serviceDefaults`, on top of which each one is.
    """
    for key, settings_field in get_settings_fields(section).items():
        inner, full_key = find_section(settings_field.annotation), f"{path}.{key}".lstrip(".")
        if inner is None:
            yield full_key
        elif is_section(settings_field):
            yield from list_setting_keys(inner, full_key)
        else:
            is_named = get_origin(unwrap_annotation(settings_field.annotation)) is dict
            yield full_key
            yield from list_setting_keys(inner, full_key + (".NAME" if is_named else "[]"))


def get_change(key: str) -> SettingChange:
    """The row of a setting. Raises LookupError if nobody has judged it."""
    return load_table()[key.replace("services.NAME.", "serviceDefaults.")]


def build_overrides(stack: str, *layers: Mapping[str, JsonValue] | None) -> dict[str, JsonValue]:
    """The settings of a stack's file with others on top; null takes a key away."""
    file_values = yaml.safe_load((PROJECT_ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    values: ConfigValues = {
        key.removeprefix(f"{PROJECT}:"): value
        for key, value in file_values.items()
        if key.startswith(f"{PROJECT}:")
    }
    for layer in layers:
        values = merge_values(values, layer or {})
    return {key: _remove_nulls(value) for key, value in values.items()}


def add_values(
    overrides: Mapping[str, JsonValue], values: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """The overrides with a change on top; null takes a key away."""
    return {key: _remove_nulls(value) for key, value in merge_values(overrides, values).items()}


def load_settings_with(stack: str, overrides: Mapping[str, JsonValue]) -> Settings:
    """The settings of a stack with overrides. Raises SettingsError."""
    project, config = load_stack_config(stack, overrides)
    return parse_settings(project, stack=stack, region=config["aws:region"], config=config)


def build_deployed_stack(settings: Settings) -> DeployedStack:
    """The stack as a deployment of these settings leaves it, on the newest minor version."""
    database, cache_settings = settings.database, settings.cache
    version = database.engine_version
    return DeployedStack(
        has_own_keys=settings.encryption == "own",
        cidr=str(settings.network.cidr),
        zones=settings.network.zones,
        database=DeployedDatabase(
            port=database.port,
            engine_version=version if "." in version else f"{version}.9",
            storage_gb=database.storage_gb,
            max_storage_gb=database.max_storage_gb,
            name=database.name,
            admin_name=database.admin_name,
            insights=database.database_insights,
            extended_support=database.extended_support,
            insights_days=database.performance_insights_days
            if database.performance_insights
            else None,
        ),
        service_kinds={name: service.kind for name, service in settings.services.items()}
        if settings.has_services
        else {},
        service_ports={name: service.port for name, service in settings.services.items()}
        if settings.has_services
        else {},
        fleet_port=settings.fleet.port if settings.has_fleet else None,
        fleet_architecture=settings.fleet.architecture if settings.has_fleet else None,
        has_internal_balancer=settings.load_balancer.internal
        if settings.has_load_balancer
        else None,
        cache=DeployedCache(
            engine=cache_settings.engine,
            port=cache_settings.port,
            has_failover=cache_settings.has_failover,
            engine_version=cache_settings.version,
        )
        if cache_settings.enabled
        else None,
    )


def _build_values(key: str, value: JsonValue, given: Any) -> dict[str, JsonValue]:
    """`database.port` as an object of objects; what is given has the only name or item.

    That is, NAME and `[]` stand for it.
    """
    head, _, rest = key.partition(".")
    name = next(iter(given)) if head == "NAME" else head.removesuffix("[]")
    inside = given.get(name, {})
    if not head.endswith("[]"):
        return {name: _build_values(rest, value, inside) if rest else value}
    return {name: [merge_values(inside[0], _build_values(rest, value, inside[0]))]}


def _remove_nulls(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return value
    return {key: _remove_nulls(item) for key, item in value.items() if item is not None}

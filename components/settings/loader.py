"""Reads a stack's settings from Pulumi's config, and says what is wrong with them."""

import json
from collections.abc import Mapping
from difflib import get_close_matches

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails

from components.settings.fields import (
    find_field_at,
    find_section_at,
    format_requirement,
    get_settings_fields,
    is_object,
    list_keys_at,
)
from components.settings.profiles import PROFILES, ConfigValues, merge_values
from components.settings.service_kinds import DEFAULT_KIND, drop_refused_keys
from components.settings.stack import Settings

# Keys whose value is not repeated in an error: it may carry a token.
HIDDEN_VALUE_KEYS = frozenset({"endpoint", "environment", "secrets"})
# What Pulumi.yaml gives a key that a stack does not set: then it is as the profile has it.
UNSET_VALUES = frozenset({"", "null", "profile"})


class SettingsError(ValueError):
    """Settings that cannot be. Each line names a key, what it was and what it may be."""


def parse_settings(
    project: str,
    *,
    stack: str,
    region: str,
    config: Mapping[str, str],
    secret_keys: frozenset[str] = frozenset(),
) -> Settings:
    """The settings in `config`, whose keys are like `bulwark:database` and values text or JSON.

    Raises SettingsError, which shows no value of a key in `secret_keys`.
    """
    config_values: dict[str, JsonValue] = {}
    for full_key, text in config.items():
        key = full_key.removeprefix(f"{project}:")
        if key != full_key and not (text in UNSET_VALUES and key != "profile"):
            config_values[key] = _parse_value(full_key, key=key, text=text)
    hidden_keys = HIDDEN_VALUE_KEYS | {key.removeprefix(f"{project}:") for key in secret_keys}
    profile = config_values.get("profile")
    if not isinstance(profile, str) or profile not in PROFILES:
        shown_value = "not shown" if "profile" in hidden_keys else _format_value(profile)
        raise SettingsError(f"{project}:profile is {shown_value}, must be 'dev' or 'prod'")
    for key in ("project", "stack", "region"):
        if key in config_values:
            shown_value = "not shown" if key in hidden_keys else _format_value(config_values[key])
            raise SettingsError(
                f"{project}:{key} is {shown_value}, must not be set: Pulumi gives it"
            )
    values = _merge_service_defaults(merge_values(PROFILES[profile], config_values))
    try:
        settings = Settings.model_validate(
            values | {"project": project, "stack": stack, "region": region}
        )
    except ValidationError as error:
        details = [
            _locate_error_source(error_detail, config_values)
            for error_detail in _drop_followed_errors(error.errors(include_url=False))
        ]
        lines = [
            f"{_get_namespace(detail, project)}:{_format_error_line(detail, hidden_keys)}"
            for detail in details
        ]
        raise SettingsError("\n".join(dict.fromkeys(lines))) from None
    if fault := _find_queue_fault(settings):
        raise SettingsError(f"{project}:{fault}")
    return settings


def load_settings() -> Settings:
    """The settings of the stack that runs. Raises pulumi.RunError, which Pulumi shows as it is."""
    config = runtime_config.get_config_env() | runtime_config.CONFIG.get()
    secret_keys = frozenset(key for key in config if runtime_config.is_config_secret(key))
    region = pulumi.Config("aws").require("region")
    try:
        return parse_settings(
            pulumi.get_project(),
            stack=pulumi.get_stack(),
            region=region,
            config=config,
            secret_keys=secret_keys,
        )
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None


def _find_queue_fault(settings: Settings) -> str | None:
    """Describes a queue that the stack cannot scale by; None if there is none."""
    for name, service in settings.services.items() if settings.has_services else ():
        key, scaling = f"services.{name}.scaling.queue", service.scaling
        if scaling.queue is None:
            continue
        if scaling.queue_region not in (None, settings.region):
            return (
                f"{key} is of {scaling.queue_region}, must be of {settings.region}: a scaling "
                "policy reads metrics of its own region"
            )
        if settings.cluster.container_insights == "disabled":
            return (
                f"cluster.containerInsights is 'disabled', must be 'enabled' or 'enhanced' with "
                f"{key}: the number of running tasks is one of its metrics"
            )
    return None


def _parse_value(full_key: str, *, key: str, text: str) -> JsonValue:
    """The text of a plain key; of a section what its JSON says."""
    field = get_settings_fields().get(key)
    if field is None or not is_object(field):
        return text
    try:
        section_values: JsonValue = json.loads(text)
    except ValueError:
        section_values = None
    if not isinstance(section_values, dict):
        raise SettingsError(f"{full_key} is no object, must be an object of settings by name")
    return section_values


def _merge_service_defaults(values: ConfigValues) -> dict[str, JsonValue]:
    """Each service on top of `serviceDefaults`, so that a profile can change them all."""
    result = dict(values)
    defaults, services = result.get("serviceDefaults", {}), result.get("services") or {"web": {}}
    if isinstance(defaults, dict) and isinstance(services, dict):
        result["services"] = {
            name: _merge_service(defaults, service) if isinstance(service, dict) else service
            for name, service in services.items()
        }
    return result


def _merge_service(
    defaults: ConfigValues, service: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """A service on top of those defaults that fit its kind."""
    kind = service.get("kind", defaults.get("kind", DEFAULT_KIND))
    values = merge_values(drop_refused_keys(defaults, kind), service)
    health_check = values.get("healthCheck")
    if kind == "worker" and isinstance(health_check, dict) and not health_check.get("command"):
        # Numbers of a check that it does not have.
        values["healthCheck"] = service.get("healthCheck", {})
    return values


def _locate_error_source(detail: ErrorDetails, config_values: ConfigValues) -> ErrorDetails:
    """An error of a service where the value came from: `serviceDefaults` if not its own."""
    location = detail["loc"]
    if len(location) < 3 or location[0] != "services" or "[key]" in location:
        return detail
    services = config_values.get("services")
    service_values = services.get(str(location[1])) if isinstance(services, dict) else None
    if isinstance(service_values, dict) and location[2] in service_values:
        return detail
    return {**detail, "loc": ("serviceDefaults", *location[2:])}


def _drop_followed_errors(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leaves out a list that is too short only because its refused items do not count."""
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(
            other["loc"][: len(detail["loc"])] == detail["loc"] and other is not detail
            for other in details
        )
    ]


def _get_namespace(detail: ErrorDetails, project: str) -> str:
    """The namespace of an error's key in Pulumi's config: the region is the AWS provider's."""
    return "aws" if detail["loc"] == ("region",) else project


def _format_error_line(detail: ErrorDetails, hidden_keys: frozenset[str]) -> str:
    location = tuple(part for part in detail["loc"] if part != "[key]")
    path = ".".join(map(str, location))
    if detail["type"] == "value_error":
        rule = str(detail["ctx"]["error"])
        if not path or (find_section_at(location) and not rule.startswith("must ")):
            return f"{path}.{rule}".removeprefix(".")  # a rule between keys names them itself
    if "[key]" in detail["loc"]:
        return f"{path} has that name, {format_requirement(detail)}"
    if detail["type"] == "missing":
        field = find_field_at(location)
        description = f": {field.description}" if field else ""
        return f"{path} is not set, and must be{description}"
    if detail["type"] == "extra_forbidden":
        return f"{path} is no setting, {_format_suggestion(location)}"
    inner_keys = set() if isinstance(detail["input"], dict) else list_keys_at(location)
    if hidden_keys & (set(map(str, location)) | inner_keys):
        return f"{path} is not shown, {format_requirement(detail)}"
    return f"{path} is {_format_value(detail['input'])}, {format_requirement(detail)}"


def _format_suggestion(location: tuple[int | str, ...]) -> str:
    """A hint at the key that an unknown key was meant to be."""
    section = find_section_at(location[:-1])
    keys = list(get_settings_fields(section) if section else get_settings_fields())
    matches = get_close_matches(str(location[-1]), keys, n=2, cutoff=0.6)
    return f"must be {' or '.join(matches or sorted(keys))}"


def _format_value(value: object) -> str:
    """A value as it is written, texts in single quotes; of an object only that it is one."""
    if isinstance(value, dict):
        return "an object" if value else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_format_value, value))}]"
    is_plain = value is None or isinstance(value, bool | int | float)
    return json.dumps(value) if is_plain else repr(str(value))
